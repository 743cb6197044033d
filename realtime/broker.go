package realtime

import (
	"sync"

	"parley/models"
)

// Broker carries news between the nodes of a cluster. It makes a cluster instant; the database makes it right.
//
// The contract: Publish hands an announcement to the other nodes' Subscribe functions, at most for a short while after
// it, and never waits: what cannot go out now may be dropped. It may lose, repeat, delay or reorder anything, and may or
// may not bring a node its own announcements back. Entries need nothing better, because the feed reads gaps from the
// database. What is beside the log (transient messages, presence) is sent at most once, and carries an ID by which a
// repetition is dropped.
type Broker interface {
	Publish(a Announcement)
	// Subscribe is called once, before anything is published; heard must not block.
	Subscribe(heard func(Announcement)) error
	Close() error
}

// Announcement is one piece of news. Entries, or one of the others with an ID.
type Announcement struct {
	AppID     uint32
	Entries   []models.Entry
	ID        string
	Transient *TransientMessage
	Presence  *Presence
}

// TransientMessage is a message that is not stored, with the session that sent it.
type TransientMessage struct {
	Message   *models.Message
	SessionID string
}

// Presence says that a session got its first stream on a node or lost its last one.
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
func (Local) Subscribe(func(Announcement)) error { return nil }

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
