// Package tests tries the server as its users do: over real HTTP and event streams.
package tests

import (
	"testing"

	"parley/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
