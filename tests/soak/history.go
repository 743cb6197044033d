//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
)

// pageSize is a screen of messages, and some.
const pageSize = 50

type historyPage struct {
	Messages []logEntry
	Next     string
}

// readPage reads the newest page of a group, and the one before it.
func (c *course) readPage(ctx context.Context, _ int) error {
	g := c.group()
	token, err := c.town.sending(g.member())
	if err != nil {
		return err
	}
	path := fmt.Sprintf("messages?limit=%d", pageSize)
	for range 2 {
		var page historyPage
		if err := c.caller.ask(ctx, call{kind: "read history", path: g.path(path), token: token}, &page); err != nil {
			return err
		}
		if !slices.IsSortedFunc(page.Messages, func(a, b logEntry) int { return int(a.ID - b.ID) }) {
			return fmt.Errorf("a page of history is not in order: %v", page.Messages)
		}
		if page.Next == "" {
			break
		}
		path = fmt.Sprintf("messages?limit=%d&before=%s", pageSize, page.Next)
	}
	return nil
}

// group is any of those that last.
func (c *course) group() *group { return c.town.groups[rand.IntN(len(c.town.groups))] }

// checkHistory reads every conversation's whole history, and compares it with what was answered 201.
func (c *course) checkHistory(ctx context.Context) error {
	wanted := c.ledger.acceptedIDs()
	found := map[int64]int64{}
	for _, g := range c.town.all() {
		after := "0"
		for after != "" {
			var page historyPage
			if err := c.caller.ask(ctx, call{kind: "read all history", path: g.path("messages?order=asc&limit=1000&after=" + after)}, &page); err != nil {
				return err
			}
			for _, m := range page.Messages {
				number, _ := numberOf(m.Text)
				found[m.ID] = number
			}
			after = page.Next
		}
	}
	for id, number := range wanted {
		if have, ok := found[id]; !ok || have != number {
			c.findings.add("the %d. message was answered 201 with id %d and is not in the history", number, id)
		}
	}
	c.inHistory = len(found)
	if len(found) != len(wanted) {
		c.findings.add("the history has %d messages, %d were answered 201", len(found), len(wanted))
	}
	return nil
}

// acceptedIDs gives the numbers of the sends by their ids.
func (l *ledger) acceptedIDs() map[int64]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := map[int64]int64{}
	for number, s := range l.sends {
		if s.answered != 0 {
			ids[s.answered] = int64(number)
		}
	}
	return ids
}
