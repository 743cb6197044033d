package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	. "parley/tests/harness"
)

// slowReader is a stream that does not read for a while, of a client inside a room and in a conversation of two.
type slowReader struct {
	t            *testing.T
	speaker      *Client
	raw          *RawStream
	room, direct string
}

// newSlowReader opens one whose connection buffers little.
func newSlowReader(t *testing.T, s *Server) *slowReader {
	r := &slowReader{t: t, speaker: s.Login(t, "Tom", "")}
	jerry := s.Login(t, "Jerry", "")
	r.room = openRoom(t, r.speaker)
	enter(t, r.speaker, r.room)
	r.direct = r.speaker.Create(t, "Jerry")
	raw, err := jerry.OpenRaw(t, "", 0, 4<<10)
	if err != nil {
		t.Fatal(err)
	}
	r.raw = raw
	t.Cleanup(func() { raw.Conn.Close() })
	if _, name, _ := r.next(); name != "online" {
		t.Fatalf("got %s", name)
	}
	join(t, jerry, r.room)
	return r
}

// next gives the next event.
func (r *slowReader) next() (id, name, data string) {
	r.t.Helper()
	for {
		block, err := r.raw.Block()
		if err != nil {
			r.t.Fatal(err)
		}
		if id, name, data = ParseBlock(block); name != "" {
			return id, name, data
		}
	}
}

// readUntil reads up to a message, and gives those of the room and of the other conversation, and the rooms that are said to
// have lost some.
func (r *slowReader) readUntil(last string) (room, direct, resynced []string) {
	r.t.Helper()
	position := int64(0)
	for {
		id, name, data := r.next()
		event := decode(r.t, data)
		if number(r.t, id) < position {
			r.t.Fatalf("%s came after position %d", id, position)
		}
		position = number(r.t, id)
		switch {
		case name == "resync" && event["position"] == id && event["reason"] == "room_messages_lost":
			resynced = append(resynced, event["conversationId"].(string))
		case name != "message":
			r.t.Fatalf("got %s %.200s", name, data)
		case event["conversationId"] == r.room:
			room = append(room, id)
		default:
			direct = append(direct, id)
		}
		if id == last {
			return room, direct, resynced
		}
	}
}

// TestSlowReaderInAChatRoom: it loses the oldest of the room's messages, is told so, and loses nothing else; its stream
// never falls back to the log.
func TestSlowReaderInAChatRoom(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		r := newSlowReader(t, s)
		var inRoom, direct []string
		for i := range 120 { // twice what the server queues and the kernel buffers
			inRoom = append(inRoom, r.speaker.Say(t, r.room, strings.Repeat("x", 16<<10)))
			if i%10 == 0 {
				direct = append(direct, r.speaker.Say(t, r.direct, fmt.Sprint("to you ", i)))
			}
		}
		last := r.speaker.Say(t, r.direct, "the end")
		gotRoom, gotDirect, resynced := r.readUntil(last)
		if !slices.Equal(gotDirect, append(direct, last)) {
			t.Errorf("of the other conversation came %v, not %v", gotDirect, append(direct, last))
		}
		if len(resynced) == 0 { // it follows what was queued
			if id, name, data := r.next(); name == "resync" && decode(t, data)["position"] == id {
				resynced = append(resynced, decode(t, data)["conversationId"].(string))
			}
		}
		if len(resynced) == 0 || slices.ContainsFunc(resynced, func(room string) bool { return room != r.room }) {
			t.Errorf("a resync came for %v, not for %s", resynced, r.room)
		}
		lost := 0
		for _, id := range inRoom {
			if !slices.Contains(gotRoom, id) {
				lost++
			}
		}
		if lost == 0 || len(gotRoom)+lost != len(inRoom) {
			t.Errorf("of %d messages of the room %d came and %d were lost", len(inRoom), len(gotRoom), lost)
		}
		newest := inRoom[len(inRoom)-40:] // 640 KB: less than is queued
		if got := gotRoom[len(gotRoom)-40:]; !slices.Equal(got, newest) {
			t.Errorf("the newest of the room came as %v, not %v", got, newest)
		}
		metrics := Metrics(t, s.URL)
		if got := metrics[`parley_room_messages_dropped_total{priority="normal"}`]; got != float64(lost) {
			t.Errorf("%v are counted as dropped, not %d", got, lost)
		}
		if got := metrics["parley_slow_readers_total"]; got != 0 {
			t.Errorf("%v streams went back to catching up", got)
		}
		// From now on everything comes.
		last = r.speaker.Say(t, r.room, "all well")
		if room, _, _ := r.readUntil(last); len(room) != 1 {
			t.Errorf("afterwards %v came", room)
		}
	})
}

// TestChatRoomPriority: a slow reader loses what is low first, and what is high last.
func TestChatRoomPriority(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		r := newSlowReader(t, s)
		text := strings.Repeat("x", 16<<10)
		for range 30 { // what the kernel buffers
			sayAs(t, r.speaker, r.room, text, "low")
		}
		sent := map[string][]string{}
		for i := range 90 {
			priority := []string{"high", "normal", "low"}[i%3]
			sent[priority] = append(sent[priority], sayAs(t, r.speaker, r.room, text, priority))
		}
		last := r.speaker.Say(t, r.direct, "the end")
		got, _, _ := r.readUntil(last)
		lost := map[string]int{}
		for priority, ids := range sent {
			for _, id := range ids {
				if !slices.Contains(got, id) {
					lost[priority]++
				}
			}
		}
		if lost["high"] > 0 || lost["low"] == 0 || lost["normal"] >= lost["low"] {
			t.Errorf("lost were %v", lost)
		}
	})
}

// TestChatRoomFillsAndEmptiesAtOnce: hundreds who come and go together are all inside, all get what is said, and are all
// outside again.
func TestChatRoomFillsAndEmptiesAtOnce(t *testing.T) {
	const crowd = 300
	twoNodes(t, func(t *testing.T, one, two *Server) {
		tom := one.Login(t, "Tom", "")
		room := openRoom(t, tom)
		streams := make([]*Stream, crowd)
		parallel(crowd, func(i int) {
			c := []*Server{one, two}[i%2].Login(t, fmt.Sprint("fan", i), "")
			streams[i] = enter(t, c, room)
		})
		if n := headcount(t, tom.On(two), room); n != crowd {
			t.Fatalf("%d are inside, not %d", n, crowd)
		}
		master := one.Master(t, "host")
		if got := insiders(t, master, room); len(got) != 50 || !slices.IsSorted(got) {
			t.Fatalf("the list shows %q", got)
		}
		said := master.Say(t, room, "welcome")
		for _, stream := range streams {
			if event := stream.Want("message"); event.ID != said {
				t.Fatalf("got %s", event.Raw)
			}
		}
		cut := time.Now()
		for _, stream := range streams {
			stream.Cut()
		}
		Eventually(t, "the room is empty", func() bool { return headcount(t, tom, room) == 0 })
		t.Logf("%d left within %v", crowd, time.Since(cut).Round(time.Millisecond))
	})
}
