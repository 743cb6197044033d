// Package browser tries the browser client and the page at / in a real Chromium. Nothing runs unless PARLEY_TEST_BROWSER
// is set: `make test-browser` does so.
package browser

import (
	"testing"

	"parley/tests/harness"
)

// closing runs the tests and then ends the browser, before the harness looks for what still runs.
type closing struct{ m *testing.M }

func (c closing) Run() int {
	defer theBrowser.close()
	return c.m.Run()
}

func TestMain(m *testing.M) { harness.Main(closing{m}) }
