//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"parley/tests/rig"
)

const (
	manyStreams   = 300 // opened one after the other, for their memory and the time of one
	missedOfTom   = 100 // messages that a stream has missed, all in one conversation
	resumeTimes   = 25
	heapInUse     = "go_memstats_heap_alloc_bytes"
	afterGC       = "/debug/pprof/heap?gc=1"
	openingStream = 20 * time.Second
)

// conversations asks what a client costs that is in more and more conversations.
func (g *growth) conversations(b *bench) *study {
	s := &study{name: "conversations", x: "conversations of the client", sizes: []int{1, 10, 100, 1000, 10_000}}
	s.figures = []*figure{
		{name: "conversations-list", title: "A list of the newest 10, by conversations of the client", curves: []curve{{y: "ms at the median", cost: true}, {y: cpuOf1, cost: true}}},
		{name: "conversations-stream", title: "A new stream, by conversations of the client",
			curves: []curve{{y: "ms until it is live", cost: true}, {y: "KiB of heap that it holds", cost: true}}},
		{name: "conversations-resume", title: fmt.Sprintf("A stream that has missed %d messages of one conversation, by conversations of the client", missedOfTom),
			curves: []curve{{y: "ms until it has them", cost: true}, {y: cpuOf1, cost: true}}},
	}
	s.measure = func(ctx context.Context, sizes []int, done func(int)) ([][]float64, error) {
		return against(ctx, b.startServer, func(ctx context.Context, t *target, l *rig.Loop) (rows [][]float64, err error) {
			made := 0
			for _, size := range sizes {
				ids, err := t.server().ownConversations(ctx, made, size)
				if err != nil {
					return nil, err
				}
				made = size
				row, err := g.measureConversations(ctx, t, l, size, ids[0])
				if err != nil {
					return nil, err
				}
				rows = append(rows, row)
				done(size)
			}
			return rows, nil
		})
	}
	return s
}

func (g *growth) measureConversations(ctx context.Context, t *target, l *rig.Loop, size int, conversation string) ([]float64, error) {
	_, listed, cpu, err := g.ask(ctx, t, l, 1, get(fmt.Sprintf("list-of-%d", size), "Tom", fmt.Sprintf("/v1/conversations?limit=%d", listPage), has(`"lastMessage":{"id":"`, min(listPage, size))))
	if err != nil {
		return nil, err
	}
	opened, heap, err := openMany(ctx, t, l)
	if err != nil {
		return nil, err
	}
	var from int64
	if err := t.database.DB.QueryRowContext(ctx, "SELECT seq FROM counters").Scan(&from); err != nil {
		return nil, err
	}
	for range missedOfTom {
		if err := t.server().say(ctx, "Tom", conversation, "hello"); err != nil {
			return nil, err
		}
	}
	before, err := t.usage()
	if err != nil {
		return nil, err
	}
	var times []time.Duration
	for range resumeTimes {
		took, _, err := replayed(ctx, t, l, "Tom", from, missedOfTom)
		if err != nil {
			return nil, err
		}
		times = append(times, took)
	}
	after, err := t.usage()
	return []float64{listed, cpu, opened, heap, percentiles(times)(50), together(t.costOf(before, after, resumeTimes))}, err
}

// openMany opens streams of Tom's one after the other: the median time of one, and what each holds of the heap. They are closed again.
func openMany(ctx context.Context, t *target, l *rig.Loop) (p50, kib float64, err error) {
	streams := newStreams(clientNames("Tom", manyStreams+1))
	if _, err := openOne(ctx, t, l, streams[0]); err != nil { // what there is once a client is there now
		return 0, 0, err
	}
	before, err := t.heap(ctx)
	if err != nil {
		return 0, 0, err
	}
	var times []time.Duration
	for _, s := range streams[1:] {
		took, err := openOne(ctx, t, l, s)
		if err != nil {
			return 0, 0, err
		}
		times = append(times, took)
	}
	after, err := t.heap(ctx)
	for _, s := range streams {
		if err == nil {
			err = l.HangUp(s.fd)
		}
	}
	return percentiles(times)(50), (after - before) / 1024 / manyStreams, err
}

// openOne opens a stream of Tom's and gives the time until it is live.
func openOne(ctx context.Context, t *target, l *rig.Loop, s *stream) (time.Duration, error) {
	request, err := t.stream("Tom", "")
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := l.Dial(t.Addr, func(fd int) rig.Conn { s.fd = fd; return s }); err != nil {
		return 0, err
	}
	if err := rig.WriteAll(s.fd, request); err != nil {
		return 0, err
	}
	live, err := l.Until(ctx, begun.Add(openingStream), func() bool { return s.blocks > 0 })
	if err == nil && !live {
		err = fmt.Errorf("a stream did not open in %v", openingStream)
	}
	return time.Since(begun), err
}

// heap is the server's, in bytes, after a collection of garbage.
func (t *target) heap(ctx context.Context) (float64, error) {
	for range 2 { // what lies in a pool survives one collection
		if _, err := t.Fetch(ctx, afterGC); err != nil {
			return 0, err
		}
	}
	return t.counter(ctx, heapInUse)
}
