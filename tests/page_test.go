package tests

import (
	"strings"
	"testing"

	"parley/models"
	. "parley/tests/harness"
)

// TestPageOfLargeMessagesAfterSmallOnesTookAllMemory: a thousand rows are asked for, because those before were small,
// and now each has 30 KB. A page ends early, also on its way from the database, and the pages together have all, once and
// in order.
func TestPageOfLargeMessagesAfterSmallOnesTookAllMemory(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		ctx := t.Context()
		answered := func() int64 { return 0 } // there is no network before SQLite
		if strings.HasPrefix(db, "mysql://") {
			var proxy *Proxy
			proxy, db = NewProxy(t, db)
			answered = proxy.Answered
		}
		store, err := models.Open(ctx, db, models.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		app, _, err := store.Bootstrap(ctx, models.Credentials{})
		if err != nil {
			t.Fatal(err)
		}
		tom := models.Actor{App: app, ClientID: "Tom"}
		c, _, err := store.CreateConversation(ctx, tom, models.NewConversation{Members: []string{"Jerry"}})
		if err != nil {
			t.Fatal(err)
		}
		small, large := "x", strings.Repeat("x", 30_000)
		parallel(300, func(i int) {
			text := &small
			if i >= 150 {
				text = &large
			}
			if _, _, err := store.SendMessage(ctx, tom, c.ID, models.Draft{Type: "text", Text: text}, ""); err != nil {
				t.Error(err)
			}
		})
		head, err := store.Head(ctx, app.ID)
		if err != nil {
			t.Fatal(err)
		}
		spans, err := store.Spans(ctx, app.ID, "Jerry", 0)
		if err != nil {
			t.Fatal(err)
		}
		read := map[string]func(after int64) ([]models.Entry, int64, error){
			"page": func(after int64) ([]models.Entry, int64, error) {
				return store.Page(ctx, app.ID, spans, after, head.Seq, 1000)
			},
			"gap": func(after int64) ([]models.Entry, int64, error) {
				return store.Between(ctx, app.ID, after, head.Seq, 1000)
			},
		}
		for name, next := range read {
			t.Run(name, func(t *testing.T) { wantBoundedPages(t, head.Seq, next, answered) })
		}
	})
}

func wantBoundedPages(t *testing.T, head int64, next func(after int64) ([]models.Entry, int64, error), answered func() int64) {
	pages, seen := 0, int64(0)
	for seen < head {
		before := answered()
		entries, reached, err := next(seen)
		if err != nil {
			t.Fatal(err)
		}
		bytes := 0
		for _, e := range entries {
			seen++
			if e.Seq() != seen {
				t.Fatalf("got %d, not %d", e.Seq(), seen)
			}
			if e.Message != nil {
				bytes += len(*e.Message.Text)
			}
		}
		if seen != reached {
			t.Fatalf("complete up to %d, it is said, and the last is %d", reached, seen)
		}
		if came := answered() - before; bytes > 2<<20 || came > 2<<20 {
			t.Fatalf("a page of %d bytes, %d from the database", bytes, came)
		}
		pages++
	}
	if pages < 3 {
		t.Fatalf("all came in %d pages", pages)
	}
}
