package models

import (
	"context"
	"sync"
	"time"
)

const (
	// A DELETE of a sweep is to take no longer than this where sends wait for it, on SQLite: about what a send takes.
	sweepLongAlone = 3 * time.Millisecond
	// Where they go beside it, on MySQL, what holds them up is the disk, at the end of each batch: a few large ones are felt by fewer
	// sends than many small ones, too few to be seen in their 99th percentile.
	sweepLong = 15 * time.Millisecond
	// How many rows it removes: fewer and the commit is most of it, more and one slow moment is a long one.
	sweepLeast, sweepMost = 40, sweepRows
	// After a batch the sweep rests for at least so many times as long as the batch took: sends have the database for themselves
	// for most of the time.
	sweepRest = 8
	// And for so many times at most, if it is in time even so: a batch then falls together with one send in a hundred, and their
	// 99th percentile does not feel it. By reckoning some 400 rows a second go at that pace, 35 million a day, on two cores and a slow disk.
	sweepRestMost = 100
	// At least, in any case: what a batch costs is felt after it too, by the disk.
	sweepRestLeast = 5 * time.Millisecond
	// The least rest is no longer than this: where a batch takes long for want of anything else, old history has to go all the same.
	sweepRestSlow = 60 * time.Millisecond
	// SQLite's log is brought into the database so often: it has some megabytes by then. More often, and the disk is busy with that
	// whenever a send wants to be written.
	sweepCheckpoint = time.Second
)

// sweepPace knows how many rows a sweep removes at a time, and when, from how long it has taken so far. Sweeps share it.
type sweepPace struct {
	alone bool // the database takes one writer at a time

	mu     sync.Mutex
	rows   int
	next   time.Time     // before this there is no batch
	perRow time.Duration // what is spread over some time has so much of it for each row; 0: nothing is

	checkpointed time.Time
}

// checkpointDue tells whether it is time to bring SQLite's log into the database again.
func (p *sweepPace) checkpointDue() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.checkpointed) < sweepCheckpoint {
		return false
	}
	p.checkpointed = time.Now()
	return true
}

// limit is how many rows the next batch is to have.
func (p *sweepPace) limit() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.rows, sweepLeast)
}

// spread has so many rows removed over about that time, and not much faster; of no rows, all that follow as fast as is good.
func (p *sweepPace) spread(rows int64, over time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.perRow = 0
	if rows > 0 {
		p.perRow = over / time.Duration(rows)
	}
}

// took learns from a batch that has ended just now.
func (p *sweepPace) took(rows int64, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit, long := max(p.rows, sweepLeast), sweepLong
	if p.alone {
		long = sweepLongAlone
	}
	switch {
	case d > long:
		limit /= 2
	case d < long/2 && int(rows) >= limit: // a smaller one tells nothing
		limit += limit / 4
	}
	p.rows = min(max(limit, sweepLeast), sweepMost)
	least := max(min(sweepRest*d, sweepRestSlow), sweepRestLeast)
	p.next = time.Now().Add(max(least, min(p.perRow*time.Duration(rows)-d, sweepRestMost*min(d, long))))
}

// wait returns when the next batch may begin: a sweep that has nothing more to remove does not wait.
func (p *sweepPace) wait(ctx context.Context) error {
	p.mu.Lock()
	left := time.Until(p.next)
	p.mu.Unlock()
	if left <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
