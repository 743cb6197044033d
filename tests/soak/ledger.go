//go:build linux

package main

import (
	"fmt"
	"slices"
	"sync"
)

// entry is a place in the log as a stream is to show it.
type entry struct {
	id     int64
	number int64 // of the message; eventNumber: a change of members or of a conversation
}

const eventNumber = -1

func (e entry) String() string {
	if e.number == eventNumber {
		return fmt.Sprintf("event %d", e.id)
	}
	return fmt.Sprintf("message %d (the %d. sent)", e.id, e.number)
}

// ledger compares three things: what senders were answered, what the log says, and what each stream brought. The log is read by the
// app's own server's history sync, in order, with the changes of members, so it tells for each entry to whom it is due. Due and come
// are two queues a stream, of which the heads have to be equal; so it keeps what is on its way only, however long the run is.
type ledger struct {
	findings *findings

	mu       sync.Mutex
	tracks   []*track
	ofClient map[string][]*track
	inside   map[string]map[string]bool // by conversation, clients
	changes  map[string]int             // by conversation, changes of members since it was created
	passing  map[string]bool            // conversations that are none of the ledger's: chat rooms
	sends    []send                     // by number
	accepted int
	head     int64 // the last id that was answered
	position int64 // the log has been read up to here
	compared int64
	entries  int64
}

// send is what became of one.
type send struct{ answered, logged int64 }

func newLedger(f *findings) *ledger {
	return &ledger{findings: f, ofClient: map[string][]*track{}, inside: map[string]map[string]bool{}, changes: map[string]int{}, passing: map[string]bool{}}
}

// track is one stream's side of the ledger, over all its connections.
type track struct {
	client  string
	started bool
	start   int64 // the position at which the stream began: what is up to there is not due
	last    int64
	due     []entry
	come    []entry
	broken  bool // a finding has been made; what follows would be more of the same
}

// follow adds a stream.
func (l *ledger) follow(client string) *track {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &track{client: client}
	l.tracks = append(l.tracks, t)
	l.ofClient[client] = append(l.ofClient[client], t)
	return t
}

// next gives a send its number.
func (l *ledger) next() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sends = append(l.sends, send{})
	return int64(len(l.sends) - 1)
}

// answered says that a send was answered 201 with this id.
func (l *ledger) answered(number, id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted++
	l.head = max(l.head, id)
	l.sends[number].answered = id
}

// began says where a stream starts.
func (l *ledger) began(t *track, position int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.started {
		return // it has come back without having had an id to go on from
	}
	t.started, t.start, t.last = true, position, position
	t.due = slices.DeleteFunc(t.due, func(e entry) bool { return e.id <= position })
	l.settle(t)
}

// came says what a stream has brought.
func (l *ledger) came(t *track, conversation string, e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.broken || l.passing[conversation] {
		return
	}
	if e.id <= t.last {
		t.broken = true
		l.findings.add("the stream of %s: %v came after %d: doubled, or out of order", t.client, e, t.last)
		return
	}
	t.last = e.id
	t.come = append(t.come, e)
	l.settle(t)
}

// settle takes away what is both due and come.
func (l *ledger) settle(t *track) {
	n := 0
	for ; t.started && n < len(t.due) && n < len(t.come); n++ {
		if due, come := t.due[n], t.come[n]; due != come {
			t.broken = true
			l.findings.add("the stream of %s: %v was due and %v came: lost, or not meant for it", t.client, due, come)
			break
		}
		l.compared++
	}
	if t.broken {
		t.due, t.come = nil, nil
		return
	}
	t.due, t.come = t.due[:copy(t.due, t.due[n:])], t.come[:copy(t.come, t.come[n:])]
}

// open are the entries that have not been both due and come, and a stream that has some.
func (l *ledger) open() (n int, of *track) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.tracks {
		if some := len(t.due) + len(t.come); some > 0 {
			n, of = n+some, t
		}
	}
	return n, of
}

// readUpTo tells how far the log has been read, and whether that is past all that was answered.
func (l *ledger) readUpTo() (position int64, past bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.position, l.position >= l.head
}

// conclude says what is missing when everything has had its time.
func (l *ledger) conclude() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.tracks {
		switch {
		case len(t.due) > 0:
			l.findings.add("the stream of %s: %d entries have not come, the first is %v", t.client, len(t.due), t.due[0])
		case len(t.come) > 0:
			l.findings.add("the stream of %s: %d entries came that are not in the log, the first is %v", t.client, len(t.come), t.come[0])
		case !t.started:
			l.findings.add("the stream of %s has never begun", t.client)
		}
	}
	for number, s := range l.sends {
		if s.answered != s.logged && s.answered != 0 {
			l.findings.add("the %d. message was answered 201 with id %d and is in the log as %d", number, s.answered, s.logged)
		}
	}
}
