package tests

import (
	"slices"
	"sync/atomic"
	"testing"

	"parley/models"
	. "parley/tests/harness"
)

// TestMessageWhoseCommitWentUnansweredWasToldLate: the second run finds it stored, and it has to be told all the same, at
// once and not when the feed next looks at the counter.
func TestMessageWhoseCommitWentUnansweredWasToldLate(t *testing.T) {
	t.Parallel()
	proxy, db := NewProxy(t, NeedMySQL(t))
	var told []int64 // by the committer, before it answers
	store, err := models.Open(t.Context(), db, models.Options{PublishCommitted: func(_ uint32, entries []models.Entry) {
		for _, e := range entries {
			told = append(told, e.Seq())
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	app, _, err := store.Bootstrap(t.Context(), models.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	tom := models.Actor{App: app, ClientID: "Tom"}
	c, _, err := store.CreateConversation(t.Context(), tom, models.NewConversation{})
	if err != nil {
		t.Fatal(err)
	}
	var cut atomic.Bool
	proxy.OnStatement(func(s Statement) Fate {
		if s.SQL == "COMMIT" && s.InLog && cut.CompareAndSwap(false, true) {
			return CutAfter
		}
		return Pass
	})
	text := "hello"
	m, replayed, err := store.SendMessage(t.Context(), tom, c.ID, models.Draft{Type: "text", Text: &text}, "")
	if err != nil || replayed || !cut.Load() {
		t.Fatal(err, replayed, cut.Load())
	}
	if !slices.Contains(told, m.Seq) {
		t.Errorf("told %v, and not %d", told, m.Seq)
	}
}
