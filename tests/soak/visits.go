//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"parley/tests/rig"
)

// Visitors come again: so many names, so that what the server keeps of a client has a bound.
const visitors = 200

// visit is one person's evening: log in, open a stream, look who is there, enter a chat room, say something, make a conversation
// that the app's server removes, leave the room and log out. The stream has to end by that.
func (c *course) visit(ctx context.Context, turn int) error {
	name := fmt.Sprintf("visitor-%03d", turn%visitors)
	var login struct{ Token string }
	err := c.caller.ask(ctx, call{kind: "log in", method: http.MethodPost, path: "/v1/sessions", authorization: rig.Basic(rig.AppKey),
		body: object{"clientId": name}, want: http.StatusCreated}, &login)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, visitTimeout)
	defer cancel()
	stream, err := c.openStream(ctx, login.Token)
	if err != nil {
		return err
	}
	defer stream.Close()
	events := bufio.NewReader(stream)
	if err := skipTo(events, "event: online"); err != nil {
		return err
	}
	for _, q := range c.evening(name) {
		q.token = login.Token
		if _, _, err := c.caller.do(ctx, q); err != nil {
			return err
		}
	}
	if err := c.converse(ctx, name, login.Token); err != nil {
		return err
	}
	if _, _, err := c.caller.do(ctx, call{kind: "log out", method: http.MethodDelete, path: "/v1/sessions/current", token: login.Token, want: http.StatusNoContent}); err != nil {
		return err
	}
	if err := skipTo(events, `"logged_out"`); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, events) // to its end
	c.visits.Add(1)
	return err
}

// visitTimeout is for one visit with all its calls.
const visitTimeout = 30 * time.Second

// evening are the calls of a visit that depend on no other's answer.
func (c *course) evening(name string) []call {
	room := "/v1/conversations/" + c.town.rooms[rand.IntN(len(c.town.rooms))]
	return []call{
		{kind: "read a session", path: "/v1/sessions/current"},
		{kind: "ask who is online", method: http.MethodPost, path: "/v1/clients/online", body: object{"clientIds": []string{name, clientName(0)}}},
		{kind: "enter a room", method: http.MethodPost, path: room + "/join"},
		{kind: "say in a room", method: http.MethodPost, path: room + "/messages", body: object{"type": "text", "text": "hello"}, want: http.StatusCreated},
		{kind: "say in passing", method: http.MethodPost, path: room + "/messages", body: object{"type": "text", "text": "typing", "transient": true}, want: http.StatusAccepted},
		{kind: "leave a room", method: http.MethodPost, path: room + "/quit"},
		{kind: "list conversations", path: "/v1/conversations"},
	}
}

// converse makes a conversation and has the app's server remove it.
func (c *course) converse(ctx context.Context, name, token string) error {
	var made struct{ ID string }
	body := object{"members": []string{fmt.Sprintf("visitor-%03d", rand.IntN(visitors))}, "name": "for an evening"}
	if err := c.caller.ask(ctx, call{kind: "create", method: http.MethodPost, path: "/v1/conversations", token: token, body: body, want: http.StatusCreated}, &made); err != nil {
		return err
	}
	_, _, err := c.caller.do(ctx, call{kind: "remove", method: http.MethodDelete, path: "/v1/conversations/" + made.ID, want: http.StatusNoContent})
	return err
}

// openStream opens a stream on a connection of its own, as a browser does.
func (c *course) openStream(ctx context.Context, token string) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.caller.base+"/v1/stream", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("a stream was answered %s: %w", response.Status, response.Body.Close())
	}
	return response.Body, nil
}

// skipTo reads up to the first line that has a text in it.
func skipTo(events *bufio.Reader, text string) error {
	for {
		line, err := events.ReadString('\n')
		if err != nil {
			return fmt.Errorf("a visitor's stream ended without %s: %w", text, err)
		}
		if strings.Contains(line, text) {
			return nil
		}
	}
}
