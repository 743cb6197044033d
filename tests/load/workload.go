//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"

	"parley/tests/rig"
)

// workloadNames in the order in which they run.
var workloadNames = []string{"fanout", "room", "pairs", "idle", "send", "slow", "history", "sync", "replay", "create", "list", nodesName}

// nodesName is a workload that wants a MySQL server and a broker, and runs unasked where both are given.
const nodesName = "nodes"

// workload is one kind of load with everything that is put under it.
type workload struct {
	title    string
	columns  []column
	subjects []subject // the server first, then the floors it is compared with
	aims     []aim
	stock    *stock // what is made once for all rounds; nil: nothing
	noFloor  bool   // the subjects are servers, none of which the others are divided by
}

// column is one figure of every subject.
type column struct {
	name     string
	decimals int
	noRatio  bool // a count for which a ratio says nothing
}

// subject is what is measured: the server, or a floor.
type subject struct {
	name string
	// measure gives one value a column, NaN for what this subject does not have.
	measure func(ctx context.Context, round int) ([]float64, error)
}

// measure runs the subjects in turn, so that a machine that becomes slower does so for all: rows[subject][round].
func (w *workload) measure(ctx context.Context, rounds int, progress func(string)) (rows [][][]float64, err error) {
	if w.stock != nil {
		progress("filling a database")
		if err := w.stock.make(ctx); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, w.stock.drop()) }()
	}
	rows = make([][][]float64, len(w.subjects))
	for round := range rounds {
		for i := range w.subjects {
			// Every other round the other way round, so that nothing always runs after the same neighbour.
			at := i
			if round%2 == 1 {
				at = len(w.subjects) - 1 - i
			}
			s := w.subjects[at]
			progress(fmt.Sprintf("round %d of %d: %s", round+1, rounds, s.name))
			values, err := s.measureBounded(ctx, round)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			rows[at] = append(rows[at], values)
		}
	}
	return rows, nil
}

func (s *subject) measureBounded(ctx context.Context, round int) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, subjectTimeout)
	defer cancel()
	return s.measure(ctx, round)
}

// against runs one measurement against a target and stops the target, whatever happens.
func against[T any](ctx context.Context, start func(context.Context) (*target, error),
	measure func(context.Context, *target, *rig.Loop) (T, error)) (values T, err error) {
	t, err := start(ctx)
	if err != nil {
		return values, err
	}
	l, err := rig.NewLoop()
	if err != nil {
		return values, errors.Join(err, t.Stop())
	}
	values, err = measure(ctx, t, l)
	// The server first: that it ends in time with all streams open is part of the test.
	err = errors.Join(err, t.Stop())
	return values, errors.Join(err, l.Close())
}

// workload makes the workload of a name.
func (b *bench) workload(name string) *workload {
	switch name {
	case "fanout":
		return b.fanout()
	case "room":
		return b.chatroom()
	case "pairs":
		return b.pairs()
	case "idle":
		return b.idle()
	case "send":
		return b.send()
	case "slow":
		return b.slow()
	case "history":
		return b.history()
	case "replay":
		return b.replay()
	case "create":
		return b.create()
	case "list":
		return b.list()
	case nodesName:
		return b.nodes()
	default:
		return b.sync()
	}
}
