//go:build linux

package main

import (
	"context"
	"fmt"

	"net/http"
	"slices"
	"time"

	"parley/tests/rig"
)

// historyPage is how many messages a page has.
const historyPage = 20

// depths of a long history at which pages are read.
var depths = []string{"newest", "middle", "oldest"}

// history: one conversation with a long past, read by pages at its end, in its middle and at its beginning.
func (b *bench) history() *workload {
	const floor = "bare SELECT"
	w := &workload{
		title: fmt.Sprintf("history: pages of %d of a conversation of %d messages of %d bytes, one after the other, %d at each depth by turns",
			historyPage, b.messages, b.bytes, b.historyPages()),
		stock: b.newStock(1, b.messages),
	}
	for _, depth := range depths {
		w.columns = append(w.columns, column{name: depth + " p50 ms", decimals: 3})
		w.aims = append(w.aims, aim{columns: []string{depth + " p50 ms"}, floor: floor, most: 1.5})
	}
	const slope = "oldest ÷ newest"
	w.columns = slices.Concat(w.columns, []column{{name: "p99 ms, all", decimals: 3}, {name: slope, decimals: 2, noRatio: true}},
		costColumns("page", 0), []column{residentColumn})
	w.aims = append(w.aims, aim{columns: []string{slope}, most: 1.2})
	w.subjects = []subject{
		{"server", func(ctx context.Context, _ int) ([]float64, error) {
			return b.overStock(ctx, w.stock, func(ctx context.Context, t *target, l *rig.Loop) ([]float64, error) {
				return b.measureHistory(ctx, t, l, w.stock)
			})
		}},
		{floor, func(ctx context.Context, _ int) ([]float64, error) { return b.measureBareHistory(ctx, w.stock) }},
	}
	return w
}

// historyPages is how many pages are read at each depth: no more than keeps the depths apart.
func (b *bench) historyPages() int { return min(b.calls, b.messages/historyPage/len(depths)) }

// historyBefore gives where the i-th page ends, each depth in its turn: a reader who pages back from there.
func (b *bench) historyBefore(s *stock, i int) int64 {
	i %= b.historyPages() * len(depths)
	tops := []int64{s.head + 1, s.head + 1 - int64(s.messages/2), s.from + 1 + int64(b.historyPages()*historyPage)}
	return tops[i%len(depths)] - int64(i/len(depths)*historyPage)
}

func (b *bench) measureHistory(ctx context.Context, t *target, l *rig.Loop, s *stock) ([]float64, error) {
	requests, err := t.server().prepared("Tom", len(depths)*b.historyPages(), func(i int) call {
		return call{path: fmt.Sprintf("/v1/conversations/%s/messages?limit=%d&before=%d", s.conversations[0], historyPage, b.historyBefore(s, i))}
	})
	if err != nil {
		return nil, err
	}
	c, err := newCalls(l, t.Addr, 1, http.StatusOK, requests, has(`{"id":"`, historyPage))
	if err != nil {
		return nil, err
	}
	n := len(depths) * b.historyPages()
	if err := c.times(ctx, n, false); err != nil { // what is measured is not the disk
		return nil, err
	}
	before, err := t.usage()
	if err != nil {
		return nil, err
	}
	if err := c.times(ctx, n, true); err != nil {
		return nil, err
	}
	return t.historyRow(before, c.took)
}

func (b *bench) measureBareHistory(ctx context.Context, s *stock) ([]float64, error) {
	bare, n := &target{database: s.database}, len(depths)*b.historyPages()
	var before usage
	var took []time.Duration
	for i := range 2 * n {
		if i == n {
			var err error
			if before, err = bare.usage(); err != nil {
				return nil, err
			}
		}
		begun := time.Now()
		err := s.database.Read(ctx, historyPage, "SELECT "+bareColumns+" FROM messages WHERE app_id = 1 AND conversation_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
			s.conversations[0], b.historyBefore(s, i), historyPage)
		if err != nil {
			return nil, err
		}
		if i >= n {
			took = append(took, time.Since(begun))
		}
	}
	return bare.historyRow(before, took)
}

// historyRow is about pages that were read at each depth by turns since a moment.
func (t *target) historyRow(before usage, took []time.Duration) ([]float64, error) {
	after, err := t.usage()
	if err != nil {
		return nil, err
	}
	byDepth := make([][]time.Duration, len(depths))
	for i, d := range took {
		byDepth[i%len(depths)] = append(byDepth[i%len(depths)], d)
	}
	var values []float64
	for _, times := range byDepth {
		values = append(values, percentiles(times)(50))
	}
	newest, oldest := values[0], values[len(values)-1]
	memory, err := t.resident()
	return slices.Concat(values, []float64{percentiles(slices.Clone(took))(99), oldest / newest},
		t.costOf(before, after, float64(len(took))), []float64{memory}), err
}
