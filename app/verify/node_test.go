package verify

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

// asked is a request that a made-up node got.
type asked struct {
	method, path, key, lastEventID string
	body                           string
	at                             time.Time
}

// fakeNode answers each request with the next of its answers, and the last one for ever.
type fakeNode struct {
	*httptest.Server
	mu      sync.Mutex
	answers []http.HandlerFunc
	asked   []asked
	ended   chan struct{} // closed when the test is over
}

func newNode(t *testing.T, answers ...http.HandlerFunc) *fakeNode {
	n := &fakeNode{answers: answers, ended: make(chan struct{})}
	n.Server = httptest.NewServer(n)
	t.Cleanup(func() {
		close(n.ended)
		n.CloseClientConnections()
		n.Close()
	})
	return n
}

func (n *fakeNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	n.mu.Lock()
	n.asked = append(n.asked, asked{r.Method, r.URL.RequestURI(), r.Header.Get("Idempotency-Key"), r.Header.Get("Last-Event-ID"), string(body), time.Now()})
	answer := n.answers[min(len(n.asked), len(n.answers))-1]
	n.mu.Unlock()
	answer(w, r)
}

// requests gives what the node was asked so far.
func (n *fakeNode) requests() []asked {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]asked{}, n.asked...)
}

// status answers with a problem; header is name, value, …
func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"code":"made_up_%d","detail":"as the test wants it"}`, code)
	}
}

// body answers with JSON.
func body(code int, value any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = w.Write(encode(value)) // the test sees what is missing
	}
}

// hangUp answers nothing: the connection ends.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		conn.Close()
	}
}

// ends streams these blocks and ends the stream.
func ends(blocks ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for _, b := range blocks {
			_, _ = io.WriteString(w, b) // whoever has gone is not told
			w.(http.Flusher).Flush()
		}
	}
}

// stays streams these blocks and stays open and silent.
func (n *fakeNode) stays(blocks ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ends(blocks...)(w, r)
		select {
		case <-r.Context().Done():
		case <-n.ended:
		}
	}
}

// jerry is a client of these nodes, logged in without asking them.
func jerry(t *testing.T, urls ...string) *Client {
	d := NewDeployment(urls, "app", "key")
	t.Cleanup(d.http.CloseIdleConnections)
	return &Client{ID: "Jerry", SessionID: "J1", Token: "token", deployment: d, bearer: "Bearer token", queues: map[string]chan struct{}{}}
}

func withPatience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// wantBreaches fails the test unless exactly these were found: for each line of the check, words in it.
func wantBreaches(t *testing.T, l *Ledger, words ...string) {
	t.Helper()
	lines := l.Check().Breaches
	if len(lines) != len(words) {
		t.Fatalf("found %q, not %q", lines, words)
	}
	for i, word := range words {
		if !strings.Contains(lines[i], word) {
			t.Errorf("found %q, not %q", lines[i], word)
		}
	}
}
