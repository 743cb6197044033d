package models

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

const (
	// A batch is one transaction: large enough that 64 to 256 callers share one commit, small enough that it takes a few
	// milliseconds and one statement stays far below the 16 MB that servers accept.
	maxBatch      = 256
	maxBatchBytes = 1 << 20
	// More waiting sends than this are some seconds of work: better refused at once than answered too late.
	maxWaiting = 10_000
	// Work that has waited this long is answered 503 instead of being begun: its caller has given up by then.
	maxWait = 8 * time.Second
	// The same while the database cannot be reached: with the 2 s that a dial of a dead address takes, a caller is told
	// in 3 s.
	maxWaitInTrouble = time.Second
)

// work is a unit for the committer: one send, or one change that needs a transaction of its own.
type work struct {
	send    *send
	change  func(*logTx) error
	waiting time.Time
	trace   *trace.SpanContext // of the call; nil: nobody traces it
	done    chan error         // answered once; buffered, so that the committer never waits for a caller
}

// committer is the only writer of one app's log on this node. While one transaction commits, the sends that arrive
// wait together for the next: no timer, and a lone send commits at once.
type committer struct {
	store    *Store
	appID    uint32
	insiders *insiders

	mu     sync.Mutex
	queue  []*work
	closed bool
	wake   chan struct{}
}

func newCommitter(s *Store, appID uint32) *committer {
	return &committer{store: s, appID: appID, insiders: newInsiders(), wake: make(chan struct{}, 1)}
}

// do hands over work and waits for its outcome. A caller that hangs up stops waiting; the work goes on.
func (c *committer) do(ctx context.Context, w *work) error {
	w.waiting, w.done, w.trace = time.Now(), make(chan error, 1), c.store.traceOf(ctx)
	c.mu.Lock()
	if c.closed || len(c.queue) >= maxWaiting {
		c.mu.Unlock()
		return errUnavailable(errors.New("the committer is stopping or has too much waiting"))
	}
	c.queue = append(c.queue, w)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close lets run return when the queue is empty.
func (c *committer) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// length counts what waits.
func (c *committer) length() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue)
}

func (c *committer) run() {
	for {
		batch := c.take()
		if batch == nil {
			return
		}
		if batch[0].change != nil {
			batch[0].done <- c.commitChange(batch[0])
			continue
		}
		c.commitSends(batch)
	}
}

// take waits for work and gives the next change, or the sends at the front of the queue up to a batch; nil at the end.
func (c *committer) take() []*work {
	for {
		c.mu.Lock()
		c.refuseOverdue()
		n := batchLength(c.queue)
		if n > 0 {
			batch := append([]*work(nil), c.queue[:n]...)
			rest := copy(c.queue, c.queue[n:])
			clear(c.queue[rest:])
			c.queue = c.queue[:rest]
			c.mu.Unlock()
			return batch
		}
		closed := c.closed
		c.mu.Unlock()
		if closed {
			return nil
		}
		<-c.wake
	}
}

// refuseOverdue answers what has waited too long at the front of the queue; nothing of it has been written.
func (c *committer) refuseOverdue() {
	most := maxWait
	if c.store.trouble.lasts() >= patienceLost {
		most = maxWaitInTrouble
	}
	for len(c.queue) > 0 && time.Since(c.queue[0].waiting) > most {
		c.queue[0].done <- errUnavailable(errors.New("waited too long for the database"))
		c.queue[0] = nil
		c.queue = c.queue[1:]
	}
}

func batchLength(queue []*work) int {
	size := 0
	for i, w := range queue {
		if w.change != nil {
			return max(i, 1)
		}
		size += w.send.size()
		if i == maxBatch || i > 0 && size > maxBatchBytes {
			return i
		}
	}
	return len(queue)
}
