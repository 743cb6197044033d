package verify

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
)

// SendOption changes how a message is sent.
type SendOption func(*plan)

type plan struct {
	keyless, repeated bool
	size              int
}

// WithoutKey sends without an Idempotency-Key, and therefore once: unanswered, its outcome stays unknown.
func WithoutKey() SendOption { return func(p *plan) { p.keyless = true } }

// Repeated sends the same once more after its answer: it must be answered with the first message.
func Repeated() SendOption { return func(p *plan) { p.repeated = true } }

// OfSize makes the text this many bytes long, if it is shorter otherwise.
func OfSize(bytes int) SendOption { return func(p *plan) { p.size = bytes } }

// Send sends the client's next message to a conversation, when the client's earlier sends there have ended. It has an
// Idempotency-Key of its own and is tried on one node after the other until it is answered or ctx ends. The ledger gets
// intent and answer; the error says why it was not acknowledged.
func (c *Client) Send(ctx context.Context, l *Ledger, conversationID string, options ...SendOption) error {
	var p plan
	for _, option := range options {
		option(&p)
	}
	number, give, err := c.take(ctx, conversationID)
	if err != nil {
		return err
	}
	defer give()
	s := l.intend(&sent{origin: origin{c.SessionID, number}, client: c.ID, conversation: conversationID, size: p.size})
	body := encode(map[string]any{"type": "text", "text": s.text()})
	send := call{method: "POST", path: "/v1/conversations/" + conversationID + "/messages", authorization: c.bearer,
		key: rand.Text(), body: func() []byte { return body }}
	if p.keyless {
		send.key, send.once = "", true
	}
	r, err := c.deployment.do(ctx, send)
	if err == nil {
		err = l.answered(s, r)
	}
	l.retried(r.attempts - 1)
	if err != nil || !p.repeated || p.keyless {
		return err
	}
	r, err = c.deployment.do(ctx, send)
	l.retried(r.attempts - 1)
	if err != nil {
		return err
	}
	return l.repeated(s, r)
}

// answered records the answer to a send.
func (l *Ledger) answered(s *sent, r result) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var m message
	switch {
	case r.status == http.StatusCreated:
	case r.status == http.StatusOK && r.header.Get("Idempotency-Replayed") == "true":
	default:
		if r.status < http.StatusMultipleChoices || r.status == http.StatusUnprocessableEntity {
			l.found.add(broken, "%s was answered %d by %s: %.200q", s, r.status, r.node, r.body)
		}
		s.refused = !r.doubt && r.status >= http.StatusBadRequest
		return r.refusal()
	}
	if err := json.Unmarshal(r.body, &m); err != nil {
		l.found.add(broken, "%s was answered %d by %s with what is not a message: %v", s, r.status, r.node, err)
		return fmt.Errorf("the answer is not a message: %w", err)
	}
	id, ok := parseID(m.ID)
	if !ok || id == 0 {
		l.found.add(broken, "%s was answered %d by %s with the id %q", s, r.status, r.node, m.ID)
		return fmt.Errorf("the answer has the id %q", m.ID)
	}
	s.acknowledged, s.ended = id, l.now()
	l.sendTimes = append(l.sendTimes, s.ended-s.begun)
	l.compare(s, m, "the answer of "+r.node)
	return nil
}

// repeated records the answer to a repeat of a send that was acknowledged.
func (l *Ledger) repeated(s *sent, r result) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.repeats++
	var m message
	if r.status != http.StatusOK || r.header.Get("Idempotency-Replayed") != "true" || json.Unmarshal(r.body, &m) != nil {
		l.found.add(broken, "%s was sent again with its key, and %s answered %d (Idempotency-Replayed: %q): %.200q",
			s, r.node, r.status, r.header.Get("Idempotency-Replayed"), r.body)
		return nil
	}
	if id, ok := parseID(m.ID); !ok || id != s.acknowledged {
		l.found.add(doubled, "%s was sent again with its key, and %s answered with another message, id %q", s, r.node, m.ID)
	}
	l.compare(s, m, "the answer to a repeat by "+r.node)
	return nil
}

// retried counts attempts beyond the first.
func (l *Ledger) retried(attempts int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retries += max(attempts, 0)
}
