// Package verify tries a running deployment of Parley from outside and checks that the promises of docs/guarantees.md
// hold: clients log in, send, follow their streams and read the history; a Ledger keeps what was sent and what came, and
// its Check compares the two. The sub-command `parley verify` and the fault tests use the same parts. It knows the
// server by its API alone.
package verify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	dialTimeout = 5 * time.Second
	// A node that does not answer a call in this time is left for another one; the send is repeated there with its key.
	attemptTimeout = 10 * time.Second
	// Idle connections a node: as many as there may be senders in a storm, so that none is opened for each send.
	idleConnections = 256
	// cleaners are how many calls of a Close run side by side.
	cleaners = 8
)

// Deployment is one app of a server of one or more nodes, as its own server calls it: with the master key.
type Deployment struct {
	urls  []string
	basic string // the Authorization header with the master key
	name  string // of every conversation made here, so that strays can be recognised
	http  *http.Client
	turn  atomic.Uint64

	mu            sync.Mutex
	clients       []*Client
	conversations map[string]created
	doubtful      []login         // sessions that may have been opened without their token having come
	strays        map[string]bool // clients that may have made a conversation without its id having come
}

// created is a conversation that was made here.
type created struct {
	members map[string]bool
	begun   time.Time
}

// login is what a session is found again by.
type login struct{ clientID, tag string }

// NewDeployment talks to these nodes in turn, and skips to another on a network error or a 5xx. Close it after use.
func NewDeployment(urls []string, appID, masterKey string) *Deployment {
	d := &Deployment{basic: basic(appID, masterKey), name: "parley-verify-" + strings.ToLower(rand.Text()[:10]),
		conversations: map[string]created{}, strays: map[string]bool{}}
	for _, u := range urls {
		d.urls = append(d.urls, strings.TrimRight(u, "/"))
	}
	transport := newTransport()
	transport.MaxIdleConnsPerHost = idleConnections
	// Over HTTP/2 all calls to a node share a connection: a dead one must be noticed, or they all time out on it in turn.
	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: dialTimeout, PingTimeout: dialTimeout}
	// A redirect would turn a POST into a GET: it is an answer that is not understood.
	d.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return d
}

func basic(user, password string) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}

// Name begins the names of everything that is made here: parley-verify- and random letters.
func (d *Deployment) Name() string { return d.name }

// node gives the next node's URL.
func (d *Deployment) node() string { return d.urls[d.turn.Add(1)%uint64(len(d.urls))] }

// createdWith tells whether a conversation was made here with this client inside, and when.
func (d *Deployment) createdWith(conversationID, clientID string) (begun time.Time, inside bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.conversations[conversationID]
	return c.begun, c.members[clientID]
}

// checkKey fails unless the key is the master key: the app key too opens sessions, and could not remove anything.
func (d *Deployment) checkKey(ctx context.Context) error {
	r, err := d.do(ctx, call{method: "GET", path: "/v1/conversations?limit=1", authorization: d.basic})
	if err == nil && r.status != http.StatusOK {
		err = r.refusal()
	}
	if err != nil {
		return fmt.Errorf("the master key: %w", err)
	}
	return nil
}

// Close removes what was made here: the conversations, with the master key, and the sessions. What could not be removed
// before ctx ends is in the error. Check a Ledger first.
func (d *Deployment) Close(ctx context.Context) error {
	defer d.http.CloseIdleConnections()
	d.mu.Lock()
	doubtful, strays := d.doubtful, d.strays
	d.doubtful, d.strays = nil, map[string]bool{}
	d.mu.Unlock()
	var failures []error
	for clientID := range strays {
		failures = append(failures, d.findStrays(ctx, clientID))
	}
	for _, l := range doubtful { // the same tag ends the session whose token did not come
		_, err := d.login(ctx, l.clientID, func() string { return l.tag })
		failures = append(failures, err)
	}
	d.mu.Lock()
	clients, conversations := slices.Clone(d.clients), make([]string, 0, len(d.conversations))
	for id := range d.conversations {
		conversations = append(conversations, id)
	}
	d.mu.Unlock()
	failures = append(failures, together(conversations, func(id string) error { return d.remove(ctx, id) }))
	failures = append(failures, together(clients, func(c *Client) error { return c.Logout(ctx) }))
	return errors.Join(failures...)
}

// together calls do for every item, a few at a time, and joins what went wrong.
func together[T any](items []T, do func(T) error) error {
	work, failures := make(chan T), make([]error, cleaners)
	var wait sync.WaitGroup
	for i := range cleaners {
		wait.Go(func() {
			for item := range work {
				if err := do(item); err != nil {
					failures[i] = errors.Join(failures[i], err)
				}
			}
		})
	}
	for _, item := range items {
		work <- item
	}
	close(work)
	wait.Wait()
	return errors.Join(failures...)
}

// remove deletes a conversation.
func (d *Deployment) remove(ctx context.Context, id string) error {
	r, err := d.do(ctx, call{method: "DELETE", path: "/v1/conversations/" + url.PathEscape(id), authorization: d.basic})
	if err == nil && r.status != http.StatusNoContent && r.status != http.StatusNotFound {
		err = r.refusal()
	}
	if err != nil {
		return fmt.Errorf("conversation %s is left: %w", id, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conversations, id)
	return nil
}

// findStrays notes the conversations of a client that were made here and whose ids did not come.
func (d *Deployment) findStrays(ctx context.Context, clientID string) error {
	for skip := "0"; skip != ""; {
		query := url.Values{"member": {clientID}, "limit": {"100"}, "skip": {skip}}
		r, err := d.do(ctx, call{method: "GET", path: "/v1/conversations?" + query.Encode(), authorization: d.basic})
		var page struct {
			Conversations []struct {
				ID   string  `json:"id"`
				Name *string `json:"name"`
			} `json:"conversations"`
			Next string `json:"next"`
		}
		if err == nil {
			err = r.into(http.StatusOK, &page)
		}
		if err != nil {
			return fmt.Errorf("conversations of client %s may be left: %w", clientID, err)
		}
		d.mu.Lock()
		for _, c := range page.Conversations {
			if _, known := d.conversations[c.ID]; !known && c.Name != nil && *c.Name == d.name {
				d.conversations[c.ID] = created{}
			}
		}
		d.mu.Unlock()
		skip = page.Next
	}
	return nil
}
