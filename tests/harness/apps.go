package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"parley/app"
)

// NewApp makes another app on the server's database, by what the sub-command calls, and gives the server as that app
// calls it: what Login, Master and the others give are clients of it. It is there when NewApp returns; on other nodes
// within a second.
func (s *Server) NewApp(t testing.TB, arguments ...string) *Server {
	t.Helper()
	keys := Keys{}
	if err := json.Unmarshal([]byte(ManageApps(t, s.DatabaseURL, append([]string{"create", "--json"}, arguments...)...)), &keys); err != nil {
		t.Fatal(err)
	}
	other := s.As(keys)
	other.WaitForApp(t)
	return other
}

// As is the server as the app with these keys calls it. It is stopped by its Stop that was started.
func (s *Server) As(keys Keys) *Server {
	other := *s
	other.Keys, other.stopped = keys, true
	return &other
}

// WaitForApp waits until the server knows its app and its master key.
func (s *Server) WaitForApp(t testing.TB) {
	t.Helper()
	Eventually(t, "the server knows the app "+s.keys().AppID, func() bool {
		return s.Master(t, "").Do(t, "POST", "/v1/clients/online", JSON{"clientIds": []string{"nobody"}}).Status == http.StatusOK
	})
}

// ManageApps calls `parley app` in this process, and gives what it prints; it fails the test where that fails.
func ManageApps(t testing.TB, databaseURL string, arguments ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := app.ManageApps(context.Background(), arguments, []string{"PARLEY_DATABASE_URL=" + databaseURL}, &stdout, &stderr); code != 0 {
		t.Fatalf("parley app %v exits with %d: %s", arguments, code, stderr.String())
	}
	return stdout.String()
}

// keys are those of the app that the server's clients are of.
func (s *Server) keys() Keys {
	if s.Keys == (Keys{}) {
		return Keys{AppID, AppKey, MasterKey, SigningSecret}
	}
	return s.Keys
}

func (s *Server) basic(key string) string { return Basic(s.keys().AppID, key) }

// SignedToken signs a token as the app's own server would.
func (s *Server) SignedToken(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(s.keys().SigningSecret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}
