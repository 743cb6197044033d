package models

import (
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// How long a broadcast is valid that does not say it: long enough for who comes once a month.
	defaultValidity = 30 * 24 * time.Hour
	// The longest: the broadcasts that are valid are what somebody new is brought at once.
	maxValidity = 366 * 24 * time.Hour
)

// Broadcast is a message of a system conversation to many.
type Broadcast struct {
	To         Audience // ToSubscribers, ToEveryone or ToNamed
	Named      []string // with ToNamed
	Draft      Draft
	ValidUntil *Timestamp // nil: defaultValidity from now
}

// broadcastRow is how a broadcast to subscribers or to everyone is found while it is valid.
type broadcastRow struct {
	AppID          uint32
	Channel        string // the conversation whose subscribers it is for; empty: everyone
	Seq            int64
	ConversationID string
	ValidUntil     Timestamp
}

// TableName is GORM's word for it.
func (broadcastRow) TableName() string { return "broadcasts" }

// PersonalMessage is a row that leads a client to a message that is for it by its name.
type PersonalMessage struct {
	AppID          uint32
	ClientID       string
	Seq            int64
	ConversationID string
	ValidUntil     Timestamp
}

// personalRows gives what leads to a message those for whom it is.
func personalRows(m *Message) []PersonalMessage {
	named := []string(m.Recipients)
	if m.Audience == ToServer {
		named = []string{m.From}
	}
	rows := make([]PersonalMessage, len(named))
	for i, id := range named {
		rows[i] = PersonalMessage{AppID: m.AppID, ClientID: id, Seq: m.Seq, ConversationID: m.ConversationID, ValidUntil: m.ValidUntil}
	}
	return rows
}

func (b *Broadcast) check() (err error) {
	if b.To == ToNamed {
		if b.Named, err = checkClientIDs("to", b.Named, 1); err != nil {
			return err
		}
	}
	err = b.Draft.check()
	if e, told := errors.AsType[*Error](err); told && len(e.Fields) == 1 {
		return Invalidf("message."+e.Fields[0].Field, "%s", e.Fields[0].Detail)
	}
	return err
}

// sameAs tells whether a repeated call asks for the broadcast that was stored under its key.
func (b *Broadcast) sameAs(m *Message) bool {
	return b.To == m.Audience && slices.Equal(b.Named, m.Recipients) && b.Draft.sameAs(m) &&
		(b.ValidUntil == nil || *b.ValidUntil == m.ValidUntil)
}

func (b *Broadcast) validUntil(now Timestamp) (Timestamp, error) {
	switch {
	case b.ValidUntil == nil:
		return now + Timestamp(defaultValidity.Milliseconds()), nil
	case *b.ValidUntil <= now:
		return 0, Invalidf("validUntil", "must be in the future")
	case *b.ValidUntil > now+Timestamp(maxValidity.Milliseconds()):
		return 0, Invalidf("validUntil", "must be within a year")
	}
	return *b.ValidUntil, nil
}

// Broadcast sends a message of a system conversation, as one entry of the log however many it is for: for the app's own
// server. A repeat with the same key, sender and conversation returns the first message and replayed = true.
func (s *Store) Broadcast(ctx context.Context, by Actor, conversationID string, b Broadcast, key string) (m *Message, replayed bool, err error) {
	if err := by.requireMaster(); err != nil {
		return nil, false, err
	}
	if err := b.check(); err != nil {
		return nil, false, err
	}
	if key, err = sendKeyOf(key); err != nil {
		return nil, false, err
	}
	if err := s.settleFile(by, b.Draft.storedFile()); err != nil {
		return nil, false, err
	}
	sender := by
	if sender.ClientID == "" {
		sender.ClientID = conversationID
	}
	w := &send{by: sender, conversationID: conversationID, draft: b.Draft, file: b.Draft.storedFile(), key: key}
	var made struct { // the committer's until change has returned nil: a caller that hangs up does not wait
		message  *Message
		replayed bool
	}
	err = s.change(ctx, by.App.ID, func(t *logTx) (err error) {
		made.message, made.replayed, err = t.broadcast(w, &b, made.message)
		if err == nil {
			s.linkMessage(by.App, made.message) // before anybody else sees it
		}
		return err
	})
	if err == nil {
		w.message, w.replayed = made.message, made.replayed
	}
	s.metrics.sends.WithLabelValues(s.AppLabel(by.App), sendOutcome(w, err)).Inc()
	return w.message, w.replayed, err
}

// broadcast finds the message of an earlier call with the same key, or writes it. placed is what an earlier run of this
// one wrote, if its commit took effect.
func (t *logTx) broadcast(w *send, b *Broadcast, placed *Message) (m *Message, replayed bool, err error) {
	c, err := findConversation(t.db, t.appID, w.conversationID)
	switch {
	case err != nil:
		return nil, false, err
	case c == nil:
		return nil, false, errConversationNotFound()
	case c.Type != System:
		return nil, false, &Error{Kind: Conflict, Code: "not_a_system_conversation", Detail: "only system conversations broadcast"}
	}
	earlier, err := t.earlierBroadcast(w, c)
	switch {
	case err != nil:
		return nil, false, err
	case earlier == nil:
		m, err = t.writeBroadcast(w, b, c)
		return m, false, err
	case !b.sameAs(earlier):
		return nil, false, errKeyReused()
	}
	ours := placed != nil && placed.Seq == earlier.Seq
	if ours {
		t.entries = append(t.entries, Entry{Message: earlier})
	}
	return earlier, !ours, nil
}

// earlierBroadcast finds the message that a key has sent to anybody; nil: there is none.
func (t *logTx) earlierBroadcast(w *send, c *Conversation) (*Message, error) {
	var found []*Message
	query, args := t.byKeys("* ", []sendKey{{c.ID, w.by.ClientID, w.key}, {personalPart(c.ID), w.by.ClientID, w.key}})
	err := t.db.Raw(query, args...).Find(&found).Error
	if err != nil || len(found) == 0 {
		return nil, err
	}
	found[0].Unmark()
	return found[0], nil
}

func (t *logTx) writeBroadcast(w *send, b *Broadcast, c *Conversation) (*Message, error) {
	until, err := b.validUntil(t.at)
	if err != nil {
		return nil, err
	}
	batch := &sendBatch{logTx: t, work: []*work{{send: w}}}
	files, err := batch.lookFiles()
	if err != nil {
		return nil, err
	}
	file, err := files.fileOf(w)
	if err != nil {
		return nil, err
	}
	t.seq++
	m := w.draft.message(w.by, c.ID)
	if file != nil {
		m.File = file.inMessage()
	}
	m.Seq, m.Timestamp, m.IdempotencyKey = t.seq, t.at, w.key
	m.Audience, m.Recipients, m.ValidUntil = b.To, b.Named, until
	t.entries = append(t.entries, Entry{Message: m})
	row := m.Stored()
	if err := t.db.Create(row).Error; err != nil {
		return nil, err
	}
	batch.rows = []*Message{row}
	if err := batch.useFiles(files); err != nil {
		return nil, err
	}
	if err := t.addressBroadcast(c, m); err != nil {
		return nil, err
	}
	return m, nil
}

// addressBroadcast writes what leads its readers to a broadcast. The conversation shows by its times that it has spoken to
// all; not that it has to somebody.
func (t *logTx) addressBroadcast(c *Conversation, m *Message) error {
	if m.Audience.isPersonal() {
		rows := personalRows(m)
		return t.db.CreateInBatches(&rows, insertRows).Error
	}
	row := broadcastRow{AppID: t.appID, Channel: c.ID, Seq: m.Seq, ConversationID: c.ID, ValidUntil: m.ValidUntil}
	if m.Audience == ToEveryone {
		row.Channel = ""
	}
	if err := t.db.Create(&row).Error; err != nil {
		return err
	}
	return t.db.Exec("UPDATE conversations SET last_seq = ?, last_message_at = ?, active_at = ? WHERE app_id = ? AND id = ?",
		m.Seq, t.at, t.at, t.appID, c.ID).Error
}
