package realtime

import (
	"slices"

	"parley/models"
)

// This file is the hub's part for chat rooms. Inside one are sessions, not clients, and only those with a stream; the hub
// knows the rooms of each session that has a stream on this node.

// guest is a session with streams on this node, or the app's own server as a client.
type guest struct {
	streams int
	settled bool // the database has said which rooms it is in
	// The rooms it is in. Until it is settled, those it has left since are there too, without a join.
	rooms map[string]models.RoomStay
}

// chat is a chat room with sessions inside that have streams on this node.
type chat struct {
	places []chatPlace
	inside int   // sessions on this node
	newest int64 // its newest message
}

// chatPlace is a live stream in a room.
type chatPlace struct {
	stream *Stream
	since  int64 // what is newer is the stream's,
	from   int64 // but only what is newer than this reaches it
}

func (s *Stream) key() models.SessionKey {
	return models.SessionKey{ClientID: s.clientID, SessionID: s.sessionID}
}

// admit and dismiss count the streams of a session.
func (h *Hub) admit(s *Stream) {
	g := h.guests[s.key()]
	if g == nil {
		g = &guest{}
		h.guests[s.key()] = g
	}
	g.streams++
}

func (h *Hub) dismiss(s *Stream) {
	g := h.guests[s.key()]
	if g.streams--; g.streams > 0 {
		return
	}
	for room := range g.rooms {
		h.goOut(s.key(), g, room)
	}
	delete(h.guests, s.key())
}

// settled tells whether the rooms of a session that has a stream here are known.
func (h *Hub) settled(key models.SessionKey) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.guests[key]
	return g != nil && g.settled
}

// sessionsOf gives the sessions of a client that have a stream here.
func (h *Hub) sessionsOf(clientID string) (ids []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.clients[clientID] {
		if !slices.Contains(ids, s.sessionID) {
			ids = append(ids, s.sessionID)
		}
	}
	return ids
}

// settle brings in what the database says of a session's rooms. What the feed has brought since is newer.
func (h *Hub) settle(key models.SessionKey, stays []models.RoomStay) {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.guests[key]
	if g == nil {
		return
	}
	for _, stay := range stays {
		known, ok := g.rooms[stay.ConversationID]
		newer := !ok || known.MovedSeq < stay.MovedSeq
		if newer {
			h.comeIn(key, g, stay)
		}
		if c := h.chats[stay.ConversationID]; c != nil {
			c.newest = max(c.newest, stay.LastMessageSeq)
		}
		if newer || stay.LastMessageSeq < stay.MovedSeq { // it was sent before they came in
			h.missedBy(key, stay)
		}
	}
	g.settled = true
	for room, stay := range g.rooms {
		if stay.JoinedSeq == 0 {
			delete(g.rooms, room)
		}
	}
}

// missedBy tells the live streams of a session that a room had messages before they came in. What the feed has not brought
// yet is told when it does: a number beyond it would stand for other entries, too, that the streams have yet to write.
func (h *Hub) missedBy(key models.SessionKey, stay models.RoomStay) {
	newest := min(stay.LastMessageSeq, h.head.Load())
	for _, s := range h.clients[key.ClientID] {
		if s.sessionID == key.SessionID {
			h.missedUpTo(s, stay.ConversationID, newest)
		}
	}
}

// missedUpTo tells a stream that a room had messages that it was not shown, the newest with this number, and only once.
func (h *Hub) missedUpTo(s *Stream, room string, newest int64) {
	at, inside := s.chats[room]
	if !inside {
		return
	}
	if place := &h.chats[room].places[at]; newest > place.since {
		place.since = newest
		s.skipped(room, newest)
	}
}

// comeIn brings a session into a room, with all its live streams.
func (h *Hub) comeIn(key models.SessionKey, g *guest, stay models.RoomStay) {
	room := stay.ConversationID
	if g.rooms == nil {
		g.rooms = map[string]models.RoomStay{}
	}
	if g.rooms[room].JoinedSeq == 0 {
		c := h.chats[room]
		if c == nil {
			c = &chat{}
			h.chats[room] = c
		}
		c.inside++
	}
	g.rooms[room] = stay
	for _, s := range h.clients[key.ClientID] {
		if s.sessionID == key.SessionID && s.live {
			h.sitDown(s, stay, s.from)
		}
	}
}

// goOut takes a session out of a room.
func (h *Hub) goOut(key models.SessionKey, g *guest, room string) {
	if g.rooms[room].JoinedSeq == 0 {
		return
	}
	delete(g.rooms, room)
	for _, s := range h.clients[key.ClientID] {
		if s.sessionID == key.SessionID {
			h.standUp(s, room)
		}
	}
	if c := h.chats[room]; c != nil {
		if c.inside--; c.inside == 0 {
			delete(h.chats, room)
		}
	}
}

// sitDown and standUp keep, like enter and leave, each stream's own place in the list of a room's streams.
func (h *Hub) sitDown(s *Stream, stay models.RoomStay, from int64) {
	room := stay.ConversationID
	if _, inside := s.chats[room]; inside {
		return
	}
	if s.chats == nil {
		s.chats = map[string]int{}
	}
	c := h.chats[room]
	s.chats[room] = len(c.places)
	c.places = append(c.places, chatPlace{stream: s, since: max(s.chatsFrom, stay.JoinedSeq), from: max(from, stay.MovedSeq)})
}

func (h *Hub) standUp(s *Stream, room string) {
	at, inside := s.chats[room]
	if !inside {
		return
	}
	delete(s.chats, room)
	c := h.chats[room]
	last := len(c.places) - 1
	if moved := c.places[last]; moved.stream != s {
		c.places[at] = moved
		moved.stream.chats[room] = at
	}
	c.places[last] = chatPlace{}
	c.places = c.places[:last]
}

// deliverToChat hands an entry to a chat room, if it is one that has somebody on this node.
func (h *Hub) deliverToChat(f *fanout) {
	if f.entry.Event != nil && f.entry.Event.Body.Room != "" {
		h.moveInChat(f)
		return
	}
	room := f.entry.ConversationID()
	c := h.chats[room]
	if c == nil {
		return
	}
	seq := f.entry.Seq()
	if f.entry.Message != nil {
		c.newest = seq
	}
	for _, place := range c.places {
		switch {
		case seq > place.from:
			h.offerInChat(place.stream, f)
		case f.entry.Message != nil:
			h.missedUpTo(place.stream, room, seq)
		}
	}
	if f.entry.Event != nil && f.entry.Event.Kind == models.ConversationRemoved {
		h.closeChat(room)
	}
}

// offerInChat puts an entry of a chat room into a stream's queue, which may drop it, or an older one for it.
func (h *Hub) offerInChat(s *Stream, f *fanout) {
	if chatEventFor(f.entry) == "" || f.entry.Message != nil && isHidden(f.entry, s.sessionID) {
		return
	}
	made, err := f.chatFrame()
	if err != nil { // as in offer
		h.log.Error("an entry could not be encoded", "seq", f.entry.Seq(), "error", err)
		return
	}
	h.push(s, made)
}

// push puts a frame into a stream's queue; false when the queue is full. What was dropped for it is counted.
func (h *Hub) push(s *Stream, made *frame) bool {
	if made.trace != nil {
		made.trace.queued++
	}
	ok, dropped := s.push(made)
	if dropped != (losses{}) {
		for at, n := range dropped {
			h.metrics.dropped[at].Add(float64(n))
		}
	}
	return ok
}

// transientInChat hands a transient message to a chat room.
func (h *Hub) transientInChat(t *TransientMessage, made *frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.chats[t.Message.ConversationID]
	if c == nil {
		return
	}
	inRoom := *made
	inRoom.room, inRoom.priority = t.Message.ConversationID, t.Priority
	for _, place := range c.places {
		if t.SessionID == "" || place.stream.sessionID != t.SessionID {
			h.push(place.stream, &inRoom)
		}
	}
}

// closeChat takes everybody out of a room that has been removed.
func (h *Hub) closeChat(room string) {
	for key, g := range h.guests {
		h.goOut(key, g, room)
	}
}

// moveInChat follows who has come into a room and who is out.
func (h *Hub) moveInChat(f *fanout) {
	event := f.entry.Event
	room := event.Body.Room
	var astray []models.SessionKey
	for _, moved := range event.Body.Sessions {
		key := moved.Key()
		g := h.guests[key]
		if g == nil || g.rooms[room].MovedSeq >= event.Seq {
			continue
		}
		if event.Kind == models.RoomJoined {
			h.comeIn(key, g, models.RoomStay{ConversationID: room, JoinedSeq: moved.JoinedSeq, MovedSeq: event.Seq})
			continue
		}
		if event.Body.Reason == models.RoomKicked {
			h.tellKicked(key, f)
		}
		for _, s := range h.clients[key.ClientID] {
			if s.sessionID == key.SessionID && s.live {
				s.chatsFrom = event.Seq
			}
		}
		h.goOut(key, g, room)
		if !g.settled {
			if g.rooms == nil {
				g.rooms = map[string]models.RoomStay{}
			}
			g.rooms[room] = models.RoomStay{ConversationID: room, MovedSeq: event.Seq}
		}
		if event.Body.Reason == models.RoomGone { // but it has streams here
			astray = append(astray, key)
		}
	}
	if len(astray) > 0 {
		h.astray(astray)
	}
}

// tellKicked tells the live streams of a session that its client has been removed from a room.
func (h *Hub) tellKicked(key models.SessionKey, f *fanout) {
	for _, s := range h.clients[key.ClientID] {
		if s.sessionID == key.SessionID && s.live {
			h.offerInChat(s, f)
		}
	}
}

// sitDownAgain brings a stream that has just become live into its session's rooms. It has written everything up to
// position, but of the rooms nothing that came after it was last live, or before it was ever.
func (h *Hub) sitDownAgain(s *Stream, position int64) {
	g := h.guests[s.key()]
	if g == nil {
		return
	}
	for room, stay := range g.rooms {
		if stay.JoinedSeq == 0 {
			continue
		}
		h.sitDown(s, stay, position)
		h.missedUpTo(s, room, min(h.chats[room].newest, position))
	}
}

// replayChat does for one stream what deliverToChat does for all: it shows the messages that came after the position from
// which the stream is live.
func (h *Hub) replayChat(s *Stream, f *fanout) {
	e := f.entry
	if e.Event != nil && e.Event.Kind == models.RoomLeft && e.Event.Body.Reason == models.RoomKicked {
		for _, moved := range e.Event.Body.Sessions {
			if moved.Key() == s.key() {
				h.offerInChat(s, f)
			}
		}
		return
	}
	room := e.ConversationID()
	if _, inside := s.chats[room]; inside && e.Seq() > h.guests[s.key()].rooms[room].MovedSeq {
		h.offerInChat(s, f)
	}
}
