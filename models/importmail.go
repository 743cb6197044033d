package models

// importMail is what leads clients to the messages of system conversations, made anew from the messages.
type importMail struct {
	personal   []PersonalMessage
	broadcasts []broadcastRow
}

// add takes a message whose conversation is still without its mark.
func (i *importMail) add(m *exportMessage) {
	switch m.Audience {
	case ToNamed, ToServer:
		i.personal = append(i.personal, personalRows(&Message{AppID: m.AppID, From: m.Sender, Seq: m.Seq, ConversationID: m.ConversationID,
			Audience: m.Audience, Recipients: m.recipients(), ValidUntil: m.ValidUntil})...)
	case ToSubscribers:
		i.broadcasts = append(i.broadcasts, broadcastRow{AppID: m.AppID, Channel: m.ConversationID, Seq: m.Seq, ConversationID: m.ConversationID, ValidUntil: m.ValidUntil})
	case ToEveryone:
		i.broadcasts = append(i.broadcasts, broadcastRow{AppID: m.AppID, Seq: m.Seq, ConversationID: m.ConversationID, ValidUntil: m.ValidUntil})
	}
}

func (i *importMail) write(t importTx) error {
	if len(i.personal) > 0 {
		if err := t.db.CreateInBatches(&i.personal, insertRows).Error; err != nil {
			return err
		}
	}
	if len(i.broadcasts) > 0 {
		return t.db.Create(&i.broadcasts).Error
	}
	return nil
}

// delivered notes up to where clients have been brought the broadcasts.
func (t importTx) delivered(lines []exportLine) error {
	rows, ids := make([]deliveredRow, len(lines)), make([]string, len(lines))
	for i, line := range lines {
		ids[i] = line.Delivered.ClientID
		rows[i] = deliveredRow{AppID: t.appID, ClientID: ids[i], Seq: line.Delivered.UpTo}
	}
	if err := t.db.Exec("DELETE FROM delivered_broadcasts WHERE app_id = ? AND client_id IN ?", t.appID, ids).Error; err != nil {
		return err
	}
	return t.db.Create(&rows).Error
}
