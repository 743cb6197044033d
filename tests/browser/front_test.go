package browser

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	. "parley/tests/harness"
)

// front stands before a server, as a proxy of one's own does, and answers some requests itself.
type front struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(http.ResponseWriter, *http.Request) (done bool)
	next   http.Handler
}

func newFront(t *testing.T, s *Server) *front {
	t.Helper()
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1 // events at once
	f := &front{next: proxy}
	f.Server = httptest.NewServer(f)
	t.Cleanup(func() {
		f.CloseClientConnections()
		f.Close()
	})
	return f
}

// When lets a function answer; it tells whether it has. CORS is its own business then.
func (f *front) When(answer func(http.ResponseWriter, *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	answer := f.answer
	f.mu.Unlock()
	if r.Method != http.MethodOptions && answer != nil && answer(w, r) {
		return
	}
	f.next.ServeHTTP(w, r)
}

// Refuse answers with a status, to pages of any origin.
func Refuse(w http.ResponseWriter, status int, headers ...string) bool {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
	for i := 0; i < len(headers); i += 2 {
		w.Header().Set(headers[i], headers[i+1])
	}
	w.WriteHeader(status)
	return true
}
