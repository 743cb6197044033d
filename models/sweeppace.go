package models

import (
	"sync/atomic"
	"time"
)

const (
	// A DELETE of a sweep is to take no longer than this: on SQLite every send waits for it, and a send takes as long itself.
	sweepLong = 3 * time.Millisecond
	// How many rows it removes: fewer and the commit is most of it, more and one slow moment is a long one.
	sweepLeast, sweepMost = 40, sweepRows
	// After a batch the sweep rests for so many times as long as the batch took: sends have the database for themselves
	// for most of the time.
	sweepRest = 2
	// At least: what a batch costs is felt after it too, by the disk.
	sweepRestLeast = 5 * time.Millisecond
)

// sweepPace knows how many rows a sweep removes at a time, from how long it has taken so far. Sweeps share it.
type sweepPace struct{ rows atomic.Int64 }

// limit is how many rows the next batch is to have.
func (p *sweepPace) limit() int { return max(int(p.rows.Load()), sweepLeast) }

// took learns from a batch.
func (p *sweepPace) took(rows int64, d time.Duration) {
	limit := int64(p.limit())
	switch {
	case d > sweepLong:
		limit /= 2
	case d < sweepLong/2 && rows >= limit: // a smaller one tells nothing
		limit += limit / 4
	}
	p.rows.Store(min(max(limit, sweepLeast), sweepMost))
}

// rest is how long a sweep waits after a batch.
func (p *sweepPace) rest(d time.Duration) time.Duration { return max(sweepRest*d, sweepRestLeast) }
