package tests

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	. "parley/tests/harness"
)

// gateway is an HTTP proxy before a server: it notes what clients make there, and can refuse calls and change streams.
type gateway struct {
	*httptest.Server
	// refuse answers a call itself, or lets it through.
	refuse func(w http.ResponseWriter, r *http.Request) (refused bool)
	// loses tells, of a call that was answered by the server, that the answer does not reach the caller.
	loses func(r *http.Request) bool
	// change gives what is passed on of a block; stream is the Authorization of its stream.
	change func(stream, block string) string

	mu            sync.Mutex
	tokens        []string
	conversations []string
	sent          int
}

// newGateway forwards to a server; adjust sets its fields.
func newGateway(t *testing.T, s *Server, adjust ...func(g *gateway)) *gateway {
	t.Helper()
	to, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{}
	for _, a := range adjust {
		a(g)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, FlushInterval: -1, Transport: transport, ModifyResponse: g.modify}
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) } // the connection ends
	g.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.refuse == nil || !g.refuse(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	g.EnableHTTP2 = true
	t.Cleanup(func() {
		g.CloseClientConnections()
		g.Close()
		transport.CloseIdleConnections()
	})
	return g
}

// plain starts it over HTTP.
func (g *gateway) plain() *gateway {
	g.Start()
	return g
}

// secure starts it over TLS, and gives the variable by which a program trusts its certificate.
func (g *gateway) secure(t *testing.T) (variable string) {
	t.Helper()
	g.StartTLS()
	file := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.Certificate().Raw})
	if err := os.WriteFile(file, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return "SSL_CERT_FILE=" + file
}

// modify sees every answer of the server.
func (g *gateway) modify(r *http.Response) error {
	request := r.Request
	if strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream") {
		if g.change != nil {
			r.Body = &changedStream{Closer: r.Body, from: bufio.NewReader(r.Body), change: func(block string) string {
				return g.change(request.Header.Get("Authorization"), block)
			}}
		}
		return nil
	}
	if request.Method == http.MethodPost && r.StatusCode == http.StatusCreated {
		if err := g.note(request.URL.Path, r); err != nil {
			return err
		}
	}
	if g.loses != nil && g.loses(request) {
		return http.ErrAbortHandler
	}
	return nil
}

// note keeps the token or the id in an answer.
func (g *gateway) note(path string, r *http.Response) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var made struct{ Token, ID string }
	if err := json.Unmarshal(body, &made); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch path {
	case "/v1/sessions":
		g.tokens = append(g.tokens, made.Token)
	case "/v1/conversations":
		g.conversations = append(g.conversations, made.ID)
	default:
		g.sent++
	}
	return nil
}

// wantNothingLeft fails the test unless something was made through the gateway and nothing of it is there any more.
func (g *gateway) wantNothingLeft(t *testing.T, s *Server) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.tokens) == 0 {
		t.Error("nobody logged in")
	}
	for _, token := range g.tokens {
		wantEnded(t, s, token)
	}
	master := s.Master(t, "")
	for _, id := range g.conversations {
		master.Do(t, "GET", "/v1/conversations/"+id, nil).WantProblem(404, "conversation_not_found", "")
	}
	if left := master.Do(t, "GET", "/v1/conversations", nil).Want(200).Object()["conversations"].([]any); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// wantEnded fails the test unless a session is refused: on the other nodes that takes up to a second.
func wantEnded(t *testing.T, s *Server, token string) {
	t.Helper()
	c := s.Bearer(t, "", token, "")
	Eventually(t, "the session has ended", func() bool { return c.Do(t, "GET", "/v1/sessions/current", nil).Status == 401 })
}

// changedStream passes a stream on block by block.
type changedStream struct {
	io.Closer
	from   *bufio.Reader
	change func(block string) string
	rest   []byte
}

func (c *changedStream) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		var block strings.Builder
		for line := ""; line != "\n"; {
			var err error
			if line, err = c.from.ReadString('\n'); err != nil {
				return 0, err
			}
			block.WriteString(line)
		}
		c.rest = []byte(c.change(block.String()))
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}
