package faults

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	. "parley/tests/harness"
)

// cutter cuts connections at the statements with which writes take effect: before one has reached the database, after
// it took effect, and with the client cut off first. Which of them, and how, is left to chance.
type cutter struct {
	mu    sync.Mutex
	left  int          // cuts still to be made
	inRow map[bool]int // made without one let through in between: of the log's transactions, of writes without one
	made  map[Fate]int
}

func newCutter(proxy *Proxy, cuts int) *cutter {
	c := &cutter{left: cuts, inRow: map[bool]int{}, made: map[Fate]int{}}
	proxy.OnStatement(c.decide)
	return c
}

func (c *cutter) decide(s Statement) Fate {
	if !takesEffect(s) {
		return Pass
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// After three failed attempts the server is still trying, on a slow machine too; it has to tell its callers within 3 s. What it writes for itself
	// meanwhile, like what a stream has been brought, does not begin the count anew.
	if c.left == 0 || c.inRow[s.InLog] == 3 || rand.IntN(2) == 0 {
		c.inRow[s.InLog] = 0
		return Pass
	}
	fate := []Fate{CutBefore, CutAfter, CutLate}[rand.IntN(3)]
	c.inRow[s.InLog]++
	c.left--
	c.made[fate]++
	return fate
}

// takesEffect tells whether a statement is the end of a transaction of the log, or a write without one: a log-in without a
// tag is one INSERT, a refresh one UPDATE.
func takesEffect(s Statement) bool {
	if s.InTransaction {
		return s.InLog && s.SQL == "COMMIT"
	}
	return strings.HasPrefix(s.SQL, "INSERT INTO ") || strings.HasPrefix(s.SQL, "UPDATE ")
}

// over tells whether all cuts have been made.
func (c *cutter) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left == 0
}

func (c *cutter) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("%d cuts before, %d after, %d late", c.made[CutBefore], c.made[CutAfter], c.made[CutLate])
}

// TestSendsCutAtCommit: however often the connection to the database is lost at COMMIT, every send is answered 201, and
// its message is there once and shown once.
func TestSendsCutAtCommit(t *testing.T) {
	t.Parallel() // they wait, most of the time
	proxy, db := NewProxy(t, NeedMySQL(t))
	s := Start(t, db, quiet)
	const senders = 8
	clients := make([]*Client, senders)
	names := []string{"Reader"}
	for i := range clients {
		clients[i] = s.Login(t, fmt.Sprint("s", i), "")
		names = append(names, clients[i].ID)
	}
	conversation := clients[0].Create(t, names...)
	reader := s.Login(t, "Reader", "")
	live := watch(t, reader)
	cutter := newCutter(proxy, pick(100, 1000))
	sent := make([]int, senders)
	var slowest time.Duration
	var mu sync.Mutex
	var sending sync.WaitGroup
	for i, client := range clients {
		sending.Go(func() {
			for ; !cutter.over() && !t.Failed(); sent[i]++ {
				text := fmt.Sprint(client.ID, " ", sent[i])
				var key []string
				if sent[i]%2 == 0 {
					key = []string{"Idempotency-Key", text}
				}
				begun := time.Now()
				answer := client.Do(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": text}, key...).Want(http.StatusCreated)
				if answer.Object()["text"] != text {
					t.Errorf("%q was answered with %s", text, answer.Body)
				}
				mu.Lock()
				slowest = max(slowest, time.Since(begun))
				mu.Unlock()
			}
		})
	}
	sending.Wait()
	var want []string
	for i, client := range clients {
		for n := range sent[i] {
			want = append(want, fmt.Sprint(client.ID, " ", n))
		}
	}
	history := reader.Texts(t, conversation)
	if !slices.Equal(slices.Sorted(slices.Values(history)), slices.Sorted(slices.Values(want))) {
		t.Errorf("%d messages were answered, and the history has %d, or others", len(want), len(history))
	}
	live.wantTexts(history)
	t.Logf("%d messages, %v; the slowest answer after %v", len(history), cutter, slowest.Round(time.Millisecond))
}

// TestOtherWritesCutAtCommit: the same for every other call that writes. Each takes effect once, is answered with
// success, and makes its event once.
func TestOtherWritesCutAtCommit(t *testing.T) {
	t.Parallel() // they wait, most of the time
	proxy, db := NewProxy(t, NeedMySQL(t))
	s := Start(t, db, quiet)
	look := OpenSQL(t, db)
	sessions := func(clientID string) (n int) {
		t.Helper()
		if err := look.QueryRow("SELECT COUNT(*) FROM sessions WHERE client_id = ?", clientID).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	tom, jerry, mary, master := s.Login(t, "Tom", ""), s.Login(t, "Jerry", ""), s.Login(t, "Mary", ""), s.Master(t, "")
	stream := jerry.Listen(t, "")
	stream.Want("online")
	cutter := newCutter(proxy, pick(100, 1000))
	rounds := 0
	for ; !cutter.over(); rounds++ {
		a := aloneIn(t, tom, rounds)
		a.want(stream, "invited")
		same := tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{"Jerry", a.guest}, "unique": true}).Want(http.StatusCreated).Object()["id"]
		if event := stream.Want("invited"); event.Data["conversationId"] != same {
			t.Fatalf("got %s", event.Raw)
		}
		again := tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{a.guest, "Jerry"}, "unique": true}).Want(http.StatusOK).Object()["id"]
		if again != same {
			t.Fatalf("the unique conversation %v was made again as %v", same, again)
		}
		a.membersMove(t, mary, stream)
		tom.Do(t, "PATCH", a.path, JSON{"name": a.guest}).Want(http.StatusOK)
		if changes := a.want(stream, "conversation_updated")["changes"].(JSON); changes["name"] != a.guest {
			t.Fatalf("the changes are %v", changes)
		}
		sessionsCut(t, s, a.guest, sessions)
		for _, path := range []string{a.path, fmt.Sprint("/v1/conversations/", same)} {
			master.Do(t, "DELETE", path, nil).Want(http.StatusNoContent)
			tom.Do(t, "GET", path, nil).WantProblem(http.StatusNotFound, "conversation_not_found", "")
		}
		a.want(stream, "kicked")
		if event := stream.Want("kicked"); event.Data["conversationId"] != same {
			t.Fatalf("got %s", event.Raw)
		}
	}
	t.Logf("%d rounds, %v", rounds, cutter)
}

// aConversation is one of a round's own.
type aConversation struct {
	t               testing.TB
	tom             *Client
	id, path, guest string
}

func aloneIn(t testing.TB, tom *Client, round int) aConversation {
	id := tom.Create(t, "Jerry")
	return aConversation{t: t, tom: tom, id: id, path: "/v1/conversations/" + id, guest: fmt.Sprint("guest ", round)}
}

// want waits for the stream's next event, which must be of this conversation.
func (a aConversation) want(stream *Stream, name string) JSON {
	a.t.Helper()
	event := stream.Want(name)
	if event.Data["conversationId"] != a.id {
		a.t.Fatalf("got %s %s of another conversation", event.Name, event.Raw)
	}
	return event.Data
}

// membersMove brings Mary in and out in both ways.
func (a aConversation) membersMove(t *testing.T, mary *Client, stream *Stream) {
	t.Helper()
	moved := func(name string) {
		t.Helper()
		if members := a.want(stream, name)["members"].([]any); len(members) != 1 || members[0] != "Mary" {
			t.Fatalf("%s names %v", name, members)
		}
	}
	a.tom.Do(t, "POST", a.path+"/members", JSON{"members": []string{"Mary"}}).Want(http.StatusOK)
	moved("members_joined")
	a.tom.Do(t, "DELETE", a.path+"/members?clientId=Mary", nil).Want(http.StatusOK)
	moved("members_left")
	mary.Do(t, "POST", a.path+"/join", nil).Want(http.StatusOK)
	moved("members_joined")
	mary.Do(t, "POST", a.path+"/quit", nil).Want(http.StatusOK)
	moved("members_left")
	if got := a.tom.Do(t, "GET", a.path, nil).Want(http.StatusOK).Object()["memberCount"]; got != 2.0 {
		t.Fatalf("%v members are left", got)
	}
}

// sessionsCut opens, renews and ends a client's sessions, and looks that none is left over.
func sessionsCut(t *testing.T, s *Server, clientID string, sessions func(string) int) {
	t.Helper()
	first := s.Login(t, clientID, "phone")
	second := s.Login(t, clientID, "phone")
	first.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(http.StatusUnauthorized, "session_conflict", "")
	third := s.Login(t, clientID, "")
	if n := sessions(clientID); n != 3 {
		t.Fatalf("three log-ins made %d sessions", n)
	}
	second.Do(t, "POST", "/v1/sessions/current/refresh", nil).Want(http.StatusOK)
	third.Do(t, "DELETE", "/v1/sessions/current", nil).Want(http.StatusNoContent)
	third.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(http.StatusUnauthorized, "session_ended", "")
	signed := SignedToken(t, jwt.MapClaims{"aud": AppID, "sub": clientID, "exp": time.Now().Add(time.Hour).Unix()})
	s.Bearer(t, clientID, signed, "").Do(t, "GET", "/v1/sessions/current", nil).Want(http.StatusOK)
	if n := sessions(clientID); n != 4 {
		t.Fatalf("the signed token made %d sessions", n-3)
	}
}

// TestUpdatesCutAtCommitOnTwoNodes: two nodes change the same conversation while both lose their connections at COMMIT.
// An update that took effect, unknown to its node, is not done again over what the other node has done meanwhile.
func TestUpdatesCutAtCommitOnTwoNodes(t *testing.T) {
	t.Parallel() // they wait, most of the time
	db := NeedMySQL(t)
	var nodes []*Server
	var cutters []*cutter
	var proxies []*Proxy
	for range 2 {
		proxy, through := NewProxy(t, db)
		nodes, proxies = append(nodes, Start(t, through, quiet)), append(proxies, proxy)
	}
	tom, reader := nodes[0].Login(t, "Tom", ""), nodes[0].Login(t, "Reader", "")
	path := "/v1/conversations/" + tom.Create(t, "Reader")
	stream := reader.Listen(t, "")
	stream.Want("online")
	for _, proxy := range proxies {
		cutters = append(cutters, newCutter(proxy, pick(20, 200)))
	}
	counts := make([]int, len(nodes))
	var changing sync.WaitGroup
	for i, node := range nodes {
		changing.Go(func() {
			for ; !cutters[i].over() && !t.Failed(); counts[i]++ {
				tom.On(node).Do(t, "PATCH", path, JSON{"name": fmt.Sprint(i, " ", counts[i])}).Want(http.StatusOK)
			}
		})
	}
	changing.Wait()
	seen := map[string]int{}
	last := ""
	for range counts[0] + counts[1] {
		last = stream.Want("conversation_updated").Data["changes"].(JSON)["name"].(string)
		seen[last]++
	}
	if doubled := slices.Max(slices.Collect(maps.Values(seen))); doubled > 1 {
		t.Errorf("an update took effect %d times", doubled)
	}
	if name := reader.Do(t, "GET", path, nil).Want(http.StatusOK).Object()["name"]; name != last {
		t.Errorf("the name is %v, and the last update said %s", name, last)
	}
	t.Logf("%d and %d updates, %v and %v", counts[0], counts[1], cutters[0], cutters[1])
}
