package realtime

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"parley/models"
)

// gallery is a hub with one stream of Jerry's, who is in conversation c and has joined the chat room r.
type gallery struct {
	t      *testing.T
	hub    *Hub
	stream *Stream
	seq    int64
}

var jerrys = models.SessionKey{ClientID: "Jerry", SessionID: "phone"}

func openGallery(t *testing.T) *gallery {
	g := &gallery{t: t, hub: newHub(0, slog.New(slog.DiscardHandler), newMetrics(prometheus.NewRegistry()).of(""))}
	g.open()
	return g
}

func (g *gallery) open() {
	g.stream = &Stream{queue: newQueue(), clientID: jerrys.ClientID, sessionID: jerrys.SessionID}
	g.hub.register(g.stream)
	g.hub.settle(jerrys, nil)
	g.attach(0)
	g.moved(models.RoomJoined, "", 1)
}

func (g *gallery) deliver(e models.Entry) { g.hub.deliver([]models.Entry{e}) }

// attach makes the stream live, having written everything up to a position.
func (g *gallery) attach(position int64) {
	g.t.Helper()
	if !g.hub.attach(g.stream, position, []models.Span{{ConversationID: "c"}}) {
		g.t.Fatal("the stream was not attached")
	}
}

// say delivers a text in a conversation, of so many bytes.
func (g *gallery) say(conversation string, bytes int) int64 {
	g.seq++
	text := string(slices.Repeat([]byte("x"), bytes))
	g.deliver(models.Entry{Message: &models.Message{Seq: g.seq, ConversationID: conversation, From: "Tom", Type: "text", Text: &text, Attributes: "{}"}})
	return g.seq
}

// moved delivers a move of Jerry's in or out of the room.
func (g *gallery) moved(kind models.EventKind, reason string, joined int64) int64 {
	g.seq++
	g.deliver(models.Entry{Event: &models.Event{Seq: g.seq, Kind: kind, Body: models.EventBody{Room: "r", Reason: reason,
		Sessions: []models.MovedSession{{ClientID: jerrys.ClientID, SessionID: jerrys.SessionID, JoinedSeq: joined}}}}})
	return g.seq
}

// wantTaken takes what is queued: these numbers, and the room's loss up to this one (0: none).
func (g *gallery) wantTaken(lostUpTo int64, seqs ...int64) {
	g.t.Helper()
	frames, lost, overflowed, _ := g.stream.take(nil)
	if overflowed || !slices.Equal(numbers(frames), seqs) || lost["r"] != lostUpTo || len(lost) > 1 {
		g.t.Fatalf("took %v, lost %v (overflowed: %v), not %v, lost up to %d", numbers(frames), lost, overflowed, seqs, lostUpTo)
	}
}

// TestStreamThatFellBackIsToldWhatTheRoomLost: what passes while it reads the log is never shown to it, and what was queued
// neither; without any, nothing is told.
func TestStreamThatFellBackIsToldWhatTheRoomLost(t *testing.T) {
	g := openGallery(t)
	overflow := func() {
		for g.stream.live {
			g.say("c", 100<<10)
		}
	}
	g.wantTaken(0)
	overflow()
	g.attach(g.seq)
	g.wantTaken(0)

	overflow()
	missed := g.say("r", 10)
	g.attach(g.seq)
	after := g.say("r", 10)
	g.wantTaken(missed, after)

	queued := g.say("r", 10) // gives way, and is lost
	overflow()
	g.attach(g.seq)
	g.wantTaken(queued)
	after = g.say("r", 10)
	g.wantTaken(0, after)
}

// TestLossInARoomWasToldWithTheNextEventOnly: what was queued when a stream fell back is told as soon as it is live again,
// and not when something happens next.
func TestLossInARoomWasToldWithTheNextEventOnly(t *testing.T) {
	g := openGallery(t)
	g.wantTaken(0)
	lost := g.say("r", 10)
	for g.stream.live {
		g.say("c", 100<<10)
	}
	<-g.stream.wake
	if _, _, overflowed, _ := g.stream.take(nil); !overflowed {
		t.Fatal("it has not fallen back")
	}
	g.attach(g.seq)
	select {
	case <-g.stream.wake:
	default:
		t.Error("nothing wakes the stream")
	}
	g.wantTaken(lost)
}

// TestStreamIsAttachedInTheMiddleOfARoom: what came after the position it has read to is shown, and nothing twice.
func TestStreamIsAttachedInTheMiddleOfARoom(t *testing.T) {
	g := openGallery(t)
	g.hub.detach(g.stream)
	g.stream.chatsFrom = g.seq // a new stream begins here
	position := g.seq
	first, second := g.say("r", 10), g.say("r", 10)
	g.attach(position)
	third := g.say("r", 10)
	g.wantTaken(0, first, second, third)

	// Resumed from a position before the first: the three are not replayed, and said to be lost.
	g.hub.detach(g.stream)
	g.stream.chatsFrom = position
	g.attach(g.seq)
	g.wantTaken(third)

	// The database may be ahead of the hub.
	g.hub.detach(g.stream)
	g.stream.chatsFrom = g.seq
	g.attach(g.seq + 2)
	g.say("c", 10)
	passed := g.say("r", 10) // up to the position: of a stream that was away before it, lost
	g.wantTaken(passed)
	next := g.say("r", 10)
	g.wantTaken(0, next)
}

// TestSessionLetOutWithItsStreamOpen: a node that was taken for dead finds it in the log, has the session put back, and the
// stream is told what it has missed.
func TestSessionLetOutWithItsStreamOpen(t *testing.T) {
	g := openGallery(t)
	var astray []models.SessionKey
	g.hub.astray = func(keys []models.SessionKey) { astray = append(astray, keys...) }
	g.moved(models.RoomLeft, models.RoomGone, 0)
	missed := g.say("r", 10)
	if !slices.Equal(astray, []models.SessionKey{jerrys}) {
		t.Fatalf("astray are %v", astray)
	}
	back := g.moved(models.RoomJoined, "", 1)
	g.hub.settle(jerrys, []models.RoomStay{{ConversationID: "r", JoinedSeq: 1, MovedSeq: back, LastMessageSeq: missed}})
	after := g.say("r", 10)
	g.wantTaken(missed, after)
}

// TestStreamRanAheadOfTheFeedForARoom: where the database knows of more than the feed has brought, a loss in a room is not
// told under a number beyond it. The stream would never show what lies before that number to whoever resumes from there.
func TestStreamRanAheadOfTheFeedForARoom(t *testing.T) {
	g := openGallery(t)
	g.moved(models.RoomLeft, models.RoomGone, 0)
	const first, second, missed, back = 3, 4, 5, 6
	g.hub.settle(jerrys, []models.RoomStay{{ConversationID: "r", JoinedSeq: 1, MovedSeq: back, LastMessageSeq: missed}})
	g.wantTaken(0)
	g.say("c", 10)
	g.say("c", 10)
	g.wantTaken(0, first, second)
	g.say("r", 10)
	g.moved(models.RoomJoined, "", 1)
	g.wantTaken(missed)
	after := g.say("r", 10)
	g.wantTaken(0, after)
}

// TestSettlingLate: the database's word on a session's rooms may come after newer news, and must not undo it.
func TestSettlingLate(t *testing.T) {
	g := openGallery(t)
	g.hub.guests[jerrys].settled = false
	g.moved(models.RoomLeft, models.RoomQuit, 0)
	g.hub.settle(jerrys, []models.RoomStay{{ConversationID: "r", JoinedSeq: 1, MovedSeq: 1}})
	g.say("r", 10)
	g.wantTaken(0)
	if len(g.hub.chats) != 0 || len(g.stream.chats) != 0 || len(g.hub.guests[jerrys].rooms) != 0 {
		t.Fatal("the session is still in the room")
	}
	g.hub.unregister(g.stream)
	if len(g.hub.guests) != 0 {
		t.Fatal("the session is not forgotten")
	}
}

// TestKickedWhileAttaching: who is not live in that moment is told all the same, if it is not long ago.
func TestKickedWhileAttaching(t *testing.T) {
	g := openGallery(t)
	g.hub.detach(g.stream)
	position := g.seq
	kicked := g.moved(models.RoomLeft, models.RoomKicked, 0)
	g.say("r", 10)
	g.attach(position)
	frames, lost, _, _ := g.stream.take(nil)
	if !slices.Equal(numbers(frames), []int64{kicked}) || lost != nil {
		t.Fatalf("took %v, lost %v", numbers(frames), lost)
	}
	if frames[0].room != "r" || frames[0].priority != models.HighPriority {
		t.Fatalf("the frame is %+v", frames[0])
	}
}
