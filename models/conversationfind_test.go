package models

import (
	"path/filepath"
	"testing"
	"time"
)

// TestSortedListOfAWholeAppHadNoTimeLimit: without conditions the app's own server lists all conversations, and in any order
// but the usual one they are all read and sorted.
func TestSortedListOfAWholeAppHadNoTimeLimit(t *testing.T) {
	s, err := Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "p.db"), Options{QueryTimeLimit: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	app, _, err := s.Bootstrap(t.Context(), Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.CreateConversation(t.Context(), Actor{App: app, ClientID: "Tom"}, NewConversation{}); err != nil {
		t.Fatal(err)
	}
	list := func(by Actor, sort ...string) error {
		page, _, err := s.Conversations(t.Context(), by, ConversationQuery{Sort: sort, Limit: 10})
		if err == nil && len(page) != 1 {
			t.Errorf("sorted by %v there are %d", sort, len(page))
		}
		return err
	}
	server := Actor{App: app, Master: true}
	// In so short a time even the wait for a turn may be over.
	if err := list(server, "name"); !HasCode(err, codeTooExpensive) && !HasCode(err, "too_many_queries") {
		t.Errorf("all, by name: %v", err)
	}
	if err := list(server); err != nil {
		t.Errorf("all, along the index: %v", err)
	}
	if err := list(Actor{App: app, ClientID: "Tom"}, "name"); err != nil {
		t.Errorf("one client's own: %v", err)
	}
}
