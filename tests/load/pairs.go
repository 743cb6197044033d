//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"

	"parley/tests/rig"
)

// pairs: many small conversations, every message stored and shown to two streams, the receiver's and the sender's
// other session. How many messages a second, and what one costs.
func (b *bench) pairs() *workload {
	const rate, server, database, p99 = "messages/s", "server CPU µs/message", "database CPU µs/message", "p99 ms at the rate"
	w := &workload{
		title: fmt.Sprintf("pairs: %d clients in %d conversations, texts of %d bytes, %d sends outstanding, every message stored; then at a rate of %g messages/s, the time in the queue counted",
			b.clients, b.clients/2, b.bytes, b.outstanding, b.rate),
		columns: slices.Concat([]column{{name: rate}}, costColumns("message", 1), []column{{name: "p50 ms", decimals: 1}, {name: "p99 ms", decimals: 1},
			{name: "messages/s at the rate"}, {name: "p50 ms at the rate", decimals: 1}, {name: p99, decimals: 1}, residentColumn}),
		aims: []aim{{columns: []string{rate}, least: 11_000}, {columns: []string{server, database}, most: 110}, {columns: []string{p99}, most: 15}},
	}
	if b.mysql != "" {
		w.aims[0].least, w.aims[1].most = 10_500, 125
	}
	measure := func(start func(context.Context) (*target, error)) func(context.Context, int) ([]float64, error) {
		return func(ctx context.Context, round int) ([]float64, error) {
			return against(ctx, start, func(ctx context.Context, t *target, l *rig.Loop) ([]float64, error) {
				return b.measurePairs(ctx, t, l, round)
			})
		}
	}
	w.subjects = []subject{
		{"server", measure(b.startServer)},
		{"bare hub, nothing stored", measure(b.startHub(flushCoalesced))},
	}
	return w
}

func (b *bench) measurePairs(ctx context.Context, t *target, l *rig.Loop, round int) ([]float64, error) {
	traffic, err := b.pairTraffic(ctx, t, l)
	if err != nil {
		return nil, err
	}
	if err := traffic.start(b.outstanding); err != nil {
		return nil, err
	}
	full, err := traffic.measure(ctx, b.warmUp, b.duration, b.profilePath(t, "pairs", "cpu", round))
	if err != nil {
		return nil, err
	}
	traffic.pace(b.rate)
	paced, err := traffic.measure(ctx, b.warmUp, b.duration, b.profilePath(t, "pairs-paced", "cpu", round))
	if err != nil {
		return nil, err
	}
	memory, err := t.resident()
	return slices.Concat([]float64{full.stored / full.seconds}, t.costOf(full.before, full.after, full.stored),
		[]float64{full.latency(50), full.latency(99), paced.stored / paced.seconds, paced.latency(50), paced.latency(99), memory}), err
}

// pairTraffic makes the conversations and opens a stream for every client; each client sends in its turn.
func (b *bench) pairTraffic(ctx context.Context, t *target, l *rig.Loop) (*traffic, error) {
	clients := clientNames("client", b.clients/2*2)
	members := slices.Collect(slices.Chunk(clients, 2))
	ids, err := t.converse(ctx, members)
	if err != nil {
		return nil, err
	}
	traffic := &traffic{target: t, loop: l}
	streams := newStreams(clients)
	for i, id := range ids {
		traffic.rooms = append(traffic.rooms, &room{id: id, streams: streams[2*i : 2*i+2]})
	}
	err = openStreams(ctx, l, t.addrOf, streams, func(i int) ([]byte, error) { return t.stream(clients[i], ids[i/2]) })
	if err != nil {
		return nil, err
	}
	for side := range 2 { // first one of every pair, then the other: neighbours in time are in different conversations
		for i, r := range traffic.rooms {
			p, err := newPost(t, r, members[i][side], b.bytes)
			if err != nil {
				return nil, err
			}
			traffic.posts = append(traffic.posts, p)
		}
	}
	return traffic, nil
}
