package tests

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// lateCall is a call whose body comes when its caller may not call any more.
type lateCall struct {
	call        string
	as          *Client
	contentType string // empty: JSON
	body        string
	ends        func()
	status      int
	code        string
}

// TestASlowBodyOutlivedItsCallersRights: a caller is known before the body comes, which may take a minute, and that of an upload longer.
// What came after a log-out, a kick or the end of a key was done all the same.
func TestASlowBodyOutlivedItsCallersRights(t *testing.T) {
	// A body is slow that takes over a second.
	beats := func(c *app.Config) { c.Heartbeat = 1200 * time.Millisecond }
	for name, prepare := range map[string]func(*testing.T, *Server) lateCall{
		"a send after a kick": func(t *testing.T, s *Server) lateCall {
			tom := s.Login(t, "Tom", "")
			return lateCall{call: "POST /v1/conversations/" + tom.Create(t, "Jerry") + "/messages", as: tom, body: `{"type":"text","text":"late"}`,
				ends:   func() { s.Master(t, "").Do(t, "POST", "/v1/clients/Tom/kick", nil).Want(http.StatusNoContent) },
				status: http.StatusUnauthorized, code: "session_kicked"}
		},
		"an upload after a log-out": func(t *testing.T, s *Server) lateCall {
			tom := s.Login(t, "Tom", "")
			return lateCall{call: "POST /v1/files", as: tom, contentType: "multipart/form-data; boundary=x",
				body:   "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nlate\r\n--x--\r\n",
				ends:   func() { tom.Do(t, "DELETE", "/v1/sessions/current", nil).Want(http.StatusNoContent) },
				status: http.StatusUnauthorized, code: "session_ended"}
		},
		"a leaked master key": func(t *testing.T, s *Server) lateCall {
			return lateCall{call: "POST /v1/conversations", as: s.Master(t, ""), body: `{"members":["Jerry"]}`,
				ends:   func() { rotate(t, s, "--master-key", "--keep", "0").WaitForApp(t) },
				status: http.StatusUnauthorized, code: "credentials_invalid"}
		},
		"a leaked app key": func(t *testing.T, s *Server) lateCall {
			return lateCall{call: "POST /v1/sessions", as: s.AppKeyHolder(t), body: `{"clientId":"Tom"}`,
				ends:   func() { rotate(t, s, "--app-key", "--master-key", "--keep", "0").WaitForApp(t) },
				status: http.StatusUnauthorized, code: "credentials_invalid"}
		},
		"an app that is disabled": func(t *testing.T, s *Server) lateCall {
			return lateCall{call: "POST /v1/sessions", as: s.AppKeyHolder(t), body: `{"clientId":"Tom"}`,
				ends: func() {
					ManageApps(t, s.DatabaseURL, "disable", s.Keys.AppID)
					Eventually(t, "it is disabled here", func() bool {
						return s.Master(t, "").Do(t, "GET", aList, nil).Status == http.StatusForbidden
					})
				},
				status: http.StatusForbidden, code: "app_disabled"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			Databases(t, func(t *testing.T, db string) {
				s := Start(t, db, beats)
				wantRefusedLate(t, s, prepare(t, s.NewApp(t)))
			})
		})
	}
}

// TestASlowBodyOfAGoodCallerIsTaken: it is no reason to refuse.
func TestASlowBodyOfAGoodCallerIsTaken(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t), func(c *app.Config) { c.Heartbeat = 1200 * time.Millisecond }).As(FirstApp())
	tom := s.Login(t, "Tom", "")
	for _, c := range []lateCall{
		{call: "POST /v1/conversations", as: tom, body: `{"members":["Jerry"]}`},
		{call: "POST /v1/conversations", as: s.Master(t, "Tom"), body: `{"members":["Jerry"]}`},
		{call: "POST /v1/sessions", as: s.AppKeyHolder(t), body: `{"clientId":"Tom"}`},
		{call: "POST /v1/sessions", as: s.Master(t, ""), body: `{"clientId":"Tom"}`},
		{call: "POST /v1/sessions", as: signed(t, s, "Tom"), body: `{}`},
	} {
		t.Run(c.call, func(t *testing.T) {
			t.Parallel()
			c.ends = func() {}
			if status, body := sendLate(t, s, c); status != http.StatusCreated {
				t.Errorf("answered %d: %s", status, body)
			}
		})
	}
}

func wantRefusedLate(t *testing.T, s *Server, c lateCall) {
	t.Helper()
	if status, body := sendLate(t, s, c); status != c.status || !strings.Contains(body, `"`+c.code+`"`) {
		t.Errorf("answered %d, not %d %s: %s", status, c.status, c.code, body)
	}
}

// sendLate begins a call, ends its caller's right, and sends the body a second later.
func sendLate(t *testing.T, s *Server, c lateCall) (status int, body string) {
	t.Helper()
	seconds := s.Login(t, "Time", "").Listen(t, "")
	seconds.Want("online")
	header := "Authorization: " + c.as.Headers["Authorization"] + "\r\n"
	if id := c.as.Headers["X-Client-Id"]; id != "" {
		header += "X-Client-Id: " + id + "\r\n"
	}
	if c.contentType == "" {
		c.contentType = "application/json"
	}
	call := dial(t, s, fmt.Sprintf("%s HTTP/1.1\r\nHost: parley\r\n%sContent-Type: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", c.call, header, c.contentType, len(c.body)))
	wantStatus(t, call, http.StatusContinue) // the caller is known, and the body waited for
	c.ends()
	for range 2 {
		seconds.NextBlock()
	}
	call.write(t, c.body)
	response, err := http.ReadResponse(call.reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}
