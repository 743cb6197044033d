package models

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// openApps gives a store that has looked at its apps, one of which has replaced its keys.
func openApps(t *testing.T) (s *Store, rotated, plain *App) {
	t.Helper()
	s, err := Open(t.Context(), "sqlite://"+t.TempDir()+"/p.db", Options{Still: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"rotated", "plain"} {
		if _, _, err := s.CreateApp(t.Context(), Credentials{AppID: id, AppKey: id + "-key", MasterKey: id + "-master", SigningSecret: id + "-secret"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.RotateKeys(t.Context(), "rotated", KeyKinds(), Credentials{SigningSecret: "new-secret"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Heads(t.Context()); err != nil {
		t.Fatal(err)
	}
	table := s.apps.table.Load()
	table.looked = time.Now().Add(time.Hour) // to be believed for as long as the test takes
	return s, table.byID["rotated"], table.byID["plain"]
}

// TestWrongCredentialsCostTheSameWork: two secrets are tried of every app, and of none, and the database is not asked.
func TestWrongCredentialsCostTheSameWork(t *testing.T) {
	s, rotated, plain := openApps(t)
	for name, app := range map[string]*App{"with two secrets": rotated, "with one": plain, "that does not exist": nil} {
		var tried []string
		if secret := s.signer(app, func(secret []byte) bool {
			tried = append(tried, string(secret))
			return false
		}); secret != nil || len(tried) != 2 || tried[0] == "" || tried[1] == "" || tried[0] == tried[1] && app != nil {
			t.Errorf("an app %s: tried were %q", name, tried)
		}
	}
	if secret := s.signer(rotated, func(secret []byte) bool { return string(secret) == "rotated-secret" }); string(secret) != "rotated-secret" {
		t.Errorf("the secret before is not known: %q", secret)
	}
	if secret := s.signer(nil, func([]byte) bool { return true }); secret != nil {
		t.Errorf("nobody signed with %q", secret)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"rotated", "plain", "none", ""} {
		if _, err := s.HolderOfKey(t.Context(), id, "wrong"); !HasCode(err, "credentials_invalid") {
			t.Errorf("%q with a wrong key: %v", id, err)
		}
	}
	for _, key := range []string{"plain-key", "plain-master"} {
		if holder, err := s.HolderOfKey(t.Context(), "plain", key); err != nil || holder.IsMaster() != (key == "plain-master") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// TestAppsAreAskedForAfterASecondWithoutALook: what a node knows of its apps is believed no longer.
func TestAppsAreAskedForAfterASecondWithoutALook(t *testing.T) {
	s, _, plain := openApps(t)
	app := func() *App {
		t.Helper()
		app, err := s.appByID(t.Context(), "plain")
		if err != nil {
			t.Fatal(err)
		}
		return app
	}
	if app() != plain {
		t.Error("a look has found the app, and it was read anew")
	}
	s.apps.table.Load().looked = time.Now().Add(-appTrust)
	if app() == plain {
		t.Error("the app was believed after a second without a look")
	}
	disabled := true
	if _, err := s.ChangeApp(t.Context(), "plain", &disabled, nil); err != nil {
		t.Fatal(err)
	}
	if app().DisabledAt == nil {
		t.Error("the app was disabled, and is not")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.appByNumber(t.Context(), plain.ID); err == nil {
		t.Error("the app was believed without a database")
	}
}

// TestSlowLookDoesNotUndoAFasterOne: two looks at once, of which the older one comes to its end later.
func TestSlowLookDoesNotUndoAFasterOne(t *testing.T) {
	s, _, _ := openApps(t)
	defer s.Close()
	s.apps.table.Store(&appTable{})
	before := time.Now()
	older, err := s.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.CreateApp(t.Context(), Credentials{AppID: "newer"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Heads(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.lookAtApps(t.Context(), older, before); err != nil {
		t.Fatal(err)
	}
	if s.apps.table.Load().byID["newer"] == nil {
		t.Error("the newest app is not known any more")
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Heads(stopped); !errors.Is(err, context.Canceled) {
		t.Errorf("a look that was given up: %v", err)
	}
}

// TestRememberedTokenIsGoodForNoLonger: neither past its end, nor past that of the secret that signed it, nor when its session
// has ended, nor when the app is another; and no more are remembered than may be.
func TestRememberedTokenIsGoodForNoLonger(t *testing.T) {
	now := time.Now()
	s, err := Open(t.Context(), "sqlite://"+t.TempDir()+"/p.db", Options{Still: true, Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	look := func() *App {
		t.Helper()
		s.apps.table.Load().looked = time.Time{}
		if _, err := s.Heads(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.apps.table.Load().looked = time.Now().Add(time.Hour) // to be believed for as long as the test takes
		return s.apps.table.Load().byID["app"]
	}
	if _, _, err := s.CreateApp(t.Context(), Credentials{AppID: "app"}); err != nil {
		t.Fatal(err)
	}
	login := func() (string, *Session) {
		t.Helper()
		session, token, err := s.Login(t.Context(), look(), "Tom", nil)
		if err != nil {
			t.Fatal(err)
		}
		return token, session
	}
	wants := func(token, code string) {
		t.Helper()
		if _, err := s.Authenticate(t.Context(), token); code == "" && err != nil || code != "" && !HasCode(err, code) {
			t.Errorf("wanted %q: %v", code, err)
		}
	}
	first, _ := login()
	wants(first, "")
	if held := s.tokens.get(keyOfToken(first)); held == nil || held.until != 0 || !s.stillGood(held) {
		t.Errorf("the token is remembered as %+v", held)
	}
	if _, _, err := s.RotateKeys(t.Context(), "app", KeyKinds(), Credentials{}, time.Hour); err != nil {
		t.Fatal(err)
	}
	second, _ := login()
	wants(first, "")
	wants(second, "")
	now = now.Add(time.Hour)
	wants(first, "token_invalid")
	wants(second, "")
	now = now.Add(24 * time.Hour)
	wants(second, "token_expired")
	third, session := login()
	wants(third, "")
	if err := s.Logout(t.Context(), Actor{App: look(), SessionID: session.ID}); err != nil {
		t.Fatal(err)
	}
	wants(third, "session_ended")
	fourth, _ := login()
	wants(fourth, "")
	disabled := true
	if _, err := s.ChangeApp(t.Context(), "app", &disabled, nil); err != nil {
		t.Fatal(err)
	}
	wants(fourth, "") // for the second that a look may be old
	look()
	wants(fourth, "app_disabled")

	for i := range maxCachedTokens + 1 {
		s.tokens.put(keyOfToken(fmt.Sprint(i)), &checkedToken{})
	}
	if n := len(s.tokens.tokens); n > maxCachedTokens {
		t.Errorf("%d tokens are remembered", n)
	}
}
