//go:build linux

package main

import (
	"context"

	"parley/tests/rig"
)

// streamsOf asks what a delivery costs in conversations of more and more streams.
func (g *growth) streamsOf(b *bench) *study {
	s := &study{name: "streams", x: "streams of the conversation", sizes: []int{10, 100, 1000, 10_000}}
	s.figures = []*figure{{name: "streams-deliver", title: "Deliveries, by streams of the one conversation, 16 messages under way",
		curves: []curve{{y: "deliveries/s"}, {y: "CPU µs a delivery, server and database", cost: true}}}}
	s.measure = func(ctx context.Context, sizes []int, done func(int)) (rows [][]float64, err error) {
		b.warmUp, b.duration = g.warmUp, windows*g.sample
		for _, size := range sizes {
			b.streams = size
			row, err := against(ctx, b.startServer, func(ctx context.Context, t *target, l *rig.Loop) ([]float64, error) {
				return b.measureFanout(ctx, t, l, 0)
			})
			if err != nil {
				return nil, err
			}
			rows = append(rows, []float64{row[0], together(row[1:])})
			done(size)
		}
		return rows, nil
	}
	return s
}
