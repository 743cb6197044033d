//go:build linux

package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// synthetic makes a sample a second of a value that is noisy around what shape gives, from the end of the warm-up on.
func synthetic(seed uint64, from, seconds int, noise float64, shape func(at float64) float64) (times, values []float64) {
	random := rand.New(rand.NewPCG(seed, 1))
	for at := from; at < from+seconds; at++ {
		times = append(times, float64(at))
		values = append(values, shape(float64(at))+noise*random.NormFloat64())
	}
	return times, values
}

func gaugeNamed(t *testing.T, name string) gauge {
	t.Helper()
	for _, g := range gauges() {
		if g.name == name {
			return g
		}
	}
	t.Fatalf("no gauge %s", name)
	return gauge{}
}

// TestJudgement asks for the verdict on series of which it is known, in a run of a minute and in one of half an hour.
func TestJudgement(t *testing.T) {
	constant := func(value float64) func(float64) float64 { return func(float64) float64 { return value } }
	growing := func(value, perSecond float64) func(float64) float64 {
		return func(at float64) float64 { return value + at*perSecond }
	}
	// What lies on a heap between two collections, which come every period seconds.
	sawtooth := func(value, height, period float64) func(float64) float64 {
		return func(at float64) float64 { return value + height*math.Mod(at, period)/period }
	}
	for _, c := range []struct {
		what, gauge   string
		from, seconds int
		noise         float64
		shape         func(float64) float64
		level         bool
	}{
		{"a level number", "goroutines", 20, 40, 10, constant(10_000), true},
		{"a level number for long", "goroutines", 300, 1500, 10, constant(10_000), true},
		{"no noise at all", "open files", 300, 1500, 0, constant(5000), true},
		{"a goroutine a cut", "goroutines", 20, 40, 10, growing(10_000, 50), false},
		{"a goroutine a minute", "goroutines", 300, 1500, 10, growing(40, 10.0/60), false},
		{"a file a visit", "open files", 300, 1500, 10, growing(5000, 2), false},
		{"a file an upload, in a minute", "open files", 20, 40, 2, growing(500, 3.3), false},
		{"100 bytes a message", "heap alive MiB", 300, 1500, 2, growing(150, 500*100/float64(mib)), false},
		{"2 KB a message, in a minute", "heap alive MiB", 20, 40, 2, growing(150, 500*2048/float64(mib)), false},
		{"garbage", "resident MiB (own)", 300, 1500, 3, sawtooth(300, 60, 7), true},
		{"garbage, in a minute", "resident MiB (own)", 20, 40, 3, sawtooth(300, 60, 7), true},
		{"a leak under garbage", "resident MiB (own)", 300, 1500, 3, func(at float64) float64 { return sawtooth(300, 60, 7)(at) + at*0.1 }, false},
		{"much noise", "heap alive MiB", 300, 1500, 30, constant(150), true},
		{"a pool that opens to its bound", "database connections", 20, 40, 0, func(at float64) float64 { return min(2+at/5, 9) }, true},
		{"connections beyond the pools' bound", "database connections", 300, 1500, 0.5, growing(9, 2.0/60), false},
		{"something given back", "streams", 300, 1500, 10, growing(6000, -1), true},
		{"a step back and forth", "goroutines", 300, 1500, 10, func(at float64) float64 {
			if at > 1000 && at < 1200 {
				return 12_000
			}
			return 10_000
		}, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			wrong, seeds := 0, 20
			if c.seconds > 100 {
				seeds = 3 // a million slopes each
			}
			for seed := range uint64(seeds) {
				times, values := synthetic(seed, c.from, c.seconds, c.noise, c.shape)
				if judge(gaugeNamed(t, c.gauge), times, values).level != c.level {
					wrong++
				}
			}
			if wrong > 0 {
				times, values := synthetic(0, c.from, c.seconds, c.noise, c.shape)
				t.Errorf("wrong in %d of %d: %+v", wrong, seeds, judge(gaugeNamed(t, c.gauge), times, values))
			}
		})
	}
}

func TestTooFewSamplesAreNotLevel(t *testing.T) {
	if judge(gauge{}, []float64{1, 2}, []float64{1, 1}).level {
		t.Error("two samples were judged")
	}
}

func TestFit(t *testing.T) {
	for _, slope := range []float64{0, 1, -2.5} {
		t.Run(fmt.Sprint(slope), func(t *testing.T) {
			times, values := synthetic(1, 0, 100, 0, func(at float64) float64 { return 7 + slope*at })
			values[3], values[50] = 1e6, -1e6 // outliers
			if l := fit(times, values); math.Abs(l.slope-slope) > 1e-9 || math.Abs(l.at0-7) > 1e-9 || l.sigma > 1e-9 {
				t.Errorf("the line is %+v", l)
			}
		})
	}
}
