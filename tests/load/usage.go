//go:build linux

package main

import (
	"math"
	"slices"
	"syscall"
	"time"

	"parley/tests/rig"
)

// usage is the CPU time that everything under load has had by a moment.
type usage struct {
	at                             time.Time
	server, database, broker, load time.Duration
	nodes                          []time.Duration // the server's, each its own
}

// usage of the target's processes; a bare database has no server.
func (t *target) usage() (u usage, err error) {
	u.at = time.Now()
	if t.Process != nil {
		for _, p := range slices.Concat([]*rig.Process{t.Process}, t.others) {
			cpu, err := rig.CPUOf(p.PID())
			if err != nil {
				return u, err
			}
			u.server += cpu
			u.nodes = append(u.nodes, cpu)
		}
	}
	if t.broker != 0 {
		if u.broker, err = rig.CPUOf(t.broker); err != nil {
			return u, err
		}
	}
	if d := t.database; d != nil && d.PID != 0 {
		if u.database, err = rig.CPUOf(d.PID); err != nil {
			return u, err
		}
	}
	var own syscall.Rusage
	err = syscall.Getrusage(syscall.RUSAGE_SELF, &own)
	u.load = time.Duration(own.Utime.Nano() + own.Stime.Nano())
	return u, err
}

// costColumns are the figures of costOf.
func costColumns(of string, decimals int) []column {
	return []column{{name: "server CPU µs/" + of, decimals: decimals}, {name: "database CPU µs/" + of, decimals: decimals},
		{name: "load CPU µs/" + of, decimals: decimals, noRatio: true}}
}

// costOf gives the CPU time in microseconds that each of n operations took, by process; NaN where there is no process, as
// that of a database within the server.
func (t *target) costOf(before, after usage, n float64) []float64 {
	values := []float64{math.NaN(), math.NaN(), micros(after.load-before.load) / n}
	if t.Process != nil {
		values[0] = micros(after.server-before.server) / n
	}
	if t.database != nil && t.database.PID != 0 {
		values[1] = micros(after.database-before.database) / n
	}
	return values
}

// resident is the memory of the server's process in MiB.
func (t *target) resident() (float64, error) {
	if t.Process == nil {
		return math.NaN(), nil
	}
	kib, err := rig.ResidentOf(t.PID())
	return kib / 1024, err
}

var residentColumn = column{name: "server RSS MiB", noRatio: true}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
