package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	. "parley/tests/harness"
	"parley/tests/openfiles"
)

const (
	// Conversations of this size: a message goes to this many streams.
	crowdRoom = 100
	// Senders, each with conversations of its own, so that it knows the order of what it sends there.
	crowdSenders = 10
	// Each sends this often, whether or not the one before has been answered in time.
	crowdPause = 200 * time.Millisecond
	// Opened at once at the begin: no storm yet.
	openAtOnce = 64
	// The promises: from the cut to the last stream that is live again; and of sends meanwhile.
	allBack   = 15 * time.Second
	slowSends = time.Second
)

// TestAllStreamsCutAtOnce: every stream is cut at the same moment and comes back when its `retry:` says, with the last
// id it saw. Sends go on meanwhile; every stream gets all that is its own, once and in order.
func TestAllStreamsCutAtOnce(t *testing.T) {
	streams := pick(1000, 5000)
	if err := openfiles.Allow(uint64(streams + 2000)); err != nil {
		t.Fatal(err)
	}
	program := BuildFastProgram(t)
	DatabasesAlone(t, func(t *testing.T, database string) {
		c := openCrowd(t, program, database, streams)
		sends := c.sendOn()
		c.eventually("every stream has seen a message", func(m *member) bool { return len(m.ids) > 0 })
		cut := time.Now()
		for _, m := range c.members {
			m.cut(t)
		}
		c.eventually("every stream is live again", func(m *member) bool { return !m.liveAt.IsZero() })
		sends.stop()
		var last, slowest time.Duration
		for _, m := range c.members {
			last, slowest = max(last, m.liveAt.Sub(cut)), max(slowest, m.liveAt.Sub(m.backAt))
		}
		took := sends.between(cut, cut.Add(last))
		t.Logf("%d streams: the last was live %v after the cut, the slowest took %v to resume; p99 of %d sends meanwhile %v",
			streams, last.Round(time.Millisecond), slowest.Round(time.Millisecond), len(took), p99(took).Round(time.Millisecond))
		if last > Promise(allBack) {
			t.Errorf("the last stream was live %v after the cut", last)
		}
		if p99(took) > Promise(slowSends) {
			t.Errorf("the p99 of the sends is %v", p99(took))
		}
		c.wantSpread()
		c.wantAll(sends)
	})
}

// member is a client with one stream, which it opens again when it breaks, as EventSource does.
type member struct {
	client *Client
	room   int

	mu       sync.Mutex
	stream   *RawStream
	lastID   string
	ids      []string // of the messages
	retries  []time.Duration
	online   bool
	backAt   time.Time // when it came back, and
	liveAt   time.Time // when `reconnect` said that nothing is missing
	problems error
}

// crowd is a server and all who listen to it.
type crowd struct {
	t       *testing.T
	server  *Server
	members []*member
	senders []*Client
	rooms   []string
}

func openCrowd(t *testing.T, program Program, database string, streams int) *crowd {
	process := program.Start(t, append(FixedKeys(), "PARLEY_DATABASE_URL="+database)...)
	c := &crowd{t: t, server: process.Server(t)}
	for i := range crowdSenders {
		c.senders = append(c.senders, c.server.Login(t, fmt.Sprint("sender", i), ""))
	}
	ctx, leave := context.WithCancel(context.Background())
	var following sync.WaitGroup
	t.Cleanup(func() {
		leave()
		for _, m := range c.members {
			m.close()
		}
		following.Wait()
	})
	expiry := time.Now().Add(time.Hour).Unix()
	slots := make(chan struct{}, openAtOnce)
	for room := range streams / crowdRoom {
		var names []string
		for i := range crowdRoom {
			names = append(names, fmt.Sprintf("member%d.%d", room, i))
		}
		c.rooms = append(c.rooms, c.senders[room%crowdSenders].Create(t, names...))
		for _, name := range names {
			token := SignedToken(t, jwt.MapClaims{"aud": AppID, "sub": name, "exp": expiry})
			m := &member{client: c.server.Bearer(t, name, token, ""), room: room}
			c.members = append(c.members, m)
			slots <- struct{}{}
			following.Go(func() { m.follow(ctx, t, func() { <-slots }) })
		}
	}
	c.eventually("every stream is open", func(m *member) bool { return m.online })
	return c
}

// eventually waits until something holds for every member, far beyond what is promised, which is looked at afterwards.
func (c *crowd) eventually(what string, holds func(*member) bool) {
	c.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond) // looking at thousands of members takes a while
	defer tick.Stop()
	left, deadline := slices.Clone(c.members), time.Now().Add(4*allBack)
	for {
		left = slices.DeleteFunc(left, func(m *member) bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.problems != nil {
				c.t.Fatalf("the stream of %s: %v", m.client.ID, m.problems)
			}
			return holds(m)
		})
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("did not come true: %s; %d of %d are missing", what, len(left), len(c.members))
		}
		<-tick.C
	}
}

// follow opens the stream again and again. opened is called when it is open for the first time, or cannot be.
func (m *member) follow(ctx context.Context, t *testing.T, opened func()) {
	once := sync.OnceFunc(opened)
	defer once()
	for ctx.Err() == nil {
		pause, err := m.open(t)
		if err != nil {
			m.fail(err)
			return
		}
		if pause == 0 {
			m.read(once)
			pause = m.retry()
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause): // what the server asked for
		}
	}
}

// open opens the stream with the last id; where the server says when to come back, it gives that time.
func (m *member) open(t *testing.T) (pause time.Duration, err error) {
	m.mu.Lock()
	lastID := m.lastID
	m.backAt = time.Now()
	m.mu.Unlock()
	stream, err := m.client.OpenRaw(t, lastID, 0, 0)
	if refused, ok := errors.AsType[*Refused](err); ok && refused.Status == http.StatusServiceUnavailable {
		seconds, err := strconv.Atoi(refused.Header.Get("Retry-After"))
		return time.Duration(seconds) * time.Second, err
	}
	if err == nil {
		err = stream.Conn.SetDeadline(time.Time{})
	}
	if err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stream = stream
	return 0, nil
}

// retry is what the server said last; an EventSource that was told nothing comes back after some seconds.
func (m *member) retry() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.retries) == 0 {
		return 3 * time.Second
	}
	return m.retries[len(m.retries)-1]
}

func (m *member) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.problems = errors.Join(m.problems, err)
}

// read takes blocks until the connection breaks.
func (m *member) read(opened func()) {
	for {
		block, err := m.stream.Block()
		if err != nil {
			return
		}
		if err := m.take(block); err != nil {
			m.fail(err)
			return
		}
		opened()
	}
}

func (m *member) take(block string) error {
	id, name, _ := ParseBlock(block)
	m.mu.Lock()
	defer m.mu.Unlock()
	var retry int
	if n, _ := fmt.Sscanf(block, "retry: %d\n", &retry); n == 1 {
		m.retries = append(m.retries, time.Duration(retry)*time.Millisecond)
	}
	if id != "" {
		m.lastID = id
	}
	switch name {
	case "message":
		m.ids = append(m.ids, id)
	case "online":
		m.online = true
	case "reconnect":
		m.liveAt = time.Now()
	case "": // a heartbeat, or the id with which a stream that resumes begins
	default:
		return fmt.Errorf("got %.200q", block)
	}
	return nil
}

// cut breaks the connection as a network does: what is on its way is lost.
func (m *member) cut(t *testing.T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.stream.Conn.(*net.TCPConn).SetLinger(0)
	if err = errors.Join(err, m.stream.Conn.Close()); err != nil {
		t.Error(err)
	}
}

func (m *member) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stream != nil {
		_ = m.stream.Conn.Close() // it may be closed
	}
}

// wantSpread checks that the times after which streams are to come back are all over the two seconds that they may be
// in: each tenth holds half of its share or more.
func (c *crowd) wantSpread() {
	c.t.Helper()
	const least, most, parts = time.Second, 3 * time.Second, 10
	var shares [parts]int
	total := 0
	for _, m := range c.members {
		for _, retry := range m.retries {
			if retry < least || retry >= most {
				c.t.Fatalf("a stream is to come back after %v", retry)
			}
			shares[(retry-least)*parts/(most-least)]++
			total++
		}
	}
	if slices.Min(shares[:]) < total/parts/2 {
		c.t.Errorf("the streams are to come back in tenths of the time with %v", shares)
	}
}

// wantAll waits until every stream has what was sent to its conversation, and compares.
func (c *crowd) wantAll(sends *sending) {
	c.t.Helper()
	c.eventually("every stream has the last message", func(m *member) bool { return len(m.ids) >= len(sends.ids[m.room]) })
	total := 0
	for _, m := range c.members {
		m.mu.Lock()
		if !slices.Equal(m.ids, sends.ids[m.room]) {
			c.t.Errorf("the stream of %s has %v, not %v", m.client.ID, m.ids, sends.ids[m.room])
		}
		total += len(m.ids)
		m.mu.Unlock()
	}
	c.t.Logf("%d deliveries", total)
}

// sending is what the senders do until they are stopped.
type sending struct {
	done  chan struct{}
	wait  sync.WaitGroup
	ids   [][]string // by conversation, in order; each has one sender
	mu    sync.Mutex
	sends []sendTime
}

// sendTime is when a send was due, and how much later it was answered.
type sendTime struct {
	due  time.Time
	took time.Duration
}

func (c *crowd) sendOn() *sending {
	s := &sending{done: make(chan struct{}), ids: make([][]string, len(c.rooms))}
	for i, sender := range c.senders {
		s.wait.Go(func() { s.sendFrom(c, sender, i) })
	}
	c.t.Cleanup(s.stop)
	return s
}

// sendFrom sends to the sender's own conversations in turn. The time counts from when a send was due, so that a send
// that waits for a slow one before it is slow too.
func (s *sending) sendFrom(c *crowd, sender *Client, number int) {
	rooms := (len(c.rooms) - number + crowdSenders - 1) / crowdSenders
	due := time.Now()
	for n := 0; ; n++ {
		select {
		case <-s.done:
			return
		case <-time.After(time.Until(due)):
		}
		room := number + n%rooms*crowdSenders
		answer := sender.Do(c.t, "POST", "/v1/conversations/"+c.rooms[room]+"/messages", JSON{"type": "text", "text": fmt.Sprint(n)})
		s.mu.Lock()
		s.sends = append(s.sends, sendTime{due, time.Since(due)})
		s.mu.Unlock()
		if answer.Status != http.StatusCreated {
			c.t.Errorf("a send answered %d: %s", answer.Status, answer.Body)
			return
		}
		s.ids[room] = append(s.ids[room], answer.Object()["id"].(string))
		due = due.Add(crowdPause)
	}
}

func (s *sending) stop() {
	s.mu.Lock()
	select {
	case <-s.done:
	default:
		close(s.done)
	}
	s.mu.Unlock()
	s.wait.Wait()
}

// between are the times of the sends that were due in a time.
func (s *sending) between(from, to time.Time) (took []time.Duration) {
	for _, send := range s.sends {
		if !send.due.Before(from) && send.due.Before(to) {
			took = append(took, send.took)
		}
	}
	return took
}
