//go:build linux

package main

import (
	"context"
	"sync"
	"time"

	"parley/tests/rig"
)

// gauge is a number of the server's process that has to stay where it is.
type gauge struct {
	name     string
	decimals int
	value    func(s reading) float64
	// A rise of less than both is none: so much is moved by what the server does anyway.
	least float64 // absolute
	share float64 // of the median
	// returns: it has to come back to where it was before the streams, but for so much.
	returns bool
	slack   float64
}

// reading is what the process said of itself at a moment, and what the system says of it.
type reading struct {
	metrics map[string]float64
	own     float64 // KiB
}

const mib = 1 << 20

// gauges are what is judged.
//
// The heap: next_gc is the size at which garbage is collected next, twice what the last collection found alive (GOGC=100, which the
// server does not change) with the stacks. So half of it is what is alive, without the garbage that lies between two collections. RSS
// is what the system sees: also garbage, and SQLite's pages, which are not Go's.
func gauges() []gauge {
	of := func(name string, unit float64) func(reading) float64 {
		return func(r reading) float64 { return r.metrics[name] / unit }
	}
	return []gauge{
		// The resident memory follows the garbage between two collections, of which there are few a minute.
		{name: "resident MiB (own)", decimals: 1, value: func(r reading) float64 { return r.own / 1024 }, least: 16, share: 0.05},
		// 4 MiB are the buffers of some dozens of calls and catch-ups that happen to be under way at a collection.
		{name: "heap alive MiB", decimals: 1, value: of("go_memstats_next_gc_bytes", 2*mib), least: 4, share: 0.03},
		// Streams that are away at a moment are some hundredths; their number changes by its square root.
		{name: "goroutines", value: of("go_goroutines", 1), least: 25, share: 0.01, returns: true, slack: 25},
		{name: "open files", value: of("process_open_fds", 1), least: 25, share: 0.01, returns: true, slack: poolMost},
		{name: "connections", value: of("parley_connections", 1), least: 25, share: 0.01, returns: true, slack: 2},
		{name: "streams", value: of("parley_streams", 1), least: 25, share: 0.01, returns: true},
		// Pools open their connections when they are first wanted at once; beyond their bound they are a leak.
		{name: "database connections", value: of("go_sql_open_connections", 1), least: poolMost, share: 0},
	}
}

// poolMost is the bound of a node's pools together: 32 connections to MySQL. SQLite has 9, with three open files each.
const poolMost = 32

// sampler reads the gauges once a second.
type sampler struct {
	process *rig.Process

	mu    sync.Mutex
	begun time.Time
	times []float64 // seconds since begun
	read  []reading
}

const sampleEvery = time.Second

func (s *sampler) once(ctx context.Context) (r reading, err error) {
	if r.metrics, err = s.process.Metrics(ctx); err != nil {
		return r, err
	}
	r.own, err = rig.OwnMemoryOf(s.process.PID())
	return r, err
}

// run samples until ctx ends.
func (s *sampler) run(ctx context.Context, f *findings) {
	s.begun = time.Now()
	for {
		r, err := s.once(ctx)
		at := time.Since(s.begun).Seconds()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			f.add("the server's metrics: %v", err)
		} else {
			s.mu.Lock()
			s.times, s.read = append(s.times, at), append(s.read, r)
			s.mu.Unlock()
		}
		if sleep(ctx, sampleEvery) != nil {
			return
		}
	}
}

// series gives one gauge's values from a time on.
func (s *sampler) series(g gauge, from time.Duration) (times, values []float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, at := range s.times {
		if at >= from.Seconds() {
			times, values = append(times, at), append(values, g.value(s.read[i]))
		}
	}
	return times, values
}
