//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"parley/tests/rig"
)

// chatroom: one chat room, ten thousand inside. How fast they come in, how late a message comes at a rate that a lively room
// has, how many deliveries a second there can be, and what one costs.
func (b *bench) chatroom() *workload {
	const p99 = "p99 ms at the rate"
	w := &workload{
		title: fmt.Sprintf("room: 1 chat room, %d streams, texts of %d bytes, every message stored; at a rate of %g messages/s, then with %d messages under way",
			b.crowd, b.bytes, b.roomRate, b.window),
		columns: slices.Concat([]column{{name: "joins/s", noRatio: true}, {name: "p50 ms at the rate", decimals: 1}, {name: p99, decimals: 1},
			{name: "deliveries/s"}}, costColumns("delivery", 2), []column{{name: "p50 ms", decimals: 1}, {name: "p99 ms", decimals: 1}, residentColumn}),
		aims: []aim{{columns: []string{p99}, most: 500}},
	}
	measure := func(start func(context.Context) (*target, error)) func(context.Context, int) ([]float64, error) {
		return func(ctx context.Context, round int) ([]float64, error) {
			return against(ctx, start, func(ctx context.Context, t *target, l *rig.Loop) ([]float64, error) {
				return b.measureChatroom(ctx, t, l, round)
			})
		}
	}
	w.subjects = []subject{{"server", measure(b.startServer)}, {hubCoalesced, measure(b.startHub(flushCoalesced))}}
	return w
}

func (b *bench) measureChatroom(ctx context.Context, t *target, l *rig.Loop, round int) ([]float64, error) {
	crowd := clientNames("viewer", b.crowd)
	id, err := t.openRoom(ctx)
	if err != nil {
		return nil, err
	}
	everybody := &room{id: id, streams: newStreams(crowd)}
	err = openStreams(ctx, l, t.addrOf, everybody.streams, func(i int) ([]byte, error) { return t.stream(crowd[i], id) })
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
	traffic := &traffic{target: t, loop: l, rooms: []*room{everybody}, posts: []*post{p}}
	if err := traffic.start(b.window); err != nil {
		return nil, err
	}
	traffic.pace(b.roomRate)
	paced, err := traffic.measure(ctx, b.warmUp, b.duration, b.profilePath(t, "room-paced", "cpu", round))
	if err != nil {
		return nil, err
	}
	traffic.every, traffic.window = 0, b.window
	full, err := traffic.measure(ctx, b.warmUp, b.duration, b.profilePath(t, "room", "cpu", round))
	if err != nil {
		return nil, err
	}
	memory, err := t.resident()
	return slices.Concat([]float64{joins, paced.latency(50), paced.latency(99), full.delivered / full.seconds},
		t.costOf(full.before, full.after, full.delivered), []float64{full.latency(50), full.latency(99), memory}), err
}
