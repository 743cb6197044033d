// Package tests tries the server as its users do: over real HTTP and event streams.
package tests

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the run when anything of a server is still running after all tests.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}
