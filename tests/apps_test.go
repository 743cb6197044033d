package tests

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	. "parley/tests/harness"
)

// TestAppIsMadeWhileANodeRuns: with keys of its own, and its clients are not those of the other app.
func TestAppIsMadeWhileANodeRuns(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		conversation := s.Login(t, "Tom", "").Create(t, "Jerry")
		other := s.NewApp(t, "--id", "other-app")
		if other.Keys.AppID != "other-app" {
			t.Fatalf("it was made as %s", other.Keys.AppID)
		}
		stranger := other.Login(t, "Tom", "")
		stranger.Do(t, "GET", "/v1/conversations/"+conversation, nil).WantProblem(404, "conversation_not_found", "")
		other.Master(t, "").Do(t, "GET", "/v1/conversations/"+conversation, nil).WantProblem(404, "conversation_not_found", "")
		signed := other.SignedToken(t, jwt.MapClaims{"aud": "other-app", "sub": "Mary", "exp": time.Now().Add(time.Hour).Unix()})
		other.Bearer(t, "Mary", signed, "").Do(t, "GET", "/v1/sessions/current", nil).Want(200)
		s.As(Keys{AppID: "other-app", AppKey: AppKey}).AppKeyHolder(t).Do(t, "POST", "/v1/sessions", JSON{"clientId": "Tom"}).WantProblem(401, "credentials_invalid", "")
	})
}

// TestDisabledAppIsRefusedEverywhere: by every operation and whatever is shown, on every node; its streams end; whoever has
// no right to know learns nothing; and enabled, it has all that it had.
func TestDisabledAppIsRefusedEverywhere(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		one, two := Start(t, db), Start(t, db)
		shop := one.NewApp(t)
		elsewhere := two.As(shop.Keys)
		elsewhere.WaitForApp(t)
		tom, jerry := shop.Login(t, "Tom", ""), shop.Login(t, "Jerry", "").On(elsewhere)
		neighbour := one.Login(t, "Tom", "")
		conversation := tom.Create(t, "Jerry")
		said := tom.Say(t, conversation, "before")
		file := tom.Keep(t, "a", []byte("a"))
		streams := []*Stream{tom.Listen(t, ""), jerry.Listen(t, ""), shop.Master(t, "Mary").Listen(t, "")}
		beside := neighbour.Listen(t, "")
		for _, stream := range append(streams, beside) {
			stream.Want("online")
		}

		ManageApps(t, db, "disable", shop.Keys.AppID)
		for _, stream := range streams {
			if end := stream.Want("disconnect"); end.Data["reason"] != "kicked_by_app" || end.Data["reconnect"] != false {
				t.Errorf("a stream ended with %s", end.Raw)
			}
			stream.WantEnd()
		}
		for _, node := range []*Server{shop, elsewhere} {
			wantDisabled(t, node, tom, file)
		}
		neighbour.Say(t, neighbour.Create(t, "Jerry"), "not disabled")
		beside.Want("members_joined")

		ManageApps(t, db, "enable", shop.Keys.AppID)
		for _, node := range []*Server{shop, elsewhere} {
			node.WaitForApp(t)
			if texts := tom.On(node).Texts(t, conversation); len(texts) != 1 || texts[0] != "before" {
				t.Errorf("the history is %v", texts)
			}
		}
		back := jerry.Listen(t, said)
		if event := back.Want("reconnect"); event.Data["missed"] != 0.0 {
			t.Errorf("came back with %s", event.Raw)
		}
		after := tom.Say(t, conversation, "after")
		if event := back.Want("message"); event.ID != after {
			t.Errorf("got %s", event.Raw)
		}
		shop.Fetch(t, file["url"]).Want(200)
	})
}

func wantDisabled(t *testing.T, s *Server, tom *Client, file JSON) {
	t.Helper()
	holders := map[string]*Client{"the master key": s.Master(t, "Tom"), "the app key": s.AppKeyHolder(t), "a session": tom.On(s), "a signed token": signed(t, s, "Tom")}
	wrong := s.As(Keys{AppID: s.Keys.AppID, MasterKey: AppKey}).Master(t, "")
	for o := range operationsOf(document(t)) {
		if !strings.HasPrefix(o.path, "/v1/") || o.method == "HEAD" {
			continue
		}
		path := strings.NewReplacer("{id}", "x", "{messageId}", "1", "{clientId}", "Tom").Replace(o.path)
		for who, holder := range holders {
			if who == "a session" && o == (operation{"POST", "/v1/sessions"}) {
				continue // it is no credential there
			}
			answer := holder.Do(t, o.method, path, nil)
			if answer.Status != 403 || answer.Object()["code"] != "app_disabled" {
				t.Errorf("%v with %s is answered %d: %s", o, who, answer.Status, answer.Body)
			}
		}
		wrong.Do(t, o.method, path, nil).WantProblem(401, "credentials_invalid", "")
	}
	_, content, _ := strings.Cut(file["url"].(string), "/v1/files/")
	s.Nobody(t).Do(t, "GET", "/v1/files/"+content, nil).WantProblem(403, "app_disabled", "")
	s.Nobody(t).Do(t, "GET", "/v1/stream?access_token="+tom.Token, nil).WantProblem(403, "app_disabled", "")
	s.Nobody(t).Do(t, "GET", "/v1/stream?access_token="+tom.Token+"x", nil).WantProblem(401, "token_invalid", "")
}
