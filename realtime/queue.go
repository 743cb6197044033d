package realtime

import "sync"

const (
	// A stream's queue holds what came since its last write. A reader that falls this far behind costs less by catching
	// up from the database than by being remembered for.
	queueFrames = 256
	// The same in bytes: frames are shared, but the slowest reader keeps them alive. A stalled one holds what it is
	// writing and a queue more, which together stay under the 2 MB that it may cost.
	queueBytes = 896 << 10
)

// queue is what a live stream has yet to write. The hub puts in without ever waiting; the stream takes all at once.
type queue struct {
	mu         sync.Mutex
	frames     []*frame
	bytes      int
	overflowed bool
	ended      string // why the stream is to end
	wake       chan struct{}
}

func newQueue() queue { return queue{wake: make(chan struct{}, 1)} }

// push adds a frame; false when the queue was full: it is dropped whole, and the stream has to catch up.
func (q *queue) push(f *frame) bool {
	q.mu.Lock()
	if len(q.frames) >= queueFrames || q.bytes+len(f.data) > queueBytes {
		q.frames, q.bytes, q.overflowed = nil, 0, true
	} else {
		q.frames = append(q.frames, f)
		q.bytes += len(f.data)
	}
	ok := !q.overflowed
	q.mu.Unlock()
	q.signal()
	return ok
}

// take empties the queue into a reused slice.
func (q *queue) take(into []*frame) (frames []*frame, overflowed bool, ended string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	frames = append(into[:0], q.frames...)
	clear(q.frames)
	if cap(q.frames) > idleFrames {
		q.frames = nil
	} else {
		q.frames = q.frames[:0]
	}
	q.bytes = 0
	return frames, q.overflowed, q.ended
}

// idleFrames: a larger buffer is not kept by a stream that has nothing to do.
const idleFrames = 16

// reset forgets what is queued, before the stream enters the hub anew.
func (q *queue) reset() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.frames, q.bytes, q.overflowed = nil, 0, false
}

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.frames) == 0 && !q.overflowed
}

// end asks the stream to end; the first reason counts.
func (q *queue) end(reason string) {
	q.mu.Lock()
	if q.ended == "" {
		q.ended = reason
	}
	q.mu.Unlock()
	q.signal()
}

func (q *queue) reasonToEnd() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ended
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
