package models

import (
	"context"
	"database/sql"
	"slices"

	"gorm.io/gorm"
)

// exportRows is the rows of one statement: at 32 KB a message 16 MB.
const exportRows = 500

// exportReader reads an app's rows as lines.
type exportReader struct {
	db    *gorm.DB
	app   uint32
	index func(table, key string) string // a table, read along an index
}

func (s *Store) exportReader(db *gorm.DB, app uint32) *exportReader {
	r := &logRead{store: s}
	return &exportReader{db: db, app: app, index: func(table, key string) string { return r.by(key, logTable{name: table}).name }}
}

// log reads some lines of the log in (after, upTo], in order, each message's file before it; reached is the number up to
// which they are complete.
func (r *exportReader) log(after, upTo int64) (lines []exportLine, reached int64, err error) {
	var messages []*exportMessage
	var events []*exportEvent
	const within = " WHERE app_id = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
	err = r.db.Raw("SELECT * FROM "+r.index("messages", "seq")+within, r.app, after, upTo, exportRows).Find(&messages).Error
	if err == nil {
		err = r.db.Raw("SELECT * FROM "+r.index("events", "seq")+within, r.app, after, upTo, exportRows).Find(&events).Error
	}
	if err != nil {
		return nil, 0, err
	}
	reached = upTo
	if len(messages) == exportRows {
		reached = messages[exportRows-1].Seq
	}
	if len(events) == exportRows {
		reached = min(reached, events[exportRows-1].Seq)
	}
	files, err := r.named(messages)
	if err != nil {
		return nil, 0, err
	}
	var entries []exportLine
	for _, m := range messages {
		m.ConversationID = withoutMark(m.ConversationID)
		entries = append(entries, exportLine{Message: m})
	}
	for _, e := range events {
		if exportedKind(e.Kind) {
			e.ConversationID = withoutMark(e.ConversationID)
			entries = append(entries, exportLine{Event: e})
		}
	}
	slices.SortFunc(entries, func(a, b exportLine) int { return int(a.seq() - b.seq()) })
	for _, e := range entries {
		if e.seq() > reached {
			break
		}
		if e.Message != nil {
			if f := files[e.Message.fileID()]; f != nil {
				lines = append(lines, exportLine{File: f})
			}
		}
		lines = append(lines, e)
	}
	return lines, reached, nil
}

// named reads the records of the files that messages name.
func (r *exportReader) named(messages []*exportMessage) (map[string]*exportFile, error) {
	var ids []string
	for _, m := range messages {
		if id := m.fileID(); id != "" {
			ids = append(ids, id)
		}
	}
	files := map[string]*exportFile{}
	if ids == nil {
		return files, nil
	}
	var found []*exportFile
	err := r.db.Raw("SELECT * FROM files WHERE app_id = ? AND id IN ? AND state = ?", r.app, ids, fileReady).Find(&found).Error
	for _, f := range found {
		f.UnusedSince = nil // a message names it
		files[f.ID] = f
	}
	return files, err
}

// records reads what the log has changed after a position, as it is now: all of it when that is 0.
func (r *exportReader) records(after int64, write func(exportLine) error) error {
	for _, read := range []func(int64, func(exportLine) error) error{r.conversations, r.members, r.formers, r.unusedFiles, r.delivered} {
		if err := read(after, write); err != nil {
			return err
		}
	}
	return nil
}

// conversations reads those with newer entries, and those that change without one: a retention of their own removes
// messages, or clients subscribe.
func (r *exportReader) conversations(after int64, write func(exportLine) error) error {
	for id := ""; ; {
		var rows []*Conversation
		err := r.db.Raw("SELECT * FROM conversations WHERE app_id = ? AND id > ? AND (last_seq > ? OR floor_seq > 0 OR type = ?) ORDER BY id LIMIT ?",
			r.app, id, after, System, exportRows).Find(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, c := range rows {
			id = c.ID
			if err := write(exportLine{Conversation: exported(c)}); err != nil {
				return err
			}
		}
	}
}

func exported(c *Conversation) *exportConversation {
	x := &exportConversation{ID: c.ID, Type: c.Type, Name: c.Name, Unique: c.Unique, UniqueKey: c.UniqueKey, Creator: c.Creator,
		Attributes: c.Attributes, MemberCount: c.MemberCount, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, ActiveAt: c.ActiveAt,
		LastSeq: c.LastSeq, LastMessageSeq: c.LastMessageSeq, LastMessageAt: c.LastMessageAt,
		RetentionDays: c.RetentionDays, FloorSeq: c.FloorSeq, TTL: c.TTL, ExpiresAt: c.ExpiresAt}
	if c.isRoom() { // whoever is inside is so by a stream, and streams do not move
		x.MemberCount = 0
	}
	return x
}

func (r *exportReader) members(after int64, write func(exportLine) error) error {
	for conversation, client := "", ""; ; {
		var rows []*Member
		err := r.db.Raw("SELECT * FROM members WHERE app_id = ? AND (conversation_id > ? OR conversation_id = ? AND client_id > ?) ORDER BY conversation_id, client_id LIMIT ?",
			r.app, conversation, conversation, client, exportRows).Find(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, m := range rows {
			conversation, client = m.ConversationID, m.ClientID
			if m.JoinedSeq <= after {
				continue
			}
			err := write(exportLine{Member: &exportMember{ConversationID: m.ConversationID, ClientID: m.ClientID, JoinedSeq: m.JoinedSeq,
				JoinedAt: m.JoinedAt, Ordinal: m.Ordinal, InvitedBy: m.InvitedBy, Kind: m.Kind, ExpiresAt: m.ExpiresAt}})
			if err != nil {
				return err
			}
		}
	}
}

func (r *exportReader) formers(after int64, write func(exportLine) error) error {
	at := FormerMember{}
	for {
		var rows []*FormerMember
		err := r.db.Raw(`SELECT * FROM former_members WHERE app_id = ? AND (client_id > ? OR client_id = ? AND (left_seq > ? OR left_seq = ? AND conversation_id > ?))
			ORDER BY client_id, left_seq, conversation_id LIMIT ?`,
			r.app, at.ClientID, at.ClientID, at.LeftSeq, at.LeftSeq, at.ConversationID, exportRows).Find(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, m := range rows {
			at = *m
			if m.LeftSeq <= after {
				continue
			}
			err := write(exportLine{Former: &exportFormer{ConversationID: m.ConversationID, ClientID: m.ClientID, JoinedSeq: m.JoinedSeq, LeftSeq: m.LeftSeq}})
			if err != nil {
				return err
			}
		}
	}
}

// unusedFiles reads the files that no message names: those that are named stand before their messages.
func (r *exportReader) unusedFiles(_ int64, write func(exportLine) error) error {
	for id := ""; ; {
		var rows []*exportFile
		err := r.db.Raw("SELECT * FROM files WHERE app_id = ? AND id > ? AND unused_since IS NOT NULL AND state = ? ORDER BY id LIMIT ?",
			r.app, id, fileReady, exportRows).Find(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, f := range rows {
			id = f.ID
			if err := write(exportLine{File: f}); err != nil {
				return err
			}
		}
	}
}

// delivered reads up to where clients have been brought the broadcasts, which no entry tells.
func (r *exportReader) delivered(_ int64, write func(exportLine) error) error {
	for id := ""; ; {
		var rows []*deliveredRow
		err := r.db.Raw("SELECT * FROM delivered_broadcasts WHERE app_id = ? AND client_id > ? ORDER BY client_id LIMIT ?", r.app, id, exportRows).Find(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, d := range rows {
			id = d.ClientID
			if err := write(exportLine{Delivered: &exportDelivered{ClientID: d.ClientID, UpTo: d.Seq}}); err != nil {
				return err
			}
		}
	}
}

// snapshot runs something that reads on one state of the database, whatever is written meanwhile.
func (s *Store) snapshot(ctx context.Context, do func(db *gorm.DB) error) (err error) {
	pool, err := s.read.DB()
	if err != nil {
		return err
	}
	var how *sql.TxOptions // SQLite's are like this anyhow
	if s.read.Name() == "mysql" {
		how = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	tx, err := pool.BeginTx(ctx, how)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it has written nothing
	db := s.read.Session(&gorm.Session{NewDB: true, Context: ctx})
	db.Statement.ConnPool = tx
	return do(db)
}
