package models

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// hall is a store whose clock stands still, with the sessions that are said to have a stream on this node.
type hall struct {
	*Store
	app  *App
	here map[SessionKey]bool
	now  atomic.Int64
}

func openHall(t *testing.T) *hall {
	t.Helper()
	h := &hall{here: map[SessionKey]bool{}}
	h.now.Store(time.Now().UnixMilli())
	s, err := Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "p.db"), Options{
		Clock: func() time.Time { return time.UnixMilli(h.now.Load()) },
		SessionsHere: func(_ uint32, client string) (ids []string) {
			for key, here := range h.here {
				if here && key.ClientID == client {
					ids = append(ids, key.SessionID)
				}
			}
			return ids
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	h.Store = s
	if h.app, _, err = s.Bootstrap(t.Context(), Credentials{}); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *hall) openRoom(t testing.TB) *Conversation {
	t.Helper()
	c, _, err := h.CreateConversation(t.Context(), Actor{App: h.app, ClientID: "Tom"}, NewConversation{Type: Chatroom})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// presence writes that a session has a stream on another node.
func (h *hall) presence(t testing.TB, key SessionKey) {
	t.Helper()
	if err := h.write.Create(&Presence{AppID: h.app.ID, ClientID: key.ClientID, SessionID: key.SessionID, NodeID: "other"}).Error; err != nil {
		t.Fatal(err)
	}
}

func (h *hall) rows(t testing.TB, table string) (n int64) {
	t.Helper()
	if err := h.read.Table(table).Count(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

// doorModel is what moves do, one after the other.
type doorModel struct {
	hall  *hall
	rooms []string
	at    map[placeKey]Timestamp // 0: inside; over 0: away since then
}

func (m *doorModel) move(mv *roomMove) {
	switch mv.kind {
	case moveIn:
		if m.hall.here[mv.key] {
			m.at[placeKey{mv.room, mv.key}] = 0
		}
	case moveOut:
		delete(m.at, placeKey{mv.room, mv.key})
	case moveGone, moveBack:
		for place, since := range m.at {
			if place.SessionKey != mv.key {
				continue
			}
			if mv.kind == moveGone && since == 0 && !m.hall.here[mv.key] {
				m.at[place] = Timestamp(m.hall.now.Load())
			}
			if mv.kind == moveBack && since > 0 && m.hall.here[mv.key] && Timestamp(m.hall.now.Load())-since <= 60_000 {
				m.at[place] = 0
			}
		}
	}
}

// wantIn checks the stored places, the rooms' counts, and what whoever follows the log makes of it.
func (m *doorModel) wantIn(t *rapid.T, followed map[placeKey]bool) {
	var rows []RoomSession
	if err := m.hall.read.Where("conversation_id IN ?", m.rooms).Find(&rows).Error; err != nil {
		t.Fatal(err)
	}
	got, inside := map[placeKey]Timestamp{}, map[placeKey]bool{}
	clients := map[string]map[string]bool{}
	for _, r := range rows {
		key := placeKey{r.ConversationID, SessionKey{r.ClientID, r.SessionID}}
		got[key] = r.LeftAt
		if r.LeftAt == 0 {
			inside[key] = true
			if clients[r.ConversationID] == nil {
				clients[r.ConversationID] = map[string]bool{}
			}
			clients[r.ConversationID][r.ClientID] = true
		}
		if r.JoinedSeq == 0 && r.LeftAt == 0 || r.JoinedSeq > r.MovedSeq {
			t.Fatalf("a place is %+v", r)
		}
	}
	if !maps.Equal(got, m.at) || !maps.Equal(inside, followed) {
		t.Fatalf("stored: %v\nmodel:  %v\nby the log: %v", got, m.at, followed)
	}
	for _, room := range m.rooms {
		c, err := findConversation(m.hall.read, m.hall.app.ID, room)
		if err != nil || c.MemberCount != len(clients[room]) {
			t.Fatalf("%s counts %d clients, not %v (%v)", room, c.MemberCount, clients[room], err)
		}
	}
}

// follow applies the entries after a position, as the live side of a node does.
func (h *hall) follow(t *rapid.T, rooms []string, after int64, inside map[placeKey]bool) int64 {
	var events []Event
	if err := h.read.Where("app_id = ? AND seq > ?", h.app.ID, after).Order("seq").Find(&events).Error; err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		after = e.Seq
		for _, moved := range e.Body.Sessions {
			place := placeKey{e.Body.Room, moved.Key()}
			if !slices.Contains(rooms, e.Body.Room) {
				continue
			}
			if (e.Kind == RoomJoined) == inside[place] {
				t.Fatalf("%s of %v, who is inside: %v", e.Kind, place, inside[place])
			}
			if inside[place] = e.Kind == RoomJoined; !inside[place] {
				delete(inside, place)
			}
		}
	}
	return after
}

// TestMovesOfABatchAreMovesOneAfterTheOther: whatever moves are made in one transaction, it comes out as if each had had its
// own; the counts are of clients, and the log tells of every change once.
func TestMovesOfABatchAreMovesOneAfterTheOther(t *testing.T) {
	h := openHall(t)
	var keys []SessionKey
	for _, client := range []string{"Tom", "Jerry", "Mary"} {
		keys = append(keys, SessionKey{client, "phone"}, SessionKey{client, ""})
	}
	rapid.Check(t, func(t *rapid.T) {
		clear(h.here)
		m := &doorModel{hall: h, at: map[placeKey]Timestamp{}}
		for range 2 {
			c, _, err := h.CreateConversation(t.Context(), Actor{App: h.app, ClientID: "Tom"}, NewConversation{Type: Chatroom})
			if err != nil {
				t.Fatal(err)
			}
			m.rooms = append(m.rooms, c.ID)
		}
		head, err := h.Head(t.Context(), h.app.ID)
		if err != nil {
			t.Fatal(err)
		}
		followed, position := map[placeKey]bool{}, head.Seq
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			h.now.Add(rapid.SampledFrom([]int64{0, 1000, 30_000, 61_000}).Draw(t, "time passes"))
			for _, key := range keys {
				h.here[key] = rapid.Bool().Draw(t, fmt.Sprint(key, " is here"))
			}
			var moves []*roomMove
			for range rapid.IntRange(1, 8).Draw(t, "moves") {
				mv := &roomMove{kind: rapid.SampledFrom([]moveKind{moveIn, moveOut, moveGone, moveBack}).Draw(t, "kind"),
					key: rapid.SampledFrom(keys).Draw(t, "session")}
				if mv.kind == moveIn || mv.kind == moveOut {
					mv.room, mv.reason = rapid.SampledFrom(m.rooms).Draw(t, "room"), RoomQuit
				}
				moves = append(moves, mv)
				m.move(mv)
			}
			if err := h.moveRooms(t.Context(), h.app.ID, moves); err != nil {
				t.Fatal(err)
			}
			position = h.follow(t, m.rooms, position, followed)
			m.wantIn(t, followed)
			for _, mv := range moves {
				if refused := mv.kind == moveIn && !h.here[mv.key]; refused != HasCode(mv.err, "stream_required") || !refused && mv.err != nil {
					t.Fatalf("a move was answered with %v", mv.err)
				}
				for _, stay := range mv.stays {
					ours := slices.Contains(m.rooms, stay.ConversationID) // there are those of earlier checks
					if ours && !followed[placeKey{stay.ConversationID, mv.key}] {
						t.Fatalf("%v is said to be in %s", mv.key, stay.ConversationID)
					}
				}
			}
		}
	})
}

// TestSweepOfChatRooms: who has no stream on any node leaves, places that are of no use and entries of an hour ago go, and
// nothing else does.
func TestSweepOfChatRooms(t *testing.T) {
	h := openHall(t)
	ctx := t.Context()
	room := h.openRoom(t)
	stray, elsewhere, here := SessionKey{"Stray", "s"}, SessionKey{"Elsewhere", "s"}, SessionKey{"Here", "s"}
	for _, key := range []SessionKey{stray, elsewhere, here} {
		h.here[key] = true
		if _, err := h.Join(ctx, Actor{App: h.app, ClientID: key.ClientID, SessionID: key.SessionID}, room.ID); err != nil {
			t.Fatal(err)
		}
	}
	h.here[stray], h.here[elsewhere] = false, false
	h.presence(t, elsewhere)
	count := func() int {
		c, err := h.Conversation(ctx, Actor{App: h.app, Master: true}, room.ID)
		if err != nil {
			t.Fatal(err)
		}
		return c.MemberCount
	}
	sweep := func(later time.Duration) {
		h.now.Add(later.Milliseconds())
		if err := h.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
	}
	sweep(0)
	if n := count(); n != 3 {
		t.Fatalf("%d are inside: one left before its node may have written that it is there", n)
	}
	sweep(11 * time.Second)
	if n := count(); n != 2 {
		t.Fatalf("%d are inside, not 2", n)
	}
	h.here[stray] = true
	if _, err := h.ReturnToRooms(ctx, h.app.ID, []SessionKey{stray}, false); err != nil || count() != 3 {
		t.Fatalf("%d are inside, not 3 (%v)", count(), err)
	}
	h.here[stray] = false
	if err := h.LeaveRooms(ctx, h.app.ID, []SessionKey{stray, elsewhere, here}); err != nil || count() != 2 {
		t.Fatalf("%d are inside, not 2 (%v)", count(), err)
	}
	sweep(59 * time.Minute)
	if rows, events := h.rows(t, "room_sessions"), h.rows(t, "events"); rows != 3 || events != 7 {
		t.Fatalf("%d places and %d events, not 3 and 7", rows, events)
	}
	// Whoever had its stream all the time is put back, even after so long.
	h.here[stray] = true
	for i, stayed := range []bool{false, true} {
		if _, err := h.ReturnToRooms(ctx, h.app.ID, []SessionKey{stray}, stayed); err != nil || count() != 2+i {
			t.Fatalf("%d are inside, not %d (%v)", count(), 2+i, err)
		}
	}
	h.here[stray] = false
	if err := h.LeaveRooms(ctx, h.app.ID, []SessionKey{stray}); err != nil {
		t.Fatal(err)
	}
	if err := h.change(ctx, h.app.ID, func(l *logTx) error {
		l.append(Event{Kind: SessionEnded, Body: EventBody{SessionID: "ended", Reason: EndedByLogout}})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	sweep(61 * time.Minute)
	var kinds []string
	if err := h.read.Raw("SELECT kind FROM events ORDER BY seq").Find(&kinds).Error; err != nil {
		t.Fatal(err)
	}
	if rows := h.rows(t, "room_sessions"); rows != 2 || !slices.Equal(kinds, []string{"conversation_created", "session_ended"}) || count() != 2 {
		t.Fatalf("%d places, events %v, %d inside", rows, kinds, count())
	}
}
