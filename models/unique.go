package models

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// uniqueKey stands for a set of members: SHA-256 over the type and the sorted, length-prefixed client ids.
func uniqueKey(conversationType string, members []string) []byte {
	sorted := slices.Clone(members)
	slices.Sort(sorted)
	h := sha256.New()
	for _, part := range append([]string{conversationType}, sorted...) {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// followMembers moves a unique conversation's key after a change of its members. Where another conversation holds the
// new key, this one's becomes NULL, so that a membership change never fails for it. before are the members of before the
// change, whose key becomes free.
func (t *logTx) followMembers(c *Conversation, before []string) error {
	if !c.Unique {
		return nil
	}
	members, err := memberIDs(t.db, t.appID, c.ID)
	if err != nil {
		return err
	}
	freed := c.UniqueKey
	c.UniqueKey = nil
	if len(members) > 0 {
		key := uniqueKey(c.Type, members)
		var taken int64
		err := t.db.Model(&Conversation{}).Where("app_id = ? AND unique_key = ? AND id <> ?", t.appID, key, c.ID).Count(&taken).Error
		if err != nil {
			return err
		}
		if taken == 0 {
			c.UniqueKey = key
		}
	}
	if err := t.setUniqueKey(c.ID, c.UniqueKey); err != nil || freed == nil || bytes.Equal(freed, c.UniqueKey) {
		return err
	}
	return t.inheritKey(freed, before)
}

func (t *logTx) setUniqueKey(id string, key []byte) error {
	return t.db.Exec("UPDATE conversations SET unique_key = ? WHERE app_id = ? AND id = ?", key, t.appID, id).Error
}

// inheritKey gives a key that has become free to a unique conversation that has exactly its members and went without:
// the oldest, when there are several.
func (t *logTx) inheritKey(key []byte, members []string) error {
	if len(members) == 0 {
		return nil
	}
	var candidates []*Conversation
	err := t.db.Joins("JOIN members ON members.app_id = conversations.app_id AND members.conversation_id = conversations.id AND members.client_id = ?", members[0]).
		Where("conversations.app_id = ? AND conversations.is_unique = ? AND conversations.unique_key IS NULL AND conversations.expires_at IS NULL AND conversations.member_count = ?",
			t.appID, true, len(members)).Order("conversations.created_at, conversations.id").Find(&candidates).Error
	if err != nil {
		return err
	}
	for _, c := range candidates {
		inside, err := memberIDs(t.db, t.appID, c.ID)
		if err != nil {
			return err
		}
		if bytes.Equal(uniqueKey(c.Type, inside), key) {
			// It has changed, as an export sees it, so its newest entry is this one.
			return t.db.Exec("UPDATE conversations SET unique_key = ?, last_seq = ? WHERE app_id = ? AND id = ?", key, t.seq, t.appID, c.ID).Error
		}
	}
	return nil
}

func without(list []string, drop ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(drop, s) })
}
