package realtime

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
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

// wire is a stream's way to its client.
type wire interface {
	// send puts the bytes behind the first chunkHead on their way, writeChunk at most, in writeTimeout; it may write
	// into these first ones, and chunkTail more behind the last.
	send(chunk []byte) error
	// rest says that nothing is being written.
	rest() error
}

// writer puts blocks on the wire, as few writes as chunks allow.
type writer struct {
	wire    wire
	buffers *buffers
}

func (w *writer) write(block []byte) error {
	g := gathering{wire: w.wire, chunk: w.buffers.take()}
	defer func() { w.buffers.give(g.chunk) }() // an idle stream keeps no buffer
	if err := g.add(block); err != nil {
		return err
	}
	return g.flush()
}

// writeFrames puts frames on the wire together.
func (w *writer) writeFrames(frames []*frame) error {
	g := gathering{wire: w.wire, chunk: w.buffers.take()}
	defer func() { w.buffers.give(g.chunk) }()
	for _, f := range frames {
		if err := g.add(f.data); err != nil {
			return err
		}
	}
	return g.flush()
}

// event writes one event beside the log.
func (w *writer) event(prefix []byte, event string, payload any) error {
	block, err := appendEvent(prefix, event, payload)
	if err != nil {
		return err
	}
	return w.write(block)
}

// gathering makes chunks of what is to be written.
type gathering struct {
	wire  wire
	chunk []byte // from chunkHead on
}

func (g *gathering) add(block []byte) error {
	for len(block) > 0 {
		some := block[:min(len(block), chunkHead+writeChunk-len(g.chunk))]
		g.chunk = append(g.chunk, some...)
		block = block[len(some):]
		if len(g.chunk) == chunkHead+writeChunk {
			if err := g.send(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *gathering) send() error {
	err := g.wire.send(g.chunk)
	g.chunk = g.chunk[:chunkHead]
	return err
}

func (g *gathering) flush() error {
	if len(g.chunk) > chunkHead {
		if err := g.send(); err != nil {
			return err
		}
	}
	return g.wire.rest()
}

// buffers are chunks to be gathered in, shared by a node's streams: thousands are open, and a few write.
type buffers struct{ pool sync.Pool }

// firstBuffer is room for some messages.
const firstBuffer = 1 << 10

func (b *buffers) take() []byte {
	if buffer, ok := b.pool.Get().(*[]byte); ok {
		return (*buffer)[:chunkHead]
	}
	return make([]byte, chunkHead, firstBuffer)
}

func (b *buffers) give(buffer []byte) { b.pool.Put(&buffer) }

// response is the wire of a handler: HTTP/2, and whatever else keeps its connection to itself.
type response struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// setStreamHeader says that events follow.
func setStreamHeader(header http.Header) {
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx: do not collect
}

// newResponse sends the header of a stream.
func newResponse(w http.ResponseWriter) *response {
	setStreamHeader(w.Header())
	w.WriteHeader(http.StatusOK)
	return &response{w: w, control: http.NewResponseController(w)}
}

func (r *response) send(chunk []byte) error {
	if err := r.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := r.w.Write(chunk[chunkHead:]); err != nil {
		return err
	}
	return r.control.Flush()
}

// rest lifts the deadline: on HTTP/2 one that passes ends the stream, also while nothing is being written.
func (r *response) rest() error { return r.control.SetWriteDeadline(time.Time{}) }

// appendRetry tells a native EventSource when to come back, in milliseconds.
func appendRetry(b []byte, delay int64) []byte {
	b = append(b, "retry: "...)
	b = strconv.AppendInt(b, delay, 10)
	return append(b, '\n')
}

// RefuseStream answers a stream that cannot be served now in the only way that leaves a native EventSource alive: 200,
// when to come back, at the earliest after a time, and the end (API.md, "Live events").
func RefuseStream(w http.ResponseWriter, reason string, after time.Duration) error {
	out := writer{wire: newResponse(w), buffers: &buffers{}}
	delay := after.Milliseconds() + comeBackDelay()
	if err := out.event(appendRetry(nil, delay), eventSchedule, ScheduleEvent{DelayMs: delay, Reason: reason}); err != nil {
		return err
	}
	return out.event(nil, eventDisconnect, DisconnectEvent{Reason: reason, Reconnect: true})
}

// comeBackDelay in milliseconds is spread like retry.
func comeBackDelay() int64 { return retryLeast + rand.Int64N(retrySpread) }
