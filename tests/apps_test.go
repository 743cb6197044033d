package tests

import (
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
