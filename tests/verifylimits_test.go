package tests

import (
	"regexp"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// TestVerifyWaitsForLimits: what was refused because it was too much is sent again when there is room, and nothing is broken.
func TestVerifyWaitsForLimits(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t), func(c *app.Config) { c.SendsPerMinute, c.MaxStreamsPerClient = 30, 3 })
	p := startVerify(t, nil, "--url", s.URL, "--duration=2s", "--clients=2", "--conversations=1", "--rate=50", "--cuts=5")
	if code := p.Wait(t); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, p.Stderr, p.Stdout)
	}
	for _, pattern := range []string{`[1-9]\d* acknowledged, 0 unknown, 0 refused; [1-9]\d* retries`, `every promise held, and nothing is left behind`} {
		if !regexp.MustCompile(pattern).MatchString(p.Stdout.String()) {
			t.Errorf("no %q in\n%s", pattern, p.Stdout)
		}
	}
	if n := Metrics(t, s.URL)[`parley_limited_total{limit="client-sends"}`]; n == 0 {
		t.Error("no limit was met")
	}
}
