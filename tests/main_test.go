// Package tests tries the server as its users do: over real HTTP and event streams.
package tests

import (
	"flag"
	"log"
	"os"
	"testing"

	"parley/tests/harness"
)

// shortChecks is how often rapid tries each of its tests here: a third of its default of 100, because each is minutes of work
// for the two databases. PARLEY_TEST_FAULTS=long and -rapid.checks try more.
const shortChecks = "33"

func TestMain(m *testing.M) {
	if os.Getenv("PARLEY_TEST_FAULTS") != "long" {
		if err := flag.Set("rapid.checks", shortChecks); err != nil { // before the command line is read, which wins
			log.Fatal(err)
		}
	}
	harness.Main(m)
}
