package realtime

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"parley/models"
)

// Hub knows which streams of this node are in which conversation of one app, and hands each entry to them: a delivery
// is a pointer into a stream's bounded queue. It never blocks and never does I/O.
type Hub struct {
	log     *slog.Logger
	metrics *appMetrics
	tracer  trace.Tracer // nil: nobody traces

	// head is the number up to which every entry has been enqueued wherever it belongs. It moves after the enqueuing, so
	// whoever reads it first and then finds a queue empty has seen all up to it.
	head atomic.Int64

	mu       sync.Mutex
	ring     ring
	rooms    map[string][]*Stream // live streams by conversation
	clients  map[string][]*Stream // all streams by client, those still catching up too
	sessions map[string][]*Stream // all streams by session
	watches  map[*Watch]bool
	stopping bool

	chats  map[string]*chat // chat rooms that have somebody here
	guests map[models.SessionKey]*guest
	astray func([]models.SessionKey) // is told of sessions with streams here that were let out for having none; must not block
}

func newHub(head int64, log *slog.Logger, m *appMetrics) *Hub {
	h := &Hub{log: log, metrics: m, ring: ring{floor: head},
		rooms: map[string][]*Stream{}, clients: map[string][]*Stream{}, sessions: map[string][]*Stream{}, watches: map[*Watch]bool{},
		chats: map[string]*chat{}, guests: map[models.SessionKey]*guest{}, astray: func([]models.SessionKey) {}}
	h.head.Store(head)
	return h
}

// deliver hands on entries, in order and without a gap; only the feed calls it.
func (h *Hub) deliver(entries []models.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range entries {
		f := newFanout(e)
		span := h.traceFanout(f)
		h.deliverOne(f)
		endFanout(span, f.trace)
		h.head.Store(e.Seq())
	}
}

func (h *Hub) deliverOne(f *fanout) {
	e, conversation, seq := f.entry, f.entry.ConversationID(), f.entry.Seq()
	if e.Event != nil && e.Event.Kind == models.SessionEnded {
		for _, s := range h.sessions[e.Event.Body.SessionID] {
			s.end(e.Event.Body.Reason)
		}
	}
	for _, client := range comingIn(e) {
		for _, s := range h.clients[client] {
			if s.live && seq > s.from {
				h.enter(s, conversation)
			}
		}
	}
	var overflowed []*Stream
	for _, s := range h.concerned(e) {
		if seq > s.from && !h.offer(s, f) {
			overflowed = append(overflowed, s)
		}
	}
	h.deliverToChat(f)
	for _, client := range goingOut(e) {
		for _, s := range h.clients[client] {
			if s.live && seq > s.from && !h.letOut(s, f) {
				overflowed = append(overflowed, s)
			}
		}
	}
	h.closeSystem(f)
	h.ring.push(f)
	h.tellWatches(e)
	h.fallBack(overflowed)
}

// offer puts an entry into a stream's queue; false when the queue is full.
func (h *Hub) offer(s *Stream, f *fanout) bool {
	if isHidden(f.entry, s.sessionID) {
		return true
	}
	made, err := f.frameFor(s.clientID)
	if err != nil { // not reachable with what the store holds: every value in it is JSON
		h.log.Error("an entry could not be encoded", "seq", f.entry.Seq(), "error", err)
		return true
	}
	return h.push(s, made)
}

// beside hands on something that is not in the log: to the live streams of a conversation or of a client.
func (h *Hub) beside(streams func() []*Stream, to func(*Stream) bool, made *frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var overflowed []*Stream
	for _, s := range streams() {
		if s.live && to(s) && !h.push(s, made) {
			overflowed = append(overflowed, s)
		}
	}
	h.fallBack(overflowed)
}

// register makes a stream known, so that the end of its session reaches it from here on; false when the node is
// stopping.
func (h *Hub) register(s *Stream) (ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopping {
		return false
	}
	h.clients[s.clientID] = append(h.clients[s.clientID], s)
	if s.sessionID != "" {
		h.sessions[s.sessionID] = append(h.sessions[s.sessionID], s)
	}
	h.metrics.streams.Inc()
	h.admit(s)
	return true
}

// unregister forgets a stream.
func (h *Hub) unregister(s *Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.detach(s)
	remove(h.clients, s.clientID, s)
	if s.sessionID != "" {
		remove(h.sessions, s.sessionID, s)
	}
	h.metrics.streams.Dec()
	h.dismiss(s)
}

// attach makes a stream live. It has written all that is its own up to position, and spans are its memberships as of
// then; what has come since is taken from the ring. False when that reaches too far back: catch up some more.
func (h *Hub) attach(s *Stream, position int64, spans []models.Span) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	since, ok := h.ring.after(position)
	if !ok {
		return false
	}
	s.reset()
	for _, span := range spans {
		if !span.IsMail() && span.JoinedSeq <= position && (span.LeftSeq == 0 || span.LeftSeq > position) {
			h.enter(s, span.ConversationID)
		}
	}
	h.sitDownAgain(s, position)
	for _, f := range since {
		if !h.replay(s, f) {
			h.detach(s)
			return false
		}
	}
	s.live, s.from = true, max(position, h.head.Load())
	return true
}

// replay does for one stream what deliverOne does for all.
func (h *Hub) replay(s *Stream, f *fanout) (ok bool) {
	conversation := f.entry.ConversationID()
	for _, client := range comingIn(f.entry) {
		if client == s.clientID {
			h.enter(s, conversation)
		}
	}
	h.replayChat(s, f)
	if s.concerns(f.entry) && !h.offer(s, f) {
		return false
	}
	for _, client := range goingOut(f.entry) {
		if client == s.clientID && !h.letOut(s, f) {
			return false
		}
	}
	if endsSystem(f.entry) {
		h.leave(s, conversation)
	}
	return true
}

// takeOut makes a stream leave by the entry that takes its client out. A stream whose memberships were read after a
// removal, but for a position before it, is not in the list and is to be told all the same. False when its queue is full.
func (h *Hub) takeOut(s *Stream, f *fanout) (ok bool) {
	conversation := f.entry.ConversationID()
	if _, inside := s.rooms[conversation]; !inside {
		return h.offer(s, f)
	}
	h.leave(s, conversation)
	return true
}

// fallBack takes streams whose queue has overflowed out of the live state; they go on by catching up.
func (h *Hub) fallBack(streams []*Stream) {
	for _, s := range streams {
		h.metrics.slow.Inc()
		s.chatsFrom = h.head.Load()
		h.detach(s)
	}
}

// sendBack has every live stream catch up from where it is.
func (h *Hub) sendBack() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, streams := range h.clients {
		for _, s := range streams {
			if s.live {
				s.overflow()
				s.chatsFrom = h.head.Load()
				h.detach(s)
			}
		}
	}
}

// detach takes a stream out of all conversations; it goes on by catching up.
func (h *Hub) detach(s *Stream) {
	for conversation := range s.rooms {
		h.leave(s, conversation)
	}
	for room := range s.chats {
		h.standUp(s, room)
	}
	s.live = false
}

// enter and leave keep, beside the list of a conversation's streams, each stream's own place in it, so that leaving
// does not search.
func (h *Hub) enter(s *Stream, conversation string) {
	if _, inside := s.rooms[conversation]; inside {
		return
	}
	if s.rooms == nil {
		s.rooms = map[string]int{}
	}
	s.rooms[conversation] = len(h.rooms[conversation])
	h.rooms[conversation] = append(h.rooms[conversation], s)
}

func (h *Hub) leave(s *Stream, conversation string) {
	at, inside := s.rooms[conversation]
	if !inside {
		return
	}
	delete(s.rooms, conversation)
	streams := h.rooms[conversation]
	last := len(streams) - 1
	if moved := streams[last]; moved != s {
		streams[at] = moved
		moved.rooms[conversation] = at
	}
	streams[last] = nil
	if last == 0 {
		delete(h.rooms, conversation)
		return
	}
	h.rooms[conversation] = streams[:last]
}

// reviewAll has every stream ask anew whether it may go on.
func (h *Hub) reviewAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, streams := range h.clients {
		for _, s := range streams {
			s.reviewSoon()
		}
	}
}

// endAll ends every stream, tells how many, and takes no new ones.
func (h *Hub) endAll(reason string) (ended int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopping = true
	for _, streams := range h.clients {
		for _, s := range streams {
			s.end(reason)
			ended++
		}
	}
	return ended
}

func remove(m map[string][]*Stream, key string, s *Stream) {
	streams := m[key]
	for i, other := range streams {
		if other == s {
			streams[i] = streams[len(streams)-1]
			streams[len(streams)-1] = nil
			m[key] = streams[:len(streams)-1]
			break
		}
	}
	if len(m[key]) == 0 {
		delete(m, key)
	}
}
