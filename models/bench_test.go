package models_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"parley/models"
	"parley/tests/harness"
)

// benchDatabases runs a benchmark on a store of each database.
func benchDatabases(b *testing.B, bench func(b *testing.B, s *models.Store, app *models.App)) {
	forEachDatabase(b, func(b *testing.B, databaseURL string) {
		s, app := openStoreWith(b, databaseURL, models.Options{})
		bench(b, s, app)
	})
}

// forEachDatabase runs a benchmark on SQLite, and on MySQL when PARLEY_TEST_MYSQL_URL names a server.
func forEachDatabase(b *testing.B, bench func(b *testing.B, databaseURL string)) {
	databases := map[string]func(testing.TB) string{"sqlite": harness.SQLite}
	if os.Getenv(harness.MySQLVariable) != "" {
		databases["mysql"] = harness.MySQL
	}
	for _, name := range []string{"sqlite", "mysql"} {
		if make := databases[name]; make != nil {
			b.Run(name, func(b *testing.B) { bench(b, make(b)) })
		}
	}
}

func openStoreWith(b *testing.B, databaseURL string, options models.Options) (*models.Store, *models.App) {
	b.Helper()
	s, err := models.Open(context.Background(), databaseURL, options)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	app, _, err := s.Bootstrap(context.Background(), models.Credentials{AppID: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	return s, app
}

// sender is a client in a conversation of two.
type sender struct {
	actor          models.Actor
	conversationID string
}

// pairs makes n conversations of two, and gives one of the two of each.
func pairs(b *testing.B, s *models.Store, app *models.App, n int) []sender {
	b.Helper()
	senders := make([]sender, n)
	for i := range senders {
		actor := models.Actor{App: app, ClientID: fmt.Sprintf("client-%05d", i), SessionID: fmt.Sprintf("session-%05d", i)}
		c, _, err := s.CreateConversation(b.Context(), actor, models.NewConversation{Members: []string{actor.ClientID + "-friend"}})
		if err != nil {
			b.Fatal(err)
		}
		senders[i] = sender{actor: actor, conversationID: c.ID}
	}
	return senders
}

// draft is a message of 200 bytes of text, what tests/load sends.
func draft() models.Draft {
	text := strings.Repeat("x", 200)
	return models.Draft{Type: "text", Text: &text}
}

// sendAll sends n messages from a number of callers at once, each of which waits for its answer before it sends again;
// keyed gives each an Idempotency-Key of its own.
func sendAll(b *testing.B, s *models.Store, senders []sender, callers, n int, keyed bool) {
	var next atomic.Int64
	var waiting sync.WaitGroup
	for range callers {
		waiting.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				from, key := senders[int(i)%len(senders)], ""
				if keyed {
					key = rand.Text()
				}
				if _, _, err := s.SendMessage(context.Background(), from.actor, from.conversationID, draft(), key); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	waiting.Wait()
}

// BenchmarkSendMessage is the committer: durable messages a second with callers that wait at once, in 500 conversations.
// With keys every message has an Idempotency-Key, which the transaction looks up.
func BenchmarkSendMessage(b *testing.B) {
	benchDatabases(b, func(b *testing.B, s *models.Store, app *models.App) {
		senders := pairs(b, s, app, 500)
		for _, callers := range []int{1, 64, 256} {
			for _, keys := range []string{"none", "each"} {
				b.Run(fmt.Sprintf("callers=%d/keys=%s", callers, keys), func(b *testing.B) {
					b.ReportAllocs()
					sendAll(b, s, senders, callers, b.N, keys == "each")
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
				})
			}
		}
	})
}

// BenchmarkHistory is a page of 20 of a conversation of 20,000 messages, at its end, in its middle and at its start.
func BenchmarkHistory(b *testing.B) {
	const stored, limit = 20_000, 20
	benchDatabases(b, func(b *testing.B, s *models.Store, app *models.App) {
		senders := pairs(b, s, app, 1)
		sendAll(b, s, senders, 256, stored, false)
		from := senders[0]
		head, err := s.Head(b.Context(), app.ID)
		if err != nil {
			b.Fatal(err)
		}
		for name, before := range map[string]int64{"newest": head.Seq + 1, "middle": head.Seq - stored/2, "oldest": head.Seq - stored + limit + 1} {
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					page, _, err := s.History(b.Context(), from.actor, from.conversationID, models.HistoryQuery{Limit: limit, Before: &before})
					if err != nil || len(page) != limit || !slices.IsSortedFunc(page, func(x, y *models.Message) int { return int(x.Seq - y.Seq) }) {
						b.Fatalf("a page of %d messages, error %v", len(page), err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pages/s")
			})
		}
	})
}
