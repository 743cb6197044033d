package tests

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"parley/app"
	"parley/app/verify"
	. "parley/tests/harness"
)

// TestVerifyPartsOnTwoNodes uses the checker as the fault tests do: several nodes, streams that are cut, kicks.
func TestVerifyPartsOnTwoNodes(t *testing.T) {
	nats := NATS(t)
	Databases(t, func(t *testing.T, db string) {
		withBroker := func(c *app.Config) { c.BrokerURL = nats }
		one, two := Start(t, db, withBroker), Start(t, db, withBroker)
		ctx, cancel := context.WithTimeout(t.Context(), 3*Deadline)
		defer cancel()
		d := verify.NewDeployment([]string{one.URL, two.URL + "/"}, AppID, MasterKey)
		l := verify.NewLedger()
		defer func() {
			if err := d.Close(context.WithoutCancel(ctx)); err != nil {
				t.Error(err)
			}
		}()
		login := func(id string) *verify.Client {
			c, err := d.Login(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		tom, laptop, jerry, mary := login("Tom"), login("Tom"), login("Jerry"), login("Mary")
		var readers []*verify.Reader
		for _, c := range []*verify.Client{tom, laptop, jerry, mary} {
			r := c.Follow(ctx, l)
			defer r.Close()
			if err := r.CaughtUp(ctx, "0"); err != nil {
				t.Fatal(err)
			}
			readers = append(readers, r)
		}
		conversation, err := tom.Create(ctx, []string{"Jerry", "Mary"})
		if err != nil {
			t.Fatal(err)
		}
		const each = 50
		var senders sync.WaitGroup
		for i, c := range []*verify.Client{tom, laptop, jerry} {
			senders.Go(func() {
				for n := range each {
					options := [][]verify.SendOption{{}, {verify.Repeated()}, {verify.WithoutKey()}, {verify.OfSize(2000)}}[n%4]
					if err := c.Send(ctx, l, conversation, options...); err != nil {
						t.Error(err)
					}
					if n%10 == 0 {
						readers[(n/10+i)%len(readers)].Cut()
					}
				}
			})
		}
		two.Master(t, "").Do(t, "DELETE", "/v1/conversations/"+conversation+"/members?clientId=Mary", nil).Want(200)
		senders.Wait()
		for _, r := range readers {
			r.Cut() // the reconnect says at once how far it is
			if err := r.CaughtUp(ctx, l.Last()); err != nil {
				t.Fatal(err)
			}
		}
		if err := jerry.History(ctx, l, conversation); err != nil {
			t.Fatal(err)
		}
		report := l.Check()
		t.Logf("\n%s", report)
		for _, line := range report.Breaches {
			t.Error(line)
		}
		if report.Sent != 3*each || report.Acknowledged != report.Sent || report.Received < 3*2*each || report.HistoryRead != 3*each || report.Behind != 0 {
			t.Errorf("%+v", report)
		}
		if err := d.Close(ctx); err != nil {
			t.Error(err)
		}
		for _, token := range []string{tom.Token, laptop.Token, jerry.Token, mary.Token} {
			wantEnded(t, two, token)
		}
		if left := fmt.Sprint(one.Master(t, "").Do(t, "GET", "/v1/conversations", nil).Want(200).Object()["conversations"]); left != "[]" {
			t.Errorf("left behind: %s", left)
		}
	})
}

// startVerify starts the sub-command; the keys come by its environment.
func startVerify(t *testing.T, variables []string, args ...string) *Process {
	t.Helper()
	cmd := BuildProgram(t).Command(t.TempDir(), append([]string{"PARLEY_APP_ID=" + AppID, "PARLEY_MASTER_KEY=" + MasterKey}, variables...)...)
	cmd.Args = append(append(cmd.Args, "verify"), args...)
	return StartProcess(t, cmd)
}

// brief is a short storm that tries everything.
func brief(args ...string) []string {
	return append([]string{"--duration=1s", "--rate=300", "--cuts=40"}, args...)
}

// wantHeld fails the test unless the run ended with 0, and says that it tried something.
func wantHeld(t *testing.T, p *Process) {
	t.Helper()
	if code := p.Wait(t); code != 0 || p.Stderr.String() != "" {
		t.Fatalf("exit code %d: %s%s", code, p.Stderr, p.Stdout)
	}
	out := p.Stdout.String()
	for _, pattern := range []string{`sent +[1-9]\d* +([1-9]\d*) acknowledged, 0 unknown, 0 refused; \d+ retries; [1-9]\d* sent again`,
		`received +[1-9]\d* +[1-9]\d* live, [1-9]\d* on a resume; [1-9]\d* more read in the history`, `streams +12 +cut [1-9]\d* times, resumed [1-9]\d* times`,
		`(?m)^lost +0 *$`, `(?m)^doubled +0 *$`, `(?m)^out of order +0 *$`, `(?m)^otherwise broken +0 *$`, `(?m)^send +\S*[1-9]\S*s +`, `send to receive +\S*[1-9]\S*s`,
		`resume +\S*[1-9]\S*s`, `every promise held, and nothing is left behind`} {
		if !regexp.MustCompile(pattern).MatchString(out) {
			t.Errorf("no %q in\n%s", pattern, out)
		}
	}
	if strings.Contains(out, MasterKey) {
		t.Error("the output shows the master key")
	}
}

func TestVerifyOneServer(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		g := newGateway(t, s).plain()
		wantHeld(t, startVerify(t, nil, brief("--url", g.URL)...))
		g.wantNothingLeft(t, s)
	})
}

func TestVerifyTwoNodes(t *testing.T) {
	nats := NATS(t)
	Databases(t, func(t *testing.T, db string) {
		withBroker := func(c *app.Config) { c.BrokerURL = nats }
		one, two := Start(t, db, withBroker), Start(t, db, withBroker)
		var first, second atomic.Int64 // streams opened
		count := func(n *atomic.Int64) func(g *gateway) {
			return func(g *gateway) {
				g.refuse = func(_ http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path == "/v1/stream" {
						n.Add(1)
					}
					return false
				}
			}
		}
		a, b := newGateway(t, one, count(&first)).plain(), newGateway(t, two, count(&second)).plain()
		wantHeld(t, startVerify(t, nil, brief("-url", a.URL, "-url="+b.URL+","+a.URL+"/")...))
		a.wantNothingLeft(t, two)
		b.wantNothingLeft(t, one)
		if first.Load() == 0 || second.Load() == 0 {
			t.Errorf("%d streams were opened on one node, %d on the other", first.Load(), second.Load())
		}
	})
}

func TestVerifyOverTLS(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	g := newGateway(t, s)
	trust := g.secure(t)
	wantHeld(t, startVerify(t, []string{trust}, brief("--url", g.URL)...))
	g.wantNothingLeft(t, s)
}

// TestVerifyForgivesWhatARetryCures: refusals that say when to come back, and answers that get lost, break no promise.
func TestVerifyForgivesWhatARetryCures(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	var calls, lost atomic.Int64
	g := newGateway(t, s, func(g *gateway) {
		g.refuse = func(w http.ResponseWriter, _ *http.Request) bool {
			n := calls.Add(1)
			if n%50 != 0 {
				return false
			}
			w.Header().Set("Retry-After", "1")
			w.WriteHeader([]int{http.StatusTooManyRequests, http.StatusServiceUnavailable}[n/50%2])
			return true
		}
		// The first of everything too: a log-in, a creation.
		g.loses = func(*http.Request) bool { return lost.Add(1)%17 == 1 }
	}).plain()
	p := startVerify(t, nil, brief("--url", g.URL)...)
	wantHeld(t, p)
	if !regexp.MustCompile(`refused; [1-9]\d* retries`).MatchString(p.Stdout.String()) {
		t.Errorf("nothing was sent again: %s", p.Stdout)
	}
	g.wantNothingLeft(t, s)
}

// TestVerifyFindsALyingProxy: one block of one stream is dropped, doubled or swapped with the next.
func TestVerifyFindsALyingProxy(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	for name, test := range map[string]struct {
		lie  func(l *lie, block string) string
		args []string
		line string // with the id in it
	}{
		"dropped": {(*lie).drop, nil, `(?m)^lost: conversation \w+: message \d+ of client parley-verify-\S+, session \w+, id %s never came on the stream of client parley-verify-`},
		"doubled": {(*lie).double, []string{"--cuts=0"}, `(?m)^doubled: the stream of client parley-verify-\S+, session \w+, at \d+: message, id %s, came twice.*conversationId`},
		"swapped": {(*lie).swap, []string{"--cuts=0"}, `(?m)^out of order: the stream of client parley-verify-\S+, session \w+, at \d+: message, id %s, came after \d+.*conversationId`},
	} {
		t.Run(name, func(t *testing.T) {
			l := &lie{}
			g := newGateway(t, s, func(g *gateway) {
				g.change = func(stream, block string) string {
					l.Lock()
					defer l.Unlock()
					if _, name, _ := ParseBlock(block); name != "message" || l.stream != "" && l.stream != stream {
						return block
					}
					l.stream = stream
					return test.lie(l, block)
				}
			}).plain()
			p := startVerify(t, nil, brief(append(test.args, "--url", g.URL)...)...)
			if code := p.Wait(t); code != 1 {
				t.Fatalf("exit code %d: %s%s", code, p.Stderr, p.Stdout)
			}
			out := p.Stdout.String()
			if !regexp.MustCompile(fmt.Sprintf(test.line, l.id)).MatchString(out) || !strings.Contains(out, "a promise broke") {
				t.Errorf("id %s is not named:\n%s", l.id, out)
			}
			g.wantNothingLeft(t, s)
		})
	}
}

// lie is what is done to a message of one stream.
type lie struct {
	sync.Mutex
	stream string // the first that brings a message
	id     string // of the message
	held   string
	done   bool
}

// drop keeps a message back, also on every resume.
func (l *lie) drop(block string) string {
	id, _, _ := ParseBlock(block)
	if l.id == "" {
		l.id = id
	}
	if id == l.id {
		return ""
	}
	return block
}

func (l *lie) double(block string) string {
	if l.done {
		return block
	}
	l.id, _, _ = ParseBlock(block)
	l.done = true
	return block + block
}

func (l *lie) swap(block string) string {
	switch {
	case l.done:
		return block
	case l.held == "":
		l.id, _, _ = ParseBlock(block)
		l.held = block
		return ""
	}
	l.done = true
	return block + l.held
}

func TestVerifyCleansUpWhenInterrupted(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	for name, test := range map[string]struct {
		signal syscall.Signal
		begun  func(g *gateway) bool
	}{
		"Ctrl-C in the storm":                  {syscall.SIGINT, func(g *gateway) bool { return g.sent > 20 }},
		"SIGTERM in the storm":                 {syscall.SIGTERM, func(g *gateway) bool { return g.sent > 20 }},
		"Ctrl-C while it logs in":              {syscall.SIGINT, func(g *gateway) bool { return len(g.tokens) > 0 }},
		"SIGTERM while it makes conversations": {syscall.SIGTERM, func(g *gateway) bool { return len(g.conversations) > 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, s).plain()
			p := startVerify(t, nil, "--url", g.URL, "--duration=10m", "--conversations=50", "--clients=50")
			Eventually(t, "it has begun", func() bool {
				g.mu.Lock()
				defer g.mu.Unlock()
				return test.begun(g)
			})
			if err := p.Cmd.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			if code := p.Wait(t); code != 1 || p.Stderr.String() != "parley verify: interrupted, and nothing was checked\n" {
				t.Errorf("exit code %d: %s", code, p.Stderr)
			}
			g.wantNothingLeft(t, s)
		})
	}
}

// TestVerifyCleansUpWhenItFails: the second half of the conversations cannot be made.
func TestVerifyCleansUpWhenItFails(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	var made atomic.Int64
	g := newGateway(t, s, func(g *gateway) {
		g.refuse = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/v1/conversations" || r.Method != "POST" || made.Add(1) < 4 {
				return false
			}
			w.WriteHeader(http.StatusForbidden)
			return true
		}
	}).plain()
	p := startVerify(t, nil, "--url", g.URL)
	if code := p.Wait(t); code != 1 || !strings.Contains(p.Stderr.String(), "cannot make a conversation") || strings.Count(p.Stderr.String(), "\n") != 1 {
		t.Errorf("exit code %d: %s", code, p.Stderr)
	}
	g.wantNothingLeft(t, s)
}

func TestVerifyExitCodes(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	run := func(t *testing.T, variables []string, args ...string) (code int, stdout, stderr string) {
		cmd := BuildProgram(t).Command(t.TempDir(), variables...)
		cmd.Args = append(cmd.Args, args...)
		p := StartProcess(t, cmd)
		return p.Wait(t), p.Stdout.String(), p.Stderr.String()
	}
	good := []string{"verify", "--url", s.URL, "--app", AppID, "--master-key", MasterKey}
	for name, test := range map[string]struct {
		variables, args []string
		code            int
		stderr          string // words of its only line; empty: nothing on standard error
	}{
		"another sub-command":     {nil, []string{"serve"}, 2, "verify"},
		"a flag before it":        {nil, []string{"--url=x", "verify"}, 2, "verify"},
		"no URL":                  {nil, []string{"verify", "--app", AppID, "--master-key", MasterKey}, 2, "--url"},
		"not a URL":               {nil, append(good, "--url", "localhost:8080"), 2, "localhost:8080"},
		"an empty URL":            {nil, append(good, "--url", ""), 2, "is not the URL"},
		"a URL with a query":      {nil, append(good, "--url", "http://a/?b=c"), 2, "is not the URL"},
		"a URL with a password":   {nil, append(good, "--url", "http://tom:secret@a"), 2, "--url: what is given"},
		"no app":                  {[]string{"PARLEY_MASTER_KEY=x"}, []string{"verify", "--url", s.URL}, 2, "--app or PARLEY_APP_ID"},
		"no key":                  {[]string{"PARLEY_APP_ID=x"}, []string{"verify", "--url", s.URL}, 2, "--master-key or PARLEY_MASTER_KEY"},
		"an unknown option":       {nil, append(good, "--fast"), 2, "-fast"},
		"an argument":             {nil, append(good, "fast"), 2, "fast"},
		"no duration":             {nil, append(good, "--duration", "10"), 2, "duration"},
		"too short":               {nil, append(good, "--duration", "10ms"), 2, "--duration must be 1s to 24h"},
		"too few clients":         {nil, append(good, "--clients", "1"), 2, "--clients must be 2 to 500"},
		"too many clients":        {nil, append(good, "--clients", "501"), 2, "--clients must be 2 to 500"},
		"no conversations":        {nil, append(good, "--conversations", "0"), 2, "--conversations must be 1 to 1000"},
		"no rate":                 {nil, append(good, "--rate", "0"), 2, "--rate must be"},
		"cuts below nothing":      {nil, append(good, "--cuts", "-1"), 2, "--cuts must be"},
		"more than can be kept":   {nil, append(good, "--rate", "10000", "--duration", "1h"), 2, "at most 1000000 messages"},
		"more receipts than that": {nil, append(good, "--rate", "10000", "--duration", "90s", "--clients=500", "--conversations=1"), 2, "5000000 deliveries"},
		"the wrong key":           {nil, []string{"verify", "--url", s.URL, "--app", AppID, "--master-key", AppKey + "x"}, 1, "the master key: "},
		"the app key":             {nil, []string{"verify", "--url", s.URL, "--app", AppID, "--master-key", AppKey}, 1, "session_required"},
		"nobody there":            {nil, []string{"verify", "--url", "http://127.0.0.1:1", "--app", AppID, "--master-key", MasterKey}, 1, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, stderr := run(t, test.variables, test.args...)
			if code != test.code || !strings.Contains(stderr, test.stderr) || strings.Count(stderr, "\n") != 1 || !strings.HasSuffix(stderr, "\n") {
				t.Errorf("exit code %d, and on standard error %q; not %d with one line of %q", code, stderr, test.code, test.stderr)
			}
		})
	}
	for _, args := range [][]string{{"verify", "-h"}, {"verify", "--help"}, {"-h"}, {"--help"}, {"help"}} {
		code, stdout, stderr := run(t, []string{"PARLEY_MASTER_KEY=" + MasterKey}, args...)
		if code != 0 || stderr != "" || !strings.Contains(stdout, "parley verify") || strings.Contains(stdout, MasterKey) {
			t.Errorf("%q ends with %d: %s%s", args, code, stdout, stderr)
		}
	}
}
