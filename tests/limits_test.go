package tests

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// wantLimited fails the test unless an answer is a refusal by a limit of so many a minute, to come back after some seconds.
func wantLimited(t testing.TB, answer *Answer, code, limit string, quota, seconds int) {
	t.Helper()
	answer.WantProblem(http.StatusTooManyRequests, code, "")
	for field, want := range map[string]string{
		"Retry-After":      fmt.Sprint(seconds),
		"RateLimit-Policy": fmt.Sprintf("%q;q=%d;w=60", limit, quota),
		"RateLimit":        fmt.Sprintf("%q;r=0;t=%d", limit, seconds),
		"Cache-Control":    "no-store",
	} {
		if got := answer.Header.Get(field); got != want {
			t.Errorf("%s is %s, not %s", field, got, want)
		}
	}
}

// startLimited runs a server with these limits and a clock of the test's.
func startLimited(t testing.TB, db string, limit func(*app.Config)) (*Server, *Clock) {
	t.Helper()
	clock := StoppedClock()
	return Start(t, db, limit, func(c *app.Config) { c.Clock = clock.Now }), clock
}

const aList = "/v1/conversations"

// TestAClientSendsAsManyMessagesAsItMay, with all its sessions together; what is refused changes nothing, what was stored
// stays, and nobody else is in the way.
func TestAClientSendsAsManyMessagesAsItMay(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s, clock := startLimited(t, db, func(c *app.Config) { c.SendsPerMinute = 5 })
		tom, tomsOther, jerry := s.Login(t, "Tom", ""), s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		messages := "/v1/conversations/" + conversation + "/messages"
		say := func(c *Client, text string, headers ...string) *Answer {
			return c.Do(t, "POST", messages, JSON{"type": "text", "text": text}, headers...)
		}
		say(tom, "1", "Idempotency-Key", "one").Want(http.StatusCreated)
		say(tomsOther, "2").Want(http.StatusCreated)
		tom.Do(t, "POST", messages, JSON{"type": "text", "text": "gone", "transient": true}).Want(http.StatusAccepted)
		tom.Do(t, "POST", messages, JSON{"type": "text"}).Want(http.StatusBadRequest)                    // whatever becomes of it
		say(tom, "1", "Idempotency-Key", "one").Want(http.StatusOK)                                      // a repeat too
		wantLimited(t, say(tom, "3"), "too_many_sends", "client-sends", 5, 12)                           // 60 s for 5
		wantLimited(t, say(tomsOther, "3"), "too_many_sends", "client-sends", 5, 12)                     // the same client
		wantLimited(t, say(tom, "1", "Idempotency-Key", "one"), "too_many_sends", "client-sends", 5, 12) // says nothing about the first

		say(jerry, "4").Want(http.StatusCreated)
		say(s.Master(t, "Tom"), "5").Want(http.StatusCreated)
		if got, want := tom.Texts(t, conversation), []string{"1", "2", "4", "5"}; !slices.Equal(got, want) {
			t.Errorf("stored are %v, not %v", got, want)
		}
		clock.Pass(11 * time.Second)
		wantLimited(t, say(tom, "3"), "too_many_sends", "client-sends", 5, 1)
		clock.Pass(time.Second)
		say(tom, "1", "Idempotency-Key", "one").Want(http.StatusOK)
		say(tom, "3").Want(http.StatusTooManyRequests)
		clock.Pass(24 * time.Second)
		say(tom, "6").Want(http.StatusCreated)
		say(tom, "7").Want(http.StatusCreated)
		say(tom, "8").Want(http.StatusTooManyRequests)
		if got, want := tom.Texts(t, conversation), []string{"1", "2", "4", "5", "6", "7"}; !slices.Equal(got, want) {
			t.Errorf("stored are %v, not %v", got, want)
		}
		if n := Metrics(t, s.URL)[`parley_limited_total{limit="client-sends"}`]; n != 6 {
			t.Errorf("%v refusals were counted of 6", n)
		}
	})
}

func TestAClientMakesAsManyCallsAsItMay(t *testing.T) {
	t.Parallel()
	s, clock := startLimited(t, SQLite(t), func(c *app.Config) { c.RequestsPerMinute = 4 })
	tom, tomsOther, jerry := s.Login(t, "Tom", ""), s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
	tom.Do(t, "GET", aList, nil).Want(http.StatusOK)
	tomsOther.Do(t, "GET", "/v1/conversations/none", nil).Want(http.StatusNotFound)
	tom.Do(t, "POST", aList, "{").Want(http.StatusBadRequest)
	tom.Do(t, "GET", aList, nil, "X-Client-Id", "Jerry").Want(http.StatusForbidden)
	wantLimited(t, tom.Do(t, "GET", aList, nil), "too_many_requests", "client-requests", 4, 15)
	wantLimited(t, tomsOther.Do(t, "DELETE", "/v1/sessions/current", nil), "too_many_requests", "client-requests", 4, 15)
	s.Login(t, "Tom", "").Do(t, "GET", "/v1/sessions/current", nil).Want(http.StatusTooManyRequests) // a new session is the same client
	jerry.Do(t, "GET", aList, nil).Want(http.StatusOK)
	for range 10 {
		s.Master(t, "Tom").Do(t, "GET", aList, nil).Want(http.StatusOK)
	}
	clock.Pass(15 * time.Second)
	tomsOther.Do(t, "GET", "/v1/sessions/current", nil).Want(http.StatusOK) // the 429 ended no session
	tom.Do(t, "GET", aList, nil).Want(http.StatusTooManyRequests)
}

// TestStrangersTakeNothingFromAClient: whoever has no valid credentials counts for nobody whom he names.
func TestStrangersTakeNothingFromAClient(t *testing.T) {
	t.Parallel()
	s, _ := startLimited(t, SQLite(t), func(c *app.Config) { c.RequestsPerMinute, c.AppRequestsPerMinute, c.SendsPerMinute = 2, 2, 2 })
	tom := s.Login(t, "Tom", "") // the app's first call
	stranger := s.Nobody(t)
	forged := tom.Token[:strings.LastIndex(tom.Token, ".")+1] + strings.Repeat("A", 43)
	for range 5 {
		stranger.Do(t, "GET", aList, nil, "Authorization", "Bearer "+forged).Want(http.StatusUnauthorized)
		stranger.Do(t, "GET", aList, nil, "Authorization", Basic(AppID, "wrong"), "X-Client-Id", "Tom").Want(http.StatusUnauthorized)
		stranger.Do(t, "POST", "/v1/sessions", JSON{"clientId": "Tom"}, "Authorization", Basic(AppID, "wrong")).Want(http.StatusUnauthorized)
		stranger.Do(t, "GET", aList, nil).Want(http.StatusUnauthorized)
	}
	tom.Do(t, "GET", aList, nil).Want(http.StatusOK)
	wantLimited(t, tom.Do(t, "GET", aList, nil), "too_many_requests", "app-requests", 2, 30)
}

func TestOneSessionLeavesSomethingToTheOthers(t *testing.T) {
	t.Parallel()
	s, clock := startLimited(t, SQLite(t), func(c *app.Config) { c.RequestsPerMinute, c.SessionRequestsPerMinute = 10, 3 })
	phone, laptop := s.Login(t, "Tom", "phone"), s.Login(t, "Tom", "laptop")
	for range 3 {
		phone.Do(t, "GET", aList, nil).Want(http.StatusOK)
	}
	for range 20 { // and what is refused to it is not counted for its client
		wantLimited(t, phone.Do(t, "GET", aList, nil), "too_many_requests", "session-requests", 3, 20)
	}
	for range 3 {
		laptop.Do(t, "GET", aList, nil).Want(http.StatusOK)
	}
	clock.Pass(20 * time.Second)
	phone.Do(t, "GET", aList, nil).Want(http.StatusOK)
}

// TestAnAppHasItsOwn: its clients together, and its own server, which they cannot shut out.
func TestAnAppHasItsOwn(t *testing.T) {
	t.Parallel()
	s, clock := startLimited(t, SQLite(t), func(c *app.Config) { c.AppRequestsPerMinute = 6 })
	tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "") // these are calls too
	for range 2 {
		tom.Do(t, "GET", aList, nil).Want(http.StatusOK)
		jerry.Do(t, "GET", aList, nil).Want(http.StatusOK)
	}
	wantLimited(t, tom.Do(t, "GET", aList, nil), "too_many_requests", "app-requests", 6, 10)
	wantLimited(t, s.AppKeyHolder(t).Do(t, "POST", "/v1/sessions", JSON{"clientId": "Mary"}), "too_many_requests", "app-requests", 6, 10)
	server := s.Master(t, "")
	for range 6 {
		server.Do(t, "GET", aList, nil).Want(http.StatusOK)
	}
	wantLimited(t, server.Do(t, "GET", aList, nil), "too_many_requests", "app-requests", 6, 10)
	clock.Pass(10 * time.Second)
	server.Do(t, "POST", "/v1/clients/Tom/kick", nil).Want(http.StatusNoContent)
	jerry.Do(t, "GET", aList, nil).Want(http.StatusOK)
}

// TestZeroIsNoLimit, as in the contract.
func TestZeroIsNoLimit(t *testing.T) {
	t.Parallel()
	s, _ := startLimited(t, SQLite(t), func(*app.Config) {})
	tom := s.Login(t, "Tom", "")
	conversation := tom.Create(t, "Jerry")
	for i := range 20 {
		tom.Say(t, conversation, fmt.Sprint(i))
		s.AppKeyHolder(t).Do(t, "GET", aList, nil, "Authorization", Basic(AppID, "wrong")).Want(http.StatusUnauthorized)
	}
}
