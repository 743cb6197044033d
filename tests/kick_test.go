package tests

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	. "parley/tests/harness"
)

// TestKickEndsAllSessionsOnEveryNode: those with a tag and without, opened on whatever node, a signed token's too.
func TestKickEndsAllSessionsOnEveryNode(t *testing.T) {
	threeNodes(t, func(t *testing.T, n *nodes) {
		for i, asked := range n.all {
			signed := n.all[0].Bearer(t, "Tom", SignedToken(t, jwt.MapClaims{"aud": AppID, "sub": "Tom", "jti": fmt.Sprint(i), "exp": time.Now().Add(time.Hour).Unix()}), "")
			sessions := []*Client{n.all[0].Login(t, "Tom", "phone"), n.all[1].Login(t, "Tom", ""), n.all[2].Login(t, "Tom", ""), signed}
			jerry := n.all[0].Login(t, "Jerry", "")
			var streams [][]*Stream
			for _, session := range sessions {
				streams = append(streams, n.listen(t, session))
			}
			asked.Master(t, "").Do(t, "POST", "/v1/clients/Tom/kick", nil).Want(204)
			begun := time.Now()
			for j, session := range sessions {
				session.On(asked).Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "session_kicked", "") // at once where it was asked
				for _, stream := range streams[j] {
					for { // the others of the client come and go meanwhile
						if event := stream.Next(); event.Name == "disconnect" {
							if event.Data["reason"] != "kicked_by_app" || event.Data["reconnect"] != false {
								t.Errorf("a stream ended with %s", event.Raw)
							}
							break
						}
					}
					stream.WantEnd()
					n.kept(t, begun, "the end of a stream")
				}
			}
			for _, node := range n.all {
				for _, session := range sessions {
					Eventually(t, "the token is refused", func() bool {
						return session.On(node).Do(t, "GET", "/v1/sessions/current", nil).Status == 401
					})
				}
				n.kept(t, begun, "the refusal of the tokens")
				jerry.On(node).Do(t, "GET", "/v1/sessions/current", nil).Want(200)
				node.Login(t, "Tom", "").Do(t, "GET", "/v1/sessions/current", nil).Want(200) // and may come back
			}
		}
	})
}

func TestKickEndsMoreSessionsThanOneTransactionDoes(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		sessions := make([]*Client, 410)
		parallel(len(sessions), func(i int) { sessions[i] = s.Login(t, "Tom", "") })
		stream := sessions[0].Listen(t, "")
		stream.Want("online")
		s.Master(t, "").Do(t, "POST", "/v1/clients/Tom/kick", nil).Want(204)
		for _, session := range sessions {
			session.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "session_kicked", "")
		}
		stream.Want("disconnect")
		var alive int
		if err := OpenSQL(t, db).QueryRow("SELECT COUNT(*) FROM sessions WHERE end_reason IS NULL").Scan(&alive); err != nil || alive != 0 {
			t.Fatalf("%d sessions are alive, %v", alive, err)
		}
	})
}

func TestKickIsForTheAppsOwnServer(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		master := s.Master(t, "")
		// Whatever a client id is made of.
		for _, id := range []string{"Tom", "a/b", "100%", "%2F", "a b", "Jerry,起床了", "?#&=", "..a", "a;b", "+"} {
			tom, other := s.Login(t, id, ""), s.Login(t, id+"x", "")
			path := "/v1/clients/" + url.PathEscape(id) + "/kick"
			tom.Do(t, "POST", path, nil).WantProblem(403, "master_key_required", "")
			s.AppKeyHolder(t).Do(t, "POST", path, nil).WantProblem(403, "session_required", "")
			tom.Do(t, "GET", "/v1/sessions/current", nil).Want(200)
			master.Do(t, "POST", path, nil).Want(204)
			tom.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "session_kicked", "")
			master.Do(t, "POST", path, nil).Want(204) // again, and nothing is left
			other.Do(t, "GET", "/v1/sessions/current", nil).Want(200)
		}
		for _, id := range []string{"%00", "%ff", "%zz", url.PathEscape(longID)} {
			if answer, err := master.Try(t, "POST", "/v1/clients/"+id+"/kick", nil); err == nil {
				answer.WantProblem(400, "validation_failed", "clientId")
			}
		}
		master.Do(t, "POST", "/v1/clients/Tom/kick?reason=x", nil).WantProblem(400, "validation_failed", "reason")
	})
}

// longID is one character too long for a client id.
const longID = "12345678901234567890123456789012345678901234567890123456789012345"

// TestKickedSignedTokenStaysRefused: it is a session, and a session that has ended does not begin again.
func TestKickedSignedTokenStaysRefused(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		one, two := Start(t, db), Start(t, db)
		claims := jwt.MapClaims{"aud": AppID, "sub": "Tom", "jti": "phone", "exp": time.Now().Add(time.Hour).Unix()}
		used := one.Bearer(t, "Tom", SignedToken(t, claims), "")
		used.Do(t, "GET", "/v1/sessions/current", nil).Want(200)
		one.Master(t, "").Do(t, "POST", "/v1/clients/Tom/kick", nil).Want(204)
		for range 2 {
			for _, node := range []*Server{one, two} {
				used.On(node).Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "session_kicked", "")
				if _, err := used.On(node).TryListen(t, ""); err == nil {
					t.Error("a stream was opened")
				}
			}
		}
		claims["jti"] = "tablet"
		one.Bearer(t, "Tom", SignedToken(t, claims), "").Do(t, "GET", "/v1/sessions/current", nil).Want(200)
	})
}
