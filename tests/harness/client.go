package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// JSON is a decoded JSON object.
type JSON = map[string]any

// Client calls the API as somebody.
type Client struct {
	Server    *Server
	ID        string            // the client id
	SessionID string            // empty for the app's own server
	Token     string            // empty for the app's own server
	Headers   map[string]string // sent with every call
	http      *http.Client
}

// Answer is what the API answered.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	t      testing.TB
}

// newHTTP gives a client with connections of its own, closed after the test.
func (s *Server) newHTTP(t testing.TB) *http.Client {
	transport := s.transport()
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// Nobody calls without credentials.
func (s *Server) Nobody(t testing.TB) *Client {
	return &Client{Server: s, Headers: map[string]string{}, http: s.newHTTP(t)}
}

// AppKeyHolder calls with the app key.
func (s *Server) AppKeyHolder(t testing.TB) *Client {
	c := s.Nobody(t)
	c.Headers["Authorization"] = s.basic(s.keys().AppKey)
	return c
}

// Master calls with the master key, as clientID or, with an empty one, as nobody.
func (s *Server) Master(t testing.TB, clientID string) *Client {
	c := s.Nobody(t)
	c.ID = clientID
	c.Headers["Authorization"] = s.basic(s.keys().MasterKey)
	if clientID != "" {
		c.Headers["X-Client-Id"] = "UTF-8''" + url.PathEscape(clientID)
	}
	return c
}

// Login logs a client in with the app key; tag may be empty.
func (s *Server) Login(t testing.TB, clientID, tag string) *Client {
	t.Helper()
	body := JSON{"clientId": clientID}
	if tag != "" {
		body["tag"] = tag
	}
	answer := s.AppKeyHolder(t).Do(t, "POST", "/v1/sessions", body).Want(http.StatusCreated).Object()
	session := answer["session"].(JSON)
	return s.Bearer(t, clientID, answer["token"].(string), session["id"].(string))
}

// Bearer calls with a token.
func (s *Server) Bearer(t testing.TB, clientID, token, sessionID string) *Client {
	c := s.Nobody(t)
	c.ID, c.Token, c.SessionID = clientID, token, sessionID
	c.Headers["Authorization"] = "Bearer " + token
	return c
}

// On is the same client, calling another node.
func (c *Client) On(s *Server) *Client {
	moved := *c
	moved.Server = s
	return &moved
}

// Basic is the value of an Authorization header.
func Basic(user, password string) string {
	r, err := http.NewRequest("GET", "/", nil)
	if err != nil {
		panic(err) // the request is a constant
	}
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}

// SignedToken signs a token as the own server of the harness's app would.
func SignedToken(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	return (&Server{}).SignedToken(t, claims)
}

// Do makes a call and checks the answer against the OpenAPI document. body may be nil, a []byte or string sent as it
// is, or a value sent as JSON.
func (c *Client) Do(t testing.TB, method, path string, body any, headers ...string) *Answer {
	t.Helper()
	answer, err := c.Try(t, method, path, body, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

// Try is Do for calls that may fail on the way.
func (c *Client) Try(t testing.TB, method, path string, body any, headers ...string) (*Answer, error) {
	return c.TryWithin(t, 3*Deadline, method, path, body, headers...)
}

// TryWithin is Try for a caller that hangs up after a time.
func (c *Client) TryWithin(t testing.TB, patience time.Duration, method, path string, body any, headers ...string) (*Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		reader = bytes.NewReader(b)
	case string:
		reader = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.Server.URL+path, reader)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.Headers {
		request.Header.Set(name, value)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			request.Header.Del(headers[i])
		}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	answer := &Answer{Status: response.StatusCode, Header: response.Header, Body: data, t: t}
	checkAgainstDocument(t, method, request.URL.EscapedPath(), answer)
	return answer, nil
}

// Want fails the test unless the status is this one.
func (a *Answer) Want(status int) *Answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("answered %d, not %d: %.500s", a.Status, status, a.Body)
	}
	return a
}

// WantProblem fails the test unless the answer is this problem; field, when not empty, must be named in it.
func (a *Answer) WantProblem(status int, code, field string) *Answer {
	a.t.Helper()
	a.Want(status)
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Fatalf("a problem came as %q: %s", got, a.Body)
	}
	problem := a.Object()
	if problem["code"] != code {
		a.t.Fatalf("the code is %v, not %s: %s", problem["code"], code, a.Body)
	}
	if field == "" {
		return a
	}
	errs, _ := problem["errors"].([]any)
	for _, e := range errs {
		if e.(JSON)["field"] == field {
			return a
		}
	}
	a.t.Fatalf("the problem does not name %s: %s", field, a.Body)
	return a
}

// Object decodes the body.
func (a *Answer) Object() JSON {
	a.t.Helper()
	var object JSON
	if err := json.Unmarshal(a.Body, &object); err != nil {
		a.t.Fatalf("%v in %q", err, a.Body)
	}
	return object
}

// Create starts a conversation with others and gives its id.
func (c *Client) Create(t testing.TB, members ...string) string {
	t.Helper()
	return c.Do(t, "POST", "/v1/conversations", JSON{"members": members}).Want(http.StatusCreated).Object()["id"].(string)
}

// Say sends a text and gives the message's id.
func (c *Client) Say(t testing.TB, conversation, text string) string {
	t.Helper()
	answer := c.Do(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": text})
	return answer.Want(http.StatusCreated).Object()["id"].(string)
}

// History reads all messages of a conversation, oldest first, page by page.
func (c *Client) History(t testing.TB, conversation string) []JSON {
	t.Helper()
	var messages []JSON
	for after := "0"; after != ""; {
		page := c.Do(t, "GET", fmt.Sprintf("/v1/conversations/%s/messages?limit=1000&after=%s", conversation, after), nil).Want(http.StatusOK).Object()
		for _, m := range page["messages"].([]any) {
			messages = append(messages, m.(JSON))
		}
		after, _ = page["next"].(string)
	}
	return messages
}

// Texts reads what was said in a conversation, oldest first.
func (c *Client) Texts(t testing.TB, conversation string) []string {
	t.Helper()
	var texts []string
	for _, m := range c.History(t, conversation) {
		texts = append(texts, m["text"].(string))
	}
	return texts
}

// Eventually waits until something holds, asking again and again.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(Deadline)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("did not come true in %v: %s", Deadline, what)
		case <-tick.C:
		}
	}
}
