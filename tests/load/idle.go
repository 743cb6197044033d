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

// idleMembers is the size of the conversations that idle clients are in: a stream that is in none would cost less.
const idleMembers = 100

// idle: many streams on which nothing happens but heartbeats. What one holds in memory.
func (b *bench) idle() *workload {
	w := &workload{
		title: fmt.Sprintf("idle: %d streams of %d clients in conversations of %d, memory %v after the last was opened", b.options.idle, b.options.idle, idleMembers, b.settle),
		columns: []column{{name: "server KiB/stream", decimals: 1}, {name: "server MiB", decimals: 1}, {name: "opened/s", noRatio: true},
			{name: "CPU µs/stream and s while idle", decimals: 1, noRatio: true}},
	}
	measure := func(start func(context.Context) (*target, error)) func(context.Context, int) ([]float64, error) {
		return func(ctx context.Context, round int) ([]float64, error) {
			return against(ctx, start, func(ctx context.Context, t *target, l *rig.Loop) ([]float64, error) {
				return b.measureIdle(ctx, t, l, round)
			})
		}
	}
	w.subjects = []subject{{"server", measure(b.startServer)}, {"bare hub", measure(b.startHub(flushCoalesced))}}
	return w
}

func (b *bench) measureIdle(ctx context.Context, t *target, l *rig.Loop, round int) ([]float64, error) {
	clients := clientNames("client", b.options.idle)
	ids, err := t.converse(ctx, slices.Collect(slices.Chunk(clients, idleMembers)))
	if err != nil {
		return nil, err
	}
	before, err := rig.ResidentOf(t.PID())
	if err != nil {
		return nil, err
	}
	streams, begun := newStreams(clients), time.Now()
	err = openStreams(ctx, l, t.addrOf, streams, func(i int) ([]byte, error) { return t.stream(clients[i], ids[i/idleMembers]) })
	if err != nil {
		return nil, err
	}
	opened := time.Now()
	cpu, err := rig.CPUOf(t.PID())
	if err != nil {
		return nil, err
	}
	if _, err := l.Until(ctx, opened.Add(b.settle), func() bool { return false }); err != nil {
		return nil, err
	}
	after, err := rig.ResidentOf(t.PID())
	if err != nil {
		return nil, err
	}
	cpuAfter, err := rig.CPUOf(t.PID())
	if err != nil {
		return nil, err
	}
	if path := b.profilePath(t, "idle", "heap", round); path != "" {
		if err := t.profile(ctx, "/debug/pprof/heap?gc=1", path)(); err != nil {
			return nil, err
		}
	}
	n := float64(len(streams))
	values := []float64{(after - before) / n, after / 1024, n / opened.Sub(begun).Seconds(), micros(cpuAfter-cpu) / n / b.settle.Seconds()}
	return values, b.allBeat(t, streams)
}

// promisedHeartbeat is how often the contract has every stream say that it lives.
const promisedHeartbeat = 15 * time.Second

// allBeat checks that the streams were alive and not merely open; the bare hub promises no heartbeats.
func (b *bench) allBeat(t *target, streams []*stream) error {
	if t.database == nil || b.settle < promisedHeartbeat {
		return nil
	}
	for _, s := range streams {
		if s.heartbeats == 0 {
			return fmt.Errorf("%v had no heartbeat in %v", s, b.settle)
		}
	}
	return nil
}

// slowReaders is how often a stream fell behind and went back to reading the database; NaN for a floor.
func (t *target) slowReaders(ctx context.Context) (float64, error) {
	if t.Admin == "" {
		return math.NaN(), nil
	}
	return t.counter(ctx, slowReaders)
}
