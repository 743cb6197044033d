package models

import (
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
// new key, this one's becomes NULL, so that a membership change never fails for it.
func (t *logTx) followMembers(c *Conversation) error {
	if !c.Unique {
		return nil
	}
	members, err := memberIDs(t.db, t.appID, c.ID)
	if err != nil {
		return err
	}
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
	return t.db.Exec("UPDATE conversations SET unique_key = ? WHERE app_id = ? AND id = ?", c.UniqueKey, t.appID, c.ID).Error
}

func without(list []string, drop ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(drop, s) })
}
