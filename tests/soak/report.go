//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"parley/tests/rig"
)

// report prints what was done and compared, and the gauges.
func (c *course) report(w io.Writer) {
	l, r := c.ledger, c.readers
	fmt.Fprintf(w, "\nSent and answered 201: %d; in the history: %d; in the log: %d entries. Answered after %v (median), %v (99 of 100).\n",
		l.accepted, c.inHistory, l.entries, c.senders.quantile(0.5), c.senders.quantile(0.99))
	if c.senders.left > 0 {
		fmt.Fprintf(w, "Sends left out because %v of them were waiting: %d; the machine is too slow for the rate.\n", mostBehind, c.senders.left)
	}
	fmt.Fprintf(w, "Deliveries compared one by one with the log, in order: %d. Cuts: %d, resumes: %d, sessions logged out under a stream: %d.\n",
		l.compared, r.cuts, r.resumes, r.logouts)
	fmt.Fprintf(w, "Slow readers: %d pauses, %d of them cut off by the server; queues that overflowed: %.0f. Changes of members: %d, files: %d, visits: %d.\n",
		r.holds, r.stalls, c.lastOf("parley_slow_readers_total"), c.moves, c.files.Load(), c.visits.Load())
	fmt.Fprintf(w, "Answers: %s.\n\n", strings.Join(c.caller.answers(), ", "))
	fmt.Fprint(w, c.table())
}

// lastOf is the last value of a metric.
func (c *course) lastOf(metric string) float64 { return c.after.metrics[metric] }

// table judges the gauges; one that is not level is a finding.
func (c *course) table() string {
	lines := [][]string{{"", "before", "first third", "last third", "a minute", "rise", "bound", "after", ""}}
	for _, g := range gauges() {
		times, values := c.sampler.series(g, c.warmUp())
		v := judge(g, times, values)
		word := "level"
		if !v.level {
			word = "RISES"
			c.findings.add("%s is not level: it rises by %s in the judged time, and %s can be noise", g.name, g.number(v.rise), g.number(v.bound))
		}
		lines = append(lines, []string{g.name, g.number(g.value(c.before)), g.number(v.first), g.number(v.last),
			fmt.Sprintf("%+.2f", v.slope), fmt.Sprintf("%+.1f", v.rise), fmt.Sprintf("%.1f", v.bound), g.number(g.value(c.after)), word})
	}
	return rig.Aligned(lines)
}

func (g gauge) number(value float64) string { return fmt.Sprintf("%.*f", g.decimals, value) }

// quantile of the times to an answer.
func (s *senders) quantile(q float64) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.took) == 0 {
		return 0
	}
	slices.Sort(s.took)
	return s.took[int(q*float64(len(s.took)-1))].Round(100 * time.Microsecond)
}
