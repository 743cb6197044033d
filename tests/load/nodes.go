//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"

	"parley/tests/rig"
)

// mostNodes: more of them only share the same cores.
const mostNodes = 3

// nodes: pairs of clients who are on different nodes of one server. What a node more costs each message.
func (b *bench) nodes() *workload {
	w := &workload{
		title: fmt.Sprintf("nodes: %d clients in %d conversations, each client's stream on one of the nodes, texts of %d bytes, every message stored; %d sends outstanding, then %g messages/s",
			b.clients, b.clients/2, b.bytes, b.outstanding, b.nodesRate),
		columns: []column{{name: "messages/s"}, {name: "p99 ms", decimals: 1}, {name: "CPU µs/message of all nodes", decimals: 1},
			{name: "of the last node", decimals: 1}, {name: "of the database", decimals: 1}, {name: "of NATS", decimals: 1},
			{name: "at the rate: p50 ms", decimals: 1}, {name: "p99 ms", decimals: 1}, {name: "CPU µs/message of all nodes", decimals: 1},
			{name: "of the last node", decimals: 1}, {name: "of the database", decimals: 1}, {name: "of NATS", decimals: 1}},
		noFloor: true,
	}
	measure := func(nodes int, broker, idle bool) func(context.Context, int) ([]float64, error) {
		return func(ctx context.Context, round int) ([]float64, error) {
			start := func(ctx context.Context) (*target, error) {
				t, err := b.startNodes(ctx, nodes, broker)
				if err == nil {
					t.idle = idle
				}
				return t, err
			}
			return against(ctx, start, func(ctx context.Context, t *target, l *rig.Loop) ([]float64, error) {
				return b.measureNodes(ctx, t, l, round)
			})
		}
	}
	w.subjects = []subject{{"1 node, no broker", measure(1, false, false)}, {"1 node, NATS", measure(1, true, false)},
		{"1 node, 1 without clients", measure(2, true, true)}}
	for n := 2; n <= mostNodes; n++ {
		w.subjects = append(w.subjects, subject{fmt.Sprintf("%d nodes, NATS", n), measure(n, true, false)})
	}
	return w
}

// startNodes starts nodes on one fresh database.
func (b *bench) startNodes(ctx context.Context, nodes int, broker bool) (*target, error) {
	d, err := rig.NewDatabase(ctx, b.mysql, b.dir)
	if err != nil {
		return nil, err
	}
	t := &target{database: d}
	environ := b.environ(d.URL)
	if broker {
		at, err := url.Parse(b.nats)
		if err != nil {
			return nil, errors.Join(err, d.Drop())
		}
		t.broker = rig.ListeningOn(at.Port())
		environ = append(environ, "PARLEY_BROKER_URL="+b.nats)
	}
	var started []*rig.Process
	for i := range nodes {
		p, err := rig.Start(ctx, fmt.Sprintf("node %d", i+1), b.dir, environ, b.server)
		if err != nil {
			for _, p := range started {
				err = errors.Join(err, p.Stop())
			}
			return nil, errors.Join(err, d.Drop())
		}
		started = append(started, p)
	}
	t.Process, t.others, t.api = started[0], started[1:], newAPI(started[0].Addr)
	return t, nil
}

func (b *bench) measureNodes(ctx context.Context, t *target, l *rig.Loop, round int) ([]float64, error) {
	traffic, err := b.pairTraffic(ctx, t, l)
	if err != nil {
		return nil, err
	}
	if err := traffic.start(b.outstanding); err != nil {
		return nil, err
	}
	full, err := traffic.measure(ctx, b.warmUp, b.duration, "")
	if err != nil {
		return nil, err
	}
	traffic.pace(b.nodesRate)
	paced, err := traffic.measure(ctx, b.warmUp, b.duration, b.profilePath(t, fmt.Sprintf("%s-%d", nodesName, len(t.others)+1), "cpu", round))
	if err != nil {
		return nil, err
	}
	return slices.Concat([]float64{full.stored / full.seconds, full.latency(99)}, t.nodesCost(full),
		[]float64{paced.latency(50), paced.latency(99)}, t.nodesCost(paced)), nil
}

// nodesCost is the CPU time in microseconds that a message took of all nodes, of the last of them, of the database and of the broker.
func (t *target) nodesCost(m measured) []float64 {
	costs, last, broker := t.costOf(m.before, m.after, m.stored), math.NaN(), math.NaN()
	if n := len(t.others); n > 0 {
		last = micros(m.after.nodes[n]-m.before.nodes[n]) / m.stored
	}
	if t.broker != 0 {
		broker = micros(m.after.broker-m.before.broker) / m.stored
	}
	return []float64{costs[0], last, costs[1], broker}
}
