//go:build linux

package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// Sends that are under way at once. An answer takes some milliseconds, so a few would do; more wait only when the server is behind.
	senderCount = 64
	// Sends that have been due for so long are left out, and counted: how much a machine can do is not what is asked here.
	mostBehind = 5 * time.Second
	// Of the sends one in so many goes to the busy group, and one in so many comes from a guest, who may be outside by then.
	busyShare, guestShare = 10, 100
)

// senders send at a rate, whether or not earlier messages are answered.
type senders struct {
	town   *town
	caller *caller
	ledger *ledger
	rate   float64

	left int // out: too many were waiting

	mu   sync.Mutex
	took []time.Duration // from when a message was due to its answer
}

// run sends until load ends, and then waits for the answers.
func (s *senders) run(ctx, load context.Context) {
	due := make(chan time.Time, int(s.rate*mostBehind.Seconds())+1)
	var working sync.WaitGroup
	for range senderCount {
		working.Go(func() {
			for at := range due {
				s.send(ctx, at)
			}
		})
	}
	every := time.Duration(float64(time.Second) / s.rate)
	for next := time.Now(); sleep(load, time.Until(next)) == nil; next = next.Add(every) {
		select {
		case due <- next:
		default:
			s.left++
		}
	}
	close(due)
	working.Wait()
}

func (s *senders) send(ctx context.Context, due time.Time) {
	g := s.town.groups[rand.IntN(len(s.town.groups))]
	if rand.IntN(busyShare) == 0 {
		g = s.town.busy
	}
	from, or := g.core[rand.IntN(len(g.core))], []int(nil)
	if rand.IntN(guestShare) == 0 {
		if guest, ok := g.guest(); ok {
			from, or = guest, []int{http.StatusForbidden}
		}
	}
	if say(ctx, s.town, s.caller, s.ledger, g, from, nil, or...) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = append(s.took, time.Since(due))
}

// guest is one of those who are in the group for a while; none while that is being changed.
func (g *group) guest() (int, bool) {
	if !g.mu.TryLock() {
		return 0, false
	}
	defer g.mu.Unlock()
	for guest := range g.guests {
		return guest, true
	}
	return 0, false
}

// say sends one message, with a file or without.
func say(ctx context.Context, t *town, c *caller, l *ledger, g *group, from int, file object, or ...int) error {
	token, err := t.sending(from)
	if err != nil {
		return err
	}
	number := l.next()
	message := object{"type": "text", "text": textOf(number, g.text)}
	if file != nil {
		message["type"], message["file"] = "file", file
	}
	status, body, err := c.do(ctx, call{kind: "send", method: http.MethodPost, path: "/v1/conversations/" + g.id + "/messages",
		token: token, body: message, want: http.StatusCreated, or: or})
	if err != nil || status != http.StatusCreated {
		return err
	}
	var answer struct{ ID string }
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	id, err := strconv.ParseInt(answer.ID, 10, 64)
	l.answered(number, id)
	return err
}
