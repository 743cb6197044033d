package harness

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Memory is what the process holds of its own now, in bytes; what the system keeps of files for it does not count.
func (p *Process) Memory(t testing.TB) int64 {
	t.Helper()
	const kind = "RssAnon:"
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, kind); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kilobytes << 10
		}
	}
	t.Fatalf("the system does not say %s of a process", kind)
	return 0
}

// GrowthDuring tells how much more memory the process holds while something goes on than before it, at most.
func (p *Process) GrowthDuring(t testing.TB, something func()) int64 {
	t.Helper()
	before, done := p.Memory(t), make(chan struct{})
	go func() {
		defer close(done)
		something()
	}()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for most := before; ; {
		select {
		case <-done:
			return max(most, p.Memory(t)) - before
		case <-tick.C:
			most = max(most, p.Memory(t))
		}
	}
}
