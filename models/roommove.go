package models

import (
	"slices"
	"strings"

	"gorm.io/gorm/clause"
)

// moveKind is what is to become of a session.
type moveKind int

const (
	moveIn   moveKind = iota + 1 // it enters a room
	moveOut                      // it leaves a room for good
	moveGone                     // it has no stream any more: out of all its rooms, for now
	moveBack                     // it has a stream here again: back into those it was in until a moment ago
)

// roomMove is one session's move in or out of chat rooms.
type roomMove struct {
	kind   moveKind
	key    SessionKey
	room   string  // moveIn, moveOut
	reason string  // moveOut
	actor  *string // moveOut: who has kicked it
	stayed bool    // moveBack: it had a stream all the time
	// Set when the moves have been made:
	conversation *Conversation // moveIn, moveOut
	stays        []RoomStay    // moveBack: all the rooms it is in now
	err          error
}

// placeKey is a session's place in a room.
type placeKey struct {
	room string
	SessionKey
}

// place is what a batch knows and decides of a session in a room.
type place struct {
	row         RoomSession
	known       bool // there is a row
	was, inside bool
	away        bool // outside, and may be put back
	change      entryKey
}

// entryKey tells the moves apart that need entries of their own.
type entryKey struct {
	room   string
	kind   EventKind
	reason string
	actor  string // of a kick; empty: the app's own server
}

// roomBatch is the transaction of some hundred moves: one look-up and one write a table, however many there are.
type roomBatch struct {
	*logTx
	sessionsHere func(appID uint32, clientID string) []string // Options.SessionsHere

	moves    []*roomMove
	rooms    map[string]*Conversation // by id: those that are entered or left
	places   map[placeKey]*place
	sessions map[SessionKey][]*place
	streams  map[SessionKey]bool // those that have streams on any node, as far as the database knows
}

func (t *logTx) moveRooms(moves []*roomMove, sessionsHere func(appID uint32, clientID string) []string) error {
	b := &roomBatch{logTx: t, sessionsHere: sessionsHere, moves: moves, rooms: map[string]*Conversation{}, places: map[placeKey]*place{},
		sessions: map[SessionKey][]*place{}, streams: map[SessionKey]bool{}}
	if err := b.look(); err != nil {
		return err
	}
	for _, m := range moves {
		m.conversation, m.stays = nil, nil
		m.err = b.decide(m)
	}
	if err := b.write(); err != nil {
		return err
	}
	return b.answer()
}

// look reads the places and the streams of the sessions that move, and the rooms that they name.
func (b *roomBatch) look() error {
	args, clients := []any{b.appID}, []any{b.appID}
	named, ids := map[SessionKey]bool{}, map[string]bool{}
	for _, m := range b.moves {
		if !named[m.key] {
			named[m.key] = true
			args, clients = append(args, m.key.ClientID, m.key.SessionID), append(clients, m.key.ClientID)
		}
		if m.room != "" {
			ids[m.room] = true
		}
	}
	var rows []RoomSession
	err := b.db.Raw("SELECT * "+b.lookUp("room_sessions", "room_sessions_session", "client_id, session_id", len(named)), args...).Find(&rows).Error
	if err != nil {
		return err
	}
	for _, row := range rows {
		b.put(&place{row: row, known: true, was: row.LeftAt == 0, inside: row.LeftAt == 0, away: row.LeftAt != 0})
	}
	var streams []SessionKey
	err = b.db.Raw("SELECT DISTINCT client_id, session_id "+b.lookUp("presences", "PRIMARY", "client_id", len(named)), clients...).Find(&streams).Error
	if err != nil {
		return err
	}
	for _, key := range streams {
		b.streams[key] = true
	}
	return b.readRooms(ids)
}

// readRooms reads the rows of rooms that are not there yet.
func (b *roomBatch) readRooms(ids map[string]bool) error {
	var missing []string
	for id := range ids {
		if b.rooms[id] == nil {
			missing = append(missing, id)
		}
	}
	if missing == nil {
		return nil
	}
	var rooms []*Conversation
	err := b.db.Where("app_id = ? AND id IN ? AND type = ?", b.appID, missing, Chatroom).Find(&rooms).Error
	for _, c := range rooms {
		b.rooms[c.ID] = c
	}
	return err
}

func (b *roomBatch) put(p *place) *place {
	key := SessionKey{p.row.ClientID, p.row.SessionID}
	b.places[placeKey{p.row.ConversationID, key}] = p
	b.sessions[key] = append(b.sessions[key], p)
	return p
}

// decide makes one move, in memory.
func (b *roomBatch) decide(m *roomMove) error {
	switch m.kind {
	case moveIn:
		return b.enter(m)
	case moveOut:
		if b.rooms[m.room] == nil {
			return errConversationNotFound()
		}
		if p := b.places[placeKey{m.room, m.key}]; p != nil {
			actor := ""
			if m.actor != nil {
				actor = *m.actor
			}
			p.inside, p.away = false, false
			p.change = entryKey{m.room, RoomLeft, m.reason, actor}
		}
	case moveGone:
		streaming := b.streaming(m.key)
		for _, p := range b.sessions[m.key] {
			if p.inside && !streaming {
				p.inside, p.away, p.row.LeftAt = false, true, b.at
				p.change = entryKey{p.row.ConversationID, RoomLeft, RoomGone, ""}
			}
		}
	case moveBack:
		within := roomReturn
		if m.stayed {
			within = roomKept
		}
		here := b.isHere(m.key) // otherwise its stream has ended meanwhile
		for _, p := range b.sessions[m.key] {
			if p.away && here && b.at-p.row.LeftAt <= Timestamp(within.Milliseconds()) {
				p.inside, p.away, p.row.LeftAt = true, false, 0
				p.change = entryKey{p.row.ConversationID, RoomJoined, "", ""}
			}
		}
	}
	return nil
}

// isHere tells whether a session has a stream on this node, now.
func (b *roomBatch) isHere(key SessionKey) bool {
	return slices.Contains(b.sessionsHere(b.appID, key.ClientID), key.SessionID)
}

func (b *roomBatch) streaming(key SessionKey) bool { return b.streams[key] || b.isHere(key) }

func (b *roomBatch) enter(m *roomMove) error {
	if b.rooms[m.room] == nil {
		return errConversationNotFound()
	}
	if !b.streaming(m.key) {
		return errStreamRequired()
	}
	p := b.places[placeKey{m.room, m.key}]
	if (p == nil || !p.inside && !p.away) && b.roomsKept(m.key) >= maxRooms {
		return errTooManyRooms()
	}
	if p == nil {
		p = b.put(&place{row: RoomSession{AppID: b.appID, ConversationID: m.room, ClientID: m.key.ClientID, SessionID: m.key.SessionID}})
	}
	if !p.inside {
		if !p.was {
			p.row.JoinedSeq = 0 // by the entry that is to come
		}
		p.inside, p.away, p.row.LeftAt = true, false, 0
		p.change = entryKey{m.room, RoomJoined, "", ""}
	}
	return nil
}

// roomsKept counts the rooms in which a session has a place, those included into which it may be put back.
func (b *roomBatch) roomsKept(key SessionKey) (n int) {
	for _, p := range b.sessions[key] {
		if p.inside || p.away {
			n++
		}
	}
	return n
}

// write stores what has been decided.
func (b *roomBatch) write() error {
	var changed []*place
	for _, p := range b.places {
		if p.change != (entryKey{}) && (p.known || p.inside) {
			changed = append(changed, p)
		}
	}
	if changed == nil {
		return nil
	}
	slices.SortFunc(changed, func(p, q *place) int { // the same order of locks in every transaction, and of those in an entry
		return strings.Compare(p.row.ConversationID+"\x00"+p.row.ClientID+"\x00"+p.row.SessionID,
			q.row.ConversationID+"\x00"+q.row.ClientID+"\x00"+q.row.SessionID)
	})
	if err := b.count(changed); err != nil {
		return err
	}
	b.number(changed)
	return b.store(changed)
}

// number appends the entries and gives their numbers to the places.
func (b *roomBatch) number(changed []*place) {
	groups := map[entryKey][]*place{}
	var order []entryKey
	for _, p := range changed {
		if p.was == p.inside {
			continue
		}
		if groups[p.change] == nil {
			order = append(order, p.change)
		}
		groups[p.change] = append(groups[p.change], p)
	}
	for _, key := range order {
		var actor *string
		if key.actor != "" {
			actor = &key.actor
		}
		event := b.append(Event{Kind: key.kind, Actor: actor, Body: EventBody{Room: key.room, Reason: key.reason}})
		for _, p := range groups[key] {
			moved := MovedSession{ClientID: p.row.ClientID, SessionID: p.row.SessionID}
			p.row.MovedSeq, p.row.MovedAt = event.Seq, b.at
			if p.inside {
				if p.row.JoinedSeq == 0 {
					p.row.JoinedSeq, p.row.JoinedAt = event.Seq, b.at
				}
				moved.JoinedSeq = p.row.JoinedSeq
			}
			event.Body.Sessions = append(event.Body.Sessions, moved)
		}
	}
}

// store writes the rows that have changed: those of sessions inside and of those that may be put back, and takes the
// others away.
func (b *roomBatch) store(changed []*place) error {
	gone, rows := []any{b.appID}, []RoomSession{}
	for _, p := range changed {
		switch {
		case p.inside || p.away:
			rows = append(rows, p.row)
		case p.known:
			gone = append(gone, p.row.ConversationID, p.row.ClientID, p.row.SessionID)
		}
	}
	if n := len(gone) / 3; n > 0 {
		remove := "DELETE "
		if b.db.Name() == "mysql" { // the form that takes an index's name
			remove += "room_sessions "
		}
		remove += b.lookUp("room_sessions", "PRIMARY", "conversation_id, client_id, session_id", n)
		if err := b.db.Exec(remove, gone...).Error; err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return b.db.Clauses(clause.OnConflict{UpdateAll: true}).CreateInBatches(&rows, insertRows).Error
}

// count brings the rooms' member counts, of clients, up to what is about to change.
func (b *roomBatch) count(changed []*place) error {
	inside, touched := map[memberKey]int{}, []any{b.appID} // sessions of a client inside
	for _, p := range changed {
		key := memberKey{p.row.ConversationID, p.row.ClientID}
		if _, asked := inside[key]; !asked {
			inside[key] = 0
			touched = append(touched, key.conversationID, key.clientID)
		}
	}
	var before []RoomSession
	err := b.db.Raw("SELECT conversation_id, client_id, session_id "+b.lookUp("room_sessions", "PRIMARY", "conversation_id, client_id", len(inside))+
		" AND left_at = 0", touched...).Find(&before).Error
	if err != nil {
		return err
	}
	for _, row := range before {
		inside[memberKey{row.ConversationID, row.ClientID}]++
	}
	moved := map[string]int{}
	for _, p := range changed {
		key := memberKey{p.row.ConversationID, p.row.ClientID}
		switch {
		case p.inside && !p.was:
			if inside[key]++; inside[key] == 1 {
				moved[key.conversationID]++
			}
		case p.was && !p.inside:
			if inside[key]--; inside[key] == 0 {
				moved[key.conversationID]--
			}
		}
	}
	return b.moveCounts(moved)
}

func (b *roomBatch) moveCounts(moved map[string]int) error {
	var cases strings.Builder
	var args, ids []any
	for id, by := range moved {
		if by == 0 {
			continue
		}
		cases.WriteString(" WHEN ? THEN ?")
		args, ids = append(args, id, by), append(ids, id)
		if c := b.rooms[id]; c != nil {
			c.MemberCount += by
		}
	}
	if ids == nil {
		return nil
	}
	return b.db.Exec("UPDATE conversations SET member_count = member_count + CASE id"+cases.String()+" ELSE 0 END WHERE app_id = ? AND id IN ?",
		append(args, b.appID, ids)...).Error
}

// answer tells the callers how things are now.
func (b *roomBatch) answer() error {
	ids := map[string]bool{}
	for _, m := range b.moves {
		if m.kind != moveBack {
			continue
		}
		for _, p := range b.sessions[m.key] {
			if p.inside {
				ids[p.row.ConversationID] = true
			}
		}
	}
	if err := b.readRooms(ids); err != nil {
		return err
	}
	for _, m := range b.moves {
		m.conversation = b.rooms[m.room]
		if m.kind != moveBack {
			continue
		}
		for _, p := range b.sessions[m.key] {
			if !p.inside {
				continue
			}
			stay := RoomStay{ConversationID: p.row.ConversationID, JoinedSeq: p.row.JoinedSeq, MovedSeq: p.row.MovedSeq}
			if c := b.rooms[p.row.ConversationID]; c != nil && c.LastMessageSeq != nil {
				stay.LastMessageSeq = *c.LastMessageSeq
			}
			m.stays = append(m.stays, stay)
		}
	}
	return nil
}
