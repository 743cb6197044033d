package models

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// FuzzStreamTicket: no ticket but one that was made is good, and no other spelling of it.
func FuzzStreamTicket(f *testing.F) {
	s, err := Open(f.Context(), "sqlite://"+f.TempDir()+"/p.db", Options{SessionTTL: time.Hour})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	app, _, err := s.Bootstrap(f.Context(), Credentials{SigningSecret: strings.Repeat("s", 32)})
	if err != nil {
		f.Fatal(err)
	}
	session, _, err := s.Login(f.Context(), app, "Tom", nil)
	if err != nil {
		f.Fatal(err)
	}
	tom := Actor{App: app, ClientID: "Tom", SessionID: session.ID}
	made, err := s.NewStreamTicket(f.Context(), tom)
	if err != nil {
		f.Fatal(err)
	}
	good := made.Ticket
	for _, seed := range []string{good + "=", good + "\n", good[:9] + "\r" + good[9:], "", good[:26] + "A", "AAAAAg" + good[6:], strings.Repeat("A", 27),
		base64.RawURLEncoding.EncodeToString(make([]byte, ticketBytes))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ticket string) {
		if ticket == good {
			return // each worker would spend it once
		}
		if actor, err := s.UseStreamTicket(t.Context(), ticket); !HasCode(err, "ticket_invalid") {
			t.Errorf("%q: %+v, %v", ticket, actor, err)
		}
	})
}
