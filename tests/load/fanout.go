//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"parley/tests/rig"
)

// hubCoalesced is the floor that writes as the server does.
const hubCoalesced = "bare hub, coalesced writes"

// fanout: one conversation, many streams. How many deliveries a second, and what one costs.
func (b *bench) fanout() *workload {
	w := &workload{
		title: fmt.Sprintf("fanout: 1 conversation, %d streams, texts of %d bytes, %d messages under way, every message stored", b.streams, b.bytes, b.window),
		columns: slices.Concat([]column{{name: "deliveries/s"}}, costColumns("delivery", 2),
			[]column{{name: "p50 ms", decimals: 1}, {name: "p99 ms", decimals: 1}, residentColumn, {name: "slow readers", noRatio: true}}),
		aims: []aim{{columns: []string{"deliveries/s"}, floor: hubCoalesced, least: 0.85}, {columns: []string{"deliveries/s"}, least: 250_000},
			{columns: []string{"server CPU µs/delivery"}, most: 5}},
	}
	measure := func(start func(context.Context) (*target, error)) func(context.Context, int) ([]float64, error) {
		return func(ctx context.Context, round int) ([]float64, error) {
			return against(ctx, start, func(ctx context.Context, t *target, l *rig.Loop) ([]float64, error) {
				return b.measureFanout(ctx, t, l, round)
			})
		}
	}
	w.subjects = []subject{
		{"server", measure(b.startServer)},
		{hubCoalesced, measure(b.startHub(flushCoalesced))},
		{"bare hub, a flush a message", measure(b.startHub(flushEach))},
	}
	return w
}

func (b *bench) measureFanout(ctx context.Context, t *target, l *rig.Loop, round int) ([]float64, error) {
	const from = "sender"
	readers := clientNames("reader", b.streams)
	ids, err := t.converse(ctx, [][]string{append([]string{from}, readers...)})
	if err != nil {
		return nil, err
	}
	everybody := &room{id: ids[0], streams: newStreams(readers)}
	err = openStreams(ctx, l, t.addrOf, everybody.streams, func(i int) ([]byte, error) { return t.stream(readers[i], everybody.id) })
	if err != nil {
		return nil, err
	}
	p, err := newPost(t, everybody, from, b.bytes)
	if err != nil {
		return nil, err
	}
	traffic := &traffic{target: t, loop: l, rooms: []*room{everybody}, posts: []*post{p}, window: b.window}
	if err := traffic.start(b.window); err != nil {
		return nil, err
	}
	m, err := traffic.measure(ctx, b.warmUp, b.duration, b.profilePath(t, "fanout", "cpu", round))
	if err != nil {
		return nil, err
	}
	slow, err := t.slowReaders(ctx)
	if err != nil {
		return nil, err
	}
	memory, err := t.resident()
	return slices.Concat([]float64{m.delivered / m.seconds}, t.costOf(m.before, m.after, m.delivered),
		[]float64{m.latency(50), m.latency(99), memory, slow}), err
}

// profilePath names a profile's file; empty where none is asked for.
func (b *bench) profilePath(t *target, workload, kind string, round int) string {
	if b.profile == "" || t.Admin == "" {
		return ""
	}
	return filepath.Join(b.profile, fmt.Sprintf("%s-%s-%d.pprof", workload, kind, round+1))
}

func clientNames(kind string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%05d", kind, i)
	}
	return names
}

func newStreams(clients []string) []*stream {
	streams := make([]*stream, len(clients))
	for i, client := range clients {
		streams[i] = &stream{name: client}
	}
	return streams
}
