//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"parley/tests/rig"
)

const (
	storedConversations = 500
	storedMissed        = 1000 // messages that a stream has missed, in all of the conversations
	storedCallers       = 64
)

// stored asks what becomes of everything when more and more messages are stored.
func (g *growth) stored(b *bench) *study {
	s := &study{name: "stored", x: "stored messages", sizes: []int{10_000, 100_000, 1_000_000, 10_000_000}}
	const ms = "ms at the median"
	s.figures = []*figure{
		{name: "stored-start", title: "The start of a server, by stored messages", curves: []curve{{y: "ms until it listens", cost: true}}},
		{name: "stored-history", title: "Pages of history (20 of a conversation with half of all), by stored messages",
			curves: []curve{{y: ms, name: "newest", cost: true}, {y: ms, name: "oldest", cost: true}}},
		{name: "stored-sync", title: "The last page of history sync (1,000 messages), by stored messages", curves: []curve{{y: ms, cost: true}, {y: cpuOf1, cost: true}}},
		{name: "stored-resume", title: fmt.Sprintf("A stream that has missed %d messages in %d conversations, by stored messages", storedMissed, storedConversations),
			curves: []curve{{y: "ms until it has them", cost: true}}},
		{name: "stored-send", title: fmt.Sprintf("Stored messages of %d senders at once, by messages stored before", storedCallers),
			curves: []curve{{y: "messages/s"}, {y: cpuOf1, cost: true}}},
	}
	s.measure = func(ctx context.Context, sizes []int, done func(int)) (rows [][]float64, err error) {
		stock := b.newStock(storedConversations, 0)
		if err := stock.make(ctx); err != nil {
			return nil, err
		}
		defer func() {
			if dropped := stock.drop(); err == nil {
				err = dropped
			}
		}()
		// Half of the messages in one conversation, the rest in all of them.
		stock.conversations = append(slices.Repeat(stock.conversations[:1], len(stock.conversations)), stock.conversations...)
		for _, size := range sizes {
			if err := stock.fill(ctx, size); err != nil {
				return nil, err
			}
			row, err := g.measureStored(ctx, b, stock)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
			done(size)
		}
		return rows, nil
	}
	return s
}

func (g *growth) measureStored(ctx context.Context, b *bench, stock *stock) ([]float64, error) {
	begun, listening := time.Now(), 0.0
	row, err := b.overStock(ctx, stock, func(ctx context.Context, t *target, l *rig.Loop) ([]float64, error) {
		listening = float64(time.Since(begun).Microseconds()) / 1000
		history := fmt.Sprintf("/v1/conversations/%s/messages?limit=%d", stock.conversations[0], historyPage)
		full := has(`{"id":"`, historyPage)
		_, newest, _, err := g.ask(ctx, t, l, 1, get("newest", "Tom", history, full))
		if err != nil {
			return nil, err
		}
		_, oldest, _, err := g.ask(ctx, t, l, 1, get("oldest", "Tom", fmt.Sprintf("%s&before=%d", history, stock.from+storedMissed), full))
		if err != nil {
			return nil, err
		}
		_, sync, cpu, err := g.ask(ctx, t, l, 1, get("sync", "", fmt.Sprintf("/v1/messages?after=%d&limit=%d", stock.head-syncRows, syncRows), has(`{"id":"`, syncRows)))
		if err != nil {
			return nil, err
		}
		var resumed []time.Duration
		for range resumeTimes {
			took, _, err := replayed(ctx, t, l, "Jerry", stock.head-storedMissed, storedMissed)
			if err != nil {
				return nil, err
			}
			resumed = append(resumed, took)
		}
		traffic, err := b.pairTraffic(ctx, t, l)
		if err != nil {
			return nil, err
		}
		if err := traffic.start(storedCallers); err != nil {
			return nil, err
		}
		rate, sent, err := g.sends(ctx, traffic)
		return []float64{newest, oldest, sync, cpu, percentiles(resumed)(50), rate, sent}, err
	})
	return append([]float64{listening}, row...), err
}
