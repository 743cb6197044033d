//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"parley/tests/rig"
)

const (
	replayConversations = 50
	// Each round comes back so often: one replay of 100,000 messages is over in a second or two.
	replayTimes = 3
	// A replay that takes longer has hung.
	replayTimeout = 30 * time.Second
)

// replay: a client has been away for many messages and comes back with its last event's id.
func (b *bench) replay() *workload {
	w := &workload{
		title: fmt.Sprintf("replay: one stream comes back after a gap of %d messages of %d bytes in %d conversations, %d times a round",
			b.gap, b.bytes, replayConversations, replayTimes),
		columns: slices.Concat([]column{{name: "messages/s"}, {name: "first message after ms", decimals: 1, noRatio: true}}, costColumns("message", 2),
			[]column{residentColumn}),
		aims:  []aim{{columns: []string{"messages/s"}, least: 50_000}},
		stock: b.newStock(replayConversations, b.gap),
	}
	w.subjects = []subject{
		{"server", func(ctx context.Context, round int) ([]float64, error) {
			return b.overStock(ctx, w.stock, func(ctx context.Context, t *target, l *rig.Loop) ([]float64, error) {
				return b.measureReplay(ctx, t, l, w.stock, round)
			})
		}},
		{"bare SELECT", func(ctx context.Context, _ int) ([]float64, error) { return b.measureBareReplay(ctx, w.stock) }},
	}
	return w
}

func (b *bench) measureReplay(ctx context.Context, t *target, l *rig.Loop, s *stock, round int) ([]float64, error) {
	// As long as the replays will take at the rate that is aimed at.
	profiled := t.profileDuring(ctx, time.Second, b.profilePath(t, "replay", "cpu", round))
	before, err := t.usage()
	if err != nil {
		return nil, err
	}
	var rates, firsts []float64
	for range replayTimes {
		took, first, err := replayed(ctx, t, l, "Jerry", s.from, s.messages)
		if err != nil {
			return nil, err
		}
		rates, firsts = append(rates, float64(s.messages)/took.Seconds()), append(firsts, first.Seconds()*1000)
	}
	after, err := t.usage()
	if err != nil {
		return nil, err
	}
	if err := profiled(); err != nil {
		return nil, err
	}
	memory, err := t.resident()
	return slices.Concat([]float64{median(rates), median(firsts)}, t.costOf(before, after, float64(replayTimes*s.messages)), []float64{memory}), err
}

// replayed opens a client's stream from a position, and takes the time until all that it has missed is there, and until the
// first of it is.
func replayed(ctx context.Context, t *target, l *rig.Loop, client string, from int64, messages int) (took, first time.Duration, err error) {
	token, err := t.server().signedToken(client, "listening")
	if err != nil {
		return 0, 0, err
	}
	begun := time.Now()
	s := &stream{name: client}
	s.message = func(_ []byte, now time.Time) {
		if s.messages == 1 {
			first = now.Sub(begun)
		}
	}
	if err := l.Dial(t.Addr, func(fd int) rig.Conn { s.fd = fd; return s }); err != nil {
		return 0, 0, err
	}
	err = rig.WriteAll(s.fd, rig.Request(http.MethodGet, "/v1/stream", "", "Authorization", "Bearer "+token, "Last-Event-ID", fmt.Sprint(from)))
	if err != nil {
		return 0, 0, err
	}
	done, err := l.Until(ctx, begun.Add(replayTimeout), func() bool { return s.reconnected })
	if err != nil {
		return 0, 0, err
	}
	if !done || s.messages != messages { // its ids grow, so as many means each of them once
		return 0, 0, fmt.Errorf("%d of %d messages came in %v; the end of the replay was told: %v", s.messages, messages, time.Since(begun), done)
	}
	return time.Since(begun), first, l.HangUp(s.fd)
}

func (b *bench) measureBareReplay(ctx context.Context, s *stock) ([]float64, error) {
	bare := &target{database: s.database}
	before, err := bare.usage()
	if err != nil {
		return nil, err
	}
	for range replayTimes {
		err := s.database.Read(ctx, s.messages, "SELECT "+bareColumns+" FROM messages WHERE app_id = 1 AND seq > ? ORDER BY seq", s.from)
		if err != nil {
			return nil, err
		}
	}
	after, err := bare.usage()
	n := float64(replayTimes * s.messages)
	return slices.Concat([]float64{n / after.at.Sub(before.at).Seconds(), math.NaN()}, bare.costOf(before, after, n), []float64{math.NaN()}), err
}
