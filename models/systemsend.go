package models

// This file is what a batch of sends has to do with system conversations: what a subscriber sends is for the app's own
// server. Batches without such a send pass it without a statement.

// lookInSystem finds out whether the system conversations that subscribers send to are still there, and which of the messages
// are there already: those are kept where the first look did not go.
func (b *sendBatch) lookInSystem(known map[sendKey]*Message, inside map[memberKey]bool) error {
	if len(b.subscribed) == 0 {
		return nil
	}
	var ids, there []string
	var keys []sendKey
	for _, w := range b.work {
		if !b.subscribed[w.send.member()] {
			continue
		}
		ids = append(ids, w.send.conversationID)
		if b.attempt > 0 || w.send.hasClientKey() {
			keys = append(keys, sendKey{personalPart(w.send.conversationID), w.send.by.ClientID, w.send.key})
		}
	}
	if err := b.db.Raw("SELECT id FROM conversations WHERE app_id = ? AND id IN ?", b.appID, ids).Find(&there).Error; err != nil {
		return err
	}
	exists := map[string]bool{}
	for _, id := range there {
		exists[id] = true
	}
	for member := range b.subscribed {
		inside[member] = exists[member.conversationID] // the subscriptions of a removed one wait to be swept
	}
	if len(keys) == 0 {
		return nil
	}
	var found []*Message
	query, args := b.byKeys("* ", keys)
	if err := b.db.Raw(query, args...).Find(&found).Error; err != nil {
		return err
	}
	for _, m := range found {
		m.Unmark()
		known[sendKey{m.ConversationID, m.From, m.IdempotencyKey}] = m
	}
	return nil
}

// addressPersonal writes who may see the personal messages of the batch.
func (b *sendBatch) addressPersonal() error {
	if len(b.subscribed) == 0 {
		return nil
	}
	var rows []PersonalMessage
	for _, e := range b.entries {
		if e.Message.Audience.isPersonal() {
			rows = append(rows, personalRows(e.Message)...)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return b.db.CreateInBatches(&rows, insertRows).Error
}
