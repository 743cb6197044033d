package verify

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a Check found.
type Report struct {
	// Sends: all, those that were acknowledged, those whose outcome is not known, and those that were refused.
	Sent, Acknowledged, Unknown, Refused int
	Repeated                             int // acknowledged sends that were sent again with their key
	Retries                              int // attempts beyond the first
	Received                             int // messages, by all readers together
	Replayed                             int // of those received, how many came before a reconnect
	Readers, Cuts, Resumes               int
	HistoryRead                          int // messages in all histories that were read

	Lost, Doubled, OutOfOrder int
	Broken                    int // breaches of every other promise
	Behind                    int // messages that a reader has still to get: it has not come to their position. No breach
	// Breaches has a line for each, up to 200 of a kind.
	Breaches []string

	SendTime     Latency // from a send to its acknowledgement, with the retries
	DeliveryTime Latency // from a send to its receipt on a live stream
	ResumeTime   Latency // from the first attempt to resume until reconnect
}

// Held tells whether every promise held.
func (r Report) Held() bool { return r.Lost+r.Doubled+r.OutOfOrder+r.Broken == 0 }

// Latency sums up measured times.
type Latency struct {
	Count         int
	P50, P99, Max time.Duration
}

func latencyOf(times []time.Duration) Latency {
	n := len(times)
	if n == 0 {
		return Latency{}
	}
	sorted := slices.Sorted(slices.Values(times))
	return Latency{Count: n, P50: sorted[(n-1)*50/100], P99: sorted[(n-1)*99/100], Max: sorted[n-1]}
}

// String is the report for people, without the breaches.
func (r Report) String() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	row := func(name string, value any, detail string) { fmt.Fprintf(w, "%s\t%v\t%s\n", name, value, detail) }
	row("sent", r.Sent, fmt.Sprintf("%d acknowledged, %d unknown, %d refused; %d retries; %d sent again with their key",
		r.Acknowledged, r.Unknown, r.Refused, r.Retries, r.Repeated))
	row("received", r.Received, fmt.Sprintf("%d live, %d on a resume; %d more read in the history", r.Received-r.Replayed, r.Replayed, r.HistoryRead))
	row("streams", r.Readers, fmt.Sprintf("cut %d times, resumed %d times", r.Cuts, r.Resumes))
	row("lost", r.Lost, "")
	row("doubled", r.Doubled, "")
	row("out of order", r.OutOfOrder, "")
	row("otherwise broken", r.Broken, "")
	if r.Behind > 0 {
		row("behind", r.Behind, "messages that streams have not come to")
	}
	fmt.Fprintf(w, "\tp50\tp99\tmax\n")
	for _, l := range []struct {
		name string
		Latency
	}{{"send", r.SendTime}, {"send to receive", r.DeliveryTime}, {"resume", r.ResumeTime}} {
		fmt.Fprintf(w, "%s\t%v\t%v\t%v\n", l.name, rounded(l.P50), rounded(l.P99), rounded(l.Max))
	}
	_ = w.Flush() // a strings.Builder takes everything
	return text.String()
}

// rounded to what is worth reading.
func rounded(d time.Duration) time.Duration {
	if d < time.Millisecond {
		return d.Round(time.Microsecond)
	}
	return d.Round(100 * time.Microsecond)
}
