package models

import (
	"testing"
	"time"
)

// TestSweepPace: batches shrink to what the database removes in a moment, and grow while it is quick.
func TestSweepPace(t *testing.T) {
	var p sweepPace
	const perRow = 20 * time.Microsecond // 150 rows in sweepLong
	for range 100 {
		rows := int64(p.limit())
		p.took(rows, time.Duration(rows)*perRow)
	}
	if n := p.limit(); n < 60 || n > 150 {
		t.Errorf("it has come to %d rows", n)
	}
	before := p.limit()
	p.took(1, time.Microsecond) // the end of a sweep
	if n := p.limit(); n != before {
		t.Errorf("one quick row has moved it from %d to %d rows", before, n)
	}
	for range 100 {
		p.took(int64(p.limit()), time.Microsecond)
	}
	if n := p.limit(); n != sweepMost {
		t.Errorf("a quick database has %d rows removed at a time", n)
	}
	for range 100 {
		p.took(int64(p.limit()), time.Second)
	}
	if n := p.limit(); n != sweepLeast {
		t.Errorf("a slow database has %d rows removed at a time", n)
	}
	if short, long := p.rest(0), p.rest(time.Second); short != sweepRestLeast || long != 2*time.Second {
		t.Errorf("it rests for %v and %v", short, long)
	}
}
