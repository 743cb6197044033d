// Package clients generates clients out of the API's description in four languages, compiles them with a small program
// each, and runs these against a server. Nothing of that runs unless PARLEY_TEST_CLIENTS is set: `make test-clients` does so.
package clients

import (
	"testing"

	"parley/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
