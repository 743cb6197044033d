package verify

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// heartbeatPromise holds until online or reconnect says another one.
const heartbeatPromise = 15 * time.Second

// trail is what came on a reader's stream, over all its connections. Its methods are called under the ledger's lock.
type trail struct {
	ledger          *Ledger
	client, session string
	// created tells whether a conversation was made with this client inside, and when.
	created func(conversationID string) (begun time.Time, inside bool)

	online          time.Time // when it was first online; zero: never yet
	start, position int64     // where it began, and the last id that came; -1: not online yet
	passed          []int64   // the positions of events, ascending
	receipts        []receipt
	moves           []move
	lastAt          int64 // the time of the last event

	// Of the connection.
	asked     int64 // the position asked for; -1: a new stream
	greeted   bool  // online or reconnect has come
	resynced  bool
	missed    int // events before reconnect
	heartbeat time.Duration
}

// move is the client's way into a conversation, or out of it.
type move struct {
	conversation string
	position     int64
	inside       bool
}

// order is what a block tells its reader to do.
type order struct {
	retry       time.Duration // the new reconnection time, when not 0
	scheduled   bool
	schedule    time.Duration // when to come back, when scheduled
	reconnected bool          // a resumed stream has caught up
	final       string        // why there is no coming back
}

func (l *Ledger) newTrail(client, session string, created func(string) (time.Time, bool)) *trail {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &trail{ledger: l, client: client, session: session, created: created, start: -1, position: -1, asked: -1, heartbeat: heartbeatPromise}
	l.trails = append(l.trails, t)
	return t
}

// String names a stream so that it can be found.
func (t *trail) String() string {
	return fmt.Sprintf("the stream of client %s, session %s", t.client, t.session)
}

func (t *trail) breach(kind breach, format string, args ...any) {
	t.ledger.found.add(kind, "%s, at %d: %s", t, t.position, fmt.Sprintf(format, args...))
}

// opened begins a connection; it gives what a resumed stream asks for.
func (t *trail) opened() {
	t.asked, t.greeted, t.resynced, t.missed = t.position, false, false, 0
}

// take records a block.
func (t *trail) take(b block) (o order) {
	if b.hasRetry {
		o.retry = max(b.retry, time.Millisecond)
	}
	id := int64(-1)
	if b.hasID {
		var ok bool
		if id, ok = parseID(b.id); !ok {
			t.breach(broken, "the id %.40q is not a position", b.id)
			id = -1
		}
	}
	switch {
	case b.event == "" && b.lines == 0:
		t.heartbeatAt(id)
		return o
	case b.lines > 1:
		t.breach(broken, "the data of %s came in %d lines: %.200q", b.event, b.lines, b.data)
	}
	switch b.event {
	case "message":
		t.message(b, id)
	case "invited", "members_joined", "members_left", "kicked", "conversation_updated":
		t.membership(b, id)
	case "online", "reconnect":
		o.reconnected = t.hello(b, id) && b.event == "reconnect"
	case "resync":
		t.resync(b, id)
	case "schedule", "disconnect":
		t.farewell(b, &o)
	case "offline":
		t.decode(b, &struct{}{})
	default:
		t.breach(broken, "an event that the API does not know, %.40q: %.200q", b.event, b.data)
	}
	return o
}

// decode reads the data, which is one line of JSON.
func (t *trail) decode(b block, into any) bool {
	err := json.Unmarshal([]byte(b.data), into)
	if err == nil && !utf8.ValidString(b.data) {
		err = fmt.Errorf("not UTF-8")
	}
	if err != nil {
		t.breach(broken, "the data of %.40q, id %q, is not its JSON: %v: %.200q", b.event, b.id, err, b.data)
	}
	return err == nil
}

// heartbeatAt is a block without an event: all that is the client's own up to id has come.
func (t *trail) heartbeatAt(id int64) {
	switch {
	case id < 0: // nothing but retry: or a comment
	case t.position >= 0 && id < t.position:
		t.breach(outOfOrder, "a block with the id %d alone came after %d", id, t.position)
	case t.start >= 0:
		t.position = id
	}
}

// pass moves the position on to a durable event, and says when that is wrong.
func (t *trail) pass(b block, id int64) (inOrder bool) {
	if t.start < 0 || t.asked < 0 && !t.greeted {
		t.breach(broken, "%s, id %d, came before online: %.200q", b.event, id, b.data)
	}
	if !t.greeted {
		t.missed++
	}
	if id > t.position {
		t.position = id
		t.passed = append(t.passed, id)
		return true
	}
	if _, seen := slices.BinarySearch(t.passed, id); seen {
		t.breach(doubled, "%s, id %d, came twice; this connection asked for what follows %d: %.200q", b.event, id, t.asked, b.data)
	} else {
		t.breach(outOfOrder, "%s, id %d, came after %d; this connection asked for what follows %d: %.200q", b.event, id, t.position, t.asked, b.data)
	}
	return false
}

// passAt looks at the time of a durable event, which never runs backwards along the positions.
func (t *trail) passAt(b block, id int64, text string, inOrder bool) {
	at, ok := parseTime(text)
	if !ok {
		t.breach(broken, "%s, id %d, has the time %.40q", b.event, id, text)
		return
	}
	if inOrder && at < t.lastAt {
		t.breach(outOfOrder, "the time of %s, id %d, is %s, earlier than %s of the event before", b.event, id, text, formatTime(t.lastAt))
	}
	t.lastAt = max(t.lastAt, at)
}

func (t *trail) message(b block, id int64) {
	var m message
	if !t.decode(b, &m) {
		return
	}
	if id < 0 && m.ID == "" {
		return // transient: beside the log
	}
	if inside, ok := parseID(m.ID); !ok || inside != id {
		t.breach(broken, "conversation %s: a message with the id %q came in a block with the id %q", m.ConversationID, m.ID, b.id)
		if id < 0 {
			return
		}
	}
	live := t.greeted
	inOrder := t.pass(b, id)
	r := t.ledger.receive(m, id, t.String())
	r.flagged = !inOrder
	t.receipts = append(t.receipts, r)
	t.passAt(b, id, m.Timestamp, inOrder)
	switch {
	case r.sent == nil:
	case r.sent.session == t.session:
		t.breach(broken, "%s came on a stream of the session that sent it", r.sent)
	case live:
		t.ledger.deliveryTimes = append(t.ledger.deliveryTimes, t.ledger.now()-r.sent.begun)
	}
	if !live {
		t.ledger.replays++
	}
}

func (t *trail) membership(b block, id int64) {
	var m membership
	if !t.decode(b, &m) {
		return
	}
	if id < 0 {
		t.breach(broken, "conversation %s: %s came without an id: %.200q", m.ConversationID, b.event, b.data)
		return
	}
	inOrder := t.pass(b, id)
	t.passAt(b, id, m.At, inOrder)
	named := slices.Contains(m.Members, t.client)
	switch b.event {
	case "invited":
		t.moves = append(t.moves, move{m.ConversationID, id, true})
	case "kicked":
		t.moves = append(t.moves, move{m.ConversationID, id, false})
	case "members_joined":
		if named || m.InvitedBy != nil && *m.InvitedBy == t.client { // the latter: it made the conversation
			t.moves = append(t.moves, move{m.ConversationID, id, true})
		}
	case "members_left":
		if named {
			t.moves = append(t.moves, move{m.ConversationID, id, false})
		}
	}
}

// hello is the first event of a new stream, or the end of what was missed on a resumed one.
func (t *trail) hello(b block, id int64) (greeted bool) {
	var h hello
	if !t.decode(b, &h) {
		return false
	}
	if b.event == "online" && (h.SessionID == nil || *h.SessionID != t.session) {
		if !t.greeted {
			t.breach(broken, "online of another session came first: %.200q", b.data)
		}
		return false // another session of the client came
	}
	if t.greeted || (b.event == "online") != (t.asked < 0) {
		t.breach(broken, "%s came on a stream that asked for %d (greeted: %t): %.200q", b.event, t.asked, t.greeted, b.data)
	}
	if position, ok := parseID(h.Position); !ok || position != id || h.ClientID != t.client || h.SessionID == nil || *h.SessionID != t.session {
		t.breach(broken, "%s with the id %q says: %.200q", b.event, b.id, b.data)
	}
	if b.event == "reconnect" && t.asked >= 0 {
		t.caughtUp(h)
	}
	if h.HeartbeatSeconds > 0 {
		t.heartbeat = time.Duration(h.HeartbeatSeconds) * time.Second
	} else {
		t.breach(broken, "%s promises a heartbeat every %d s", b.event, h.HeartbeatSeconds)
	}
	t.greeted = true
	if t.start < 0 && id >= 0 {
		t.start, t.online = id, time.Now()
		t.position = id
	}
	t.heartbeatAt(id)
	return true
}

// caughtUp compares what reconnect says was missed with what came.
func (t *trail) caughtUp(h hello) {
	switch {
	case t.resynced && h.Missed != nil:
		t.breach(broken, "reconnect after a resync says that %d were missed", *h.Missed)
	case !t.resynced && (h.Missed == nil || *h.Missed != t.missed):
		says := "nothing"
		if h.Missed != nil {
			says = fmt.Sprint(*h.Missed)
		}
		t.breach(broken, "reconnect says missed: %s, and %d came before it, after %d", says, t.missed, t.asked)
	}
	if from, ok := int64(-1), false; !t.resynced {
		if h.ResumedFrom != nil {
			from, ok = parseID(*h.ResumedFrom)
		}
		if !ok || from != t.asked {
			t.breach(broken, "reconnect says that it resumed from %d, and %d was asked for", from, t.asked)
		}
	}
}

// resync is answered to a position that cannot be resumed from; every one asked for here came from a stream.
func (t *trail) resync(b block, id int64) {
	var f farewell
	if !t.decode(b, &f) {
		return
	}
	t.breach(broken, "resync, %s, on a stream that asked for %d, a position that it had been given: what lies between is lost to it", f.Reason, t.asked)
	t.resynced = true
	if id >= 0 {
		t.position = id // even backwards: a database that was restored begins anew
	}
}

// farewell is the server's word before it ends a stream.
func (t *trail) farewell(b block, o *order) {
	var f farewell
	if !t.decode(b, &f) {
		return
	}
	if b.hasID {
		t.breach(broken, "%s has the id %q", b.event, b.id)
	}
	switch {
	case b.event == "schedule" && f.DelayMs >= 0:
		o.schedule, o.scheduled = time.Duration(f.DelayMs)*time.Millisecond, true
	case b.event == "schedule":
		t.breach(broken, "schedule says to come back in %d ms", f.DelayMs)
	case !f.Reconnect:
		o.final = strings.TrimSpace("the server ended it for good: " + f.Reason)
	}
}
