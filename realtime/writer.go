package realtime

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	// A write that has not gone out in this time means a dead or stalled reader. Each write is at most writeChunk, so a
	// slow but living one (8 KB/s) passes.
	writeTimeout = 10 * time.Second
	writeChunk   = 64 << 10
	// EventSource comes back after this; spread, so that a thousand cut at once do not come back at once.
	retryLeast, retrySpread = 1000, 2000 // milliseconds
)

// writer puts blocks on the wire, flushed, under a deadline.
type writer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buffer  []byte
}

// newWriter sends the header of a stream.
func newWriter(w http.ResponseWriter) *writer {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx: do not collect
	w.WriteHeader(http.StatusOK)
	return &writer{w: w, control: http.NewResponseController(w)}
}

func (w *writer) write(block []byte) error {
	for len(block) > 0 {
		chunk := block[:min(len(block), writeChunk)]
		if err := w.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		if _, err := w.w.Write(chunk); err != nil {
			return err
		}
		if err := w.control.Flush(); err != nil {
			return err
		}
		block = block[len(chunk):]
	}
	// On HTTP/2 a deadline that passes ends the stream, also while nothing is being written.
	return w.control.SetWriteDeadline(time.Time{})
}

// writeFrames puts frames on the wire together, in as few writes as chunks allow.
func (w *writer) writeFrames(frames []*frame) error {
	if len(frames) == 1 {
		return w.write(frames[0].data)
	}
	w.buffer = w.buffer[:0]
	for _, f := range frames {
		w.buffer = append(w.buffer, f.data...)
		if len(w.buffer) >= writeChunk {
			if err := w.write(w.buffer); err != nil {
				return err
			}
			w.buffer = w.buffer[:0]
		}
	}
	err := w.write(w.buffer)
	w.buffer = nil // an idle stream keeps no buffer
	return err
}

// event writes one event beside the log.
func (w *writer) event(prefix []byte, event string, payload any) error {
	block, err := appendEvent(prefix, event, payload)
	if err != nil {
		return err
	}
	return w.write(block)
}

// appendRetry tells a native EventSource when to come back, in milliseconds.
func appendRetry(b []byte, delay int64) []byte {
	b = append(b, "retry: "...)
	b = strconv.AppendInt(b, delay, 10)
	return append(b, '\n')
}

// RefuseStream answers a stream that cannot be served now in the only way that leaves a native EventSource alive: 200,
// when to come back, at the earliest after a time, and the end (API.md, "Live events").
func RefuseStream(w http.ResponseWriter, reason string, after time.Duration) error {
	out := newWriter(w)
	delay := after.Milliseconds() + comeBackDelay()
	if err := out.event(appendRetry(nil, delay), eventSchedule, ScheduleEvent{DelayMs: delay, Reason: reason}); err != nil {
		return err
	}
	return out.event(nil, eventDisconnect, DisconnectEvent{Reason: reason, Reconnect: true})
}

// comeBackDelay in milliseconds is spread like retry.
func comeBackDelay() int64 { return retryLeast + rand.Int64N(retrySpread) }
