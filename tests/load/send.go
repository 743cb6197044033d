//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/tests/rig"
)

// send: one client sends, waits for the answer, sends again. How long it waits, beside a bare INSERT.
func (b *bench) send() *workload {
	w := &workload{
		title: fmt.Sprintf("send: %d messages one after the other, texts of %d bytes, from the request to the 201; beside as many INSERTs of the same row, each its own commit", b.sends, b.bytes),
		columns: slices.Concat([]column{{name: "p50 ms", decimals: 3}, {name: "p99 ms", decimals: 3}, {name: "a second", noRatio: true}},
			costColumns("message", 0), []column{residentColumn}),
		aims: []aim{{columns: []string{"p50 ms"}, floor: "bare INSERT", most: 3.5}},
	}
	w.subjects = []subject{
		{"server", func(ctx context.Context, _ int) ([]float64, error) {
			return against(ctx, b.startServer, b.measureSends)
		}},
		{"bare INSERT", func(ctx context.Context, _ int) ([]float64, error) { return b.measureInserts(ctx) }},
	}
	return w
}

// sendWarmUp is sent before the measured messages: connections, statements and caches are there then.
const sendWarmUp = 100

func (b *bench) measureSends(ctx context.Context, t *target, l *rig.Loop) ([]float64, error) {
	clients := []string{"sender", "receiver"}
	ids, err := t.converse(ctx, [][]string{clients})
	if err != nil {
		return nil, err
	}
	pair := &room{id: ids[0], streams: newStreams(clients[1:])}
	err = openStreams(ctx, l, t.addrOf, pair.streams, func(int) ([]byte, error) { return t.stream(clients[1], pair.id) })
	if err != nil {
		return nil, err
	}
	p, err := newPost(t, pair, clients[0], b.bytes)
	if err != nil {
		return nil, err
	}
	traffic := &traffic{target: t, loop: l, rooms: []*room{pair}, posts: []*post{p}}
	if err := traffic.start(1); err != nil {
		return nil, err
	}
	var took []time.Duration
	var before usage
	for i := range sendWarmUp + b.sends {
		if i == sendWarmUp {
			if before, err = t.usage(); err != nil {
				return nil, err
			}
		}
		begun := time.Now()
		if err := traffic.dispatch(); err != nil {
			return nil, err
		}
		answered, err := l.Until(ctx, begun.Add(drainTimeout), func() bool { return traffic.stored == traffic.sent })
		if err != nil {
			return nil, err
		}
		if !answered {
			return nil, fmt.Errorf("a send was not answered in %v", drainTimeout)
		}
		if i >= sendWarmUp {
			took = append(took, time.Since(begun))
		}
	}
	values, err := t.latencyRow(before, took)
	if err != nil {
		return nil, err
	}
	return values, traffic.drain(ctx, drainTimeout)
}

// bareTable has the columns of the server's messages and nothing but a primary key.
const bareTable = `CREATE TABLE bare (app_id INTEGER NOT NULL, conversation_id VARCHAR(36) NOT NULL, seq BIGINT NOT NULL,
	sender VARCHAR(64) NOT NULL, session_id VARCHAR(36) NOT NULL, idempotency_key VARCHAR(256) NOT NULL, type VARCHAR(64) NOT NULL,
	text TEXT, attributes TEXT, payload TEXT, created_at BIGINT NOT NULL, PRIMARY KEY (app_id, conversation_id, seq))`

func (b *bench) measureInserts(ctx context.Context) (values []float64, err error) {
	d, err := rig.NewDatabase(ctx, b.mysql, b.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Drop()) }()
	create := bareTable
	if strings.HasPrefix(d.URL, "sqlite:") {
		create += " WITHOUT ROWID" // as the server's table
	}
	if _, err := d.DB.ExecContext(ctx, create); err != nil {
		return nil, err
	}
	d.DB.SetMaxOpenConns(1)
	text := strings.Repeat("x", b.bytes)
	bare := &target{database: d}
	var took []time.Duration
	var before usage
	for i := range sendWarmUp + b.sends {
		if i == sendWarmUp {
			if before, err = bare.usage(); err != nil {
				return nil, err
			}
		}
		begun := time.Now()
		_, err := d.DB.ExecContext(ctx, "INSERT INTO bare VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", 1, "cq3v0d8s7k5s73d1g0ag", i, "sender",
			"sig-0123456789abcdef0123456789abcdef", "s:cq3v0d8s7k5s73d1g0b0", "text", text, "{}", nil, begun.UnixMilli())
		if err != nil {
			return nil, err
		}
		if i >= sendWarmUp {
			took = append(took, time.Since(begun))
		}
	}
	return bare.latencyRow(before, took)
}

// latencyRow is about operations that were done one after the other since a moment.
func (t *target) latencyRow(before usage, took []time.Duration) ([]float64, error) {
	after, err := t.usage()
	if err != nil {
		return nil, err
	}
	total := time.Duration(0)
	for _, d := range took {
		total += d
	}
	memory, err := t.resident()
	n, latency := float64(len(took)), percentiles(took)
	return slices.Concat([]float64{latency(50), latency(99), n / total.Seconds()}, t.costOf(before, after, n), []float64{memory}), err
}
