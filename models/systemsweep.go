package models

import (
	"context"
	"strings"

	"gorm.io/gorm"
)

// sweepMessages deletes a conversation's messages below a number, with what leads to those among them that are personal.
func (s *Store) sweepMessages(ctx context.Context, appID uint32, place string, below int64) error {
	if strings.HasPrefix(place, personalMark) {
		for after := int64(0); ; {
			var seqs []int64
			err := s.read.WithContext(ctx).Raw("SELECT seq FROM messages WHERE app_id = ? AND conversation_id = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?",
				appID, place, after, below, s.pace.limit()).Find(&seqs).Error
			if err != nil {
				return err
			}
			if len(seqs) == 0 {
				break
			}
			if err := s.sweepPersonal(ctx, appID, seqs); err != nil {
				return err
			}
			after = seqs[len(seqs)-1]
		}
	}
	return s.sweepTable(ctx, "messages", "", appID, place, below)
}

// sweepPersonal deletes what leads to some messages that are gone, or are just going. Of a message to 500 clients there are 500 rows.
func (s *Store) sweepPersonal(ctx context.Context, appID uint32, seqs []int64) error {
	var personal []struct {
		Seq     int64
		Readers int
	}
	err := s.read.WithContext(ctx).Raw("SELECT seq, COUNT(*) AS readers FROM personal_messages WHERE app_id = ? AND seq IN ? GROUP BY seq ORDER BY seq",
		appID, seqs).Find(&personal).Error
	if err != nil {
		return err
	}
	for len(personal) > 0 {
		var batch []int64
		rows, limit := 0, s.pace.limit()
		for len(personal) > 0 && (rows == 0 || rows+personal[0].Readers <= limit) {
			batch, rows = append(batch, personal[0].Seq), rows+personal[0].Readers
			personal = personal[1:]
		}
		err := s.sweepBatch(ctx, func(tx *gorm.DB) *gorm.DB {
			return tx.Exec("DELETE FROM personal_messages WHERE app_id = ? AND seq IN ?", appID, batch)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sweepBroadcasts deletes what leads to broadcasts that are valid no more.
func (s *Store) sweepBroadcasts(ctx context.Context, appID uint32) error {
	var some int
	now := s.now()
	err := s.read.WithContext(ctx).Raw("SELECT COUNT(*) FROM (SELECT 1 FROM broadcasts WHERE app_id = ? AND valid_until < ? LIMIT 1) found", appID, now).Row().Scan(&some)
	if err != nil || some == 0 {
		return err
	}
	return s.sweepBatch(ctx, func(tx *gorm.DB) *gorm.DB {
		return tx.Exec("DELETE FROM broadcasts WHERE app_id = ? AND valid_until < ?", appID, now)
	})
}

// sweepSubscriptions deletes who was subscribed to a removed system conversation: it is there under the place of its personal messages.
func (s *Store) sweepSubscriptions(ctx context.Context, appID uint32, place string) error {
	if !strings.HasPrefix(place, personalMark) {
		return nil
	}
	id := withoutMark(place)
	for _, table := range []string{"members", "former_members"} {
		for {
			var clients []string
			err := s.read.WithContext(ctx).Raw("SELECT client_id FROM "+table+" WHERE app_id = ? AND conversation_id = ? LIMIT ?",
				appID, id, s.pace.limit()).Find(&clients).Error
			if err != nil {
				return err
			}
			if len(clients) == 0 {
				break
			}
			err = s.sweepBatch(ctx, func(tx *gorm.DB) *gorm.DB {
				return tx.Exec("DELETE FROM "+table+" WHERE app_id = ? AND conversation_id = ? AND client_id IN ?", appID, id, clients)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
