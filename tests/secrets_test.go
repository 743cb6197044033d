package tests

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	. "parley/tests/harness"
)

// spoken is what is said in the test below; no log may repeat it.
const spoken = "what-Tom-says-is-for-Jerry-alone"

func TestNothingSecretInTheLog(t *testing.T) {
	t.Parallel()
	p := BuildProgram(t)
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			Databases(t, func(t *testing.T, db string) { wantNoSecretIn(t, p, db, format, "debug") })
		})
	}
	for _, level := range []string{"debug-100", "info", "warn", "error"} { // a line may be of any level, and of one below all
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			wantNoSecretIn(t, p, SQLite(t), "text", level)
		})
	}
}

func wantNoSecretIn(t *testing.T, p Program, db, format, level string) {
	t.Helper()
	running := p.Start(t, "PARLEY_DATABASE_URL="+db, "PARLEY_LOG_LEVEL="+level, "PARLEY_LOG_FORMAT="+format)
	greeting := running.Greeting(t)
	k := keysIn(t, greeting)
	s := running.Server(t)
	secrets := []string{spoken, k.appKey, k.masterKey, k.signingSecret, Basic(k.appID, k.appKey)[len("Basic "):],
		Basic(k.appID, k.masterKey)[len("Basic "):]}
	secrets = append(secrets, useEverything(t, s, k)...)
	requestID := breakTheTables(t, s, k, db)
	running.Stop(t)
	log := running.Stderr.String() + strings.TrimPrefix(running.Stdout.String(), greeting)
	if !strings.Contains(log, requestID) {
		t.Errorf("the log does not have the request %s, which failed: %s", requestID, log)
	}
	for _, secret := range secrets {
		if at := strings.Index(log, secret); at >= 0 {
			t.Errorf("the log has %s: %s", secret, log[max(0, at-200):min(len(log), at+200)])
		}
	}
}

// useEverything makes calls of every kind, good and bad, with what is secret wherever it can stand; it gives the tokens.
func useEverything(t *testing.T, s *Server, k keys) (tokens []string) {
	t.Helper()
	tom, jerry := k.login(t, s, "Tom"), k.login(t, s, "Jerry")
	refreshed := tom.Do(t, "POST", "/v1/sessions/current/refresh", nil).Want(http.StatusOK).Object()["token"].(string)
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"aud": k.appID, "sub": "Mary", "exp": time.Now().Add(time.Hour).Unix()}).
		SignedString([]byte(k.signingSecret))
	if err != nil {
		t.Fatal(err)
	}
	s.Bearer(t, "Mary", signed, "").Do(t, "GET", "/v1/sessions/current", nil).Want(http.StatusOK)

	conversation := tom.Create(t, "Jerry")
	stream := jerry.ListenInQuery(t, "", "")
	stream.Want("online")
	messages := "/v1/conversations/" + conversation + "/messages"
	said := JSON{"type": "text", "text": spoken, "attributes": JSON{"also": spoken}}
	tom.Do(t, "POST", messages, said, "Idempotency-Key", "one").Want(http.StatusCreated)
	stream.Want("message")
	tom.Do(t, "POST", messages, said, "Idempotency-Key", "one").Want(http.StatusOK)
	tom.Do(t, "POST", messages, JSON{"type": "text", "text": spoken + "!"}, "Idempotency-Key", "one").Want(http.StatusUnprocessableEntity)
	said["transient"] = true
	tom.Do(t, "POST", messages, said).Want(http.StatusAccepted)
	tom.Do(t, "PATCH", "/v1/conversations/"+conversation, JSON{"name": spoken, "attributes": JSON{"also": spoken}}).Want(http.StatusOK)
	tom.Do(t, "GET", messages, nil).Want(http.StatusOK)
	jerry.ListenInQuery(t, stream.LastID(), "1").Want("reconnect")
	stream.Cut()

	for _, body := range []string{`{"type":"text","text":"` + spoken, `{"` + spoken + `":1}`, `{"type":"text","text":"` + spoken + "\xff\"}",
		`{"type":"text","text":"` + strings.Repeat(spoken, 2000) + `"}`, `"` + spoken + `"`} {
		if answer := tom.Do(t, "POST", messages, body); answer.Status < 400 || answer.Status > 499 {
			t.Errorf("%.60s was answered %d", body, answer.Status)
		}
	}
	nobody := s.Nobody(t)
	token := url.QueryEscape(tom.Token)
	nobody.Do(t, "GET", "/v1/conversations?access_token="+token, nil).Want(http.StatusUnauthorized)
	tom.Do(t, "GET", "/v1/conversations?access_token="+token, nil).Want(http.StatusBadRequest)
	tom.Do(t, "GET", "/v1/conversations/"+token, nil).Want(http.StatusNotFound)
	tom.Do(t, "GET", "/v1/nothing/"+token, nil).Want(http.StatusNotFound)
	nobody.Do(t, "GET", "/v1/sessions/current", nil, "Authorization", "Bearer "+tom.Token+"x").Want(http.StatusUnauthorized)
	nobody.Do(t, "POST", "/v1/sessions", JSON{"clientId": "Tom"}, "Authorization", Basic(k.appID, k.appKey+"x")).Want(http.StatusUnauthorized)
	nobody.Do(t, "POST", "/v1/sessions", JSON{"clientId": "Tom"}, "Authorization", Basic(k.masterKey, k.appKey)).Want(http.StatusUnauthorized)
	nobody.Do(t, "GET", messages, nil, "Authorization", Basic(k.appID, k.masterKey)).Want(http.StatusOK)
	nobody.Do(t, "GET", messages, nil, "X-Request-Id", k.masterKey, "User-Agent", k.masterKey, "Referer", "http://"+k.masterKey).Want(http.StatusUnauthorized)
	if _, err := s.Bearer(t, "", "x"+tom.Token, "").TryListenInQuery(t); err == nil {
		t.Error("a wrong token opened a stream")
	}
	ticket, unused := jerry.Ticket(t), jerry.Ticket(t)
	for range 2 { // used, it is refused
		if byTicket, err := s.TryListenByTicket(t, ticket, "x"); err == nil {
			byTicket.Cut()
		}
	}
	nobody.Do(t, "GET", "/v1/conversations?ticket="+unused, nil).Want(http.StatusUnauthorized)
	tom.Do(t, "DELETE", "/v1/sessions/current", nil).Want(http.StatusNoContent)
	tokens = []string{refreshed, tom.Token, jerry.Token, signed, ticket, unused}
	for _, token := range tokens[:4] { // the signature alone is as secret
		tokens = append(tokens, token[strings.LastIndex(token, ".")+1:])
	}
	return append(tokens, base64.StdEncoding.EncodeToString([]byte(spoken)))
}

// breakTheTables lets a send fail inside the server, and gives its request id.
func breakTheTables(t *testing.T, s *Server, k keys, db string) string {
	t.Helper()
	tom := k.login(t, s, "Tom")
	conversation := tom.Create(t, "Jerry")
	tables := OpenSQL(t, db)
	if _, err := tables.Exec("ALTER TABLE messages RENAME TO mislaid"); err != nil {
		t.Fatal(err)
	}
	// Not through Client.Do: a failure of the server's own is in no document.
	request, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/v1/conversations/"+conversation+"/messages",
		strings.NewReader(`{"type":"text","text":"`+spoken+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+tom.Token)
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode < http.StatusInternalServerError || strings.Contains(string(body), "mislaid") || strings.Contains(string(body), "SQL") {
		t.Fatalf("a send without its table was answered %d %s, %v", response.StatusCode, body, err)
	}
	return response.Header.Get("X-Request-Id")
}
