package tests

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// front is nginx with a configuration of this repository in front of nodes that share a database and a broker.
type front struct {
	*Server // by way of nginx
	nodes   []*Server
	db      *Proxy
	folder  string
	nginx   *Process
}

// startNodes starts nodes on one database; its MariaDB can be lost.
func startNodes(t *testing.T, n int) *front {
	t.Helper()
	FindProgram(t, "nginx")
	nats := NATS(t)
	proxy, db := NewProxy(t, NeedMySQL(t))
	f := &front{db: proxy, folder: PublicFolder(t)}
	for range n {
		f.nodes = append(f.nodes, Start(t, db, func(c *app.Config) {
			c.BrokerURL, c.Heartbeat, c.LogLevel = nats, 50*time.Millisecond, slog.LevelError+1
		}))
	}
	return f
}

// start puts nginx with docs/nginx.conf in front of two addresses; addresses and paths are others than in the file, and
// what else is in changes.
func (f *front) start(t *testing.T, one, two string, http2 bool, changes ...string) {
	t.Helper()
	certificate, key, trust := Certificate(t, f.folder)
	logs, address := filepath.Join(f.folder, "logs"), FixedPort(t)
	if err := os.Mkdir(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	f.nginx = StartNginx(t, f.folder, "docs/nginx.conf", append(changes,
		"listen 443 ssl http2", "listen "+address+" ssl http2", "10.0.0.11:8080", host(t, one), "10.0.0.12:8080", host(t, two),
		"/etc/ssl/parley/fullchain.pem", certificate, "/etc/ssl/parley/privkey.pem", key,
		"pid /run/nginx.pid", "pid "+filepath.Join(f.folder, "pid"),
		"error_log /var/log/nginx", "error_log "+logs, "access_log /var/log/nginx", "access_log "+logs)...)
	f.Server = &Server{URL: "https://" + address, TLS: trust, Protocols: &http.Protocols{}}
	f.Protocols.SetHTTP1(true)
	f.Protocols.SetHTTP2(http2)
	f.awaitNginx(t)
}

func (f *front) awaitNginx(t *testing.T) {
	t.Helper()
	Eventually(t, "nginx listens", func() bool {
		select {
		case <-f.nginx.Exited():
			t.Fatalf("nginx has ended: %s", f.nginx.Stderr)
		default:
		}
		_, err := f.Nobody(t).Try(t, "GET", "/healthz", nil)
		return err == nil
	})
}

func host(t *testing.T, serverURL string) string {
	t.Helper()
	u, err := url.Parse(serverURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// TestNginxInFrontOfTwoNodes: all that is promised holds by way of nginx with docs/nginx.conf.
func TestNginxInFrontOfTwoNodes(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP 1.1": false, "HTTP 2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startNodes(t, 2)
			f.start(t, f.nodes[0].URL, f.nodes[1].URL, http2)
			tom, jerry, conversation := f.mainPath(t)
			f.passesOnA503(t, tom, conversation)
			stream := jerry.Listen(t, "")
			stream.Want("online")
			if major := stream.Response.ProtoMajor; (major == 2) != http2 {
				t.Errorf("the stream speaks HTTP %d", major)
			}
			left := f.stopNodeOf(t, stream)
			f.resumeOnAnother(t, stream, tom, jerry, conversation)
			left.Stop(t)
			f.keepsTokens(t, jerry, filepath.Join(f.folder, "logs"))
		})
	}
}

// TestNginxCollectsNoEvents: by nginx's default HTTP/1.0 is spoken to the nodes, and then an answer is collected until a
// buffer is full. The node's header alone keeps it from that.
func TestNginxCollectsNoEvents(t *testing.T) {
	t.Parallel()
	f := startNodes(t, 2)
	f.start(t, f.nodes[0].URL, f.nodes[1].URL, true, "proxy_http_version 1.1;", "")
	f.mainPath(t)
}

// TestNginxReload: streams that the old workers have are ended after a while, and go on at the new ones.
func TestNginxReload(t *testing.T) {
	t.Parallel()
	f := startNodes(t, 2)
	f.start(t, f.nodes[0].URL, f.nodes[1].URL, true, "worker_shutdown_timeout 30s", "worker_shutdown_timeout 1s")
	tom, jerry := f.Login(t, "Tom", ""), f.Login(t, "Jerry", "")
	conversation := tom.Create(t, "Jerry")
	stream := jerry.Listen(t, "")
	stream.Want("online")
	if err := f.nginx.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	stream.WantEnd()
	said := tom.Say(t, conversation, "missed")
	resumed := jerry.Listen(t, stream.LastID())
	if event := resumed.Want("message"); event.ID != said {
		t.Errorf("got %s, not %s", event.ID, said)
	}
	resumed.Want("reconnect")
}

// TestNginxOfTheContainers: the same with .docker/nginx.conf, which has one name for all nodes and no TLS.
func TestNginxOfTheContainers(t *testing.T) {
	t.Parallel()
	f := startNodes(t, 1)
	address := FixedPort(t)
	f.nginx = StartNginx(t, f.folder, ".docker/nginx.conf",
		"listen 80", "listen "+address, "parley:8080", host(t, f.nodes[0].URL),
		"/dev/stdout", filepath.Join(f.folder, "access.log"), "error_log /dev/stderr", "error_log "+filepath.Join(f.folder, "error.log"),
		"worker_processes auto;", "worker_processes auto; pid "+filepath.Join(f.folder, "pid")+";")
	f.Server = &Server{URL: "http://" + address}
	f.awaitNginx(t)
	tom, jerry, conversation := f.mainPath(t)
	f.passesOnA503(t, tom, conversation)
	f.nodes[0].Stop(t)
	f.keepsTokens(t, jerry, f.folder)
}

// hidesMetrics: nobody outside sees the nodes' metrics, and not the profiles either.
func (f *front) hidesMetrics(t *testing.T) {
	t.Helper()
	for _, path := range []string{"/metrics", "//metrics", "/./metrics", "/%6detrics", "/metrics/", "/debug/pprof/"} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", f.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := (&http.Transport{TLSClientConfig: f.TLS, DisableKeepAlives: true}).RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusNotFound && response.StatusCode != http.StatusForbidden {
			t.Errorf("%s is answered %d", path, response.StatusCode)
		}
	}
}

// mainPath is the README's: log in, talk, resume, page back. Each event is read before the next message is sent, so
// it hangs if anything on the way collects events.
func (f *front) mainPath(t *testing.T) (tom, jerry *Client, conversation string) {
	t.Helper()
	f.hidesMetrics(t)
	tom, jerry = f.Login(t, "Tom", ""), f.Login(t, "Jerry", "")
	conversation = tom.Create(t, "Jerry")
	stream := jerry.Listen(t, "")
	stream.Want("online")
	var texts []string
	for i := range 20 {
		texts = append(texts, fmt.Sprint(i, strings.Repeat("x", 30_000*(i%2)))) // the answer of all is larger than buffers
		if said, got := tom.Say(t, conversation, texts[i]), stream.Want("message"); got.ID != said || got.Data["text"] != texts[i] {
			t.Fatalf("got %s, not %s", got.ID, said)
		}
	}
	for beats := 0; beats < 3; {
		block, ok := stream.NextBlock()
		if !ok || block.Name != "" || block.ID == "" {
			t.Fatalf("got %+v, not a heartbeat", block)
		}
		beats++
	}
	path, last := "/v1/conversations/"+conversation+"/messages", stream.LastID()
	stream.Cut()
	once := JSON{"type": "text", "text": "once"}
	tom.Do(t, "POST", path, once, "Idempotency-Key", "once").Want(http.StatusCreated)
	if again := tom.Do(t, "POST", path, once, "Idempotency-Key", "once").Want(http.StatusOK); again.Header.Get("Idempotency-Replayed") != "true" {
		t.Error("a repeat is not called one")
	}
	for _, resumed := range []*Stream{jerry.Listen(t, last), jerry.ListenInQuery(t, last, "0"), jerry.ListenInQuery(t, "", last)} {
		if event := resumed.Want("message"); event.Data["text"] != "once" {
			t.Errorf("resumed with %s", event.Raw)
		}
		if event := resumed.Want("reconnect"); event.Data["missed"] != 1.0 || event.Data["resumedFrom"] != last {
			t.Errorf("resumed with %s", event.Raw)
		}
		resumed.Cut()
	}
	if got := jerry.Texts(t, conversation); !slices.Equal(got, append(texts, "once")) {
		t.Errorf("the history has %d messages, or others than were sent", len(got))
	}
	Eventually(t, "the nodes have seen the streams end", func() bool { return f.streams(t) == 0 })
	return tom, jerry, conversation
}

func (f *front) streams(t *testing.T) (open int) {
	for _, node := range f.nodes {
		open += int(metric(t, node, "parley_streams"))
	}
	return open
}

// stopNodeOf stops the node that serves the only stream, and gives the other one.
func (f *front) stopNodeOf(t *testing.T, stream *Stream) (left *Server) {
	t.Helper()
	with, left := f.nodes[0], f.nodes[1]
	if metric(t, with, "parley_streams") == 0 {
		with, left = left, with
	}
	with.Stop(t)
	stream.Want("schedule")
	if end := stream.Want("disconnect"); end.Data["reason"] != "shutdown" || end.Data["reconnect"] != true {
		t.Errorf("the stream ended with %s", end.Raw)
	}
	stream.WantEnd()
	return left
}

// resumeOnAnother sends what the stream misses, and resumes: all of it comes, in order, once.
func (f *front) resumeOnAnother(t *testing.T, stream *Stream, tom, jerry *Client, conversation string) {
	t.Helper()
	var want []string
	for i := range 10 {
		want = append(want, tom.Say(t, conversation, fmt.Sprint("missed ", i)))
	}
	resumed := jerry.Listen(t, stream.LastID())
	for _, id := range want {
		if event := resumed.Want("message"); event.ID != id {
			t.Errorf("got %s, not %s", event.ID, id)
		}
	}
	if event := resumed.Want("reconnect"); event.Data["missed"] != float64(len(want)) {
		t.Errorf("resumed with %s", event.Raw)
	}
	if said, event := tom.Say(t, conversation, "live"), resumed.Want("message"); event.ID != said {
		t.Errorf("got %s, not %s", event.ID, said)
	}
}

// passesOnA503: what the nodes say while they have no database reaches the client whole, again and again.
func (f *front) passesOnA503(t *testing.T, tom *Client, conversation string) {
	t.Helper()
	f.db.Cut()
	path := "/v1/conversations/" + conversation + "/messages"
	for range 5 { // more than the failures after which nginx leaves a node out
		for method, body := range map[string]any{"POST": JSON{"type": "text", "text": "lost?"}, "GET": nil} {
			refused := tom.Do(t, method, path, body).WantProblem(503, "database_unavailable", "")
			if refused.Header.Get("Retry-After") == "" {
				t.Error("a 503 without Retry-After")
			}
		}
	}
	f.db.Restore()
	for _, node := range f.nodes {
		Eventually(t, "the node is ready again", func() bool { return node.Nobody(t).Do(t, "GET", "/readyz", nil).Status == 200 })
	}
}

// keepsTokens asks for a stream and for the session while no node is there, and looks for the token in all that nginx
// has written.
func (f *front) keepsTokens(t *testing.T, jerry *Client, logs string) {
	t.Helper()
	for _, path := range []string{"/v1/stream?access_token=" + jerry.Token, "/v1/files/x/content?token=" + jerry.Token, "/v1/sessions/current"} {
		if status := f.status(t, "GET", path, nil); status != http.StatusBadGateway {
			t.Errorf("without a node nginx answers %d", status)
		}
	}
	files, err := filepath.Glob(filepath.Join(logs, "*.log"))
	if err != nil || len(files) != 2 {
		t.Fatalf("nginx has the logs %v, %v", files, err)
	}
	for path, want := range map[string]string{"access.log": "GET /v1/stream ", "error.log": "GET /v1/sessions/current "} {
		text, err := os.ReadFile(filepath.Join(logs, path))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%s does not have %q: %s", path, want, text)
		}
		if strings.Contains(string(text), jerry.Token) || strings.Contains(string(text), "token=") {
			t.Errorf("%s has the token", path)
		}
	}
}

// status makes a call whose answer is nginx's own, in no document.
func (f *front) status(t *testing.T, method, path string, c *Client, body ...string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, f.URL+path, strings.NewReader(strings.Join(body, "")))
	if err != nil {
		t.Fatal(err)
	}
	if c != nil {
		request.Header.Set("Authorization", c.Headers["Authorization"])
		request.Header.Set("Content-Type", "application/json")
	}
	transport := &http.Transport{TLSClientConfig: f.TLS.Clone(), Protocols: f.Protocols, DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// TestNginxSendsNoPostTwice: one of the two nodes stores a message, and its answer is lost. The sender is told so, and
// no second message is stored on the other; a repeat with the key finds the first. What may be repeated is.
func TestNginxSendsNoPostTwice(t *testing.T) {
	t.Parallel()
	f := startNodes(t, 2)
	target, err := url.Parse(f.nodes[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	var lost atomic.Int64
	lossy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			if strings.HasSuffix(r.Request.URL.Path, "/messages") {
				lost.Add(1)
				return errors.New("lost")
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	})
	t.Cleanup(lossy.Close)
	f.start(t, lossy.URL, f.nodes[1].URL, true)
	tom := f.Login(t, "Tom", "")
	conversation := tom.Create(t)
	path := "/v1/conversations/" + conversation + "/messages"
	stored, told := 0, 0
	for told < 2 { // with a third failure nginx leaves the node out
		if stored == 100 {
			t.Fatal("nginx asks one node alone")
		}
		switch status := f.status(t, "POST", path, tom, `{"type":"text","text":"x"}`); status {
		case http.StatusCreated:
			stored++
		case http.StatusBadGateway:
			stored++ // nevertheless
			told++
		default:
			t.Fatalf("answered %d", status)
		}
	}
	if lost.Load() != int64(told) {
		t.Errorf("%d answers were lost, and %d callers told", lost.Load(), told)
	}
	if got := len(tom.On(f.nodes[1]).Texts(t, conversation)); got != stored {
		t.Errorf("%d messages are there, not %d", got, stored)
	}
	before := lost.Load()
	for range 4 { // a GET whose answer is lost goes to the other node
		tom.Do(t, "GET", path, nil).Want(http.StatusOK)
	}
	if lost.Load() == before {
		t.Error("no GET met the node that loses answers")
	}
}
