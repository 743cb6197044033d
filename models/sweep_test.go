package models

import (
	"path/filepath"
	"testing"
	"time"
)

// TestSweepLeavesWhatIsStillToBeTold: the history of a removed conversation goes, the ends of memberships stay.
func TestSweepLeavesWhatIsStillToBeTold(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	s, err := Open(ctx, "sqlite://"+filepath.Join(t.TempDir(), "p.db"), Options{Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	app, _, err := s.Bootstrap(ctx, Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	tom, server, text := Actor{App: app, ClientID: "Tom"}, Actor{App: app, Master: true}, "gone"
	c, _, err := s.CreateConversation(ctx, tom, NewConversation{Members: []string{"Jerry", "Mary"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, _, err := s.SendMessage(ctx, tom, c.ID, Draft{Type: "text", Text: &text}, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.KickMembers(ctx, tom, c.ID, []string{"Jerry"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Login(ctx, app, "Tom", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveConversation(ctx, server, c.ID); err != nil {
		t.Fatal(err)
	}
	now = now.Add(72 * time.Hour) // the session has long expired
	if err := s.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string]int64{"messages": 0, "events": 2, "sessions": 0, "removed_conversations": 0} {
		var n int64
		if err := s.read.Table(table).Count(&n).Error; err != nil || n != want {
			t.Errorf("%s has %d rows (%v), not %d", table, n, err, want)
		}
	}
	head, err := s.Head(ctx, app.ID)
	if err != nil {
		t.Fatal(err)
	}
	for client, want := range map[string]EventKind{"Tom": ConversationRemoved, "Mary": ConversationRemoved, "Jerry": MembersLeft} {
		spans, err := s.Spans(ctx, app.ID, client, 0)
		if err != nil {
			t.Fatal(err)
		}
		entries, _, err := s.Page(ctx, app.ID, spans, 0, head.Seq, 100)
		if err != nil || len(entries) != 1 || entries[0].Event.Kind != want {
			t.Errorf("%s is still to be told %v (%v), not %s alone", client, entries, err, want)
		}
	}
}
