package faults

import (
	"slices"
	"sync"
	"testing"
	"time"

	. "parley/tests/harness"
)

// watcher reads a stream that must stay open through a fault.
type watcher struct {
	t      testing.TB
	stream *Stream
	done   chan struct{}

	mu      sync.Mutex
	texts   []string // of the messages
	came    []time.Time
	silence time.Duration // the longest between two blocks
}

// watch opens a stream and reads it until it ends or the test does.
func watch(t testing.TB, client *Client) *watcher {
	t.Helper()
	w := &watcher{t: t, stream: client.Listen(t, ""), done: make(chan struct{})}
	w.stream.Want("online")
	go func() {
		defer close(w.done)
		last := time.Now()
		for {
			event, ok := w.stream.NextBlock()
			if !ok {
				return
			}
			w.mu.Lock()
			w.silence = max(w.silence, time.Since(last))
			last = time.Now()
			if event.Name == "message" {
				w.texts, w.came = append(w.texts, event.Data["text"].(string)), append(w.came, last)
			}
			w.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		w.stream.Cut()
		<-w.done
	})
	return w
}

// wantOpen fails the test when the stream has ended, or was silent for longer than a time.
func (w *watcher) wantOpen(silence time.Duration) {
	w.t.Helper()
	select {
	case <-w.done:
		w.t.Error("a stream was ended")
	default:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.silence > silence {
		w.t.Errorf("a stream was silent for %v", w.silence)
	}
}

// wantLive fails the test unless a message came live within a time after a moment, and gives that time.
func (w *watcher) wantLive(moment time.Time, limit time.Duration) time.Duration {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	at, _ := slices.BinarySearchFunc(w.came, moment, time.Time.Compare)
	if at == len(w.came) {
		w.t.Errorf("no message came after the return")
		return 0
	}
	took := w.came[at].Sub(moment)
	if took > limit {
		w.t.Errorf("the first message came %v after the return", took)
	}
	return took
}

// wantTexts waits until the stream has shown exactly these messages in this order.
func (w *watcher) wantTexts(texts []string) {
	w.t.Helper()
	shown := func() []string {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.Clone(w.texts)
	}
	Eventually(w.t, "the stream has shown as many messages as the history has", func() bool { return len(shown()) >= len(texts) })
	if !slices.Equal(shown(), texts) {
		w.t.Error("the stream and the history differ")
	}
}
