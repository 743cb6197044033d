package tests

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// asked is a call of the tests below, and whether another origin's page may show the answer without CORS.
type asked struct {
	method, path string
	c            *Client
	headers      []string
	shown        bool
}

// headersOf asks, also for what is no operation of the document; from is an origin or empty.
func (a asked) headersOf(t *testing.T, from string) (int, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), a.method, a.c.Server.URL+a.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range a.c.Headers {
		request.Header.Set(name, value)
	}
	for i := 0; i+1 < len(a.headers); i += 2 {
		request.Header.Set(a.headers[i], a.headers[i+1])
	}
	if from != "" {
		request.Header.Set("Origin", from)
	}
	transport := &http.Transport{TLSClientConfig: a.c.Server.TLS.Clone()}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode, response.Header
}

// answersOfAllKinds are good and bad ones, of the API, of its pages and of files.
func answersOfAllKinds(t *testing.T, s *Server) []asked {
	t.Helper()
	tom, nobody := s.Login(t, "Tom", ""), s.Nobody(t)
	record := tom.Keep(t, "cat.png", picture(t, 2, 2))
	content := strings.TrimPrefix(record["url"].(string), s.URL)
	return []asked{
		{"GET", "/v1/sessions/current", tom, nil, false}, {"GET", "/v1/sessions/current", nobody, nil, false},
		{"GET", "/v1/conversations?zzz=1", tom, nil, false}, {"GET", "/v1/conversations/nothing", tom, nil, false},
		{"POST", "/v1/conversations", tom, []string{"Content-Type", "text/plain"}, false}, {"PUT", "/v1/conversations", tom, nil, false},
		{"GET", "/v1/nothing", tom, nil, false}, {"GET", "/nothing", nobody, nil, false}, {"GET", "/v1/stream", nobody, nil, false},
		{"GET", "/healthz", nobody, nil, false}, {"GET", "/readyz", nobody, nil, false}, {"GET", "/metrics", nobody, nil, false},
		{"GET", "/", nobody, nil, false}, {"GET", "/parley.js", nobody, nil, false}, {"HEAD", "/parley.js", nobody, nil, false},
		{"GET", "/docs", nobody, nil, false}, {"GET", "/docs/", nobody, nil, false}, {"GET", "/docs/swagger.js", nobody, nil, false},
		{"GET", "/docs/swagger-ui.css", nobody, nil, false}, {"GET", "/docs/openapi.json", nobody, nil, false}, {"GET", "/docs/index.html", nobody, nil, false},
		{"GET", content, nobody, nil, true}, {"HEAD", content, nobody, nil, true}, {"GET", content, nobody, []string{"Range", "bytes=900-"}, true},
		{"GET", "/v1/files/" + record["id"].(string), tom, nil, false},
	}
}

// TestEveryAnswerHasItsBrowserRules: nothing is guessed, framed, told on or run inline, and TLS, once used, is kept to.
func TestEveryAnswerHasItsBrowserRules(t *testing.T) {
	t.Parallel()
	certificate, key, trust := Certificate(t, t.TempDir())
	plain := Start(t, SQLite(t))
	secure := Start(t, SQLite(t), func(c *app.Config) { c.TLSCert, c.TLSKey = certificate, key })
	secure.TLS = trust
	for _, s := range []*Server{plain, secure} {
		for _, a := range answersOfAllKinds(t, s) {
			status, header := a.headersOf(t, "")
			what := a.method + " " + a.path
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
				"Cross-Origin-Resource-Policy": map[bool]string{false: "same-origin", true: "cross-origin"}[a.shown],
				"Strict-Transport-Security":    map[bool]string{false: "", true: "max-age=31536000"}[s == secure]} {
				if got := header.Get(name); got != want {
					t.Errorf("%s (%d): %s is %q, not %q", what, status, name, got, want)
				}
			}
			wantPolicy(t, what, header, a.shown)
		}
		expired := asked{method: "GET", path: "/v1/files/x/content?token=x", c: s.Nobody(t)}
		if status, header := expired.headersOf(t, ""); status != http.StatusUnauthorized || header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
			t.Errorf("a page of another origin is not told of a url that has expired: %d %v", status, header)
		}
	}
}

// wantPolicy checks the Content-Security-Policy: of a page, strict about scripts; of everything else, none of anything.
func wantPolicy(t *testing.T, what string, header http.Header, file bool) {
	t.Helper()
	policies := header.Values("Content-Security-Policy")
	if len(policies) != 1 {
		t.Errorf("%s: %d policies, %q", what, len(policies), policies)
		return
	}
	rules := map[string]string{}
	for rule := range strings.SplitSeq(policies[0], ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(rule), " ")
		rules[name] = value
	}
	_, sandboxed := rules["sandbox"]
	scripts := rules["script-src"]
	switch {
	case rules["default-src"] != "'none'", scripts != "" && scripts != "'self'", file != sandboxed, !file && rules["frame-ancestors"] != "'none'":
		t.Errorf("%s: the policy is %q", what, policies[0])
	case strings.HasPrefix(header.Get("Content-Type"), "text/html") && (scripts == "" || rules["base-uri"] != "'none'" || rules["form-action"] != "'none'"):
		t.Errorf("%s: the policy of a page is %q", what, policies[0])
	}
}

// TestProfilesHaveTheirBrowserRulesToo: Echo does not serve them.
func TestProfilesHaveTheirBrowserRulesToo(t *testing.T) {
	t.Parallel()
	address := FixedPort(t)
	s := Start(t, SQLite(t), func(c *app.Config) { c.AdminAddr = address })
	s.URL = "http://" + address
	for _, path := range []string{"/debug/pprof/", "/metrics", "/nothing"} {
		response, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if got := response.Header.Get("Content-Security-Policy"); got != "default-src 'none'; frame-ancestors 'none'" || response.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s has %v", path, response.Header)
		}
	}
}

// TestOnlyListedOriginsMayRead: a page of one on the list reads every answer, errors too, with its headers; one of another is
// answered the same, without a word that would let it.
func TestOnlyListedOriginsMayRead(t *testing.T) {
	t.Parallel()
	const listed, second = "https://chat.example.org", "http://localhost:3000"
	s := Start(t, SQLite(t), func(c *app.Config) { c.AllowedOrigins = []string{listed, second} })
	others := []string{"null", "https://chat.example.org.evil.example", "https://evil.example", "http://chat.example.org", "https://chat.example.org:444",
		"https://CHAT.example.org", "https://chat.example.org/", "https://xchat.example.org", "https://a.chat.example.org", "*", "https://"}
	for i, a := range answersOfAllKinds(t, s) {
		what := a.method + " " + a.path
		want, unasked := a.headersOf(t, "")
		if !listsHeader(unasked, "Vary", "Origin") {
			t.Errorf("%s: a cache would hand it to another origin: %v", what, unasked)
		}
		status, header := a.headersOf(t, []string{listed, second}[i%2])
		if got := header.Values("Access-Control-Allow-Origin"); status != want || !slices.Equal(got, []string{[]string{listed, second}[i%2]}) {
			t.Errorf("%s (%d, and otherwise %d): %q may read it", what, status, want, got)
		}
		for _, name := range []string{"Retry-After", "RateLimit", "RateLimit-Policy", "Idempotency-Replayed", "Location", "X-Request-Id", "ETag", "Content-Range"} {
			if !listsHeader(header, "Access-Control-Expose-Headers", name) {
				t.Errorf("%s: %s is not shown: %v", what, name, header)
			}
		}
		wantNoWordOfOrigins(t, what, header, "Allow-Origin", "Expose-Headers")
		for _, origin := range others[:max(1, len(others)/(i+1))] { // all of them once is enough
			if status, header = a.headersOf(t, origin); status != want {
				t.Errorf("%s from %s is answered %d, and otherwise %d", what, origin, status, want)
			}
			wantNoWordOfOrigins(t, what+" from "+origin, header)
		}
	}
}

func wantNoWordOfOrigins(t *testing.T, what string, header http.Header, but ...string) {
	t.Helper()
	for name := range header {
		if word, cors := strings.CutPrefix(name, "Access-Control-"); cors && !slices.Contains(but, word) {
			t.Errorf("%s: %s is %q", what, name, header[name])
		}
	}
}

// listsHeader tells whether a list of names of headers has this one.
func listsHeader(header http.Header, list, name string) bool {
	for _, line := range header.Values(list) {
		for listed := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(listed), name) {
				return true
			}
		}
	}
	return false
}

// TestPreflight: what a page may send is told for a day, credentials never are; another origin is told nothing.
func TestPreflight(t *testing.T) {
	t.Parallel()
	const listed = "https://chat.example.org"
	s := Start(t, SQLite(t), func(c *app.Config) { c.AllowedOrigins = []string{listed} })
	ask := func(origin, method, path string) http.Header {
		return s.Nobody(t).Do(t, "OPTIONS", path, nil, "Origin", origin, "Access-Control-Request-Method", method,
			"Access-Control-Request-Headers", "authorization,content-type").Want(http.StatusNoContent).Header
	}
	for path, method := range map[string]string{"/v1/conversations": "POST", "/v1/conversations/x": "PATCH", "/v1/conversations/x/members": "DELETE", "/v1/stream": "GET",
		"/v1/files/x/content": "HEAD", "/v1/nothing": "GET"} {
		header := ask(listed, method, path)
		if header.Get("Access-Control-Allow-Origin") != listed || header.Get("Access-Control-Max-Age") != "86400" || header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s %s: %v", method, path, header)
		}
		if !listsHeader(header, "Access-Control-Allow-Methods", method) || !listsHeader(header, "Vary", "Origin") {
			t.Errorf("%s %s: %v", method, path, header)
		}
		for _, name := range []string{"Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-Client-Id", "Range", "If-Range", "If-None-Match", "Traceparent"} {
			if !listsHeader(header, "Access-Control-Allow-Headers", name) {
				t.Errorf("%s %s: %s may not be sent: %v", method, path, name, header)
			}
		}
		wantNoWordOfOrigins(t, method+" "+path, ask("https://evil.example", method, path))
	}
}

// TestEveryOriginMayRead: "*" is for deployments whose clients bring their own token from wherever they are.
func TestEveryOriginMayRead(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t), func(c *app.Config) { c.AllowedOrigins = []string{"*"} })
	header := s.Login(t, "Tom", "").Do(t, "GET", "/v1/sessions/current", nil, "Origin", "https://anywhere.example").Want(200).Header
	if header.Get("Access-Control-Allow-Origin") != "*" || header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("the headers are %v", header)
	}
	alone := Start(t, SQLite(t))
	wantNoWordOfOrigins(t, "without a list", alone.Nobody(t).Do(t, "GET", "/healthz", nil, "Origin", alone.URL).Want(200).Header)
}

// TestStreamHasItsBrowserRules: it writes its header by itself.
func TestStreamHasItsBrowserRules(t *testing.T) {
	t.Parallel()
	const listed = "https://chat.example.org"
	s := Start(t, SQLite(t), func(c *app.Config) { c.AllowedOrigins = []string{listed} })
	tom := s.Login(t, "Tom", "")
	tom.Headers["Origin"] = listed
	header := tom.Listen(t, "").Response.Header
	wantPolicy(t, "the stream", header, false)
	if header.Get("Access-Control-Allow-Origin") != listed || header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("the headers are %v", header)
	}
}
