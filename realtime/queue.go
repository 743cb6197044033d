package realtime

import (
	"sync"
	"sync/atomic"

	"parley/models"
)

const (
	// A stream's queue holds what came since its last write. A reader that falls this far behind costs less by catching
	// up from the database than by being remembered for.
	queueFrames = 256
	// The same in bytes: frames are shared, but the slowest reader keeps them alive. A stalled one holds what it is
	// writing and a queue more, which together stay under the 2 MB that it may cost.
	queueBytes = 896 << 10
)

// queue is what a live stream has yet to write. The hub puts in without ever waiting; the stream takes all at once. What is
// of chat rooms gives way to everything else, because nobody can catch up on it from the log.
type queue struct {
	mu         sync.Mutex
	frames     []*frame // nil where one was dropped
	count      int      // without the dropped ones
	bytes      int
	droppable  [priorities]lane
	lost       map[string]int64 // the chat rooms that lost messages since the last take, each with the number of the newest
	overflowed bool
	ended      string      // why the stream is to end
	review     atomic.Bool // whether it may go on is to be asked anew
	wake       chan struct{}
}

// priorities of what is of chat rooms: low, normal, high.
const priorities = 3

// lane is the frames of one priority in a queue.
type lane struct {
	count int32 // of at most queueFrames; small, because ten thousand queues are walked through for one message
	from  int32 // the oldest is here or behind
}

// losses counts what was dropped, by priority.
type losses [priorities]int32

// laneOf gives the lane of a priority; one that a newer version beside this one has made goes to the nearest.
func laneOf(p models.Priority) int {
	return int(min(max(p, models.LowPriority), models.HighPriority) - models.LowPriority)
}

func newQueue() queue { return queue{wake: make(chan struct{}, 1)} }

// push adds a frame. When the queue is full, frames of chat rooms are dropped for it: those of the lowest priority first,
// and of these the oldest. One of a chat room is dropped itself where only higher ones are left. Another one that finds no
// room even so is not ok: the queue is dropped whole, and the stream has to catch up.
func (q *queue) push(f *frame) (ok bool, dropped losses) {
	q.mu.Lock()
	if ok = q.fits(f) && !q.overflowed; ok {
		q.add(f)
	} else {
		ok, dropped = q.pushFull(f)
	}
	q.mu.Unlock()
	q.signal()
	return ok, dropped
}

// pushFull is push into a full queue.
func (q *queue) pushFull(f *frame) (ok bool, dropped losses) {
	most := priorities - 1
	if f.room != "" {
		most = laneOf(f.priority)
	}
	for at := 0; at <= most && !q.fits(f); at++ {
		for q.droppable[at].count > 0 && !q.fits(f) {
			q.drop(at)
			dropped[at]++
		}
	}
	switch {
	case q.fits(f) && !q.overflowed:
		q.add(f)
	case f.room != "":
		q.lose(f)
		dropped[most]++
	default:
		q.clear()
		q.overflowed = true
		return false, dropped
	}
	return true, dropped
}

// overflow drops the queue, though it is not full: the stream has to catch up.
func (q *queue) overflow() {
	q.mu.Lock()
	q.clear()
	q.overflowed = true
	q.mu.Unlock()
	q.signal()
}

func (q *queue) fits(f *frame) bool {
	return q.count < queueFrames && q.bytes+len(f.data) <= queueBytes
}

func (q *queue) add(f *frame) {
	if f.room != "" {
		q.droppable[laneOf(f.priority)].count++
	}
	q.frames = append(q.frames, f)
	q.count++
	q.bytes += len(f.data)
}

// drop drops the oldest frame of a lane, which has one.
func (q *queue) drop(at int) {
	l := &q.droppable[at]
	for q.frames[l.from] == nil || q.frames[l.from].room == "" || laneOf(q.frames[l.from].priority) != at {
		l.from++
	}
	f := q.frames[l.from]
	q.lose(f)
	q.frames[l.from] = nil
	l.count--
	q.count--
	q.bytes -= len(f.data)
	if len(q.frames) >= 2*queueFrames {
		q.compact()
	}
}

// compact closes the gaps that dropped frames have left.
func (q *queue) compact() {
	kept := q.frames[:0]
	for _, f := range q.frames {
		if f != nil {
			kept = append(kept, f)
		}
	}
	clear(q.frames[len(kept):])
	q.frames = kept
	for i := range q.droppable {
		q.droppable[i].from = 0
	}
}

// lose remembers that a room has lost a message. A transient one could not be refetched, so nobody is told of it.
func (q *queue) lose(f *frame) {
	if f.seq > 0 {
		q.loseUpTo(f.room, f.seq)
	}
}

func (q *queue) loseUpTo(room string, seq int64) {
	if q.lost == nil {
		q.lost = map[string]int64{}
	}
	q.lost[room] = max(q.lost[room], seq)
}

// skipped says that a room had messages, the newest with this number, that were never queued.
func (q *queue) skipped(room string, seq int64) {
	q.mu.Lock()
	q.loseUpTo(room, seq)
	q.mu.Unlock()
	q.signal()
}

// clear empties the queue; what it held of chat rooms is lost.
func (q *queue) clear() {
	for _, f := range q.frames {
		if f != nil && f.room != "" {
			q.lose(f)
		}
	}
	q.frames, q.count, q.bytes, q.droppable = nil, 0, 0, [priorities]lane{}
}

// take empties the queue into a reused slice. lost are the chat rooms that have lost messages: none that is newer than what
// is taken stays behind. When the queue has overflowed they are kept for later.
func (q *queue) take(into []*frame) (frames []*frame, lost map[string]int64, overflowed bool, ended string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.overflowed {
		return into[:0], nil, true, q.ended
	}
	if len(q.frames) > q.count {
		q.compact()
	}
	frames = append(into[:0], q.frames...)
	clear(q.frames)
	if cap(q.frames) > idleFrames {
		q.frames = nil
	} else {
		q.frames = q.frames[:0]
	}
	lost = q.lost
	q.count, q.bytes, q.droppable, q.lost = 0, 0, [priorities]lane{}, nil
	return frames, lost, false, q.ended
}

// idleFrames: a larger buffer is not kept by a stream that has nothing to do.
const idleFrames = 16

// reset forgets what is queued, before the stream enters the hub anew; what rooms have lost by then is still to be told.
func (q *queue) reset() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.clear()
	q.overflowed = false
	if q.lost != nil {
		q.signal()
	}
}

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count == 0 && q.lost == nil && !q.overflowed
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

// reviewSoon has the stream ask anew whether it may go on.
func (q *queue) reviewSoon() {
	q.review.Store(true)
	q.signal()
}

// isToReview tells whether that is to be asked, once.
func (q *queue) isToReview() bool { return q.review.Load() && q.review.Swap(false) }

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
