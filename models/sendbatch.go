package models

import "strings"

// sendBatch is the transaction of up to maxBatch sends: one look-up, one insert, one update of the conversations
// touched and one of the counter, however many sends there are.
type sendBatch struct {
	*logTx
	from     int64 // where the log stood
	work     []*work
	verdicts []error // one a send; nil: stored or replayed
	rows     []*Message
	lasting  []memberKey     // members for good among the senders
	expired  map[string]bool // temporary conversations whose time is over
	// subscribed are the senders who are subscribers of the system conversation that they send to.
	subscribed map[memberKey]bool
	rooms      map[string]bool // chat rooms among what is sent to by others than members; the app's own server may speak there
	landed     []Entry         // written by an earlier run of this batch, whose outcome was unknown
}

func newSendBatch(t *logTx, work []*work) *sendBatch {
	return &sendBatch{logTx: t, from: t.seq, work: work, verdicts: make([]error, len(work))}
}

func (b *sendBatch) write() error {
	known, inside, err := b.look()
	if err == nil {
		err = b.lookInRooms(inside)
	}
	if err == nil {
		err = b.lookInSystem(known, inside)
	}
	if err != nil {
		return err
	}
	files, err := b.lookFiles()
	if err != nil {
		return err
	}
	for i, w := range b.work {
		b.verdicts[i] = b.place(w.send, known, inside, files)
	}
	if len(b.rows) == 0 {
		return nil
	}
	if err := b.insert(); err != nil {
		return err
	}
	if err := b.useFiles(files); err != nil {
		return err
	}
	if err := b.addressPersonal(); err != nil {
		return err
	}
	return b.finish()
}

// insert writes the messages and what their conversations show of them.
func (b *sendBatch) insert() error {
	if err := b.db.Create(&b.rows).Error; err != nil {
		return err
	}
	touch := b.touchConversations()
	return b.db.Exec(touch.sql, touch.args...).Error
}

// place decides about one send: a repeat of a key, a refusal, or the next number. Only what is accepted is numbered, so
// a refusal leaves no hole.
func (b *sendBatch) place(s *send, known map[sendKey]*Message, inside map[memberKey]bool, files namedFiles) error {
	placed, wasReplay := s.message, s.replayed // by an earlier run of this batch, whose outcome was unknown
	s.message, s.replayed = nil, false
	if b.expired[s.conversationID] {
		return errConversationNotFound()
	}
	if earlier := known[s.lookup()]; earlier != nil {
		if !s.draft.sameAs(earlier) {
			return errKeyReused()
		}
		ours := placed != nil && !wasReplay && placed.Seq == earlier.Seq // it took effect, and this is still the first answer
		if ours {
			earlier.Priority = s.draft.Priority
			b.landed = append(b.landed, Entry{Message: earlier})
		}
		s.message, s.replayed = earlier, !ours
		return nil
	}
	if err := s.by.maySend(standing{inside[s.member()]}, b.rooms[s.conversationID]); err != nil {
		return err
	}
	file, err := files.fileOf(s)
	if err != nil {
		return err
	}
	b.seq++
	m := s.draft.message(s.by, s.conversationID)
	if file != nil {
		m.File = file.inMessage()
	}
	m.Seq, m.Timestamp, m.IdempotencyKey = b.seq, b.at, s.key
	if b.subscribed[s.member()] {
		m.Audience = ToServer
	}
	b.rows = append(b.rows, m.Stored())
	b.entries = append(b.entries, Entry{Message: m})
	known[s.lookup()] = m // a repeat within this batch
	s.message = m
	return nil
}

func errKeyReused() *Error {
	return &Error{Kind: Unprocessable, Code: "idempotency_key_reused",
		Detail: "this Idempotency-Key has already sent another message",
		Fields: []FieldError{{Field: "Idempotency-Key", Detail: "belongs to another message of yours"}}}
}

// The columns of both halves of the look-up.
const lookColumns = "conversation_id, sender, seq, session_id, idempotency_key, type, text, COALESCE(attributes, ''), file, location, COALESCE(payload, ''), created_at, audience "

// look asks, in one statement, for the messages that are there already and for the senders who are inside the
// conversation they send to: on a network with some latency every statement counts.
func (b *sendBatch) look() (map[sendKey]*Message, map[memberKey]bool, error) {
	inside := make(map[memberKey]bool, len(b.work))
	b.subscribed, b.expired = map[memberKey]bool{}, map[string]bool{}
	args := []any{b.appID}
	for _, w := range b.work {
		key := w.send.member()
		if _, asked := inside[key]; !asked {
			inside[key] = false
			args = append(args, key.conversationID, key.clientID)
		}
	}
	// A membership comes as a message without a number, one that is over with a number below; with its kind in place of the
	// audience, and, when it goes by the clock, with the time 1.
	query := "SELECT conversation_id, client_id AS sender, CASE WHEN " + expired(b.db, "members") + " THEN -1 ELSE 0 END AS seq, '' AS session_id, '' AS idempotency_key, '' AS type, NULL AS text, '' AS attributes, NULL AS file, NULL AS location, '' AS payload, CASE WHEN expires_at IS NULL THEN 0 ELSE 1 END AS created_at, kind AS audience " +
		b.lookUp("members", "PRIMARY", "conversation_id, client_id", len(inside))
	if keys := b.keysToLookFor(); len(keys) > 0 {
		byKeys, keyArgs := b.byKeys(lookColumns, keys)
		query += " UNION ALL " + byKeys
		args = append(args, keyArgs...)
	}
	known := make(map[sendKey]*Message, len(b.work))
	err := b.found(query, args, func(m *Message) {
		member := memberKey{m.ConversationID, m.From}
		switch {
		case m.Seq > 0:
			known[sendKey{m.ConversationID, m.From, m.IdempotencyKey}] = m
		case m.Seq < 0:
			b.expired[m.ConversationID] = true
		default:
			inside[member] = true
			if MemberKind(m.Audience) == Subscriber {
				b.subscribed[member] = true
			} else if m.Timestamp == 0 {
				b.lasting = append(b.lasting, member)
			}
		}
	})
	return known, inside, err
}

// keysToLookFor gives the keys whose messages may be there. Those of the server's own can only be there in a
// second run, after an outcome that was unknown; by now the lost transaction has ended one way or the other, because this
// one holds the counter row.
func (b *sendBatch) keysToLookFor() (keys []sendKey) {
	for _, w := range b.work {
		if b.attempt > 0 || w.send.hasClientKey() {
			keys = append(keys, w.send.lookup())
		}
	}
	return keys
}

// found hands on the rows of a look-up.
func (b *sendBatch) found(query string, args []any, take func(*Message)) error {
	rows, err := b.db.Raw(query, args...).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		m := &Message{AppID: b.appID}
		err := rows.Scan(&m.ConversationID, &m.From, &m.Seq, &m.SessionID, &m.IdempotencyKey, &m.Type, &m.Text, &m.Attributes, &m.File, &m.Location, &m.Payload, &m.Timestamp, &m.Audience)
		if err != nil {
			return err
		}
		take(m)
	}
	return rows.Err()
}

// touchConversations moves the conversations' last entry and last message, all in one statement. Every message of a
// transaction has the same time.
func (b *sendBatch) touchConversations() statement {
	last := map[string]int64{}
	var ids []string
	for _, m := range b.rows {
		if _, seen := last[m.ConversationID]; !seen {
			ids = append(ids, m.ConversationID)
		}
		last[m.ConversationID] = m.Seq
	}
	var cases strings.Builder
	var args []any
	for _, id := range ids {
		cases.WriteString(" WHEN ? THEN ?")
		args = append(args, id, last[id])
	}
	// MySQL assigns from left to right, so last_message_seq takes the value that last_seq has just got; SQLite reads the
	// old row throughout. Naming the CASE twice means the same on both.
	pick := "CASE id" + cases.String() + " END"
	args = append(append(append([]any{}, args...), args...), b.at, b.at, b.appID, ids)
	return statement{"UPDATE conversations SET last_seq = " + pick + ", last_message_seq = " + pick +
		", last_message_at = ?, active_at = ? WHERE app_id = ? AND id IN ?", args, int64(len(ids))}
}
