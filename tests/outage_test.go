package tests

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// TestDatabaseGoneAndBack: nothing hangs, streams stay open and beat, and all is well again without a restart.
func TestDatabaseGoneAndBack(t *testing.T) {
	t.Parallel()
	proxy, db := NewProxy(t, NeedMySQL(t))
	s := Start(t, db, func(c *app.Config) { c.Heartbeat, c.LogLevel = 50*time.Millisecond, slog.LevelError+1 })
	tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
	conversation := tom.Create(t, "Jerry")
	path := "/v1/conversations/" + conversation + "/messages"
	stream := jerry.Listen(t, "")
	stream.Want("online")
	proxy.Cut()

	refused := tom.Do(t, "POST", path, JSON{"type": "text", "text": "lost?"}, "Idempotency-Key", "again").WantProblem(503, "database_unavailable", "")
	if refused.Header.Get("Retry-After") == "" {
		t.Error("a 503 without Retry-After")
	}
	tom.Do(t, "GET", path, nil).WantProblem(503, "database_unavailable", "")
	s.AppKeyHolder(t).Do(t, "POST", "/v1/sessions", JSON{"clientId": "Mary"}).WantProblem(503, "database_unavailable", "")
	s.Nobody(t).Do(t, "GET", "/readyz", nil).Want(503)
	s.Nobody(t).Do(t, "GET", "/healthz", nil).Want(200)
	_, err := jerry.TryListen(t, "")
	if r, ok := errors.AsType[*Refused](err); !ok || r.Status != 503 || r.Header.Get("Retry-After") == "" {
		t.Errorf("a stream with a header was answered %v", err)
	}
	// A native EventSource must be kept alive: 200, when to come back, and the end.
	native := jerry.ListenInQuery(t, "", "")
	schedule := native.Want("schedule")
	if schedule.Retry == "" || schedule.Data["delayMs"].(float64) < 1 || schedule.ID != "" {
		t.Errorf("refused with %+v", schedule)
	}
	if end := native.Want("disconnect"); end.Data["reconnect"] != true {
		t.Errorf("refused with %v", end.Data)
	}
	native.WantEnd()
	for range 3 {
		if block, ok := stream.NextBlock(); !ok || block.Name != "" {
			t.Fatalf("the open stream got %+v", block)
		}
	}
	proxy.Restore()
	var said string
	Eventually(t, "sending works again", func() bool {
		answer := tom.Do(t, "POST", path, JSON{"type": "text", "text": "lost?"}, "Idempotency-Key", "again")
		if answer.Status == 503 {
			return false
		}
		said = answer.Object()["id"].(string)
		return true
	})
	if event := stream.Want("message"); event.ID != said {
		t.Fatalf("the open stream got %s", event.Raw)
	}
	Eventually(t, "the server is ready again", func() bool { return s.Nobody(t).Do(t, "GET", "/readyz", nil).Status == 200 })
}

// TestConnectionsCutUnderLoad cuts all connections to the database again and again, in the middle of whatever they
// carry, while messages are sent with and without keys. Each must be there once, and every caller answered.
func TestConnectionsCutUnderLoad(t *testing.T) {
	t.Parallel()
	proxy, db := NewProxy(t, NeedMySQL(t))
	s := Start(t, db, func(c *app.Config) { c.LogLevel = slog.LevelError + 1 }) // it has much to say here
	const senders, messages = 16, 60
	clients := make([]*Client, senders)
	names := make([]string, senders)
	for i := range clients {
		names[i] = fmt.Sprint("s", i)
		clients[i] = s.Login(t, names[i], "")
	}
	reader := s.Login(t, "Reader", "")
	conversation := clients[0].Create(t, append(names[1:], "Reader")...)
	stream := reader.Listen(t, "")
	stream.Want("online")
	var done atomic.Bool
	var stored, cuts atomic.Int64
	var cutter, sending sync.WaitGroup
	cutter.Go(func() {
		tick := time.NewTicker(25 * time.Millisecond)
		defer tick.Stop()
		for before, inVain := int64(0), 0; !done.Load(); <-tick.C {
			if now := stored.Load(); now > before {
				before, inVain = now, 0
			}
			if inVain++; inVain > 8 {
				continue // a slow machine too gets something stored, sooner or later
			}
			proxy.CutConnections()
			cuts.Add(1)
		}
	})
	accepted := make([][]string, senders)
	for i, client := range clients {
		sending.Go(func() {
			for n := range messages {
				text := fmt.Sprint(i, " ", n)
				key := []string{}
				if n%2 == 0 {
					key = []string{"Idempotency-Key", text}
				}
				for {
					answer := client.Do(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": text}, key...)
					if answer.Status == 201 || answer.Status == 200 {
						accepted[i] = append(accepted[i], text)
						stored.Add(1)
						break
					}
					answer.Want(503)
					if len(key) == 0 {
						break // nothing was promised, and without a key a repeat would be another message
					}
				}
			}
		})
	}
	sending.Wait()
	done.Store(true)
	cutter.Wait()
	count := map[string]int{}
	history := reader.Texts(t, conversation)
	for _, text := range history {
		count[text]++
	}
	for i, texts := range accepted {
		for _, text := range texts {
			if count[text] != 1 {
				t.Errorf("%q of sender %d was answered and is there %d times", text, i, count[text])
			}
		}
	}
	for text, n := range count {
		if n > 1 {
			t.Errorf("%q is there %d times", text, n)
		}
	}
	var live []string
	for range history {
		live = append(live, stream.Want("message").Data["text"].(string))
	}
	if !slices.Equal(live, history) {
		t.Error("the stream and the history differ")
	}
	t.Logf("%d messages, and %d cuts", len(history), cuts.Load())
}

// TestStopTookLongWithAFrozenDatabase: sends that wait for a database that hangs are given up.
func TestStopTookLongWithAFrozenDatabase(t *testing.T) {
	t.Parallel()
	proxy, db := NewProxy(t, NeedMySQL(t))
	running := BuildProgram(t).Start(t, append(FixedKeys(), "PARLEY_DATABASE_URL="+db)...)
	s := running.Server(t)
	asTom := s.Master(t, "Tom")
	path := "/v1/conversations/" + asTom.Create(t, "Jerry") + "/messages"
	proxy.Freeze()
	var sends sync.WaitGroup
	for range 20 {
		sends.Go(func() {
			answer, err := asTom.Try(t, "POST", path, JSON{"type": "text", "text": "x"})
			if err == nil { // cut by the stop, or told
				answer.Want(503)
			}
		})
	}
	Eventually(t, "the sends are under way", func() bool { return metric(t, s, "go_goroutines") > 60 })
	begun := time.Now()
	running.Stop(t)
	took := time.Since(begun)
	t.Logf("the stop took %v", took.Round(time.Millisecond))
	if took > Promise(10*time.Second) {
		t.Errorf("the stop took %v", took)
	}
	sends.Wait()
}
