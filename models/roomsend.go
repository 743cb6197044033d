package models

// lookInRooms finds out about the senders who are no members of what they send to: which of it is chat rooms, and who is
// inside. Where everybody is a member it asks nothing.
func (b *sendBatch) lookInRooms(inside map[memberKey]bool) error {
	var ids, senders []string
	for _, w := range b.work {
		if !inside[memberKey{w.send.conversationID, w.send.by.ClientID}] {
			ids, senders = append(ids, w.send.conversationID), append(senders, w.send.by.ClientID)
		}
	}
	b.rooms = map[string]bool{}
	if ids == nil {
		return nil
	}
	rows, err := b.db.Raw(`SELECT DISTINCT c.id, COALESCE(r.client_id, '') FROM conversations c LEFT JOIN room_sessions r
		ON r.app_id = c.app_id AND r.conversation_id = c.id AND r.client_id IN ? AND r.left_at = 0
		WHERE c.app_id = ? AND c.id IN ? AND c.type = ?`, senders, b.appID, ids, Chatroom).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var room, client string
		if err := rows.Scan(&room, &client); err != nil {
			return err
		}
		b.rooms[room], inside[memberKey{room, client}] = true, true
	}
	return rows.Err()
}
