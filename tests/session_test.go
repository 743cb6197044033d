package tests

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/app"
	. "parley/tests/harness"
)

func TestLogInReadRefreshLogOut(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "Mobile")
		session := tom.Do(t, "GET", "/v1/sessions/current", nil).Want(200).Object()
		if session["id"] != tom.SessionID || session["clientId"] != "Tom" || session["tag"] != "Mobile" {
			t.Fatalf("the session is %v", session)
		}
		refreshed := tom.Do(t, "POST", "/v1/sessions/current/refresh", nil).Want(200).Object()
		renewed := s.Bearer(t, "Tom", refreshed["token"].(string), tom.SessionID)
		if refreshed["session"].(JSON)["id"] != tom.SessionID {
			t.Fatalf("a refresh changed the session: %v", refreshed)
		}
		tom.Do(t, "GET", "/v1/sessions/current", nil).Want(200) // the old token stays good
		stream := renewed.Listen(t, "")
		stream.Want("online")

		tom.Do(t, "DELETE", "/v1/sessions/current", nil).Want(204)
		if end := stream.Want("disconnect"); end.Data["reason"] != "logged_out" || end.Data["reconnect"] != false {
			t.Fatalf("the stream ended with %v", end.Data)
		}
		stream.WantEnd()
		for _, c := range []*Client{tom, renewed} {
			c.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "session_ended", "")
			c.Do(t, "POST", "/v1/sessions/current/refresh", nil).WantProblem(401, "session_ended", "")
			if _, err := c.TryListen(t, ""); err == nil {
				t.Fatal("a logged-out token opened a stream")
			}
		}
	})
}

func TestSameTagEndsTheOlderSession(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		older, web := s.Login(t, "Tom", "Mobile"), s.Login(t, "Tom", "Web")
		untagged, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "Mobile")
		stream := older.Listen(t, "")
		stream.Want("online")
		newer := s.Login(t, "Tom", "Mobile")
		if end := stream.Want("disconnect"); end.Data["reason"] != "conflict" || end.Data["reconnect"] != false {
			t.Fatalf("the stream ended with %v", end.Data)
		}
		stream.WantEnd()
		older.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "session_conflict", "")
		s.Login(t, "Tom", "") // without a tag: conflicts with none
		for _, c := range []*Client{newer, web, untagged, jerry} {
			c.Do(t, "GET", "/v1/sessions/current", nil).Want(200)
		}
	})
}

func TestTwentyLoginsWithOneTagLeaveOne(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		clients := make([]*Client, 20)
		parallel(len(clients), func(i int) { clients[i] = s.Login(t, "Tom", "Mobile") })
		alive := 0
		for _, c := range clients {
			if c.Do(t, "GET", "/v1/sessions/current", nil).Status == 200 {
				alive++
			}
		}
		if alive != 1 {
			t.Fatalf("%d sessions with the same tag are alive", alive)
		}
	})
}

func TestSignedTokenIsASessionOfItsOwn(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db, func(c *app.Config) { c.RequireSignedLogin = true })
		s.AppKeyHolder(t).Do(t, "POST", "/v1/sessions", JSON{"clientId": "Tom"}).WantProblem(403, "signed_login_required", "")
		expires := time.Now().Add(time.Hour).Unix()
		claims := jwt.MapClaims{"aud": AppID, "sub": "Tom", "exp": expires, "jti": "phone", "tag": "Mobile"}
		direct := s.Bearer(t, "Tom", SignedToken(t, claims), "")
		session := direct.Do(t, "GET", "/v1/sessions/current", nil).Want(200).Object()
		again := direct.Do(t, "GET", "/v1/sessions/current", nil).Want(200).Object()
		if session["id"] != again["id"] || session["clientId"] != "Tom" || session["tag"] != "Mobile" {
			t.Fatalf("one token, but %v and %v", session, again)
		}
		// The same tag ends it, and it stays ended.
		claims["jti"] = "tablet"
		tablet := s.Bearer(t, "Tom", SignedToken(t, claims), "")
		tablet.Do(t, "GET", "/v1/sessions/current", nil).Want(200)
		direct.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "session_conflict", "")
		tablet.Do(t, "DELETE", "/v1/sessions/current", nil).Want(204)
		tablet.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "session_ended", "")
		// As the bearer of a log-in it opens an ordinary session.
		claims["jti"] = "laptop"
		laptop := s.Bearer(t, "Tom", SignedToken(t, claims), "")
		laptop.Do(t, "POST", "/v1/sessions", JSON{"clientId": "Jerry"}).WantProblem(403, "client_mismatch", "clientId")
		created := laptop.Do(t, "POST", "/v1/sessions", JSON{}).Want(201).Object()["session"].(JSON)
		if created["clientId"] != "Tom" || created["tag"] != "Mobile" {
			t.Fatalf("the log-in made %v", created)
		}
		s.Master(t, "").Do(t, "POST", "/v1/sessions", JSON{"clientId": "Mary"}).Want(201)
	})
}

// TestEndedTokenLoggedInAnew: a signed token whose session had been ended was refused everywhere but at the log-in, where it
// opened another session.
func TestEndedTokenLoggedInAnew(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		ends := map[string]func(signed *Client, claims jwt.MapClaims){
			"session_ended":  func(signed *Client, _ jwt.MapClaims) { signed.Do(t, "DELETE", "/v1/sessions/current", nil).Want(204) },
			"session_kicked": func(*Client, jwt.MapClaims) { s.Master(t, "").Do(t, "POST", "/v1/clients/Tom/kick", nil).Want(204) },
			"session_conflict": func(_ *Client, claims jwt.MapClaims) {
				s.Login(t, "Tom", claims["tag"].(string))
			},
		}
		for code, end := range ends {
			claims := jwt.MapClaims{"aud": AppID, "sub": "Tom", "exp": time.Now().Add(time.Hour).Unix(), "jti": code, "tag": code}
			signed := s.Bearer(t, "Tom", SignedToken(t, claims), "")
			signed.Do(t, "GET", "/v1/sessions/current", nil).Want(200)
			signed.Do(t, "POST", "/v1/sessions", JSON{"tag": "another"}).Want(201) // as long as it is alive it may
			end(signed, claims)
			signed.Do(t, "POST", "/v1/sessions", JSON{}).WantProblem(401, code, "")
			claims["jti"] = "never used"
			s.Bearer(t, "Tom", SignedToken(t, claims), "").Do(t, "POST", "/v1/sessions", JSON{}).Want(201)
		}
		// Nor is an ended session token told to refresh itself.
		tom := s.Login(t, "Tom", "")
		tom.Do(t, "POST", "/v1/sessions", JSON{}).WantProblem(403, "signed_token_required", "")
		tom.Do(t, "DELETE", "/v1/sessions/current", nil).Want(204)
		tom.Do(t, "POST", "/v1/sessions", JSON{}).WantProblem(401, "session_ended", "")
	})
}

// The unused bits of base64's last character, and line breaks, spell the same token in other ways.
func TestLoggedOutSignedTokenStaysDeadInEverySpelling(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	token := SignedToken(t, jwt.MapClaims{"aud": AppID, "sub": "Tom", "exp": time.Now().Add(time.Hour).Unix()})
	s.Bearer(t, "Tom", token, "").Do(t, "DELETE", "/v1/sessions/current", nil).Want(204)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	for bits := 0; bits < 4; bits++ {
		spelled := token[:len(token)-1] + string(alphabet[last&^3|bits])
		s.Bearer(t, "Tom", spelled, "").Do(t, "GET", "/v1/sessions/current", nil).Want(401)
	}
	for _, spelled := range []string{token + "\n", token[:len(token)-5] + "\r\n" + token[len(token)-5:]} {
		if _, err := s.Bearer(t, "Tom", spelled, "").TryListenInQuery(t); err == nil {
			t.Fatalf("a logged-out token spelled %q opened a stream", spelled)
		}
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	valid := jwt.MapClaims{"aud": AppID, "sub": "Tom", "exp": time.Now().Add(time.Hour).Unix()}
	with := func(name string, value any) jwt.MapClaims {
		claims := jwt.MapClaims{}
		for k, v := range valid {
			claims[k] = v
		}
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
		return claims
	}
	sign := func(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
		token, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	session := s.Login(t, "Jerry", "")
	cases := map[string]string{
		"nonsense":         "nonsense",
		"alg none":         sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, valid),
		"alg HS384":        sign(jwt.SigningMethodHS384, []byte(SigningSecret), valid),
		"wrong secret":     sign(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 40)), valid),
		"no exp":           SignedToken(t, with("exp", nil)),
		"wrong aud":        SignedToken(t, with("aud", "another-app")),
		"two auds":         SignedToken(t, with("aud", []string{AppID, "another-app"})),
		"no aud":           SignedToken(t, with("aud", nil)),
		"no sub":           SignedToken(t, with("sub", nil)),
		"sub too long":     SignedToken(t, with("sub", strings.Repeat("é", 65))),
		"sid by the app":   SignedToken(t, with("sid", session.SessionID)),
		"1 MB":             strings.Repeat("a", 8<<10),
		"signature cut":    session.Token[:len(session.Token)-6],
		"payload replaced": strings.Split(SignedToken(t, valid), ".")[0] + "." + strings.Split(SignedToken(t, with("sub", "Mary")), ".")[1] + "." + strings.Split(SignedToken(t, valid), ".")[2],
	}
	for name, token := range cases {
		t.Run(name, func(t *testing.T) {
			s.Bearer(t, "Tom", token, "").Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "token_invalid", "")
		})
	}
	expired := SignedToken(t, with("exp", time.Now().Add(-time.Minute).Unix()))
	s.Bearer(t, "Tom", expired, "").Do(t, "GET", "/v1/conversations", nil).WantProblem(401, "token_expired", "")
	early := SignedToken(t, with("nbf", time.Now().Add(5*time.Minute).Unix()))
	s.Bearer(t, "Tom", early, "").Do(t, "GET", "/v1/conversations", nil).WantProblem(401, "token_invalid", "")
}

// TestTokenSignedByAClockAheadWasRefused: whoever signs it says nbf "now", and its clock may be some seconds ahead. The
// end is the end all the same.
func TestTokenSignedByAClockAheadWasRefused(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	ahead := time.Now().Add(5 * time.Second).Unix()
	fresh := SignedToken(t, jwt.MapClaims{"aud": AppID, "sub": "Tom", "nbf": ahead, "iat": ahead, "exp": ahead + 3600})
	s.Bearer(t, "Tom", fresh, "").Do(t, "GET", "/v1/sessions/current", nil).Want(200)
	over := SignedToken(t, jwt.MapClaims{"aud": AppID, "sub": "Tom", "exp": time.Now().Add(-2 * time.Second).Unix()})
	s.Bearer(t, "Tom", over, "").Do(t, "GET", "/v1/conversations", nil).WantProblem(401, "token_expired", "")
	s.Bearer(t, "Tom", over, "").Do(t, "POST", "/v1/sessions", JSON{}).WantProblem(401, "token_expired", "")
}

func TestCredentials(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		nobody, key := s.Nobody(t), s.AppKeyHolder(t)
		nobody.Do(t, "GET", "/v1/conversations", nil).WantProblem(401, "credentials_missing", "")
		nobody.Do(t, "POST", "/v1/sessions", JSON{"clientId": "Tom"}).WantProblem(401, "credentials_missing", "")
		key.Do(t, "GET", "/v1/conversations", nil).WantProblem(403, "session_required", "")
		for _, wrong := range []string{Basic(AppID, "wrong"), Basic("wrong", AppKey), "Basic !!!", "Basic " + AppKey} {
			nobody.Do(t, "POST", "/v1/sessions", JSON{"clientId": "Tom"}, "Authorization", wrong).WantProblem(401, "credentials_invalid", "")
			nobody.Do(t, "GET", "/v1/conversations", nil, "Authorization", wrong).WantProblem(401, "credentials_invalid", "")
		}
		tom := s.Login(t, "Tom", "")
		tom.Do(t, "GET", "/v1/conversations", nil, "X-Client-Id", "Jerry").WantProblem(403, "master_key_required", "")
		tom.Do(t, "DELETE", "/v1/conversations/"+tom.Create(t, "Jerry"), nil).WantProblem(403, "master_key_required", "")
	})
}

// A browser that is offered Basic asks its user for a name and a password. A program that has tried Basic is told so.
func TestBasicIsOfferedToProgramsAlone(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	const bearer, basic = `Bearer realm="parley"`, `Basic realm="parley", charset="UTF-8"`
	wrong := Basic(AppID, "wrong")
	for name, c := range map[string]struct {
		headers []string
		want    []string
	}{
		"nothing":                        {nil, []string{bearer}},
		"a token":                        {[]string{"Authorization", "Bearer x"}, []string{bearer}},
		"a program with a wrong key":     {[]string{"Authorization", wrong}, []string{bearer, basic}},
		"a page with a wrong key":        {[]string{"Authorization", wrong, "Sec-Fetch-Mode", "cors"}, []string{bearer}},
		"the same where it is not https": {[]string{"Authorization", wrong, "Origin", "http://chat.example"}, []string{bearer}},
	} {
		answer := s.Nobody(t).Do(t, "POST", "/v1/sessions", JSON{"clientId": "Tom"}, c.headers...).Want(http.StatusUnauthorized)
		if got := answer.Header.Values("WWW-Authenticate"); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	answer := s.Nobody(t).Do(t, "GET", "/v1/stream?access_token=x", nil).Want(http.StatusUnauthorized)
	if got := answer.Header.Values("WWW-Authenticate"); !slices.Equal(got, []string{bearer}) {
		t.Errorf("a stream: %q", got)
	}
}

func TestMasterKeyWithAndWithoutAClient(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		server, asTom := s.Master(t, ""), s.Master(t, "Tom")
		conversation := server.Do(t, "POST", "/v1/conversations", JSON{"members": []string{"Tom", "Jerry"}}).Want(201).Object()
		if conversation["creator"] != nil || conversation["memberCount"] != 2.0 {
			t.Fatalf("created by the app's own server: %v", conversation)
		}
		path := "/v1/conversations/" + conversation["id"].(string)
		text := JSON{"type": "text", "text": "hello"}
		for _, call := range []string{"/messages", "/join", "/quit"} {
			server.Do(t, "POST", path+call, text).WantProblem(400, "client_id_required", "X-Client-Id")
		}
		server.Do(t, "GET", "/v1/stream", nil).WantProblem(400, "client_id_required", "X-Client-Id")
		server.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(403, "session_required", "")
		server.Do(t, "DELETE", "/v1/sessions/current", nil).WantProblem(403, "session_required", "")
		if m := asTom.Do(t, "POST", path+"/messages", text).Want(201).Object(); m["from"] != "Tom" {
			t.Fatalf("sent as Tom: %v", m)
		}
		server.Do(t, "GET", path+"/messages", nil).Want(200)
		server.Do(t, "PATCH", path, JSON{"name": "renamed"}).Want(200)
		if listed := server.Do(t, "GET", "/v1/conversations", nil).Want(200).Object()["conversations"].([]any); len(listed) != 1 {
			t.Fatalf("the app's own server lists %v", listed)
		}
		// Whoever is not inside cannot send, the master key or not.
		s.Master(t, "William").Do(t, "POST", path+"/messages", text).WantProblem(403, "not_a_member", "")
	})
}

func TestSessionExpires(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db, func(c *app.Config) { c.SessionTTL = 2 * time.Second })
		tom := s.Login(t, "Tom", "")
		stream := tom.Listen(t, "")
		stream.Want("online")
		if end := stream.Want("disconnect"); end.Data["reason"] != "token_expired" || end.Data["reconnect"] != false {
			t.Fatalf("the stream ended with %v", end.Data)
		}
		stream.WantEnd()
		tom.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "token_expired", "")
		tom.Do(t, "DELETE", "/v1/sessions/current", nil).Want(http.StatusUnauthorized)
	})
}

func TestRefreshKeepsTheStreamOpen(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db, func(c *app.Config) { c.SessionTTL = 4 * time.Second })
		tom := s.Login(t, "Tom", "")
		stream := tom.Listen(t, "")
		stream.Want("online")
		first := tom.Do(t, "GET", "/v1/sessions/current", nil).Want(200).Object()["expiresAt"].(string)
		var renewed *Client
		Eventually(t, "the session's end moves on", func() bool {
			answer := tom.Do(t, "POST", "/v1/sessions/current/refresh", nil).Want(200).Object()
			renewed = s.Bearer(t, "Tom", answer["token"].(string), tom.SessionID)
			moved, err := time.Parse(time.RFC3339, answer["session"].(JSON)["expiresAt"].(string))
			end, err2 := time.Parse(time.RFC3339, first)
			return err == nil && err2 == nil && moved.Sub(end) >= 2*time.Second
		})
		Eventually(t, "the first token runs out", func() bool {
			return tom.Do(t, "GET", "/v1/sessions/current", nil).Status == 401
		})
		conversation := renewed.Create(t)
		if event := stream.Want("members_joined"); event.Data["conversationId"] != conversation {
			t.Fatalf("got %v", event.Data)
		}
	})
}

// TestRefreshIsSeenOnTheOtherNodes: whoever comes with the new token to a node that remembers the session is told its new end.
func TestRefreshIsSeenOnTheOtherNodes(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		one := Start(t, db)
		ahead := Start(t, db, func(c *app.Config) { c.Clock = func() time.Time { return time.Now().Add(time.Hour) } })
		tom := one.Login(t, "Tom", "")
		tom.Do(t, "GET", "/v1/sessions/current", nil).Want(200) // remembered
		refreshed := tom.On(ahead).Do(t, "POST", "/v1/sessions/current/refresh", nil).Want(200).Object()
		renewed := one.Bearer(t, "Tom", refreshed["token"].(string), tom.SessionID)
		for range 2 {
			session := renewed.Do(t, "GET", "/v1/sessions/current", nil).Want(200).Object()
			if want := refreshed["session"].(JSON)["expiresAt"]; session["expiresAt"] != want {
				t.Errorf("it ends at %v, not at %v", session["expiresAt"], want)
			}
		}
	})
}

// TestOldTokenWorkedAfterTheLoginThatEndedIt: on the node that answered the new log-in the old token is dead at once.
func TestOldTokenWorkedAfterTheLoginThatEndedIt(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		older := s.Login(t, "Tom", "Mobile")
		for range 50 {
			older.Do(t, "GET", "/v1/sessions/current", nil).Want(200) // and remembered
			newer := s.Login(t, "Tom", "Mobile")
			older.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "session_conflict", "")
			older = newer
		}
	})
}
