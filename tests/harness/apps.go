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
	return ManageAppsWith(t, databaseURL, nil, arguments...)
}

// ManageAppsWith is ManageApps with variables of the environment.
func ManageAppsWith(t testing.TB, databaseURL string, variables []string, arguments ...string) string {
	t.Helper()
	code, said := TryManageApps(databaseURL, variables, arguments...)
	if code != 0 {
		t.Fatalf("parley app %v exits with %d: %s", arguments, code, said)
	}
	return said
}

// TryManageApps gives the exit code of `parley app`, and what it prints: on stderr where it fails.
func TryManageApps(databaseURL string, variables []string, arguments ...string) (code int, said string) {
	var stdout, stderr bytes.Buffer
	code = app.ManageApps(context.Background(), arguments, append([]string{"PARLEY_DATABASE_URL=" + databaseURL}, variables...), &stdout, &stderr)
	if code != 0 {
		return code, stderr.String()
	}
	return code, stdout.String()
}

// FirstApp are the keys of every test server's app.
func FirstApp() Keys {
	return Keys{AppID: AppID, AppKey: AppKey, MasterKey: MasterKey, SigningSecret: SigningSecret}
}

// keys are those of the app that the server's clients are of.
func (s *Server) keys() Keys {
	if s.Keys == (Keys{}) {
		return FirstApp()
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
