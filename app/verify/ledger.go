package verify

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Ledger keeps what was sent, what came on the streams and what the history has. Send, Follow and History feed it, from
// any number of goroutines, and nothing else does: a message that is in none of its sends counts as one that nobody
// sent, so a conversation needs one ledger for its whole life.
type Ledger struct {
	now func() time.Duration // since the ledger was made; never runs backwards

	mu       sync.Mutex
	sends    []*sent
	byOrigin map[origin]*sent
	trails   []*trail
	readings []*reading
	found    findings

	sendTimes, deliveryTimes, resumeTimes    []time.Duration
	repeats, retries, replays, resumes, cuts int
}

// NewLedger gives an empty ledger.
func NewLedger() *Ledger {
	begun := time.Now()
	return &Ledger{now: func() time.Duration { return time.Since(begun) }, byOrigin: map[origin]*sent{}}
}

// sent is a send and what became of it.
type sent struct {
	origin
	client, conversation string
	size                 int

	begun, ended time.Duration // ended: when it was acknowledged
	acknowledged int64         // the id in the answer; 0: none came
	refused      bool          // answered that it was not stored
	at           int64         // the message's time, from wherever it came first
	seen         []int64       // the different ids under which it came on streams and in histories; one, if all is well
	firstSeen    time.Duration
}

func (s *sent) text() string { return s.origin.text(s.size) }

// id is the message's position, 0 when it is not known to be stored.
func (s *sent) id() int64 {
	if s.acknowledged == 0 && len(s.seen) > 0 {
		return s.seen[0]
	}
	return s.acknowledged
}

// since is when the message was first known to be stored.
func (s *sent) since() time.Duration {
	if s.acknowledged != 0 && (len(s.seen) == 0 || s.ended < s.firstSeen) {
		return s.ended
	}
	return s.firstSeen
}

// String names a send so that it can be found.
func (s *sent) String() string {
	id := "with no id known"
	if s.id() != 0 {
		id = "id " + strconv.FormatInt(s.id(), 10)
	}
	return fmt.Sprintf("conversation %s: message %d of client %s, session %s, %s", s.conversation, s.number, s.client, s.session, id)
}

// receipt is a message that came.
type receipt struct {
	id      int64
	sent    *sent // nil: its text names no send, see stray
	stray   *stray
	flagged bool // its order has been found wrong already
}

// stray is a message whose text names no send of this ledger. Whether a send was changed on the way or nobody sent it
// is known when all answers are there.
type stray struct {
	conversation, from, text, where string
	id                              int64
}

// reading is one reading of a conversation's whole history.
type reading struct {
	conversation, where string
	begun               time.Duration
	receipts            []receipt
	has                 map[int64]bool // the ids of receipts
}

// intend records a send before its request goes out.
func (l *Ledger) intend(s *sent) *sent {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.begun = l.now()
	l.sends = append(l.sends, s)
	l.byOrigin[s.origin] = s
	return s
}

// receive finds the send of a message that came, and compares the two. Its position is known: m.ID may be wrong.
func (l *Ledger) receive(m message, id int64, where string) receipt {
	o, ok := originOf(text(m))
	s := l.byOrigin[o]
	if !ok || s == nil {
		return receipt{id: id, stray: &stray{conversation: m.ConversationID, from: m.From, text: fmt.Sprintf("%.100q", text(m)), where: where, id: id}}
	}
	if len(s.seen) == 0 {
		s.firstSeen = l.now()
	}
	if !slices.Contains(s.seen, id) {
		s.seen = append(s.seen, id)
	}
	l.compare(s, m, where)
	return receipt{id: id, sent: s}
}

// compare says where a message is not as it was sent, or not as it came before.
func (l *Ledger) compare(s *sent, m message, where string) {
	if difference := s.differs(m); difference != "" {
		l.found.add(broken, "%s is not as it was sent in %s: %s", s, where, difference)
	}
	switch at, ok := parseTime(m.Timestamp); {
	case !ok:
		l.found.add(broken, "%s has the timestamp %.40q in %s", s, m.Timestamp, where)
	case s.at == 0:
		s.at = at
	case s.at != at:
		l.found.add(broken, "%s has the timestamp %s in %s, and had another before: %s", s, m.Timestamp, where, formatTime(s.at))
	}
}

func formatTime(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// resumed counts a stream that has caught up after its connection was lost.
func (l *Ledger) resumed(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resumes++
	l.resumeTimes = append(l.resumeTimes, took)
}

func (l *Ledger) wasCut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cuts++
}

// Last is the highest id that was acknowledged, as CaughtUp takes it; "0" when there is none.
func (l *Ledger) Last() string { return l.last(func(*sent) bool { return true }) }

// last is Last among some of the sends.
func (l *Ledger) last(of func(*sent) bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := int64(0)
	for _, s := range l.sends {
		if of(s) {
			last = max(last, s.acknowledged)
		}
	}
	return strconv.FormatInt(last, 10)
}
