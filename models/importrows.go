package models

import (
	"slices"

	"github.com/go-json-experiment/json"
)

// importTx stores rows as an export has them. What is there already is replaced.
type importTx struct{ *logTx }

// log stores lines of the log, and does to the records what the removal of a conversation does; the others come as
// records.
func (t importTx) log(lines []exportLine) error {
	var messages []*exportMessage
	var events []*exportEvent
	var uses []MessageFileUse
	var mail importMail
	newest := Timestamp(0)
	for _, line := range lines {
		switch {
		case line.Message != nil:
			m := line.Message
			m.AppID, newest = t.appID, max(newest, m.CreatedAt)
			mail.add(m)
			if m.Audience.isPersonal() {
				m.ConversationID = personalPart(m.ConversationID)
			}
			messages = append(messages, m)
			if id := m.fileID(); id != "" {
				uses = append(uses, MessageFileUse{AppID: t.appID, FileID: id, ConversationID: m.ConversationID, Seq: m.Seq})
			}
		case line.Event != nil:
			line.Event.AppID, newest = t.appID, max(newest, line.Event.CreatedAt)
			if e := (&Event{Kind: line.Event.Kind}); e.isPersonal() {
				line.Event.ConversationID = personalPart(line.Event.ConversationID)
			}
			events = append(events, line.Event)
		}
	}
	if err := t.files(lines); err != nil {
		return err
	}
	if len(messages) > 0 {
		if err := t.db.Create(&messages).Error; err != nil {
			return err
		}
	}
	if err := mail.write(t); err != nil {
		return err
	}
	if len(uses) > 0 {
		if err := t.db.Create(&uses).Error; err != nil {
			return err
		}
	}
	if len(events) > 0 {
		if err := t.db.Create(&events).Error; err != nil {
			return err
		}
	}
	for _, e := range events {
		if e.Kind == ConversationRemoved {
			if err := t.removed(e); err != nil {
				return err
			}
		}
	}
	return t.db.Exec("UPDATE counters SET newest_at = ? WHERE app_id = ? AND newest_at < ?", newest, t.appID, newest).Error
}

// removed is what logTx.remove and removeSystem do, for a removal that the log has already.
func (t importTx) removed(e *exportEvent) error {
	if err := t.dropConversations([]string{e.ConversationID}); err != nil {
		return err
	}
	places := []string{e.ConversationID}
	var body EventBody
	if err := json.Unmarshal([]byte(e.Body), &body); err != nil {
		return err
	}
	statements := []string{"UPDATE former_members SET joined_seq = left_seq", "DELETE FROM members"}
	if body.Conversation != nil && body.Conversation.Type == System { // its subscribers are swept
		places, statements = append(places, personalPart(e.ConversationID)), nil
	}
	for _, statement := range append(statements, "DELETE FROM removed_conversations") {
		if err := t.db.Exec(statement+" WHERE app_id = ? AND conversation_id IN ?", t.appID, places).Error; err != nil {
			return err
		}
	}
	for _, place := range places {
		if err := t.db.Exec("INSERT INTO removed_conversations (app_id, conversation_id, seq) VALUES (?, ?, ?)", t.appID, place, e.Seq).Error; err != nil {
			return err
		}
	}
	return nil
}

// dropConversations removes rows of conversations, with what queries look into.
func (t importTx) dropConversations(ids []string) error {
	var there []*Conversation
	if err := t.db.Where("app_id = ? AND id IN ?", t.appID, ids).Find(&there).Error; err != nil || len(there) == 0 {
		return err
	}
	for _, c := range there {
		if err := indexAttributes(t.db, t.appID, c.ID, entriesOf(c.Attributes), nil); err != nil {
			return err
		}
	}
	return t.db.Exec("DELETE FROM conversations WHERE app_id = ? AND id IN ?", t.appID, ids).Error
}

func (t importTx) conversations(lines []exportLine) error {
	rows, ids := make([]*Conversation, len(lines)), make([]string, len(lines))
	var keys [][]byte
	for i, line := range lines {
		x := line.Conversation
		rows[i] = &Conversation{AppID: t.appID, ID: x.ID, Type: x.Type, Name: x.Name, Unique: x.Unique, UniqueKey: x.UniqueKey, Creator: x.Creator,
			Attributes: x.Attributes, MemberCount: x.MemberCount, CreatedAt: x.CreatedAt, UpdatedAt: x.UpdatedAt, ActiveAt: x.ActiveAt,
			LastSeq: x.LastSeq, LastMessageSeq: x.LastMessageSeq, LastMessageAt: x.LastMessageAt,
			RetentionDays: x.RetentionDays, FloorSeq: x.FloorSeq, TTL: x.TTL, ExpiresAt: x.ExpiresAt}
		ids[i] = x.ID
		if x.UniqueKey != nil {
			keys = append(keys, x.UniqueKey)
		}
	}
	if err := t.dropConversations(ids); err != nil {
		return err
	}
	if keys != nil { // who had one of them before has lost it since
		if err := t.db.Exec("UPDATE conversations SET unique_key = NULL WHERE app_id = ? AND unique_key IN ?", t.appID, keys).Error; err != nil {
			return err
		}
	}
	return t.db.Create(&rows).Error
}

func (t importTx) members(lines []exportLine) error {
	rows := make([]Member, len(lines))
	for i, line := range lines {
		x := line.Member
		rows[i] = Member{AppID: t.appID, ConversationID: x.ConversationID, ClientID: x.ClientID, JoinedSeq: x.JoinedSeq, JoinedAt: x.JoinedAt,
			Ordinal: x.Ordinal, InvitedBy: x.InvitedBy, Kind: x.Kind, ExpiresAt: x.ExpiresAt}
	}
	if err := t.dropMembers(rows); err != nil {
		return err
	}
	return t.db.Create(&rows).Error
}

// dropMembers removes those rows of the same members that are no newer.
func (t importTx) dropMembers(rows []Member) error {
	args := []any{t.appID}
	until := map[memberKey]int64{}
	for _, m := range rows {
		args = append(args, m.ConversationID, m.ClientID)
		key := memberKey{m.ConversationID, m.ClientID}
		until[key] = max(until[key], m.JoinedSeq)
	}
	var there []Member
	err := t.db.Raw("SELECT * "+t.lookUp("members", "PRIMARY", "conversation_id, client_id", len(rows)), args...).Find(&there).Error
	for _, m := range there {
		if err == nil && m.JoinedSeq <= until[memberKey{m.ConversationID, m.ClientID}] {
			err = t.db.Exec("DELETE FROM members WHERE app_id = ? AND conversation_id = ? AND client_id = ?", t.appID, m.ConversationID, m.ClientID).Error
		}
	}
	return err
}

// formers stores spans that have ended; who was inside by one is so no more.
func (t importTx) formers(lines []exportLine) error {
	rows, ended := make([]FormerMember, len(lines)), make([]Member, len(lines))
	args := []any{t.appID}
	for i, line := range lines {
		x := line.Former
		rows[i] = FormerMember{AppID: t.appID, ClientID: x.ClientID, LeftSeq: x.LeftSeq, ConversationID: x.ConversationID, JoinedSeq: x.JoinedSeq}
		ended[i] = Member{ConversationID: x.ConversationID, ClientID: x.ClientID, JoinedSeq: x.LeftSeq}
		args = append(args, x.ClientID, x.LeftSeq, x.ConversationID)
	}
	if err := t.dropMembers(ended); err != nil {
		return err
	}
	var there []FormerMember
	err := t.db.Raw("SELECT * "+t.lookUp("former_members", "PRIMARY", "client_id, left_seq, conversation_id", len(rows)), args...).Find(&there).Error
	for _, m := range there {
		if err == nil {
			err = t.db.Exec("DELETE FROM former_members WHERE app_id = ? AND client_id = ? AND left_seq = ? AND conversation_id = ?",
				t.appID, m.ClientID, m.LeftSeq, m.ConversationID).Error
		}
	}
	if err != nil {
		return err
	}
	return t.db.Create(&rows).Error
}

// files stores the records of files among some lines. The last one of a file counts.
func (t importTx) files(lines []exportLine) error {
	var rows []*exportFile
	var ids []string
	for _, line := range slices.Backward(lines) {
		if f := line.File; f != nil && !slices.Contains(ids, f.ID) {
			f.AppID, f.State = t.appID, fileReady
			rows, ids = append(rows, f), append(ids, f.ID)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := t.db.Exec("DELETE FROM files WHERE app_id = ? AND id IN ?", t.appID, ids).Error; err != nil {
		return err
	}
	return t.db.Create(&rows).Error
}
