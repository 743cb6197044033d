package rights

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	. "parley/tests/harness"
)

func publicActs() (acts []act) {
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/docs/openapi.json", "/docs/swagger.json"} {
		acts = append(acts, act{operation: "GET " + path, of: "-"})
	}
	return acts
}

func sessionActs() []act {
	login := act{operation: "POST /v1/sessions", of: "session", changes: true, effect: isLoggedIn,
		body: func(c call) any { return JSON{"clientId": c.name} }}
	signed := login
	signed.of, signed.do = "signed", withSignedToken
	signed.body = func(c call) any {
		if c.c.Token == "" {
			return JSON{"clientId": c.name}
		}
		return JSON{"clientId": c.c.ID}
	}
	return []act{login, signed,
		{operation: "GET /v1/sessions/current", of: "-", effect: func(c call, a *Answer) { c.want("the client", a.Object()["clientId"], c.c.ID) }},
		{operation: "POST /v1/sessions/current/refresh", of: "-", changes: true, ownSession: true, effect: func(c call, a *Answer) {
			c.want("the session", a.Object()["session"].(JSON)["id"], c.c.SessionID)
			isLoggedIn(c, a)
		}},
		{operation: "POST /v1/sessions/current/stream-ticket", of: "-", changes: true, effect: func(c call, a *Answer) {
			stream, err := c.w.server.TryListenByTicket(c, a.Object()["ticket"].(string), "")
			if err != nil {
				c.Fatal(err)
			}
			c.want("the session", stream.Want("online").Data["sessionId"], c.c.SessionID)
		}},
		{operation: "DELETE /v1/sessions/current", of: "-", changes: true, ownSession: true, effect: func(c call, _ *Answer) {
			c.c.Do(c, "GET", "/v1/sessions/current", nil).WantProblem(http.StatusUnauthorized, "session_ended", "")
		}},
	}
}

// withSignedToken lets clients come with a token that their app's own server has signed.
func withSignedToken(c call, a act) *Answer {
	switch c.as {
	case stranger, former, member, creator, otherClient:
		c.c = signedClient(c, c.c.Server, c.c.ID, time.Hour)
	}
	return a.send(c)
}

// isLoggedIn wants a token that is good, and good in its own app alone.
func isLoggedIn(c call, a *Answer) {
	came := a.Object()
	c.want("the token is the old one", came["token"] == c.c.Token, false)
	in := c.c.Server.Bearer(c, "", came["token"].(string), "")
	session := in.Do(c, "GET", "/v1/sessions/current", nil).Want(http.StatusOK).Object()
	c.want("the session", session["id"], came["session"].(JSON)["id"])
	status := http.StatusNotFound
	if c.isHome() {
		status = http.StatusOK
	}
	in.Do(c, "GET", "/v1/conversations/"+c.w.shared["normal"].conversation, nil).Want(status)
}

func clientActs() []act {
	return []act{
		{operation: "POST /v1/clients/online", of: "-", body: func(c call) any { return JSON{"clientIds": []string{c.to.client, "Nobody"}} },
			effect: func(c call, a *Answer) {
				c.want("the one who is online is there", slices.Contains(a.Object()["online"].([]any), any(c.to.client)), c.isHome())
			}},
		{operation: "GET /v1/clients/{clientId}", of: "-", effect: func(c call, a *Answer) {
			c.want("online", a.Object()["online"], c.isHome())
			c.want("never seen", a.Object()["lastSeenAt"] == nil, !c.isHome())
		}},
		{operation: "POST /v1/clients/{clientId}/kick", of: "-", changes: true,
			prepare: func(c call) thing { return thing{client: c.name, victim: c.w.server.Login(c, c.name, "")} },
			effect: func(c call, _ *Answer) {
				answer := c.to.victim.Do(c, "GET", "/v1/sessions/current", nil)
				if !c.isHome() {
					answer.Want(http.StatusOK)
					return
				}
				answer.WantProblem(http.StatusUnauthorized, "session_kicked", "")
			}},
	}
}

func streamActs() []act {
	header := act{operation: "GET /v1/stream", of: "header", do: listen}
	return []act{header, {operation: "GET /v1/stream", of: "query", do: listen}, {operation: "GET /v1/stream", of: "ticket", do: listen}}
}

// listen opens a stream and waits for its first event.
func listen(c call, a act) *Answer {
	c.Helper()
	open := func() (*Stream, error) { return c.c.TryListen(c, "") }
	switch a.of {
	case "query":
		open = func() (*Stream, error) { return c.c.TryListenInQuery(c) }
	case "ticket":
		ticket := "AAAAAaVb2Jw1x3kq0T4mZ9yNfQ4" // that was never given out
		if c.as != nobody {
			ticket = c.c.Ticket(c)
		}
		open = func() (*Stream, error) { return c.c.Server.TryListenByTicket(c, ticket, "") }
	}
	stream, err := open()
	if refused, ok := errors.AsType[*Refused](err); ok {
		return &Answer{Status: refused.Status, Header: refused.Header, Body: refused.Body}
	}
	if err != nil {
		c.Fatal(err)
	}
	defer stream.Cut()
	first := stream.Want("online").Data
	c.want("the client", first["clientId"], c.c.ID)
	c.want("the log is at its beginning", first["position"] == "0", !c.isHome()) // nothing has happened in the other app yet
	return &Answer{Status: stream.Response.StatusCode, Header: stream.Response.Header}
}

func fileActs() []act {
	upload := act{operation: "POST /v1/files", of: "upload", changes: true, effect: isKept, do: func(c call, _ act) *Answer {
		return c.c.Upload(c, c.name, []byte(content))
	}}
	link := act{operation: "POST /v1/files", of: "link", changes: true, body: body(JSON{"url": "https://example.org/" + content}), effect: isKept}
	acts := []act{upload, link}
	for _, operation := range []string{"GET /v1/files/{id}", "GET /v1/files/{id}/content", "HEAD /v1/files/{id}/content"} {
		read := act{operation: operation, effect: isTheFile}
		acts = append(acts, ofEach(read)...)
		read.of = "unsent"
		acts = append(acts, read)
		if operation != "GET /v1/files/{id}" {
			acts = append(acts, inQuery(read), byURL(read))
		}
	}
	return acts
}

// byURL is an act whose only right is the token in the file's url, whoever calls.
func byURL(a act) act {
	a.of = "url"
	a.query = func(c call) string {
		u, err := url.Parse(c.to.fileURL)
		if err != nil {
			c.Fatal(err)
		}
		return u.RawQuery
	}
	return a
}

func isTheFile(c call, a *Answer) {
	switch {
	case a.Header.Get("Content-Type") == "application/json":
		c.want("the file", a.Object()["name"], "cheese.txt")
	case len(a.Body) > 0:
		c.want("the bytes", string(a.Body), content)
	default:
		c.want("Content-Length", a.Header.Get("Content-Length"), "6")
	}
}

func isKept(c call, a *Answer) {
	c.find("/v1/files/" + a.Object()["id"].(string))
}
