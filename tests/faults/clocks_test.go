package faults

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/app"
	. "parley/tests/harness"
)

// clock is a node's clock, which runs and is wrong.
type clock struct{ off atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.off.Load())) }

func (c *clock) set(off time.Duration) { c.off.Store(int64(off)) }

// on gives a node this clock, and heartbeats that a test can wait for.
func (c *clock) on(config *app.Config) { config.Clock, config.Heartbeat = c.now, 50*time.Millisecond }

// apart is how far the clocks of two nodes are from each other.
const apart = 5 * time.Second

// TestClocksOfTwoNodesApart: what the two nodes write is in one order with one time, and a client moves between them as
// if they were one.
func TestClocksOfTwoNodesApart(t *testing.T) {
	Databases(t, func(t *testing.T, database string) {
		var ahead clock
		ahead.set(apart)
		nodes := []*Server{Start(t, database, new(clock).on), Start(t, database, ahead.on)}
		tom, jerry := nodes[0].Login(t, "Tom", ""), nodes[1].Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		stream := jerry.Listen(t, "0") // with the entry that brought Jerry in
		stream.Want("invited")
		stream.Want("reconnect")
		path := "/v1/conversations/" + conversation
		var said []string
		for i := range 20 { // first by the one that is ahead, then by the one that is not
			node := nodes[(i+1)%2]
			said = append(said, tom.On(node).Say(t, conversation, fmt.Sprint(i)))
			tom.On(node).Do(t, "PATCH", path, JSON{"name": fmt.Sprint("name ", i)}).Want(http.StatusOK)
			tom.On(node).Do(t, "POST", path+"/members", JSON{"members": []string{fmt.Sprint("guest", i)}}).Want(http.StatusOK)
		}
		for range said { // live, on the node that is ahead
			stream.Want("message")
			stream.Want("conversation_updated")
			stream.Want("members_joined")
		}
		wantOneOrder(t, tom, conversation, said)
		wantTimesForward(t, database)
		for i, id := range said { // a position of one node is one of the other
			resumed := jerry.On(nodes[i%2]).Listen(t, id)
			for _, later := range said[i+1:] {
				resumed.Want("conversation_updated")
				resumed.Want("members_joined")
				if event := resumed.Want("message"); event.ID != later {
					t.Fatalf("after %s came %s, not %s", id, event.ID, later)
				}
			}
			resumed.Want("conversation_updated")
			resumed.Want("members_joined")
			if event := resumed.Want("reconnect"); event.Data["missed"] != float64(3*(len(said)-i)-1) {
				t.Fatalf("resumed with %s", event.Raw)
			}
			resumed.Cut()
		}
	})
}

// TestSessionsOfTwoClocks: a session of either node is good on both, at once, and ends on both.
func TestSessionsOfTwoClocks(t *testing.T) {
	Databases(t, func(t *testing.T, database string) {
		var ahead clock
		ahead.set(apart)
		nodes := []*Server{Start(t, database, new(clock).on), Start(t, database, ahead.on)}
		for i, from := range nodes {
			other := nodes[1-i]
			phone := from.Login(t, fmt.Sprint("Tom", i), "phone")
			phone.On(other).Do(t, "GET", "/v1/sessions/current", nil).Want(http.StatusOK)
			renewed := phone.On(other).Do(t, "POST", "/v1/sessions/current/refresh", nil).Want(http.StatusOK).Object()["token"].(string)
			from.Bearer(t, phone.ID, renewed, "").Do(t, "GET", "/v1/sessions/current", nil).Want(http.StatusOK)
			stream := phone.On(other).Listen(t, "")
			stream.Want("online")
			again := other.Login(t, phone.ID, "phone") // the older session ends on the node where its stream is, and
			if end := stream.Want("disconnect"); end.Data["reason"] != "conflict" {
				t.Fatalf("the stream ended with %s", end.Raw)
			}
			Eventually(t, "the older session ends on the other node too", func() bool {
				return phone.Do(t, "GET", "/v1/sessions/current", nil).Status == http.StatusUnauthorized
			})
			again.Do(t, "GET", "/v1/sessions/current", nil).Want(http.StatusOK)
		}
	})
}

// TestTokenSignedOnAClockAhead: the app's own server signs a token that is good from now on, by a clock that is ahead.
func TestTokenSignedOnAClockAhead(t *testing.T) {
	Databases(t, func(t *testing.T, database string) {
		var ahead clock
		ahead.set(apart)
		nodes := []*Server{Start(t, database, new(clock).on), Start(t, database, ahead.on)}
		now := ahead.now()
		token := SignedToken(t, jwt.MapClaims{"aud": AppID, "sub": "Mary", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nbf": now.Unix()})
		for _, node := range nodes {
			mary := node.Bearer(t, "Mary", token, "")
			mary.Do(t, "GET", "/v1/sessions/current", nil).Want(http.StatusOK)
			mary.Do(t, "POST", "/v1/sessions", JSON{}).Want(http.StatusCreated)
			mary.Create(t, "Tom")
		}
	})
}

// TestClockSetBackAnHour: a node's clock goes back while it runs. Positions, order and times go on; streams stay and
// sessions are good.
func TestClockSetBackAnHour(t *testing.T) {
	Databases(t, func(t *testing.T, database string) {
		var wrong clock
		s := Start(t, database, wrong.on)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation, other := tom.Create(t, "Jerry"), tom.Create(t, "Jerry", "William")
		stream := jerry.Listen(t, "")
		position := stream.Want("online").ID
		path := "/v1/conversations/" + conversation
		var said []string
		var events []string // live, by name
		say := func(n int) {
			for i := range n {
				said = append(said, tom.Say(t, conversation, fmt.Sprint(len(said), " ", i)))
				events = append(events, "message")
			}
			tom.Do(t, "PATCH", path, JSON{"name": fmt.Sprint("after ", len(said))}).Want(http.StatusOK)
			tom.Do(t, "POST", path+"/members", JSON{"members": []string{fmt.Sprint("guest", len(said))}}).Want(http.StatusOK)
			events = append(events, "conversation_updated", "members_joined")
		}
		say(10)
		wrong.set(-time.Hour)
		say(10)
		var last Event
		for _, name := range events {
			last = stream.Want(name)
		}
		for range 3 { // it beats on, at the newest position
			if block, ok := stream.NextBlock(); !ok || block.Name != "" || block.ID != last.ID {
				t.Fatalf("after %s the stream got %+v", last.ID, block)
			}
		}
		wantOneOrder(t, tom, conversation, said)
		wantTimesForward(t, database)
		if list := tom.Do(t, "GET", "/v1/conversations", nil).Want(http.StatusOK).Object()["conversations"].([]any); list[0].(JSON)["id"] != conversation {
			t.Errorf("the newest activity is not first: %v", list[0])
		}
		tom.Say(t, other, "now this one")
		if list := tom.Do(t, "GET", "/v1/conversations", nil).Want(http.StatusOK).Object()["conversations"].([]any); list[0].(JSON)["id"] != other {
			t.Errorf("the newest activity is not first: %v", list[0])
		}
		resumed := jerry.Listen(t, position)
		for _, name := range events {
			resumed.Want(name)
		}
		resumed.Want("message") // in the other conversation
		if event := resumed.Want("reconnect"); event.Data["missed"] != float64(len(events)+1) {
			t.Fatalf("resumed with %s", event.Raw)
		}
		late := s.Login(t, "William", "")
		late.Do(t, "GET", "/v1/sessions/current", nil).Want(http.StatusOK)
		wrong.set(0) // and it is set right
		say(1)
		for _, client := range []*Client{tom, jerry, late} {
			client.Do(t, "GET", "/v1/sessions/current", nil).Want(http.StatusOK)
		}
		wantOneOrder(t, tom, conversation, said)
		wantTimesForward(t, database)
	})
}

// wantOneOrder checks that a conversation's history has these messages in this order, whichever way it is paged, and
// that no time in it is before an earlier one.
func wantOneOrder(t *testing.T, c *Client, conversation string, said []string) {
	t.Helper()
	var ids, times []string
	for _, m := range c.History(t, conversation) {
		ids, times = append(ids, m["id"].(string)), append(times, m["timestamp"].(string))
	}
	if !slices.Equal(ids, said) {
		t.Fatalf("the history has %v, not %v", ids, said)
	}
	if !slices.IsSorted(times) { // RFC 3339 of one length sorts as time does
		t.Errorf("times run backwards: %v", times)
	}
	var back []string
	first := "/v1/conversations/" + conversation + "/messages?limit=3&order=desc"
	for next := first; next != ""; {
		page := c.Do(t, "GET", next, nil).Want(http.StatusOK).Object()
		for _, m := range page["messages"].([]any) {
			back = append(back, m.(JSON)["id"].(string))
		}
		if next, _ = page["next"].(string); next != "" {
			next = first + "&before=" + next
		}
	}
	slices.Reverse(back)
	if !slices.Equal(back, said) {
		t.Errorf("paged backwards the history has %v, not %v", back, said)
	}
}

// wantTimesForward looks at the whole log: numbers without a gap, and times that never run backwards.
func wantTimesForward(t *testing.T, database string) {
	t.Helper()
	rows, err := OpenSQL(t, database).Query(`SELECT seq, created_at FROM (SELECT seq, created_at FROM messages WHERE app_id = 1
		UNION ALL SELECT seq, created_at FROM events WHERE app_id = 1) log ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var last, newest int64
	for rows.Next() {
		var seq, at int64
		if err := rows.Scan(&seq, &at); err != nil {
			t.Fatal(err)
		}
		if seq != last+1 || at < newest {
			t.Errorf("after entry %d of %d comes %d of %d", last, newest, seq, at)
		}
		last, newest = seq, at
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if last == 0 {
		t.Error("the log is empty")
	}
}
