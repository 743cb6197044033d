package tests

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/app"
	. "parley/tests/harness"
)

// rotate replaces keys of the app that a server's clients are of, and gives the server as the holder of the new ones.
func rotate(t *testing.T, s *Server, flags ...string) *Server {
	t.Helper()
	keys := s.Keys
	if err := json.Unmarshal([]byte(ManageApps(t, s.DatabaseURL, append([]string{"rotate-keys", "--json", s.Keys.AppID}, flags...)...)), &keys); err != nil {
		t.Fatal(err)
	}
	return s.As(keys)
}

// signed is a token signed by the app's own server.
func signed(t *testing.T, s *Server, clientID string) *Client {
	t.Helper()
	return s.Bearer(t, clientID, s.SignedToken(t, jwt.MapClaims{"aud": s.Keys.AppID, "sub": clientID, "exp": time.Now().Add(time.Hour).Unix()}), "")
}

// TestKeysAreReplacedWithoutDowntime: what the old ones open stays open until the rotation is finished, on every node, and
// is shut then; what the new ones open stays.
func TestKeysAreReplacedWithoutDowntime(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		one, two := Start(t, db), Start(t, db)
		old := one.NewApp(t)
		tom, mary := old.Login(t, "Tom", ""), signed(t, old, "Mary")
		conversation := tom.Create(t, "Mary", "Jerry")
		file := tom.Keep(t, "a", []byte("a"))
		toms, marys, servers := tom.Listen(t, ""), mary.Listen(t, ""), old.Master(t, "Jerry").Listen(t, "")
		for _, stream := range []*Stream{toms, marys, servers} {
			stream.Want("online")
		}

		renewed := rotate(t, old)
		for _, node := range []*Server{one, two} {
			node.As(renewed.Keys).WaitForApp(t)
			node.As(old.Keys).WaitForApp(t)
			tom.On(node).Do(t, "GET", "/v1/sessions/current", nil).Want(200)
			mary.On(node).Do(t, "GET", "/v1/sessions/current", nil).Want(200)
			signed(t, node.As(old.Keys), "William").Do(t, "POST", "/v1/sessions", JSON{}).Want(201)
			node.As(old.Keys).Login(t, "Tom", "")
		}
		old.Fetch(t, file["url"]).Want(200)
		for _, key := range []string{"app_key", "master_key", "signing_secret"} {
			if uses := Metrics(t, one.URL)[`parley_previous_key_uses_total{app="`+old.Keys.AppID+`",key="`+key+`"}`]; uses == 0 {
				t.Errorf("no use of the previous %s is counted", key)
			}
		}
		refreshed := tom.Do(t, "POST", "/v1/sessions/current/refresh", nil).Want(200).Object()["token"].(string)
		later := renewed.Bearer(t, "Tom", refreshed, tom.SessionID)
		laters := later.Listen(t, "")
		laters.Want("online")
		tom.Say(t, conversation, "during") // to the streams that were there before, too
		for _, stream := range []*Stream{marys, servers} {
			stream.Want("message")
		}
		linked := later.Do(t, "GET", "/v1/files/"+file["id"].(string), nil).Want(200).Object()["url"]

		ManageApps(t, db, "rotate-keys", "--finish", old.Keys.AppID)
		for _, stream := range []*Stream{toms, marys, servers} {
			if end := stream.Want("disconnect"); end.Data["reason"] != "token_expired" || end.Data["reconnect"] != false {
				t.Errorf("a stream of the old keys ended with %s", end.Raw)
			}
		}
		for _, node := range []*Server{one, two} {
			former := node.As(old.Keys)
			Eventually(t, "the old master key is dead", func() bool {
				return former.Master(t, "").Do(t, "GET", "/v1/conversations", nil).Status == 401
			})
			former.Master(t, "").Do(t, "GET", "/v1/conversations", nil).WantProblem(401, "credentials_invalid", "")
			former.AppKeyHolder(t).Do(t, "POST", "/v1/sessions", JSON{"clientId": "Tom"}).WantProblem(401, "credentials_invalid", "")
			for _, c := range []*Client{tom.On(node), mary.On(node), signed(t, former, "William")} {
				c.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "token_invalid", "")
			}
			later.On(node).Do(t, "GET", "/v1/sessions/current", nil).Want(200)
			node.As(renewed.Keys).Login(t, "Tom", "")
			signed(t, node.As(renewed.Keys), "Mary").Do(t, "GET", "/v1/sessions/current", nil).Want(200)
		}
		old.Fetch(t, file["url"]).WantProblem(401, "token_invalid", "")
		renewed.Fetch(t, linked).Want(200)
		said := renewed.Master(t, "Jerry").Say(t, conversation, "after")
		for event := laters.Want("message"); event.ID != said; event = laters.Want("message") {
		}
	})
}

// TestReplacedKeyIsGoodForTheTimeThatItWasGiven: and no longer, also of streams that it has opened.
func TestReplacedKeyIsGoodForTheTimeThatItWasGiven(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		old := Start(t, db).NewApp(t)
		tom := old.Login(t, "Tom", "")
		rotate(t, old, "--signing-secret", "--keep", "1h")
		stream := tom.Listen(t, "")
		stream.Want("online")
		if said := failing(t, db, "rotate-keys", "--signing-secret", old.Keys.AppID); !strings.Contains(said, "the signing secret before this one is good until 2") {
			t.Errorf("a third secret is answered %q", said)
		}
		ahead := Start(t, db, func(c *app.Config) { c.Clock = func() time.Time { return time.Now().Add(time.Hour + time.Second) } })
		tom.Do(t, "GET", "/v1/sessions/current", nil).Want(200)
		tom.On(ahead).Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "token_invalid", "")

		renewed := rotate(t, old, "--master-key", "--keep", "1200ms")
		servers := old.Master(t, "Tom").Listen(t, "")
		servers.Want("online")
		if end := servers.Want("disconnect"); end.Data["reason"] != "token_expired" {
			t.Errorf("the stream of the old master key ended with %s", end.Raw)
		}
		old.Master(t, "").Do(t, "GET", "/v1/conversations", nil).WantProblem(401, "credentials_invalid", "")
		renewed.Master(t, "").Do(t, "GET", "/v1/conversations", nil).Want(200)
		tom.Do(t, "GET", "/v1/sessions/current", nil).Want(200)
	})
}

// TestLeakedKeysAreDeadAtOnce: with --keep 0, the ones before them too.
func TestLeakedKeysAreDeadAtOnce(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		first := Start(t, db).NewApp(t)
		tom := first.Login(t, "Tom", "")
		stream := tom.Listen(t, "")
		stream.Want("online")
		second := rotate(t, first)
		second.WaitForApp(t)
		jerry := second.Login(t, "Jerry", "")
		third := rotate(t, second, "--keep", "0")
		third.WaitForApp(t)
		if end := stream.Want("disconnect"); end.Data["reason"] != "token_expired" {
			t.Errorf("the stream ended with %s", end.Raw)
		}
		for _, s := range []*Server{first, second} {
			s.Master(t, "").Do(t, "GET", "/v1/conversations", nil).WantProblem(401, "credentials_invalid", "")
			s.AppKeyHolder(t).Do(t, "POST", "/v1/sessions", JSON{"clientId": "Tom"}).WantProblem(401, "credentials_invalid", "")
			signed(t, s, "Tom").Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "token_invalid", "")
		}
		for _, c := range []*Client{tom, jerry} {
			c.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "token_invalid", "")
		}
		third.Login(t, "Tom", "")
	})
}

// TestStartWithOldKeysUndoesNoRotation: neither with those before, nor with older ones, nor with some that never were.
func TestStartWithOldKeysUndoesNoRotation(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		old := Start(t, db).As(FirstApp())
		second := rotate(t, old)
		start := func(keys ...string) *Server {
			process := BuildProgram(t).StartIn(t, t.TempDir(), append(append(FixedKeys(), "PARLEY_DATABASE_URL="+db), keys...)...)
			s := process.Server(t)
			s.DatabaseURL = db
			process.Stderr.Wait(t, process, "PARLEY_MASTER_KEY")
			if said := process.Stderr.String(); !strings.Contains(said, "the environment is behind") {
				t.Errorf("the start says %q", said)
			}
			return s
		}
		s := start()
		s.As(old.Keys).Login(t, "Tom", "")
		s.As(second.Keys).Login(t, "Tom", "")
		third := rotate(t, second, "--keep", "0")
		s = start()
		s.As(third.Keys).Login(t, "Tom", "")
		s.As(second.Keys).Master(t, "").Do(t, "GET", "/v1/conversations", nil).WantProblem(401, "credentials_invalid", "")
		s.As(old.Keys).Master(t, "").Do(t, "GET", "/v1/conversations", nil).WantProblem(401, "credentials_invalid", "")
		s = start("PARLEY_MASTER_KEY=" + strings.Repeat("never", 5))
		s.As(third.Keys).Master(t, "").Do(t, "GET", "/v1/conversations", nil).Want(200)
	})
}

// TestKeysInTheEnvironmentReachTheOtherNodes: a start with other keys changes an app that nothing else has changed, as ever,
// and the nodes that run go by it.
func TestKeysInTheEnvironmentReachTheOtherNodes(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		keys := Keys{AppID: AppID, AppKey: "another-" + AppKey, MasterKey: "another-" + MasterKey, SigningSecret: "another-" + SigningSecret}
		Start(t, db, func(c *app.Config) {
			c.AppKey, c.MasterKey, c.SigningSecret = keys.AppKey, keys.MasterKey, keys.SigningSecret
		})
		s.As(keys).WaitForApp(t)
		tom.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "token_invalid", "")
		s.Master(t, "").Do(t, "GET", "/v1/conversations", nil).WantProblem(401, "credentials_invalid", "")
	})
}

// TestGivenKeysAreTaken: those of the environment, by create and by rotate-keys, as far as they are named.
func TestGivenKeysAreTaken(t *testing.T) {
	db := SQLite(t)
	variables := []string{"PARLEY_APP_KEY=" + AppKey, "PARLEY_MASTER_KEY=" + MasterKey}
	ManageAppsWith(t, db, variables, "create", "--id", AppID, "--given")
	s := Start(t, db)
	s.Login(t, "Tom", "")
	other := Keys{AppID: AppID, MasterKey: "another-" + MasterKey}
	ManageAppsWith(t, db, []string{"PARLEY_APP_KEY=" + AppKey, "PARLEY_MASTER_KEY=" + other.MasterKey}, "rotate-keys", "--given", "--master-key", AppID)
	s.As(other).WaitForApp(t)
	s.Master(t, "").Do(t, "GET", "/v1/conversations", nil).Want(200)
}

// failing is an action that fails, and what it says.
func failing(t *testing.T, databaseURL string, arguments ...string) string {
	t.Helper()
	code, said := TryManageApps(databaseURL, nil, arguments...)
	if code != 1 {
		t.Errorf("parley app %v exits with %d", arguments, code)
	}
	return said
}
