package models

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestSweepPace: batches shrink to what the database removes in a moment, and grow while it is quick.
func TestSweepPace(t *testing.T) {
	p := sweepPace{alone: true}
	const perRow = 20 * time.Microsecond // 150 rows in sweepLongAlone
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
}

// TestSweepRests: for some times as long as a batch took, and not for ever.
func TestSweepRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ms = time.Millisecond
		for _, c := range []struct {
			pace        *sweepPace
			batch, want time.Duration
		}{
			{&sweepPace{}, 5 * ms, sweepRest * 5 * ms},
			{&sweepPace{}, 0, sweepRestLeast},
			{&sweepPace{}, time.Second, sweepRestSlow},
			{&sweepPace{perRow: time.Second}, 5 * ms, sweepRestMost * 5 * ms},         // there is time
			{&sweepPace{perRow: time.Minute}, time.Second, sweepRestMost * sweepLong}, // one that was held up
			{&sweepPace{perRow: 100 * ms}, 5 * ms, 95 * ms},
			{&sweepPace{perRow: ms}, 5 * ms, sweepRest * 5 * ms}, // there is none
		} {
			begun := time.Now()
			if err := c.pace.wait(t.Context()); err != nil || time.Since(begun) != 0 {
				t.Errorf("the first batch waited %v, %v", time.Since(begun), err)
			}
			c.pace.took(1, c.batch)
			if err := c.pace.wait(t.Context()); err != nil || time.Since(begun) != c.want {
				t.Errorf("after %v it waited %v, %v", c.batch, time.Since(begun), err)
			}
		}
	})
}
