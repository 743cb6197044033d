package verify

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func created201(id string, number int) http.HandlerFunc {
	m := madeMessage(1, "J1", "Jerry", number)
	m.ID = id
	return body(http.StatusCreated, m)
}

func TestSendGoesOnUntilItIsAnswered(t *testing.T) {
	failing := newNode(t, hangUp, status(503), status(500), status(502))
	dead := newNode(t, hangUp)
	dead.Close()
	limited := newNode(t, status(429, "Retry-After", "1"), status(504), created201("5", 1))
	c, l := jerry(t, failing.URL, dead.URL, limited.URL), NewLedger()
	if err := c.Send(withPatience(t), l, "C"); err != nil {
		t.Fatal(err)
	}
	all := append(failing.requests(), limited.requests()...)
	for _, r := range all {
		if r.key == "" || r.key != all[0].key || r.body != all[0].body || r.method != "POST" || r.path != "/v1/conversations/C/messages" {
			t.Errorf("a repeat was another request: %+v, not %+v", r, all[0])
		}
	}
	r := l.Check()
	if len(limited.requests()) != 3 || r.Acknowledged != 1 || r.Unknown != 0 || r.Retries < 6 || l.Last() != "5" || r.SendTime.Max < time.Second {
		t.Errorf("%+v, last %s", r, l.Last())
	}
	if waited := limited.requests(); waited[1].at.Sub(waited[0].at) < time.Second {
		t.Error("Retry-After was not waited for")
	}
}

func TestSendWithoutAKeyIsTriedOnce(t *testing.T) {
	for _, answer := range []http.HandlerFunc{hangUp, status(503)} {
		n := newNode(t, answer, created201("5", 1))
		c, l := jerry(t, n.URL), NewLedger()
		if err := c.Send(withPatience(t), l, "C", WithoutKey()); err == nil {
			t.Error("an unanswered send is no error")
		}
		r := l.Check()
		if asked := n.requests(); len(asked) != 1 || asked[0].key != "" || r.Sent != 1 || r.Unknown != 1 || r.Refused != 0 || !r.Held() {
			t.Errorf("asked %+v, %+v", asked, r)
		}
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	n := newNode(t, status(503, "Retry-After", "1"))
	c, l := jerry(t, n.URL), NewLedger()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Send(ctx, l, "C"); err == nil || !strings.Contains(err.Error(), "made_up_503") {
		t.Errorf("the error is %v", err)
	}
	if r := l.Check(); r.Unknown != 1 {
		t.Errorf("%+v", r)
	}
	if err := c.Send(ctx, l, "C"); err == nil || l.Check().Sent > 2 {
		t.Errorf("a send after the end: %v", err)
	}
}

func TestSendThatIsRefused(t *testing.T) {
	n := newNode(t, status(403))
	c, l := jerry(t, n.URL), NewLedger()
	if err := c.Send(withPatience(t), l, "C"); err == nil || !strings.Contains(err.Error(), "answered 403 made_up_403") {
		t.Errorf("the error is %v", err)
	}
	if r := l.Check(); r.Refused != 1 || r.Unknown != 0 || !r.Held() {
		t.Errorf("%+v", r)
	}
}

func TestSendsOfAClientInAConversationWaitForEachOther(t *testing.T) {
	under := make(chan struct{}, 1)
	n := newNode(t)
	for i := range 20 {
		n.answers = append(n.answers, func(w http.ResponseWriter, r *http.Request) {
			select {
			case under <- struct{}{}:
				created201(fmt.Sprint(i+1), i+1)(w, r)
				<-under
			default:
				t.Error("two at the same time")
			}
		})
	}
	c, l := jerry(t, n.URL), NewLedger()
	if err := together(numbers(0, 20), func(int) error { return c.Send(withPatience(t), l, "C") }); err != nil {
		t.Fatal(err)
	}
	if r := l.Check(); r.Acknowledged != 20 || r.OutOfOrder != 0 {
		t.Errorf("%+v", r)
	}
}

// A log-in and a creation whose answers do not come may have been done: Close finds what they made, and nothing else.
func TestCloseFindsWhatWasMadeWithoutAnAnswer(t *testing.T) {
	n := newNode(t)
	d := NewDeployment([]string{n.URL}, "app", "key")
	session := func(id string) http.HandlerFunc {
		return body(201, map[string]any{"token": "token of " + id, "session": map[string]any{"id": id}})
	}
	page := func(next string, rooms ...map[string]any) http.HandlerFunc {
		return body(200, map[string]any{"conversations": rooms, "next": next})
	}
	n.answers = []http.HandlerFunc{
		hangUp, session("S2"), // the log-in
		status(503), body(201, map[string]any{"id": "known"}), // the creation
		page("2", map[string]any{"id": "known", "name": d.Name()}, map[string]any{"id": "other", "name": "friends"}),
		page("", map[string]any{"id": "stray", "name": d.Name()}, map[string]any{"id": "unnamed", "name": nil}),
		session("S1"),
		status(204),
	}
	ctx := withPatience(t)
	c, err := d.Login(ctx, "Tom")
	if err != nil {
		t.Fatal(err)
	}
	if id, err := c.Create(ctx, []string{"Jerry"}); err != nil || id != "known" {
		t.Fatalf("made %q, %v", id, err)
	}
	if err := d.Close(ctx); err != nil {
		t.Fatal(err)
	}
	var calls []string
	asked := n.requests()
	for _, r := range asked {
		calls = append(calls, r.method+" "+r.path)
	}
	slices.Sort(calls[7:])
	want := []string{"POST /v1/sessions", "POST /v1/sessions", "POST /v1/conversations", "POST /v1/conversations",
		"GET /v1/conversations?limit=100&member=Tom&skip=0", "GET /v1/conversations?limit=100&member=Tom&skip=2", "POST /v1/sessions",
		"DELETE /v1/conversations/known", "DELETE /v1/conversations/stray", "DELETE /v1/sessions/current", "DELETE /v1/sessions/current"}
	if !slices.Equal(calls, want) {
		t.Errorf("called\n%s, not\n%s", strings.Join(calls, "\n"), strings.Join(want, "\n"))
	}
	if asked[0].body == asked[1].body || asked[6].body != asked[0].body {
		t.Errorf("the log-ins were %s, %s and %s", asked[0].body, asked[1].body, asked[6].body)
	}
	if err := d.Close(ctx); err != nil || len(n.requests()) != len(asked) {
		t.Errorf("a second Close does something, %v: %+v", err, n.requests()[len(asked):])
	}
}

func TestCloseNamesWhatIsLeft(t *testing.T) {
	n := newNode(t, body(201, map[string]any{"token": "t", "session": map[string]any{"id": "S1"}}), body(201, map[string]any{"id": "room"}), status(403))
	d := NewDeployment([]string{n.URL}, "app", "key")
	ctx := withPatience(t)
	c, err := d.Login(ctx, "Tom")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(ctx, nil); err != nil {
		t.Fatal(err)
	}
	err = d.Close(ctx)
	for _, words := range []string{"conversation room is left", "session S1 of client Tom is left", "made_up_403"} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("the error is without %q: %v", words, err)
		}
	}
}

func TestLoginFailures(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		words  string
	}{
		"refused":  {status(401), "client Tom cannot log in: http://127.0.0.1"},
		"not JSON": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) }, "not the JSON of the API"},
		"redirect": {status(307, "Location", "/elsewhere"), "answered 307"},
		"a page":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); fmt.Fprint(w, "<html>") }, "answered 404 no problem+json: \"<html>\""},
		"an escape": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			fmt.Fprint(w, `{"code":"refused","detail":"\u001b[2J"}`)
		}, `answered 403 refused: "\x1b[2J"`},
	} {
		n := newNode(t, test.answer)
		d := NewDeployment([]string{n.URL}, "app", "key")
		if _, err := d.Login(withPatience(t), "Tom"); err == nil || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %v", name, err)
		}
		if err := d.Close(withPatience(t)); err != nil {
			t.Error(err)
		}
	}
}

func TestHistoryFailures(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		words  string
	}{
		"refused":             {status(403), "made_up_403"},
		"a next that repeats": {body(200, map[string]any{"messages": []message{}, "next": "0"}), "says that the next one is after \"0\""},
		"more than asked for": {body(200, map[string]any{"messages": slices.Repeat([]message{madeMessage(1, "J1", "Jerry", 1)}, historyPage+1)}), "a page of 101"},
		"a next elsewhere":    {body(200, map[string]any{"messages": []message{madeMessage(1, "J1", "Jerry", 1)}, "next": "7"}), "a page of 1 that ends with 1"},
	} {
		n := newNode(t, test.answer)
		if err := jerry(t, n.URL).History(withPatience(t), NewLedger(), "C"); err == nil || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{"": 0, "3": 3 * time.Second, "-3": 0, "soon": 0, "86400": retryAfterMost,
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): 0, time.Now().Add(time.Hour).UTC().Format(http.TimeFormat): retryAfterMost} {
		if got := retryAfter(http.Header{"Retry-After": {value}}); got != want {
			t.Errorf("Retry-After: %q is %v, not %v", value, got, want)
		}
	}
}
