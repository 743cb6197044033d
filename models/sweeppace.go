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
	// After a batch the sweep rests for so many times as long as the batch took: sends have the database for themselves
	// for most of the time. Even so some 800 rows a second go on SQLite, 60 million a day, and twice as many on MySQL.
	sweepRest, sweepRestAlone = 24, 8
	// At least: what a batch costs is felt after it too, by the disk.
	sweepRestLeast = 5 * time.Millisecond
	// At most, in times of what a batch is to take: where one takes longer for want of anything else, old history has to go all the same.
	sweepRestMost = 20
	// SQLite's log is brought into the database so often: it has some megabytes by then. More often, and the disk is busy with that
	// whenever a send wants to be written.
	sweepCheckpoint = time.Second
)

// sweepPace knows how many rows a sweep removes at a time, and when, from how long it has taken so far. Sweeps share it.
type sweepPace struct {
	alone bool // the database takes one writer at a time

	mu   sync.Mutex
	rows int
	next time.Time // before this there is no batch

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

// took learns from a batch that has ended just now.
func (p *sweepPace) took(rows int64, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit, long, rest := max(p.rows, sweepLeast), sweepLong, time.Duration(sweepRest)
	if p.alone {
		long, rest = sweepLongAlone, sweepRestAlone
	}
	switch {
	case d > long:
		limit /= 2
	case d < long/2 && int(rows) >= limit: // a smaller one tells nothing
		limit += limit / 4
	}
	p.rows = min(max(limit, sweepLeast), sweepMost)
	p.next = time.Now().Add(min(max(rest*d, sweepRestLeast), sweepRestMost*long))
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
