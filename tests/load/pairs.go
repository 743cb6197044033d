//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// pairs: many small conversations, every message stored and shown to two streams, the receiver's and the sender's
// other session. How many messages a second, and what one costs.
func (b *bench) pairs() *workload {
	kept := fmt.Sprintf("%d sends outstanding", b.outstanding)
	if b.rate > 0 {
		kept = fmt.Sprintf("%g messages/s, at most %d sends outstanding", b.rate, b.outstanding)
	}
	w := &workload{
		title: fmt.Sprintf("pairs: %d clients in %d conversations, texts of %d bytes, %s, every message stored", b.clients, b.clients/2, b.bytes, kept),
		columns: []column{{name: "messages/s"}, {name: "server CPU µs/message", decimals: 1}, {name: "database CPU µs/message", decimals: 1},
			{name: "load CPU µs/message", decimals: 1, noRatio: true}, {name: "p50 ms", decimals: 1}, {name: "p99 ms", decimals: 1}},
	}
	measure := func(start func(context.Context) (*target, error)) func(context.Context, int) ([]float64, error) {
		return func(ctx context.Context, round int) ([]float64, error) {
			return against(ctx, start, func(ctx context.Context, t *target, l *loop) ([]float64, error) {
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

func (b *bench) measurePairs(ctx context.Context, t *target, l *loop, round int) ([]float64, error) {
	traffic, err := b.pairTraffic(ctx, t, l)
	if err != nil {
		return nil, err
	}
	if b.rate > 0 {
		traffic.every = time.Duration(float64(time.Second) / b.rate)
	}
	if err := traffic.start(b.outstanding); err != nil {
		return nil, err
	}
	before, after, err := traffic.measure(ctx, b.warmUp, b.duration, b.profilePath(t, "pairs", "cpu", round))
	if err != nil {
		return nil, err
	}
	messages := float64(after.stored - before.stored)
	database := math.NaN()
	if t.database != nil && t.database.pid != 0 {
		database = micros(after.database-before.database) / messages
	}
	latency := percentiles(traffic.latencies)
	return []float64{messages / after.at.Sub(before.at).Seconds(), micros(after.server-before.server) / messages, database,
		micros(after.load-before.load) / messages, latency(50), latency(99)}, nil
}

// pairTraffic makes the conversations and opens a stream for every client; each client sends in its turn.
func (b *bench) pairTraffic(ctx context.Context, t *target, l *loop) (*traffic, error) {
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
	err = openStreams(ctx, l, t.addr, streams, func(i int) ([]byte, error) { return t.stream(clients[i], ids[i/2]) })
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
