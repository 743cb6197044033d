package tests

import (
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// twoNodes runs a test on two nodes, with a broker between them and without.
func twoNodes(t *testing.T, test func(t *testing.T, one, two *Server), change ...func(*app.Config)) {
	Databases(t, func(t *testing.T, db string) {
		t.Run("without a broker", func(t *testing.T) { test(t, Start(t, db, change...), Start(t, db, change...)) })
	})
	t.Run("with a broker", func(t *testing.T) {
		url := NATS(t)
		change := append(slices.Clone(change), func(c *app.Config) { c.BrokerURL = url })
		Databases(t, func(t *testing.T, db string) { test(t, Start(t, db, change...), Start(t, db, change...)) })
	})
}

// TestChatRoomOverTwoNodes: the stream may be on another node than the join and the sends; the count is of both nodes and
// follows the end of a stream within a second; a session that comes back soon, on whatever node, is put back.
func TestChatRoomOverTwoNodes(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *Server) {
		tom, jerry, mary := one.Login(t, "Tom", ""), one.Login(t, "Jerry", ""), one.Login(t, "Mary", "")
		room := openRoom(t, tom)
		atToms, atJerrys := listen(t, tom), listen(t, jerry.On(two))
		join(t, tom.On(two), room)
		join(t, jerry.On(one), room)
		for _, node := range []*Server{one, two} {
			if n := headcount(t, mary.On(node), room); n != 2 {
				t.Fatalf("%d are inside, not 2", n)
			}
		}
		said := tom.Say(t, room, "from one node")
		if event := atJerrys.Want("message"); event.ID != said {
			t.Fatalf("got %s", event.Raw)
		}
		said = jerry.Say(t, room, "from the other")
		if event := atToms.Want("message"); event.ID != said {
			t.Fatalf("got %s", event.Raw)
		}
		before := atJerrys.LastID()
		cut := time.Now()
		atJerrys.Cut()
		Eventually(t, "the count drops", func() bool { return headcount(t, mary, room) == 1 })
		if took := time.Since(cut); took > Promise(time.Second) {
			t.Errorf("the count took %v to drop", took)
		}
		jerry.Do(t, "POST", "/v1/conversations/"+room+"/messages", JSON{"type": "text", "text": "x"}).WantProblem(403, "not_a_member", "")
		tom.Say(t, room, "Jerry is away")
		back := jerry.On(one).Listen(t, before)
		if event := back.Want("reconnect"); event.Data["missed"] != 0.0 { // the room has no replay
			t.Fatalf("got %s", event.Raw)
		}
		event := back.Want("resync")
		if event.Data["conversationId"] != room || event.Data["reason"] != "room_messages_lost" || event.Data["position"] != event.ID {
			t.Fatalf("got %s", event.Raw)
		}
		if n := headcount(t, mary.On(two), room); n != 2 {
			t.Fatalf("%d are inside, not 2", n)
		}
		said = tom.Say(t, room, "Jerry is back")
		if event := back.Want("message"); event.ID != said {
			t.Fatalf("got %s", event.Raw)
		}
		if got := jerry.Texts(t, room); len(got) != 4 {
			t.Fatalf("the history is %q", got)
		}
		// Nothing was missed: nothing is told.
		before = back.LastID()
		back.Cut()
		Eventually(t, "the count drops", func() bool { return headcount(t, mary, room) == 1 })
		again := jerry.On(two).Listen(t, before)
		again.Want("reconnect")
		said = tom.Say(t, room, "again")
		if event := again.Want("message"); event.ID != said {
			t.Fatalf("got %s", event.Raw)
		}
	})
}

// TestChatRoomSessions: inside are sessions, counted by client; a session leaves with its last stream, on whatever node.
func TestChatRoomSessions(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *Server) {
		phone, laptop, jerry := one.Login(t, "Tom", "phone"), two.Login(t, "Tom", "laptop"), one.Login(t, "Jerry", "")
		room := openRoom(t, jerry)
		onPhone, onPhoneToo := listen(t, phone), listen(t, phone.On(two))
		onLaptop := listen(t, laptop)
		enter(t, jerry, room)
		join(t, phone, room)
		if n := headcount(t, jerry, room); n != 2 {
			t.Fatalf("%d are inside, not 2", n)
		}
		said := jerry.Say(t, room, "to the phone")
		for _, stream := range []*Stream{onPhone, onPhoneToo} {
			for event := stream.Next(); event.ID != said; event = stream.Next() {
				if event.Name != "online" { // of the laptop
					t.Fatalf("got %s", event.Raw)
				}
			}
		}
		laptop.Say(t, room, "the laptop may speak: Tom is inside") // and its message reaches the phone
		if event := onPhone.Want("message"); event.Data["from"] != "Tom" {
			t.Fatalf("got %s", event.Raw)
		}
		join(t, laptop, room)
		if n := headcount(t, jerry, room); n != 2 {
			t.Fatalf("%d are inside, not 2: Tom counts once", n)
		}
		said = jerry.Say(t, room, "to both")
		for event := onLaptop.Next(); event.ID != said; event = onLaptop.Next() {
			if event.Name != "online" { // of the phone
				t.Fatalf("got %s", event.Raw)
			}
		}
		onPhone.Cut() // the one on the other node is left
		laptop.Do(t, "POST", "/v1/conversations/"+room+"/quit", nil).Want(200)
		said = jerry.Say(t, room, "to the phone again")
		for event := onPhoneToo.Next(); event.ID != said; event = onPhoneToo.Next() {
			if event.Name != "message" && event.Name != "offline" {
				t.Fatalf("got %s", event.Raw)
			}
		}
		if n := headcount(t, jerry, room); n != 2 {
			t.Fatalf("%d are inside, not 2", n)
		}
		onPhoneToo.Cut()
		Eventually(t, "Tom is outside", func() bool { return headcount(t, jerry, room) == 1 })
	})
}

// TestChatRoomIsLeftForGoodAfterAMinute: who comes back later has to join again.
func TestChatRoomIsLeftForGoodAfterAMinute(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		var ahead atomic.Int64
		s := Start(t, db, func(c *app.Config) {
			c.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		})
		tom, jerry, kim := s.Login(t, "Tom", ""), s.Login(t, "Jerry", ""), s.Login(t, "Kim", "")
		room, direct := openRoom(t, tom), kim.Create(t, "Tom")
		atToms := enter(t, tom, room)
		stream := enter(t, jerry, room)
		away := func() {
			stream.Cut()
			Eventually(t, "Jerry is outside", func() bool { return headcount(t, tom, room) == 1 })
			// And this node has heard of it: what it brings next came later.
			for said := kim.Say(t, direct, "on"); atToms.Next().ID != said; {
			}
		}
		away()
		ahead.Add(int64(59 * time.Second))
		stream = listen(t, jerry)
		if n := headcount(t, tom, room); n != 2 {
			t.Fatalf("after 59 s: %d are inside, not 2", n)
		}
		away()
		ahead.Add(int64(61 * time.Second))
		stream = listen(t, jerry)
		if n := headcount(t, tom, room); n != 1 {
			t.Fatalf("after 61 s: %d are inside, not 1", n)
		}
		tom.Say(t, room, "not for Jerry")
		join(t, jerry, room)
		said := tom.Say(t, room, "for Jerry")
		if event := stream.Want("message"); event.ID != said {
			t.Fatalf("got %s", event.Raw)
		}
		// Whoever has quit is not put back.
		jerry.Do(t, "POST", "/v1/conversations/"+room+"/quit", nil).Want(200)
		stream.Cut()
		listen(t, jerry)
		if n := headcount(t, tom, room); n != 1 {
			t.Fatalf("after a quit: %d are inside, not 1", n)
		}
	})
}

// TestChatRoomOfANodeThatStops: its sessions are outside at once, and back when they have come to another node.
func TestChatRoomOfANodeThatStops(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *Server) {
		tom, jerry := one.Login(t, "Tom", ""), two.Login(t, "Jerry", "")
		room := openRoom(t, tom)
		enter(t, tom, room)
		stream := enter(t, jerry, room)
		two.Stop(t)
		if n := headcount(t, tom, room); n != 1 {
			t.Fatalf("%d are inside, not 1", n)
		}
		tom.Say(t, room, "meanwhile")
		back := jerry.On(one).Listen(t, stream.LastID())
		back.Want("reconnect")
		if event := back.Want("resync"); event.Data["conversationId"] != room {
			t.Fatalf("got %s", event.Raw)
		}
		if n := headcount(t, tom, room); n != 2 {
			t.Fatalf("%d are inside, not 2", n)
		}
	})
}

// TestChatRoomOfANodeThatIsTakenForDead: its sessions are outside when its lease has run out. When it is not dead after all,
// they are put back, and told what the room said meanwhile; their streams never ended.
func TestChatRoomOfANodeThatIsTakenForDead(t *testing.T) {
	t.Parallel()
	direct := NeedMySQL(t)
	proxy, byProxy := NewProxy(t, direct)
	short := func(c *app.Config) { c.LeaseBeat, c.LogLevel = leaseBeat, slog.LevelError+1 }
	one, two := Start(t, direct, short), Start(t, byProxy, short)
	tom, jerry := one.Login(t, "Tom", ""), one.Login(t, "Jerry", "")
	room := openRoom(t, tom)
	enter(t, tom, room)
	stream := enter(t, jerry.On(two), room)
	tables := OpenSQL(t, direct)
	for i := range 2 {
		Eventually(t, "each node knows of the other's", func() bool { return presences(t, tables) == "Jerry,Tom," })
		proxy.Cut()
		Eventually(t, "Jerry is outside", func() bool { return headcount(t, tom, room) == 1 })
		tom.Say(t, room, fmt.Sprint("unheard ", i))
		proxy.Restore()
		Eventually(t, "Jerry is back", func() bool { return headcount(t, tom, room) == 2 })
		if event := stream.Want("resync"); event.Data["conversationId"] != room {
			t.Fatalf("got %s", event.Raw)
		}
		said := tom.Say(t, room, fmt.Sprint("heard ", i))
		if event := stream.Want("message"); event.ID != said {
			t.Fatalf("got %s", event.Raw)
		}
	}
}

// TestChatRoomOfANodeThatIsKilled: its sessions are outside when its lease has run out, and are put back on another one.
func TestChatRoomOfANodeThatIsKilled(t *testing.T) {
	t.Parallel()
	program := BuildProgram(t)
	cluster := StartCluster(t, program, 2, NeedMySQL(t))
	one, two := cluster.Nodes[0], cluster.Nodes[1]
	tom, jerry := one.Login(t, "Tom", ""), one.Login(t, "Jerry", "")
	room := openRoom(t, tom)
	enter(t, tom, room)
	stream := enter(t, jerry.On(two.Server), room)
	two.Kill(t)
	missed := tom.Say(t, room, "unheard")
	back := jerry.Listen(t, stream.LastID()) // before anybody has noticed
	back.Want("reconnect")
	if event := back.Want("resync"); event.Data["conversationId"] != room || number(t, event.ID) < number(t, missed) {
		t.Fatalf("got %s", event.Raw)
	}
	if n := headcount(t, tom, room); n != 2 {
		t.Fatalf("%d are inside, not 2", n)
	}
	said := tom.Say(t, room, "heard")
	if event := back.Want("message"); event.ID != said {
		t.Fatalf("got %s", event.Raw)
	}
}
