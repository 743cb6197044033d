package models

import (
	"testing"
	"time"
)

// BenchmarkAuthenticate is the check of a session token that has been seen before, as every call of a client makes it.
func BenchmarkAuthenticate(b *testing.B) {
	s, err := Open(b.Context(), "sqlite://"+b.TempDir()+"/p.db", Options{Still: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	app, _, err := s.Bootstrap(b.Context(), Credentials{AppID: "app"})
	if err != nil {
		b.Fatal(err)
	}
	_, token, err := s.Login(b.Context(), app, "Tom", nil)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.Heads(b.Context()); err != nil {
		b.Fatal(err)
	}
	s.TrustSessions(app.ID, time.Now().Add(time.Hour))
	b.ReportAllocs()
	for b.Loop() {
		if table := s.apps.table.Load(); time.Since(table.looked) > appTrust/2 {
			if _, err := s.Heads(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := s.Authenticate(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
