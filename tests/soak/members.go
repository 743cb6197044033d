//go:build linux

package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
)

// mover brings guests into groups and takes them out again, in the four ways that there are.
type mover struct{ *course }

func (m *mover) move(ctx context.Context, _ int) error {
	g := m.group()
	g.mu.Lock()
	defer g.mu.Unlock()
	guest, inside := rand.IntN(m.town.clients), false
	if len(g.guests) >= groupGuests || len(g.guests) > 0 && rand.IntN(2) == 0 {
		guest, inside = slices.Collect(maps.Keys(g.guests))[0], true
	} else if slices.Contains(g.core, guest) || g.guests[guest] {
		return nil // the next turn finds another one
	}
	by := guest
	if rand.IntN(2) == 0 {
		by = g.member()
	}
	if err := m.change(ctx, g, guest, by, inside); err != nil {
		return err
	}
	g.moves++
	if inside {
		delete(g.guests, guest)
	} else {
		g.guests[guest] = true
	}
	return nil
}

// change has a guest come or go: by a member's hand, or by its own.
func (m *mover) change(ctx context.Context, g *group, guest, by int, inside bool) error {
	token, err := m.town.sending(by)
	if err != nil {
		return err
	}
	path, name := "/v1/conversations/"+g.id, clientName(guest)
	q := call{token: token, method: http.MethodPost}
	switch {
	case inside && by == guest:
		q.kind, q.path = "quit", path+"/quit"
	case inside:
		q.kind, q.path, q.method = "kick", path+"/members?clientId="+url.QueryEscape(name), http.MethodDelete
	case by == guest:
		q.kind, q.path = "join", path+"/join"
	default:
		q.kind, q.path, q.body = "add", path+"/members", object{"members": []string{name}}
	}
	_, _, err = m.caller.do(ctx, q)
	return err
}

// checkMembers compares who is inside, as the server lists it, with who was brought in, and the log's changes with those that were made.
func (c *course) checkMembers(ctx context.Context) error {
	for _, g := range c.town.groups {
		if g.moves == 0 {
			continue
		}
		var answer struct{ Members []struct{ ClientID string } }
		if err := c.caller.ask(ctx, call{kind: "list members", path: "/v1/conversations/" + g.id + "/members"}, &answer); err != nil {
			return err
		}
		var have, want []string
		for _, m := range answer.Members {
			have = append(have, m.ClientID)
		}
		for _, client := range g.core {
			want = append(want, clientName(client))
		}
		for client := range g.guests {
			want = append(want, clientName(client))
		}
		slices.Sort(have)
		slices.Sort(want)
		if !slices.Equal(have, want) {
			c.findings.add("conversation %s has the members %v, and should have %v", g.id, have, want)
		}
		c.moves += g.moves
		if logged := c.ledger.changesOf(g.id); logged != g.moves {
			c.findings.add("conversation %s: %d changes of members in the log, %d were made", g.id, logged, g.moves)
		}
	}
	return nil
}

func (l *ledger) changesOf(conversation string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changes[conversation]
}

// member is somebody who is in the group for good.
func (g *group) member() int { return g.core[rand.IntN(len(g.core))] }

// path is that of something of the group's.
func (g *group) path(of string) string { return fmt.Sprintf("/v1/conversations/%s/%s", g.id, of) }
