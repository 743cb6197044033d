//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"time"
)

// chatroom: one chat room, ten thousand inside. How fast they come in, how many deliveries a second, and what one costs.
func (b *bench) chatroom() *workload {
	w := &workload{
		title: fmt.Sprintf("room: 1 chat room, %d streams, texts of %d bytes, %d messages under way, every message stored", b.crowd, b.bytes, b.window),
		columns: []column{{name: "joins/s", noRatio: true}, {name: "deliveries/s"}, {name: "server CPU µs/delivery", decimals: 2},
			{name: "load CPU µs/delivery", decimals: 2, noRatio: true}, {name: "p50 ms", decimals: 1}, {name: "p99 ms", decimals: 1}},
	}
	measure := func(start func(context.Context) (*target, error)) func(context.Context, int) ([]float64, error) {
		return func(ctx context.Context, round int) ([]float64, error) {
			return against(ctx, start, func(ctx context.Context, t *target, l *loop) ([]float64, error) {
				return b.measureChatroom(ctx, t, l, round)
			})
		}
	}
	w.subjects = []subject{{"server", measure(b.startServer)}, {"bare hub, coalesced writes", measure(b.startHub(flushCoalesced))}}
	return w
}

func (b *bench) measureChatroom(ctx context.Context, t *target, l *loop, round int) ([]float64, error) {
	crowd := clientNames("viewer", b.crowd)
	id, err := t.openRoom(ctx)
	if err != nil {
		return nil, err
	}
	everybody := &room{id: id, streams: newStreams(crowd)}
	err = openStreams(ctx, l, t.addr, everybody.streams, func(i int) ([]byte, error) { return t.stream(crowd[i], id) })
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := t.join(ctx, id, crowd); err != nil {
		return nil, err
	}
	joins := float64(len(crowd)) / time.Since(begun).Seconds()
	if t.database == nil {
		joins = math.NaN() // a stream of the floor is inside from the first
	}
	p, err := newPost(t, everybody, crowd[0], b.bytes)
	if err != nil {
		return nil, err
	}
	traffic := &traffic{target: t, loop: l, rooms: []*room{everybody}, posts: []*post{p}, window: b.window}
	if err := traffic.start(b.window); err != nil {
		return nil, err
	}
	before, after, err := traffic.measure(ctx, b.warmUp, b.duration, b.profilePath(t, "room", "cpu", round))
	if err != nil {
		return nil, err
	}
	deliveries := float64(after.delivered - before.delivered)
	latency := percentiles(traffic.latencies)
	return []float64{joins, deliveries / after.at.Sub(before.at).Seconds(), micros(after.server-before.server) / deliveries,
		micros(after.load-before.load) / deliveries, latency(50), latency(99)}, nil
}
