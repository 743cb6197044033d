package models

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/rs/xid"
	"gorm.io/gorm"
)

const (
	maxIdempotencyKey = 200 // bytes; a UUID has 36
	// Keys of clients and of the server itself share a column; the prefix keeps them apart.
	clientKeyPrefix = "c:"
	serverKeyPrefix = "s:"
)

// send is one message on its way into the log.
type send struct {
	by             Actor
	conversationID string
	draft          Draft
	file           string // the id of the stored file that it names; empty: none
	key            string // with its prefix
	// Set when the committer answers without an error:
	message  *Message
	replayed bool
}

func (s *send) size() int {
	n := len(s.draft.Attributes) + len(s.draft.Payload) + s.draft.link.size() + 512 // the other columns
	if s.draft.Text != nil {
		n += len(*s.draft.Text)
	}
	return n
}

func (s *send) lookup() sendKey { return sendKey{s.conversationID, s.by.ClientID, s.key} }

func (s *send) hasClientKey() bool { return strings.HasPrefix(s.key, clientKeyPrefix) }

func (s *send) member() memberKey { return memberKey{s.conversationID, s.by.ClientID} }

// sendKey is what the unique index holds: one message a conversation, sender and key.
type sendKey struct{ conversationID, sender, key string }

// memberKey is one client in one conversation.
type memberKey struct{ conversationID, clientID string }

// SendMessage stores a message and returns it once it is durable. A repeat with the same key, sender and conversation
// returns the first message and replayed = true; with another content it is Unprocessable.
func (s *Store) SendMessage(ctx context.Context, by Actor, conversationID string, draft Draft, key string) (m *Message, replayed bool, err error) {
	if err := draft.checkFor(by); err != nil {
		return nil, false, err
	}
	if key, err = sendKeyOf(key); err != nil {
		return nil, false, err
	}
	if err := s.settleFile(by, draft.storedFile()); err != nil {
		return nil, false, err
	}
	c, err := s.committerOf(by.App.ID)
	if err != nil {
		return nil, false, err
	}
	w := &send{by: by, conversationID: conversationID, draft: draft, file: draft.storedFile(), key: key}
	err = c.do(ctx, &work{send: w})
	s.metrics.sends.WithLabelValues(s.AppLabel(by.App), sendOutcome(w, err)).Inc()
	if HasCode(err, "not_a_member") {
		if _, missing := s.conversationFor(ctx, by, conversationID); HasCode(missing, "conversation_not_found") {
			err = missing
		}
	}
	if err != nil {
		return nil, false, err
	}
	return w.message, w.replayed, nil
}

// sendKeyOf checks the key that a client gave, and gives it its prefix.
func sendKeyOf(key string) (string, error) {
	switch {
	case key == "":
		// The node's own key recognises the message when the outcome of its commit is unknown.
		return serverKeyPrefix + xid.New().String(), nil
	case len(key) > maxIdempotencyKey || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }):
		return "", Invalidf("Idempotency-Key", "must be at most %d printable ASCII characters", maxIdempotencyKey)
	}
	return clientKeyPrefix + key, nil
}

// MaySend is what SendMessage checks, for a message that is not stored.
func (s *Store) MaySend(ctx context.Context, by Actor, conversationID string, draft Draft) (*Message, error) {
	if err := draft.checkFor(by); err != nil {
		return nil, err
	}
	c, in, err := s.standingIn(ctx, by, conversationID)
	if err != nil {
		return nil, err
	}
	if err := by.maySend(in, c.isRoom()); err != nil {
		return nil, err
	}
	if c.Type == System {
		return nil, Invalidf("transient", "would reach nobody: what is sent to a system conversation is for the app's own server, which reads what is stored")
	}
	m := draft.message(by, conversationID)
	if id := draft.storedFile(); id != "" {
		f, err := s.readableFile(ctx, by, id)
		if err != nil {
			return nil, err
		}
		m.File = f.inMessage()
	}
	m.Timestamp = s.now()
	return m, s.linkMessages(ctx, m)
}

func (d Draft) message(by Actor, conversationID string) *Message {
	return &Message{AppID: by.App.ID, ConversationID: conversationID, From: by.ClientID, SessionID: by.SessionID,
		Type: d.Type, Text: d.Text, Attributes: d.Attributes, File: d.link, Location: d.place, Payload: d.Payload, Priority: d.Priority}
}

// commitSends writes a batch in one transaction and answers everybody in it, after the commit and never before. An
// error that is not transient splits the batch, so that one bad row fails alone.
func (c *committer) commitSends(batch []*work) {
	s, begun, since := c.store, time.Now(), unbegun
	var written *sendBatch
	span := s.traceCommit(batch)
	err := s.persist(func(ctx context.Context, attempt int) (err error) {
		if attempt == 0 && c.insiders.know(batch) {
			since = c.insiders.seq
			if written, err = c.writeKnown(ctx, batch); !errors.Is(err, errNotAsKnown) {
				return err
			}
		}
		written, err = c.writeSends(ctx, batch, attempt, &since)
		return err
	})
	endSpan(span, err)
	if err != nil {
		_, told := errors.AsType[*Error](err)
		if half := len(batch) / 2; half > 0 && !told {
			c.commitSends(batch[:half])
			c.commitSends(batch[half:])
			return
		}
		for _, w := range batch {
			w.done <- err
		}
		return
	}
	c.insiders.moved(written.from, written.seq, written.at, written.entries)
	c.insiders.add(written.lasting)
	failpoint("sends committed")
	for _, w := range batch { // before anybody else sees the messages
		if w.send.message != nil {
			s.linkMessage(w.send.by.App, w.send.message)
		}
	}
	if entries := append(written.landed, written.entries...); len(entries) > 0 {
		s.metrics.commitSize.Observe(float64(len(entries)))
		s.metrics.commitTime.Observe(time.Since(begun).Seconds())
		if span != nil {
			traceEntries(batch, entries)
		}
		s.options.PublishCommitted(c.appID, entries)
	}
	for i, w := range batch {
		w.done <- written.verdicts[i]
	}
}

// writeSends is the transaction of any batch.
func (c *committer) writeSends(ctx context.Context, batch []*work, attempt int, since *int64) (written *sendBatch, err error) {
	err = c.store.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		t, err := c.store.beginLog(tx, c.appID, attempt, since)
		if err != nil {
			return err
		}
		written = newSendBatch(t, batch)
		return written.write()
	})
	return written, err
}

func sendOutcome(w *send, err error) string {
	if err == nil && w.replayed {
		return outcomeReplayed
	}
	return outcomeOf(err)
}
