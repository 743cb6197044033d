//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"time"

	"parley/tests/rig"
)

// windows of a point; their median stands for it.
const windows = 3

// medians takes a measurement some times and gives the median of each of its values.
func medians(take func() ([]float64, error)) ([]float64, error) {
	var columns [][]float64
	for range windows {
		values, err := take()
		if err != nil {
			return nil, err
		}
		if columns == nil {
			columns = make([][]float64, len(values))
		}
		for i, v := range values {
			columns[i] = append(columns[i], v)
		}
	}
	middle := make([]float64, len(columns))
	for i := range middle {
		middle[i] = median(columns[i])
	}
	return middle, nil
}

// together is the CPU time of server and database; within the server, the database has none of its own.
func together(costs []float64) float64 {
	if math.IsNaN(costs[1]) {
		return costs[0]
	}
	return costs[0] + costs[1]
}

// question is a call that is made again and again.
type question struct {
	name   string // of its profile
	client string
	calls  int // different ones
	call   func(i int) call
	status int
	check  func(answer []byte) error
}

// ask measures a question with a number of callers: how many answers a second, the median time to one in milliseconds, and
// the CPU time of one in microseconds.
func (g *growth) ask(ctx context.Context, t *target, l *rig.Loop, callers int, q question) (rate, p50, cpu float64, err error) {
	next, err := t.server().prepared(q.client, max(q.calls, 1), q.call)
	if err != nil {
		return 0, 0, 0, err
	}
	c, err := newCalls(l, t.Addr, callers, q.status, next, q.check)
	if err != nil {
		return 0, 0, 0, err
	}
	if _, err := c.during(ctx, g.warmUp); err != nil {
		return 0, 0, 0, err
	}
	profiled := t.profileDuring(ctx, windows*g.sample, g.profileOf(q.name, callers))
	values, err := medians(func() ([]float64, error) {
		c.took = c.took[:0]
		before, err := t.usage()
		if err != nil {
			return nil, err
		}
		took, err := c.during(ctx, g.sample)
		if err != nil {
			return nil, err
		}
		after, err := t.usage()
		n := float64(len(c.took))
		return []float64{n / took.Seconds(), percentiles(c.took)(50), together(t.costOf(before, after, n))}, err
	})
	if err = errors.Join(err, profiled()); err != nil {
		return 0, 0, 0, err
	}
	return values[0], values[1], values[2], c.hangUp()
}

// profileOf names the file for a point's CPU profile; empty where none is asked for.
func (g *growth) profileOf(name string, size int) string {
	if g.profile == "" {
		return ""
	}
	return filepath.Join(g.profile, fmt.Sprintf("growth-%s-%d.pprof", name, size))
}

// get is a question for a page.
func get(name, client, path string, check func(answer []byte) error) question {
	return question{name: name, client: client, call: func(int) call { return call{path: path} }, status: http.StatusOK, check: check}
}

// sends measures the traffic at full load: messages a second, and the CPU time of one.
func (g *growth) sends(ctx context.Context, traffic *traffic) (rate, cpu float64, err error) {
	if err := traffic.run(ctx, time.Now().Add(g.warmUp)); err != nil {
		return 0, 0, err
	}
	profiled := traffic.target.profileDuring(ctx, windows*g.sample, g.profileOf("send", traffic.senders))
	values, err := medians(func() ([]float64, error) {
		m, err := traffic.measure(ctx, 0, g.sample, "")
		return []float64{m.stored / m.seconds, together(traffic.target.costOf(m.before, m.after, m.stored))}, err
	})
	if err = errors.Join(err, profiled()); err != nil {
		return 0, 0, err
	}
	return values[0], values[1], nil
}
