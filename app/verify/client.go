package verify

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// Client is a session of a client.
type Client struct {
	ID, SessionID, Token string

	deployment *Deployment
	bearer     string // the Authorization header

	mu     sync.Mutex
	sends  int                      // so far, in all conversations
	queues map[string]chan struct{} // by conversation: who holds the place sends
}

// Login opens a session for a client, with a tag of its own so that no other session ends by it. It tries the nodes
// until ctx ends.
func (d *Deployment) Login(ctx context.Context, clientID string) (*Client, error) {
	return d.login(ctx, clientID, rand.Text)
}

// login takes a tag for each attempt: an attempt whose outcome is not known may still open its session, and must not
// end this one by doing so.
func (d *Deployment) login(ctx context.Context, clientID string, tag func() string) (*Client, error) {
	var tried []login
	r, err := d.do(ctx, call{method: "POST", path: "/v1/sessions", authorization: d.basic, finish: true, body: func() []byte {
		l := login{clientID, tag()}
		tried = append(tried, l)
		return encode(map[string]any{"clientId": l.clientID, "tag": l.tag})
	}})
	var answer struct {
		Token   string `json:"token"`
		Session struct {
			ID string `json:"id"`
		} `json:"session"`
	}
	if err == nil {
		tried = tried[:len(tried)-1] // the last one's outcome is known
		err = r.into(http.StatusCreated, &answer)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.doubt {
		d.doubtful = append(d.doubtful, tried...)
	}
	if err != nil {
		return nil, fmt.Errorf("client %s cannot log in: %w", clientID, err)
	}
	c := &Client{ID: clientID, SessionID: answer.Session.ID, Token: answer.Token, deployment: d,
		bearer: "Bearer " + answer.Token, queues: map[string]chan struct{}{}}
	d.clients = append(d.clients, c)
	return c, nil
}

// Logout ends the session. One that has ended otherwise is no error.
func (c *Client) Logout(ctx context.Context) error {
	d := c.deployment
	r, err := d.do(ctx, call{method: "DELETE", path: "/v1/sessions/current", authorization: c.bearer})
	if err == nil && r.status != http.StatusNoContent && r.status != http.StatusUnauthorized {
		err = r.refusal()
	}
	if err != nil {
		return fmt.Errorf("session %s of client %s is left: %w", c.SessionID, c.ID, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clients = slices.DeleteFunc(d.clients, func(other *Client) bool { return other == c })
	return nil
}

// Create starts a conversation with others. A repeat after an unknown outcome may make a second one, which Close finds.
func (c *Client) Create(ctx context.Context, members []string) (conversationID string, err error) {
	d, begun := c.deployment, time.Now()
	body := encode(map[string]any{"members": members, "name": d.name})
	r, err := d.do(ctx, call{method: "POST", path: "/v1/conversations", authorization: c.bearer, finish: true,
		body: func() []byte { return body }})
	var answer struct {
		ID string `json:"id"`
	}
	if err == nil {
		err = r.into(http.StatusCreated, &answer)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.doubt {
		d.strays[c.ID] = true
	}
	if err != nil {
		return "", fmt.Errorf("client %s cannot make a conversation: %w", c.ID, err)
	}
	inside := map[string]bool{c.ID: true}
	for _, member := range members {
		inside[member] = true
	}
	d.conversations[answer.ID] = created{members: inside, begun: begun}
	return answer.ID, nil
}

// take waits for the client's place in a conversation: one send at a time. The number is the send's own.
func (c *Client) take(ctx context.Context, conversationID string) (number int, give func(), err error) {
	c.mu.Lock()
	place := c.queues[conversationID]
	if place == nil {
		place = make(chan struct{}, 1)
		c.queues[conversationID] = place
	}
	c.mu.Unlock()
	select {
	case place <- struct{}{}:
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sends++
	return c.sends, func() { <-place }, nil
}

// encode is for values that are known to be JSON.
func encode(value any) []byte {
	data, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return []byte(strconv.Quote(err.Error())) // not reached; the server would refuse it
	}
	return data
}
