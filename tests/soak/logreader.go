//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// logEntry is a message or an event of the log, as history sync shows it.
type logEntry struct {
	ID             int64 `json:"id,string"`
	Kind           string
	ConversationID string
	Text           string
	Members        []string
	Conversation   struct{ Type string }
}

const (
	// The server holds a call that finds nothing for so many seconds: shorter than what is allowed, to end soon.
	logWait = 2
	// Read so often, the log brings some hundred entries a page. A long poll for each message would cost more than the rest.
	logPause = 250 * time.Millisecond
)

// readLog reads the log from its beginning until ctx ends, and tells the ledger.
func readLog(ctx context.Context, c *caller, l *ledger) error {
	position := "0"
	for {
		var page struct {
			Messages, Events []logEntry
			Position, Next   string
		}
		path := fmt.Sprintf("/v1/messages?include=events&limit=1000&wait=%d&after=%s", logWait, url.QueryEscape(position))
		if err := c.ask(ctx, call{kind: "read the log", path: path}, &page); err != nil {
			return err
		}
		entries := append(page.Messages, page.Events...)
		slices.SortFunc(entries, func(a, b logEntry) int { return cmp.Compare(a.ID, b.ID) })
		position = page.Position
		at, err := strconv.ParseInt(position, 10, 64)
		if err != nil {
			return err
		}
		l.logged(entries, at)
		if page.Next == "" && sleep(ctx, logPause) != nil {
			return ctx.Err()
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// logged takes in what the log has, in its order.
func (l *ledger) logged(entries []logEntry, position int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		l.entries++
		if e.Conversation.Type == "chatroom" {
			l.passing[e.ConversationID] = true
		}
		if l.passing[e.ConversationID] {
			continue
		}
		if e.Kind != "" {
			l.loggedEvent(e)
			continue
		}
		number, ok := numberOf(e.Text)
		if !ok || number >= int64(len(l.sends)) {
			l.findings.add("message %d of the log is none that was sent: %.100q", e.ID, e.Text)
			continue
		}
		if before := l.sends[number].logged; before != 0 {
			l.findings.add("the %d. message is in the log twice, as %d and %d", number, before, e.ID)
		}
		l.sends[number].logged = e.ID
		l.toAll(l.inside[e.ConversationID], entry{e.ID, number})
	}
	l.position = position
}

// loggedEvent moves clients in and out. An entry is shown to all who are inside before it or after it.
func (l *ledger) loggedEvent(e logEntry) {
	members := l.inside[e.ConversationID]
	if members == nil {
		members = map[string]bool{}
		l.inside[e.ConversationID] = members
	}
	concerned := maps.Clone(members)
	for _, client := range e.Members {
		concerned[client] = true
	}
	switch e.Kind {
	case "conversation_created", "members_joined":
		for _, client := range e.Members {
			members[client] = true
		}
	case "members_left":
		for _, client := range e.Members {
			delete(members, client)
		}
	case "conversation_removed":
		delete(l.inside, e.ConversationID)
	}
	if e.Kind != "conversation_created" {
		l.changes[e.ConversationID]++
	}
	if e.Kind == "conversation_removed" {
		delete(l.changes, e.ConversationID)
	}
	l.toAll(concerned, entry{e.ID, eventNumber})
}

func (l *ledger) toAll(clients map[string]bool, e entry) {
	for client := range clients {
		for _, t := range l.ofClient[client] {
			if !t.broken && (!t.started || e.id > t.start) {
				t.due = append(t.due, e)
				l.settle(t)
			}
		}
	}
}
