// Package faults breaks what the server stands on (its process, its database, the broker, the network, the disk, the
// clock) and tries that the promises of docs/guarantees.md hold all the same. The tests take seconds each as part of
// `go test ./...`; `make faults` gives the faults their full length.
package faults

import (
	"os"
	"testing"

	"parley/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// longVariable gives every fault the length that docs/guarantees.md says, instead of a short one.
const longVariable = "PARLEY_TEST_FAULTS"

// pick gives the size of a fault: short in the ordinary tests, long for `make faults` (PARLEY_TEST_FAULTS=long).
func pick[T any](short, long T) T {
	if os.Getenv(longVariable) == "long" {
		return long
	}
	return short
}
