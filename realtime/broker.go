package realtime

import (
	"sync"

	"go.opentelemetry.io/otel/trace"

	"parley/models"
)

// Broker carries news between the nodes of a cluster. It makes a cluster instant; the database makes it right.
//
// The contract: Publish hands an announcement to the other nodes that have subscribed to its log, at most for a short
// while after it, and never waits: what cannot go out now may be dropped. It may lose, repeat, delay or reorder anything,
// and may or may not bring a node its own announcements back. Entries need nothing better, because the feed reads gaps
// from the database. What is beside the log (transient messages, presence) is sent at most once, and carries an ID by
// which a repetition is dropped. What is heard is shared: neither side changes it afterwards.
type Broker interface {
	Publish(a Announcement)
	// Subscribe is called once for each log; heard must not block. A broker that cannot be reached now is no error: it
	// goes on trying.
	Subscribe(log string, heard func(Announcement)) error
	// Close lets go of what was published, as far as that is quick, and of the connection.
	Close() error
}

// Announcement is one piece of news of one log: entries, the mere number that the log has reached, or, with an ID,
// something beside the log.
type Announcement struct {
	Log       string            `json:"-"` // models.Head.LogID
	Entries   []models.Entry    `json:"-"`
	Reached   int64             `json:"reached,omitzero"`
	ID        string            `json:"id,omitzero"`
	Transient *TransientMessage `json:"transient,omitzero"`
	Presence  *Presence         `json:"presence,omitzero"`
	// Trace is the span of the call that it comes from, or that it was given to the broker by; nil where nobody traces it.
	Trace *trace.SpanContext `json:"-"`
}

// TransientMessage is a message that is not stored, with the session that sent it.
type TransientMessage struct {
	Message   *models.Message
	SessionID string
	Priority  models.Priority `json:",omitzero"` // in a chat room
}

// Presence says that a session got its first stream on a node, or has none left on any.
type Presence struct {
	ClientID  string
	SessionID string
	Tag       *string
	Online    bool
	At        models.Timestamp
}

// Local is the broker of a node that is alone.
type Local struct{}

// Publish has nobody to tell.
func (Local) Publish(Announcement) {}

// Subscribe will never hear anything.
func (Local) Subscribe(string, func(Announcement)) error { return nil }

// Close has nothing to close.
func (Local) Close() error { return nil }

// maxRecent bounds the memory of what was heard: a repetition comes within seconds, or not at all.
const maxRecent = 4096

// recent remembers the IDs of what was heard, so that a repetition is dropped.
type recent struct {
	mu    sync.Mutex
	known map[string]bool
	order []string
}

func newRecent() *recent { return &recent{known: map[string]bool{}} }

// add tells whether the ID is new.
func (r *recent) add(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[id] {
		return false
	}
	r.known[id] = true
	r.order = append(r.order, id)
	if len(r.order) > maxRecent {
		delete(r.known, r.order[0])
		r.order = r.order[1:]
	}
	return true
}
