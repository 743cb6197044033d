package models

import (
	"context"
	"math"

	"gorm.io/gorm"
)

// sweepExpiries bounds what is taken out in one transaction, each with an entry of its own; sends wait for it meanwhile.
const sweepExpiries = 100

// expiredReason marks the removal of a conversation whose time was over: nobody is told, because its members knew it from
// the start.
const expiredReason = "expired"

// sweepExpired removes an app's temporary conversations that have expired, some at a time, with all that belongs to them.
// Nobody has seen them since.
func (s *Store) sweepExpired(ctx context.Context, appID uint32) error {
	for after := ""; ; {
		var ids []string
		db := s.read.WithContext(ctx)
		err := db.Raw("SELECT id FROM conversations WHERE app_id = ? AND "+expired(db, "conversations")+" AND id > ? ORDER BY id LIMIT ?",
			appID, after, sweepExpiries).Find(&ids).Error
		if err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
		if err := s.removeExpired(ctx, appID, ids); err != nil {
			return err
		}
	}
}

func (s *Store) removeExpired(ctx context.Context, appID uint32, ids []string) error {
	var withFiles []string
	err := s.read.WithContext(ctx).Raw("SELECT DISTINCT conversation_id FROM message_files WHERE app_id = ? AND conversation_id IN ?", appID, ids).Find(&withFiles).Error
	if err != nil {
		return err
	}
	for _, id := range withFiles { // first: a message that is gone leads to no file any more
		if err := s.sweepFileUses(ctx, appID, id, math.MaxInt64); err != nil {
			return err
		}
	}
	for _, table := range []string{"messages", "events"} {
		if err := s.sweepConversations(ctx, table, appID, ids); err != nil {
			return err
		}
	}
	removed := 0
	err = s.change(ctx, appID, func(t *logTx) (err error) {
		removed, err = t.expire(ids)
		return err
	})
	s.metrics.expired.Add(float64(removed))
	return err
}

// sweepConversations deletes the rows of some conversations, a batch at a time.
func (s *Store) sweepConversations(ctx context.Context, table string, appID uint32, ids []string) error {
	for {
		var seqs []int64
		err := s.read.WithContext(ctx).Raw("SELECT seq FROM "+table+" WHERE app_id = ? AND conversation_id IN ? LIMIT ?", appID, ids, s.pace.limit()).Find(&seqs).Error
		if err != nil || len(seqs) == 0 {
			return err
		}
		err = s.sweepBatch(ctx, func(tx *gorm.DB) *gorm.DB {
			return tx.Exec("DELETE FROM "+table+" WHERE app_id = ? AND seq IN ?", appID, seqs)
		})
		if err != nil {
			return err
		}
	}
}

// expire takes conversations out whose rows of the log have been swept, and tells how many. A send that began before the
// end may have left a message since; such a conversation is left to the next turn.
func (t *logTx) expire(ids []string) (int, error) {
	var late []string
	if err := t.db.Raw("SELECT DISTINCT conversation_id FROM messages WHERE app_id = ? AND conversation_id IN ?", t.appID, ids).Find(&late).Error; err != nil {
		return 0, err
	}
	var gone []*Conversation
	if err := t.db.Where("app_id = ? AND id IN ?", t.appID, without(ids, late...)).Find(&gone).Error; err != nil || len(gone) == 0 {
		return 0, err
	}
	removed := make([]string, len(gone))
	for i, c := range gone {
		members, err := memberIDs(t.db, t.appID, c.ID)
		if err != nil {
			return 0, err
		}
		removed[i] = c.ID
		t.append(Event{ConversationID: c.ID, Kind: ConversationRemoved, Body: EventBody{Members: members, Reason: expiredReason}})
		if err := indexAttributes(t.db, t.appID, c.ID, entriesOf(c.Attributes), nil); err != nil {
			return 0, err
		}
	}
	for _, table := range []string{"events WHERE app_id = ? AND conversation_id IN ?", "members WHERE app_id = ? AND conversation_id IN ?",
		"conversations WHERE app_id = ? AND id IN ?"} {
		if err := t.db.Exec("DELETE FROM "+table, t.appID, removed).Error; err != nil {
			return 0, err
		}
	}
	return len(gone), nil
}

// IsExpiry tells whether the event is the removal of a conversation whose time was over.
func (e *Event) IsExpiry() bool {
	return e.Kind == ConversationRemoved && e.Body.Reason == expiredReason
}
