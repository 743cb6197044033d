package tests

import (
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// online asks which of some clients are online.
func online(t *testing.T, c *Client, clients ...string) []string {
	t.Helper()
	answer := c.Do(t, "POST", "/v1/clients/online", JSON{"clientIds": clients}).Want(200).Object()
	found := []string{}
	for _, id := range answer["online"].([]any) {
		found = append(found, id.(string))
	}
	return found
}

// lastSeen asks when a client was last seen; zero for never.
func lastSeen(t *testing.T, master *Client, client string, wantOnline bool) time.Time {
	t.Helper()
	answer := master.Do(t, "GET", "/v1/clients/"+client, nil).Want(200).Object()
	if answer["clientId"] != client || answer["online"] != wantOnline {
		t.Fatalf("%s is shown as %v", client, answer)
	}
	if answer["lastSeenAt"] == nil {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, answer["lastSeenAt"].(string))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestWhoIsOnline: exact, and at once, on the node that has the streams.
func TestWhoIsOnline(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry, master := s.Login(t, "Tom", "phone"), s.Login(t, "Jerry", ""), s.Master(t, "")
		all := []string{"Mary", "Jerry", "Tom", "Jerry", "bot"}
		if got := online(t, tom, all...); len(got) != 0 {
			t.Fatalf("online without a stream: %v", got)
		}
		if at := lastSeen(t, master, "Tom", false); !at.IsZero() {
			t.Fatalf("never seen, and seen at %v", at)
		}
		begun := time.Now().Truncate(time.Millisecond)
		first, second, atJerry, bot := tom.Listen(t, ""), s.Login(t, "Tom", "laptop").Listen(t, ""), jerry.Listen(t, ""), s.Master(t, "bot").Listen(t, "")
		for _, stream := range []*Stream{first, second, atJerry, bot} {
			stream.Want("online")
		}
		for _, caller := range []*Client{tom, master} {
			if got := online(t, caller, all...); !slices.Equal(got, []string{"Jerry", "Tom", "bot"}) {
				t.Fatalf("online: %v", got)
			}
		}
		if at := lastSeen(t, master, "Tom", true); at.Before(begun) || at.After(time.Now()) {
			t.Fatalf("online, and last seen at %v", at)
		}
		first.Cut()
		second.Want("offline")
		if got := online(t, master, "Tom"); len(got) != 1 {
			t.Fatal("Tom still has a stream")
		}
		second.Cut()
		bot.Cut()
		Eventually(t, "Tom and the bot go", func() bool { return slices.Equal(online(t, master, all...), []string{"Jerry"}) })
		if at := lastSeen(t, master, "Tom", false); at.Before(begun) || at.After(time.Now()) {
			t.Fatalf("last seen at %v", at)
		}
		tables := OpenSQL(t, db)
		Eventually(t, "the database holds Jerry alone", func() bool { return presences(t, tables) == "Jerry," })
		s.Stop(t)
		if got := presences(t, tables); got != "" {
			t.Fatalf("after a stop in order the database holds %s", got)
		}
		var leases, seen int
		if err := tables.QueryRow("SELECT (SELECT COUNT(*) FROM node_leases), (SELECT COUNT(*) FROM clients)").Scan(&leases, &seen); err != nil || leases != 0 || seen != 3 {
			t.Fatalf("after a stop in order there are %d leases and %d clients were seen, %v", leases, seen, err)
		}
	})
}

// presences gives the clients that the database holds, each with a comma.
func presences(t *testing.T, tables *sql.DB) (clients string) {
	t.Helper()
	rows, err := tables.Query("SELECT client_id FROM presences ORDER BY client_id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var client string
		if err := rows.Scan(&client); err != nil {
			t.Fatal(err)
		}
		clients += client + ","
	}
	return clients
}

func TestAskingWhoIsOnlineWrongly(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	tom, master := s.Login(t, "Tom", ""), s.Master(t, "")
	ids := func(n int) []string {
		var ids []string
		for i := range n {
			ids = append(ids, fmt.Sprint("client ", i))
		}
		return ids
	}
	online(t, tom, ids(100)...)
	online(t, master, ids(500)...)
	for _, c := range []*Client{tom, master} {
		for body, field := range map[string]string{`{}`: "clientIds", `{"clientIds":[]}`: "clientIds", `{"clientIds":[""]}`: "clientIds[0]", `{"clientIds":["a","` + longID + `"]}`: "clientIds[1]",
			`{"clientIds":"Tom"}`: "clientIds", `{"clients":["Tom"]}`: "clients"} {
			c.Do(t, "POST", "/v1/clients/online", body).WantProblem(400, "validation_failed", field)
		}
	}
	tom.Do(t, "POST", "/v1/clients/online", JSON{"clientIds": ids(101)}).WantProblem(400, "validation_failed", "clientIds")
	master.Do(t, "POST", "/v1/clients/online", JSON{"clientIds": ids(501)}).WantProblem(400, "validation_failed", "clientIds")
	s.AppKeyHolder(t).Do(t, "POST", "/v1/clients/online", JSON{"clientIds": ids(1)}).WantProblem(403, "session_required", "")
	tom.Do(t, "GET", "/v1/clients/Jerry", nil).WantProblem(403, "master_key_required", "")
	tom.Do(t, "GET", "/v1/clients/Tom", nil).WantProblem(403, "master_key_required", "")
	lastSeen(t, master, "online", false) // may be a client's name
	master.Do(t, "GET", "/v1/clients/"+longID, nil).WantProblem(400, "validation_failed", "clientId")
	master.Do(t, "GET", "/v1/clients/Tom?x=1", nil).WantProblem(400, "validation_failed", "x")
}

// TestOnlineOnOtherNodes: known on every node within a second, with a broker and without.
func TestOnlineOnOtherNodes(t *testing.T) {
	threeNodes(t, func(t *testing.T, n *nodes) {
		for i, home := range n.all {
			client := fmt.Sprint("Tom", i)
			stream := home.Login(t, client, "").Listen(t, "")
			stream.Want("online")
			begun := time.Now()
			for _, node := range n.all {
				master := node.Master(t, "")
				Eventually(t, "it is known", func() bool { return len(online(t, master, client)) == 1 })
				n.kept(t, begun, "that a client came")
				lastSeen(t, master, client, true)
			}
			stream.Cut()
			begun = time.Now()
			for _, node := range n.all {
				master := node.Master(t, "")
				Eventually(t, "it is known", func() bool { return len(online(t, master, client)) == 0 })
				n.kept(t, begun, "that a client went")
				if at := lastSeen(t, master, client, false); at.IsZero() {
					t.Error("gone, and never seen")
				}
			}
		}
	})
}

// TestSessionThatMovedToAnotherNodeWasShownOffline: it is gone when it has no stream on any node.
func TestSessionThatMovedToAnotherNodeWasShownOffline(t *testing.T) {
	nats := NATS(t)
	Databases(t, func(t *testing.T, db string) {
		withBroker := func(c *app.Config) { c.BrokerURL = nats }
		one, two := Start(t, db, withBroker), Start(t, db, withBroker)
		phone, laptop := one.Login(t, "Tom", "phone"), one.Login(t, "Tom", "laptop")
		atOne, atTwo := laptop.Listen(t, ""), laptop.On(two).Listen(t, "")
		atOne.Want("online")
		atTwo.Want("online")
		quiet := func(what string) { // nothing but what is caused here comes to the laptop
			t.Helper()
			for _, stream := range []*Stream{atOne, atTwo} {
				for event := stream.Next(); event.Name != "members_joined"; event = stream.Next() {
					if event.Name == "offline" {
						t.Fatalf("%s: got %s", what, event.Raw)
					}
				}
			}
		}
		tables := OpenSQL(t, db)
		for range 5 {
			first := phone.Listen(t, "")
			first.Want("online")
			second := phone.On(two).Listen(t, "")
			second.Want("online")
			Eventually(t, "both nodes have it", func() bool { return presences(t, tables) == "Tom,Tom,Tom,Tom," })
			first.Cut()
			Eventually(t, "it is gone from the first node", func() bool { return presences(t, tables) == "Tom,Tom,Tom," })
			laptop.Create(t)
			quiet("the phone has moved")
			second.Cut()
			for _, stream := range []*Stream{atOne, atTwo} {
				event := stream.Next()
				for event.Name == "online" {
					event = stream.Next()
				}
				if event.Name != "offline" || event.Data["sessionId"] != phone.SessionID || event.Data["tag"] != "phone" {
					t.Fatalf("got %s %s", event.Name, event.Raw)
				}
			}
		}
	})
}

// leaseBeat makes a lease last 2.4 s: so long a busy machine does not keep a node that lives from the database.
const leaseBeat = 400 * time.Millisecond

// TestNodeThatCannotReachTheDatabaseIsTakenForDead, its sessions are told to be gone, and to be back when it is.
func TestNodeThatCannotReachTheDatabaseIsTakenForDead(t *testing.T) {
	t.Parallel()
	nats, direct := NATS(t), NeedMySQL(t)
	proxy, byProxy := NewProxy(t, direct)
	short := func(c *app.Config) { c.BrokerURL, c.LeaseBeat, c.LogLevel = nats, leaseBeat, slog.LevelError+1 }
	one, two := Start(t, direct, short), Start(t, byProxy, short)
	phone, laptop, master := one.Login(t, "Tom", "phone"), one.Login(t, "Tom", "laptop"), one.Master(t, "")
	atPhone := phone.Listen(t, "")
	atPhone.Want("online")
	atLaptop := laptop.On(two).Listen(t, "")
	atLaptop.Want("online")
	if event := atPhone.Want("online"); event.Data["sessionId"] != laptop.SessionID {
		t.Fatalf("got %s", event.Raw)
	}
	mary := one.Login(t, "Mary", "").On(two).Listen(t, "")
	mary.Want("online")
	Eventually(t, "Mary is known", func() bool { return len(online(t, master, "Mary")) == 1 })
	for range 2 {
		proxy.Cut()
		if event := atPhone.Want("offline"); event.Data["sessionId"] != laptop.SessionID || event.Data["tag"] != "laptop" {
			t.Fatalf("got %s", event.Raw)
		}
		Eventually(t, "Mary is gone", func() bool { return len(online(t, master, "Mary")) == 0 })
		if at := lastSeen(t, master, "Mary", false); at.IsZero() {
			t.Error("gone, and never seen")
		}
		proxy.Restore()
		if event := atPhone.Want("online"); event.Data["sessionId"] != laptop.SessionID {
			t.Fatalf("got %s", event.Raw)
		}
		Eventually(t, "Mary is back", func() bool { return len(online(t, master, "Mary")) == 1 })
	}
}

// TestNobodyIsTakenForDeadInAnOutage: time in which no node reaches the database does not count.
func TestNobodyIsTakenForDeadInAnOutage(t *testing.T) {
	t.Parallel()
	nats := NATS(t)
	direct := NeedMySQL(t)
	proxy, db := NewProxy(t, direct)
	tables := OpenSQL(t, direct)
	short := func(c *app.Config) {
		c.BrokerURL, c.LeaseBeat, c.Heartbeat, c.LogLevel = nats, leaseBeat, leaseBeat/2, slog.LevelError+1
	}
	one, two := Start(t, db, short), Start(t, db, short)
	phone, laptop := one.Login(t, "Tom", "phone"), one.Login(t, "Tom", "laptop")
	atPhone, atLaptop := phone.Listen(t, ""), laptop.On(two).Listen(t, "")
	atPhone.Want("online")
	atLaptop.Want("online")
	atPhone.Want("online")
	Eventually(t, "each knows the other's", func() bool {
		return len(online(t, phone, "Tom")) == 1 && presences(t, tables) == "Tom,Tom,"
	})
	for range 2 {
		proxy.Cut()
		for range 20 { // heartbeats: longer than a lease
			if block, ok := atPhone.NextBlock(); !ok || block.Name != "" {
				t.Fatalf("got %+v", block)
			}
		}
		proxy.Restore()
		Eventually(t, "sending works again", func() bool {
			answer := phone.Do(t, "POST", "/v1/conversations", JSON{"members": []string{"Jerry"}})
			return answer.Status == 201
		})
		for _, stream := range []*Stream{atPhone, atLaptop} {
			stream.Want("members_joined")
		}
		begun := time.Now()
		Eventually(t, "a lease has passed since", func() bool {
			if left := presences(t, tables); left != "Tom,Tom," {
				t.Fatalf("of two are left %q", left)
			}
			return time.Since(begun) > 8*leaseBeat
		})
	}
	phone.Create(t)
	for _, stream := range []*Stream{atPhone, atLaptop} {
		stream.Want("members_joined") // and nothing before
	}
}
