//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
)

// mostNodes: more of them only share the same cores.
const mostNodes = 3

// nodes: pairs of clients who are on different nodes of one server. What a node more costs each message.
func (b *bench) nodes() *workload {
	w := &workload{
		title: fmt.Sprintf("nodes: %d clients in %d conversations, each client's stream on one of the nodes, texts of %d bytes, every message stored; %d sends outstanding, then %g messages/s",
			b.clients, b.clients/2, b.bytes, b.outstanding, b.nodesRate),
		columns: []column{{name: "messages/s"}, {name: "p99 ms", decimals: 1}, {name: "messages/s at the rate"}, {name: "p50 ms at the rate", decimals: 1},
			{name: "p99 ms at the rate", decimals: 1}, {name: "CPU µs/message of all nodes", decimals: 1}, {name: "of the database", decimals: 1},
			{name: "of NATS", decimals: 1}, {name: "of the load", decimals: 1}},
		noFloor: true,
	}
	measure := func(nodes int, broker bool) func(context.Context, int) ([]float64, error) {
		return func(ctx context.Context, round int) ([]float64, error) {
			start := func(ctx context.Context) (*target, error) { return b.startNodes(ctx, nodes, broker) }
			return against(ctx, start, func(ctx context.Context, t *target, l *loop) ([]float64, error) {
				return b.measureNodes(ctx, t, l, round)
			})
		}
	}
	w.subjects = []subject{{"1 node, no broker", measure(1, false)}, {"1 node, NATS", measure(1, true)}}
	for n := 2; n <= mostNodes; n++ {
		w.subjects = append(w.subjects, subject{fmt.Sprintf("%d nodes, NATS", n), measure(n, true)})
	}
	return w
}

// startNodes starts nodes on one fresh database.
func (b *bench) startNodes(ctx context.Context, nodes int, broker bool) (*target, error) {
	d, err := newDatabase(ctx, b.options, b.dir)
	if err != nil {
		return nil, err
	}
	t := &target{database: d}
	environ := b.environ(d.url)
	if broker {
		at, err := url.Parse(b.nats)
		if err != nil {
			return nil, errors.Join(err, d.drop())
		}
		t.broker = listeningOn(at.Port())
		environ = append(environ, "PARLEY_BROKER_URL="+b.nats)
	}
	var started []*process
	for i := range nodes {
		p, err := startProcess(ctx, fmt.Sprintf("node %d", i+1), b.dir, environ, b.server)
		if err != nil {
			for _, p := range started {
				err = errors.Join(err, p.stop())
			}
			return nil, errors.Join(err, d.drop())
		}
		started = append(started, p)
	}
	t.process, t.others, t.api = started[0], started[1:], newAPI(started[0].addr)
	return t, nil
}

func (b *bench) measureNodes(ctx context.Context, t *target, l *loop, round int) ([]float64, error) {
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
	costs := t.costOf(paced.before, paced.after, paced.stored)
	broker := math.NaN()
	if t.broker != 0 {
		broker = micros(paced.after.broker-paced.before.broker) / paced.stored
	}
	return slices.Concat([]float64{full.stored / full.seconds, full.latency(99), paced.stored / paced.seconds, paced.latency(50), paced.latency(99)},
		costs[:2], []float64{broker}, costs[2:]), nil
}
