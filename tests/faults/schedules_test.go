package faults

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "parley/tests/harness"
)

// seedVariable runs the schedules of an earlier run again.
const seedVariable = "PARLEY_TEST_SEED"

// TestRandomSchedulesLeaveNoHole: writers on two nodes of one database do what comes to their mind, with random pauses, some
// of them hanging up in the middle. A reader that follows the log in the database never sees a number before all lower
// ones, and the streams of both nodes show every message, once and in order.
func TestRandomSchedulesLeaveNoHole(t *testing.T) {
	Databases(t, func(t *testing.T, database string) {
		schedules := pick(60, 10_000) // SQLite has one writer at a time by itself
		if strings.HasPrefix(database, "mysql") {
			schedules = pick(300, 10_000)
		}
		seed := scheduleSeed(t)
		w := newWriters(t, database, rand.New(rand.NewPCG(seed, 0)))
		streams := w.listen()
		tail := followInBackground(t, database)
		for n := range schedules {
			schedule := w.schedule()
			w.play(schedule)
			if t.Failed() {
				t.Fatalf("in schedule %d of seed %d (%s=%d runs it again):\n%s", n, seed, seedVariable, seed, schedule)
			}
		}
		seen := tail.stop()
		if w.newest.Load() > seen {
			t.Errorf("message %d was answered, and the log ends at %d", w.newest.Load(), seen)
		}
		w.check(streams)
		t.Logf("seed %d: %d schedules, %d entries, %d messages in the conversations of the reader", seed, schedules, seen, len(streams[0].ids()))
	})
}

func scheduleSeed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv(seedVariable)
	if text == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", seedVariable, err)
	}
	return seed
}

// follower is a reader of the log in the database.
type follower struct {
	done chan struct{}
	wait sync.WaitGroup
	seen int64
}

// followInBackground looks again and again, on one connection of its own, so that it sees as many states as it can.
func followInBackground(t *testing.T, database string) *follower {
	f := &follower{done: make(chan struct{})}
	db := OpenSQL(t, database)
	db.SetMaxOpenConns(1)
	f.wait.Go(func() { f.run(t, db) })
	t.Cleanup(func() { f.stop() })
	return f
}

func (f *follower) run(t *testing.T, db *sql.DB) {
	for last := false; !last; {
		select {
		case <-f.done:
			last = true // one more look after the last commit
		default:
		}
		if f.seen = FollowLog(t, db, f.seen); t.Failed() {
			return
		}
	}
}

// stop gives the last number of the log.
func (f *follower) stop() int64 {
	select {
	case <-f.done:
	default:
		close(f.done)
	}
	f.wait.Wait()
	return f.seen
}

// writers are clients with two nodes to write by. The reader is inside the first conversations all the time.
type writers struct {
	t      *testing.T
	random *rand.Rand // for the making of schedules, by one goroutine
	nodes  []*Server
	reader *Client
	actors []*Client
	doors  []*Client // with the app key, one a node
	rooms  []string
	texts  int
	newest atomic.Int64 // the highest id that was answered
}

func newWriters(t *testing.T, database string, random *rand.Rand) *writers {
	w := &writers{t: t, random: random, nodes: []*Server{Start(t, database), Start(t, database)}}
	for _, node := range w.nodes {
		w.doors = append(w.doors, node.AppKeyHolder(t))
	}
	w.reader = w.nodes[0].Login(t, "reader", "")
	for i := range 6 {
		w.actors = append(w.actors, w.nodes[i%2].Login(t, fmt.Sprint("actor", i), ""))
	}
	for i := range 3 {
		w.rooms = append(w.rooms, w.actors[i].Create(t, "reader", w.actors[i+1].ID))
	}
	return w
}

// action is one thing that a writer does after a pause.
type action struct {
	pause time.Duration
	what  string
	do    func()
}

// schedule is what some writers do at the same time, each one thing after the other.
type schedule [][]action

func (s schedule) String() string {
	var text strings.Builder
	for i, actions := range s {
		for _, a := range actions {
			fmt.Fprintf(&text, "writer %d: after %v %s\n", i, a.pause, a.what)
		}
	}
	return text.String()
}

func (w *writers) schedule() schedule {
	s := make(schedule, 2+w.random.IntN(5))
	for i := range s {
		for range 1 + w.random.IntN(4) {
			a := w.action()
			a.pause = time.Duration(w.random.IntN(3)) * time.Duration(w.random.IntN(1000)) * time.Microsecond
			s[i] = append(s[i], a)
		}
	}
	return s
}

func (w *writers) play(s schedule) {
	var running sync.WaitGroup
	for _, actions := range s {
		running.Go(func() {
			for _, a := range actions {
				<-time.After(a.pause)
				a.do()
			}
		})
	}
	running.Wait()
}

func (w *writers) actor() *Client {
	return w.actors[w.random.IntN(len(w.actors))].On(w.nodes[w.random.IntN(len(w.nodes))])
}

// action picks one at random.
func (w *writers) action() action {
	c, room := w.actor(), w.rooms[w.random.IntN(len(w.rooms))]
	other, path := w.actors[w.random.IntN(len(w.actors))].ID, "/v1/conversations/"+room
	switch w.random.IntN(16) {
	case 0, 1, 2, 3:
		return w.send(c, path, 1+w.random.IntN(2))
	case 4, 5:
		return w.burst(c, path)
	case 6, 7:
		return w.hangUp(c, path)
	case 8, 9:
		return w.call(c, "POST", path+"/members", JSON{"members": []string{other}})
	case 10:
		return w.call(c, "DELETE", path+"/members?clientId="+other, nil)
	case 11:
		return w.call(c, "POST", path+"/join", nil)
	case 12:
		return w.call(c, "POST", path+"/quit", nil)
	case 13:
		return w.call(c, "POST", "/v1/conversations", JSON{"members": []string{other}, "unique": w.random.IntN(2) == 0})
	case 14:
		w.texts++
		return w.call(c, "PATCH", path, JSON{"name": fmt.Sprint("name ", w.texts)})
	default:
		return w.login()
	}
}

// call makes a call that may be refused to who is not inside, and must not fail.
func (w *writers) call(c *Client, method, path string, body any) action {
	return action{what: fmt.Sprint(c.ID, " calls ", method, " ", path, " ", body), do: func() {
		if answer, ok := w.answer(c.Try(w.t, method, path, body)); ok && answer.Status >= 400 && answer.Status != http.StatusForbidden {
			w.t.Errorf("%s %s answered %d: %s", method, path, answer.Status, answer.Body)
		}
	}}
}

func (w *writers) answer(answer *Answer, err error) (*Answer, bool) {
	if err != nil {
		w.t.Error(err)
	}
	return answer, err == nil
}

func (w *writers) text() string {
	w.texts++
	return fmt.Sprint("text ", w.texts)
}

// send sends one message as often as it says, with a key.
func (w *writers) send(c *Client, path string, times int) action {
	text := w.text()
	return action{what: fmt.Sprint(c.ID, " sends ", text, " to ", path, ", ", times, " times"), do: func() {
		for range times {
			w.say(c, path, text)
		}
	}}
}

func (w *writers) say(c *Client, path, text string) {
	answer, ok := w.answer(c.Try(w.t, "POST", path+"/messages", JSON{"type": "text", "text": text}, "Idempotency-Key", text))
	if !ok || answer.Status == http.StatusForbidden {
		return
	}
	if answer.Status != http.StatusOK && answer.Status != http.StatusCreated {
		w.t.Errorf("a send answered %d: %s", answer.Status, answer.Body)
		return
	}
	id, err := strconv.ParseInt(answer.Object()["id"].(string), 10, 64)
	if err != nil {
		w.t.Error(err)
	}
	for newest := w.newest.Load(); id > newest && !w.newest.CompareAndSwap(newest, id); newest = w.newest.Load() {
	}
}

// burst sends some messages at once, so that they share a transaction.
func (w *writers) burst(c *Client, path string) action {
	texts := make([]string, 2+w.random.IntN(12))
	for i := range texts {
		texts[i] = w.text()
	}
	return action{what: fmt.Sprintf("%s sends at once %q to %s", c.ID, texts, path), do: func() {
		var sends sync.WaitGroup
		for _, text := range texts {
			sends.Go(func() { w.say(c, path, text) })
		}
		sends.Wait()
	}}
}

// hangUp sends a message, or adds somebody, and does not wait for the answer.
func (w *writers) hangUp(c *Client, path string) action {
	patience := time.Duration(1+w.random.IntN(3000)) * time.Microsecond
	target, body := path+"/messages", JSON{"type": "text", "text": w.text()}
	if w.random.IntN(3) == 0 {
		target, body = "/v1/conversations", JSON{"members": []string{"reader"}}
	}
	return action{what: fmt.Sprint(c.ID, " hangs up on ", target, " after ", patience), do: func() {
		_, _ = c.TryWithin(w.t, patience, "POST", target, body) // whatever came of it
	}}
}

// login ends the session before it with the same tag, which is an entry of the log too.
func (w *writers) login() action {
	id, door := fmt.Sprint("tagged", w.random.IntN(2)), w.doors[w.random.IntN(len(w.doors))]
	return w.call(door, "POST", "/v1/sessions", JSON{"clientId": id, "tag": "phone"})
}

// collector keeps the ids of the messages of a stream.
type collector struct {
	mu   sync.Mutex
	seen []string
}

func (c *collector) ids() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seen)
}

// listen opens a stream of the reader on each node.
func (w *writers) listen() []*collector {
	collectors := make([]*collector, len(w.nodes))
	for i, node := range w.nodes {
		c, stream := &collector{}, w.reader.On(node).Listen(w.t, "")
		stream.Want("online")
		var reading sync.WaitGroup
		reading.Go(func() { c.read(stream) })
		w.t.Cleanup(func() {
			stream.Cut()
			reading.Wait()
		})
		collectors[i] = c
	}
	return collectors
}

func (c *collector) read(stream *Stream) {
	for {
		event, ok := stream.NextBlock()
		if !ok {
			return
		}
		if event.Name == "message" {
			c.mu.Lock()
			c.seen = append(c.seen, event.ID)
			c.mu.Unlock()
		}
	}
}

// check compares what came on the streams with the history.
func (w *writers) check(streams []*collector) {
	w.t.Helper()
	var history []int
	for _, room := range w.rooms {
		for _, m := range w.reader.History(w.t, room) {
			n, err := strconv.Atoi(m["id"].(string))
			if err != nil {
				w.t.Fatal(err)
			}
			history = append(history, n)
		}
	}
	slices.Sort(history)
	want := make([]string, len(history))
	for i, n := range history {
		want[i] = strconv.Itoa(n)
	}
	for i, stream := range streams {
		Eventually(w.t, fmt.Sprintf("all %d messages have come by node %d", len(want), i), func() bool { return len(stream.ids()) >= len(want) })
		if got := stream.ids(); !slices.Equal(got, want) {
			w.t.Errorf("node %d showed %d messages, and the history has %d", i, len(got), len(want))
		}
	}
}
