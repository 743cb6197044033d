//go:build !race

package costs_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"parley/models"
	"parley/tests/costs"
	"parley/tests/harness"
)

const (
	batchSends          = 64
	pageMessages        = 1000
	pageConversations   = 50
	maxSettlingAttempts = 1000
)

// TestStoreCosts makes calls of models alone.
func TestStoreCosts(t *testing.T) {
	databases(t, func(t *testing.T, database, databaseURL string) {
		s := openStore(t, databaseURL)
		costs.Check(t, "store", database, []costs.Row{
			{Operation: "token check", Cost: s.tokenCheck()},
			{Operation: "batch of 64 sends in 64 conversations", Cost: s.batch()},
			{Operation: "memberships of a client in 50", Cost: s.memberships()},
			{Operation: "catch-up page of 1,000 of 50 conversations", Cost: s.catchUpPage()},
		})
	})
}

// store is a node's access to the database, without HTTP and streams.
type store struct {
	*testing.T
	*models.Store
	app        *models.App
	tom        models.Actor
	statements *costs.Statements
	committed  func(entries int) // is told of every transaction, by the committer
}

func openStore(t *testing.T, databaseURL string) *store {
	s := &store{T: t, statements: &costs.Statements{}, committed: func(int) {}}
	opened, err := models.Open(context.Background(), databaseURL, models.Options{Still: true, Connect: s.statements.Connect,
		PublishCommitted: func(_ uint32, entries []models.Entry) { s.committed(len(entries)) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	s.Store = opened
	if s.app, _, err = s.Bootstrap(t.Context(), models.Credentials{AppID: harness.AppID, SigningSecret: harness.SigningSecret}); err != nil {
		t.Fatal(err)
	}
	s.tom = models.Actor{App: s.app, ClientID: "Tom", SessionID: "session-of-tom"}
	return s
}

func (s *store) converse(member string) string {
	c, _, err := s.CreateConversation(s.Context(), s.tom, models.NewConversation{Members: []string{member}})
	if err != nil {
		s.Fatal(err)
	}
	return c.ID
}

func (s *store) send(conversation string) {
	text := strings.Repeat("x", textBytes)
	if _, _, err := s.SendMessage(context.Background(), s.tom, conversation, models.Draft{Type: "text", Text: &text}, ""); err != nil {
		s.Error(err)
	}
}

func (s *store) tokenCheck() costs.Cost {
	_, token, err := s.Login(s.Context(), s.app, "Tom", nil)
	if err != nil {
		s.Fatal(err)
	}
	if _, err := s.Heads(s.Context()); err != nil { // as the node does twice a second
		s.Fatal(err)
	}
	return costs.Measure(runs, s.statements, func() {
		s.TrustSessions(s.app.ID, s.Now().Time()) // as the node does then
		if _, err := s.Authenticate(s.Context(), token); err != nil {
			s.Fatal(err)
		}
	})
}

// batch has sends wait for one another, so that they are one transaction: the committer is held up after the one before,
// until all of them are in its queue.
func (s *store) batch() costs.Cost {
	conversations := make([]string, batchSends)
	for i := range conversations {
		conversations[i] = s.converse(fmt.Sprintf("other-%d", i))
	}
	held, release, batches := make(chan bool), make(chan bool), make(chan int, 2)
	s.committed = func(entries int) {
		batches <- entries
		if entries == 1 {
			held <- true
			<-release
		}
	}
	defer func() { s.committed = func(int) {} }()
	first := func() {
		s.send(conversations[0])
	}
	whole := costs.Measure(runs, s.statements, func() {
		var sending sync.WaitGroup
		sending.Go(first)
		<-held
		for _, conversation := range conversations {
			sending.Go(func() { s.send(conversation) })
		}
		for range maxSettlingAttempts { // on one thread: each of them runs until it waits
			runtime.Gosched()
		}
		release <- true
		sending.Wait()
		if one, all := <-batches, <-batches; one != 1 || all != batchSends {
			s.Fatalf("transactions of %d and %d entries and not of 1 and %d", one, all, batchSends)
		}
	})
	s.committed = func(int) {}
	alone := costs.Measure(runs, s.statements, first)
	return costs.Cost{Statements: whole.Statements - alone.Statements, Allocations: whole.Allocations - alone.Allocations}
}

// behind has a client miss messages in some conversations, and gives the position from which it has.
func (s *store) behind(client string) int64 {
	conversations := make([]string, pageConversations)
	for i := range conversations {
		conversations[i] = s.converse(client)
	}
	head, err := s.Head(s.Context(), s.app.ID)
	if err != nil {
		s.Fatal(err)
	}
	var sending sync.WaitGroup
	for _, conversation := range conversations {
		sending.Go(func() {
			for range pageMessages / pageConversations {
				s.send(conversation)
			}
		})
	}
	sending.Wait()
	return head.Seq
}

func (s *store) memberships() costs.Cost {
	after := s.behind("Spike")
	return costs.Measure(runs, s.statements, func() {
		if spans, err := s.Spans(s.Context(), s.app.ID, "Spike", after); err != nil || len(spans) != pageConversations {
			s.Fatalf("%d memberships, error %v", len(spans), err)
		}
	})
}

func (s *store) catchUpPage() costs.Cost {
	after := s.behind("Jerry")
	spans, err := s.Spans(s.Context(), s.app.ID, "Jerry", after)
	if err != nil {
		s.Fatal(err)
	}
	return costs.Measure(runs, s.statements, func() {
		entries, _, err := s.Page(s.Context(), s.app.ID, spans, after, after+pageMessages, pageMessages)
		if err != nil || len(entries) != pageMessages {
			s.Fatalf("a page of %d entries, error %v", len(entries), err)
		}
	})
}
