// Package rights tries every operation of the API as every kind of caller: table.txt says what each is answered.
package rights

import (
	"testing"

	"parley/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
