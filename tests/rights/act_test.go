package rights

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	. "parley/tests/harness"
)

// act is how the tests make the call of a row, and see that it took effect.
type act struct {
	operation, of string
	body          func(call) any          // nil: there is none
	query         func(call) string       // nil: there is none
	headers       []string                // name, value, …
	do            func(call, act) *Answer // nil: the call as it is described here
	effect        func(call, *Answer)     // of a call that is allowed
	changes       bool                    // a call that is allowed changes something, and gets things of its own
	ownSession    bool                    // it changes the session that makes it
	prepare       func(call) thing        // nil: a conversation of the type that is its of
}

// call is one call of a caller.
type call struct {
	testing.TB
	w    *world
	as   caller
	c    *Client
	to   thing
	kind string // of the conversation that it is about
	name string // that nobody has had
}

// acts are the calls of all rows by their keys.
func acts() map[string]act {
	all := map[string]act{}
	for _, some := range [][]act{publicActs(), sessionActs(), clientActs(), conversationActs(), memberActs(), messageActs(), fileActs(), streamActs()} {
		for _, a := range some {
			all[a.operation+" "+a.of] = a
		}
	}
	return all
}

// ofEach gives an act for each type of conversation.
func ofEach(a act) (acts []act) {
	for _, kind := range []string{"normal", "chatroom", "system", "temporary"} {
		of := a
		of.of = kind
		acts = append(acts, of)
	}
	return acts
}

// kind is the type of conversation that an act is about; empty: it is about none.
func (a act) kind() string {
	switch kind := strings.TrimPrefix(a.of, "transient:"); kind {
	case "normal", "chatroom", "system", "temporary":
		return kind
	case "retention", "file":
		return "normal"
	}
	return ""
}

// make makes the call.
func (a act) make(c call) *Answer {
	c.Helper()
	if a.do != nil {
		return a.do(c, a)
	}
	return a.send(c)
}

func (a act) send(c call) *Answer {
	c.Helper()
	method, path, _ := strings.Cut(a.operation, " ")
	id := c.to.conversation
	if strings.HasPrefix(path, "/v1/files/") {
		id = c.to.file
		if a.of == "unsent" {
			id = c.to.unsent
		}
	}
	path = strings.NewReplacer("{id}", id, "{messageId}", c.to.message, "{clientId}", url.PathEscape(c.to.client)).Replace(path)
	if a.query != nil {
		path += "?" + a.query(c)
	}
	var body any
	if a.body != nil {
		body = a.body(c)
	}
	return c.c.Do(c, method, path, body, a.headers...)
}

// inQuery is an act whose token stands in the query.
func inQuery(a act) act {
	a.of, a.headers = "query", []string{"Authorization", ""}
	a.query = func(c call) string { return url.Values{"access_token": {c.c.Token}}.Encode() }
	return a
}

// body is a body that is always the same.
func body(value JSON) func(call) any { return func(call) any { return maps.Clone(value) } }

// isHome tells whether the caller is of the app in which everything is.
func (c call) isHome() bool { return c.as != otherClient && c.as != otherMaster }

// find asks for something as the app's own server: that of the caller's app, which must find it, and the other's, which must not.
func (c call) find(path string) JSON {
	c.Helper()
	c.w.abroad(c.c).Do(c, "GET", path, nil).Want(http.StatusNotFound)
	return c.w.home(c.c).Do(c, "GET", path, nil).Want(http.StatusOK).Object()
}

func (c call) conversation() string { return "/v1/conversations/" + c.to.conversation }

// want fails the test unless what came is what should have.
func (c call) want(what string, got, want any) {
	c.Helper()
	if got != want {
		c.Errorf("%s is %v and not %v", what, got, want)
	}
}

// idsIn are the ids of the objects in a list.
func idsIn(answer *Answer, list, field string) (ids []any) {
	for _, object := range answer.Object()[list].([]any) {
		ids = append(ids, object.(JSON)[field])
	}
	return ids
}

// problem reads the body of a refusal.
func problem(t testing.TB, answer *Answer) (object JSON) {
	t.Helper()
	if err := json.Unmarshal(answer.Body, &object); err != nil {
		t.Fatalf("%v in %q", err, answer.Body)
	}
	return object
}
