//go:build !race

package costs_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"parley/app"
	"parley/tests/costs"
	"parley/tests/harness"
)

const (
	runs      = 50
	textBytes = 200
	// The sizes of what is read.
	historyPage, syncPage = 20, 1000
	ownConversations      = 50
	createdMembers        = 100
)

// TestHTTPCosts takes requests through the whole server.
func TestHTTPCosts(t *testing.T) {
	databases(t, func(t *testing.T, database, databaseURL string) {
		s := &served{T: t, statements: &costs.Statements{}, plans: newPlans()}
		s.server = harness.Start(t, databaseURL, func(config *app.Config) { config.Connect = s.statements.Connect })
		s.client = costs.Dial(t, strings.TrimPrefix(s.server.URL, "http://"))
		s.tom = "Bearer " + s.server.Login(t, "Tom", "").Token
		s.master = harness.Basic(harness.AppID, harness.MasterKey)
		s.fill()
		costs.Check(t, "http", database, s.measure())
		if database == "sqlite" {
			s.plans.check(t, databaseURL)
		}
	})
}

// databases runs a test on SQLite, and on MySQL where there is one; one after the other, because what is counted is the
// process's.
func databases(t *testing.T, test func(t *testing.T, database, databaseURL string)) {
	harness.DatabasesAlone(t, func(t *testing.T, databaseURL string) {
		database, _, _ := strings.Cut(databaseURL, ":")
		test(t, database, databaseURL)
	})
}

// served is a server with something in it.
type served struct {
	*testing.T
	server      *harness.Server
	statements  *costs.Statements
	plans       *plans // what was asked of the database, each once
	client      *costs.Client
	tom, master string // credentials
	pair        string // a conversation of Tom and Jerry
	open        string // one that Jerry has made alone
}

// status lines.
var (
	ok       = []byte("HTTP/1.1 200 ")
	created  = []byte("HTTP/1.1 201 ")
	accepted = []byte("HTTP/1.1 202 ")
)

func text() string { return fmt.Sprintf(`{"type":"text","text":%q}`, strings.Repeat("x", textBytes)) }

func (s *served) fill() {
	tom := s.server.Login(s, "Tom", "")
	create := func(c *harness.Client, members ...string) string {
		return c.Do(s, "POST", "/v1/conversations", harness.JSON{"members": members}).Want(http.StatusCreated).Object()["id"].(string)
	}
	for i := range ownConversations {
		s.pair = create(tom, fmt.Sprintf("other-%d", i))
		s.client.Do(s.send(s.pair), created)
	}
	s.pair = create(tom, "Jerry")
	s.open = create(s.server.Login(s, "Jerry", ""))
	s.fillPair()
}

// fillPair sends the messages that are read, some at once: each of them waits for the disk.
func (s *served) fillPair() {
	const senders = 25
	send := s.send(s.pair)
	var sending sync.WaitGroup
	for range senders {
		client := costs.Dial(s, strings.TrimPrefix(s.server.URL, "http://"))
		sending.Go(func() {
			for range syncPage / senders {
				if _, err := client.Try(send, created); err != nil {
					s.Error(err)
				}
			}
		})
	}
	sending.Wait()
}

func (s *served) send(conversation string) []byte {
	return costs.Request("POST", "/v1/conversations/"+conversation+"/messages", s.tom, text())
}

// measure gives the costs, in the file's order.
func (s *served) measure() []costs.Row {
	var rows []costs.Row
	add := func(operation string, statusLine []byte, check string, times int, requests ...[]byte) {
		run := func() {
			for _, request := range requests {
				answer := s.client.Do(request, statusLine)
				if n := bytes.Count(answer, []byte(check)); n != times {
					s.Fatalf("%s: %s comes %d times and not %d: %.500q", operation, check, n, times, answer)
				}
			}
		}
		cost := costs.Measure(runs, s.statements, run)
		s.statements.Note(s.plans.note)
		run()
		s.statements.Note(nil)
		rows = append(rows, costs.Row{Operation: operation, Cost: cost})
	}
	get := func(path, credentials string) []byte { return costs.Request("GET", path, credentials, "") }
	conversation := "/v1/conversations/" + s.pair
	add("session check alone (GET /sessions/current)", ok, `"clientId":"Tom"`, 1, get("/v1/sessions/current", s.tom))
	add("send", created, `{"id":"`, 1, s.send(s.pair))
	transient := costs.Request("POST", conversation+"/messages", s.tom, strings.Replace(text(), "{", `{"transient":true,`, 1))
	add("transient send", accepted, `"text":"`, 1, transient)
	add("history page of 20", ok, `{"id":"`, historyPage, get(fmt.Sprintf("%s/messages?limit=%d", conversation, historyPage), s.tom))
	add("list of 10 conversations with last messages", ok, `"lastMessage":{"id":"`, 10, get("/v1/conversations?limit=10", s.tom))
	members := make([]string, createdMembers-1)
	for i := range members {
		members[i] = fmt.Sprintf("%q", fmt.Sprintf("member-%03d", i))
	}
	add("create with 100 members", created, `"memberCount":100`, 1,
		costs.Request("POST", "/v1/conversations", s.tom, `{"members":[`+strings.Join(members, ",")+`]}`))
	add("join, then quit", ok, `{"id":"`+s.open, 1, costs.Request("POST", "/v1/conversations/"+s.open+"/join", s.tom, ""),
		costs.Request("POST", "/v1/conversations/"+s.open+"/quit", s.tom, ""))
	add("sync page of 1,000", ok, `{"id":"`, syncPage, get(fmt.Sprintf("/v1/messages?after=0&limit=%d", syncPage), s.master))
	return append(rows, s.deliveries(transient)...)
}

// deliveries measures what a message to one stream more costs, from the log or beside it to the socket.
func (s *served) deliveries(transient []byte) []costs.Row {
	const streams = 100
	send, addr := s.send(s.pair), strings.TrimPrefix(s.server.URL, "http://")
	jerry := "Bearer " + s.server.Login(s, "Jerry", "").Token
	var open []*costs.Stream
	measure := func(request, statusLine []byte) costs.Cost {
		return costs.Measure(runs, s.statements, func() {
			s.client.Do(request, statusLine)
			for _, stream := range open {
				stream.Next()
			}
		})
	}
	grow := func(n int) {
		for len(open) < n {
			open = append(open, costs.OpenStream(s, addr, jerry))
		}
	}
	more := func(few, many costs.Cost) costs.Cost {
		return costs.Cost{Statements: many.Statements - few.Statements, Allocations: (many.Allocations - few.Allocations) / (streams - 1)}
	}
	grow(1)
	oneStored, oneTransient := measure(send, created), measure(transient, accepted)
	grow(streams)
	return []costs.Row{
		{Operation: "send, to one stream", Cost: oneStored},
		{Operation: "transient send, to one stream", Cost: oneTransient},
		{Operation: "a stored message to one stream more", Cost: more(oneStored, measure(send, created))},
		{Operation: "a transient message to one stream more", Cost: more(oneTransient, measure(transient, accepted))},
	}
}
