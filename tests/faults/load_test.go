package faults

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// quiet leaves out of a test's log what a broken database makes a server say, which is much.
func quiet(c *app.Config) { c.LogLevel = slog.LevelError + 1 }

// answered is one call under a load.
type answered struct {
	kind         string
	begun, ended time.Time
	status       int
	retryAfter   string
}

func (a answered) took() time.Duration { return a.ended.Sub(a.begun) }

// load is callers that call again and again while something is broken, and what they were answered.
type load struct {
	t       testing.TB
	running sync.WaitGroup
	stopped chan struct{}
	padding string // at the end of every text that is sent

	mu       sync.Mutex
	answers  []answered
	accepted map[string]time.Duration // by the texts of messages that were answered with success: from the first call on
}

func newLoad(t testing.TB) *load {
	l := &load{t: t, stopped: make(chan struct{}), accepted: map[string]time.Duration{}}
	t.Cleanup(l.stop)
	return l
}

// start makes one call again and again, with a pause in between, until stop or until it gives no answer.
func (l *load) start(kind string, pause time.Duration, call func() *Answer) {
	l.running.Go(func() {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			begun := time.Now()
			answer := call()
			if answer == nil {
				return
			}
			l.mu.Lock()
			l.answers = append(l.answers, answered{kind, begun, time.Now(), answer.Status, answer.Header.Get("Retry-After")})
			l.mu.Unlock()
			select {
			case <-l.stopped:
				return
			case <-tick.C:
			}
		}
	})
}

// send lets a client send texts of its own, each with a key and until it is accepted; at most so many when there is a limit.
func (l *load) send(client *Client, conversation string, pause time.Duration, limit int) {
	n := 0
	var begun time.Time
	l.start("send", pause, func() *Answer {
		if limit > 0 && n == limit {
			return nil
		}
		if begun.IsZero() {
			begun = time.Now()
		}
		text := fmt.Sprint(client.ID, " ", n)
		answer := client.Do(l.t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": text + l.padding}, "Idempotency-Key", text)
		if answer.Status < 300 {
			l.mu.Lock()
			l.accepted[text+l.padding] = time.Since(begun)
			l.mu.Unlock()
			n, begun = n+1, time.Time{}
		}
		return answer
	})
}

// untilAccepted gives, in order, how long each send took until it was accepted, with what was refused before counted in.
func (l *load) untilAccepted() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Values(l.accepted))
}

// stop waits for the calls under way and ends the load; a second time does nothing.
func (l *load) stop() {
	select {
	case <-l.stopped:
	default:
		close(l.stopped)
	}
	l.running.Wait()
}

// since gives the answers to the calls that were begun after a moment.
func (l *load) since(moment time.Time) []answered {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.answers), func(a answered) bool { return a.begun.Before(moment) })
}

// wantTold fails the test unless every call was answered with success, or with a 503 that says when to come back, in a
// time; it gives the number of the 503s and the slowest.
func (l *load) wantTold(limit time.Duration) (refused int, slowest time.Duration) {
	l.t.Helper()
	for _, a := range l.since(time.Time{}) {
		switch {
		case a.status < 300:
		case a.status != http.StatusServiceUnavailable:
			l.t.Errorf("a %s was answered %d", a.kind, a.status)
		default:
			refused++
			slowest = max(slowest, a.took())
			if a.retryAfter == "" {
				l.t.Errorf("a %s was answered 503 without Retry-After", a.kind)
			}
		}
		if a.took() > limit {
			l.t.Errorf("a %s was answered %d after %v", a.kind, a.status, a.took())
		}
	}
	return refused, slowest
}

// succeeded tells whether a call of each kind that was begun after a moment has succeeded.
func (l *load) succeeded(moment time.Time, kinds []string) bool {
	well := map[string]bool{}
	for _, a := range l.since(moment) {
		if a.status < 300 {
			well[a.kind] = true
		}
	}
	return !slices.ContainsFunc(kinds, func(kind string) bool { return !well[kind] })
}

// wantWell fails the test when a call failed later than a time after a moment; it gives how long after the moment the
// last one did.
func (l *load) wantWell(moment time.Time, limit time.Duration) (unwell time.Duration) {
	l.t.Helper()
	for _, a := range l.since(time.Time{}) {
		if a.status >= 300 {
			unwell = max(unwell, a.ended.Sub(moment))
		}
	}
	if unwell > limit {
		l.t.Errorf("a call still failed %v after the return", unwell)
	}
	return unwell
}

// wantOnce fails the test unless a conversation's history has every message that was accepted, each once; it gives the
// history. What was not accepted may be there, once too.
func (l *load) wantOnce(reader *Client, conversation string) []string {
	l.t.Helper()
	history := reader.Texts(l.t, conversation)
	count := map[string]int{}
	for _, text := range history {
		if count[text]++; count[text] == 2 {
			l.t.Errorf("%.40q is there twice", text)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for text := range l.accepted {
		if count[text] == 0 {
			l.t.Errorf("%.40q was accepted and is lost", text)
		}
	}
	return history
}
