//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"parley/tests/rig"
)

const (
	// Of the streams so many tenths are of a client each; the rest are second devices of these.
	firstDevices = 8
	// The clients that are in a group for good, and those that may be in it besides for a while.
	groupCore, groupGuests = 8, 4
	// One first device of so many is a slow reader; all of these are in the busy group.
	slowEvery = 100
	// The chat rooms, and the streams inside for as long as their sessions live.
	roomCount, roomStreams = 4, 10
	// The tokens outlast the longest run.
	tokenLife = 48 * time.Hour
)

// group is a conversation that lasts.
type group struct {
	id   string
	core []int // clients
	text int   // the length of its texts

	mu     sync.Mutex // one change of its members at a time: what is inside is known
	guests map[int]bool
	moves  int // changes of its members, each an entry of the log
}

// town is who there is, and where they are.
type town struct {
	clients int
	groups  []*group
	busy    *group
	rooms   []string
	expires time.Time
}

// Texts are small, as most are; those of the busy group make a reader that stops for some seconds fall behind.
const smallText, busyText = 120, 2000

func newTown(streams int) *town {
	t := &town{clients: streams * firstDevices / 10, expires: time.Now().Add(tokenLife), busy: &group{text: busyText}}
	for first := 0; first+groupCore <= t.clients; first += groupCore {
		g := &group{text: smallText, guests: map[int]bool{}}
		for i := range groupCore {
			g.core = append(g.core, first+i)
		}
		t.groups = append(t.groups, g)
	}
	for i := 0; i < t.clients; i += slowEvery {
		t.busy.core = append(t.busy.core, i)
	}
	return t
}

func clientName(i int) string { return fmt.Sprintf("client-%05d", i) }

// owner is the client of a stream.
func (t *town) owner(stream int) int { return stream % t.clients }

// isSlow tells whether a stream is now and then left unread.
func (t *town) isSlow(stream int) bool { return stream < t.clients && stream%slowEvery == 0 }

// sending is the token with which a client calls: another session than that of its streams, which so get what it sends.
func (t *town) sending(client int) (string, error) {
	return rig.SignedToken(clientName(client), "sending", t.expires)
}

// build makes the conversations.
func (t *town) build(ctx context.Context, c *caller) error {
	for _, g := range append(t.groups, t.busy) {
		members := make([]string, len(g.core))
		for i, client := range g.core {
			members[i] = clientName(client)
		}
		var answer struct{ ID string }
		if err := c.ask(ctx, call{kind: "create a group", method: http.MethodPost, path: "/v1/conversations", body: object{"members": members}, want: http.StatusCreated}, &answer); err != nil {
			return err
		}
		g.id = answer.ID
	}
	for range roomCount {
		var answer struct{ ID string }
		if err := c.ask(ctx, call{kind: "create a room", method: http.MethodPost, path: "/v1/conversations", body: object{"type": "chatroom"}, want: http.StatusCreated}, &answer); err != nil {
			return err
		}
		t.rooms = append(t.rooms, answer.ID)
	}
	return nil
}

// all are the groups with the busy one.
func (t *town) all() []*group { return append([]*group{t.busy}, t.groups...) }
