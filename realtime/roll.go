package realtime

import (
	"sync"

	"github.com/rs/xid"

	"parley/models"
)

// roll is who has streams on this node, of one app. It knows what of that the database does not know yet.
type roll struct {
	mu      sync.Mutex
	id      string                            // see nodeID
	clients map[string]map[string]*attendance // by client, then session
	unsaid  map[string]bool                   // clients of whom something is to be written
	wake    chan struct{}
}

// attendance is a session with streams here, or one that has just lost its last.
type attendance struct {
	tag     *string
	streams int
	leftAt  models.Timestamp // when a stream ended that has not been written yet; 0: none
	again   bool             // the other nodes took it for gone, and are to be told that it is not
}

func newRoll() *roll {
	return &roll{id: xid.New().String(), clients: map[string]map[string]*attendance{}, unsaid: map[string]bool{}, wake: make(chan struct{}, 1)}
}

// arrived counts a stream; first tells whether it is its session's only one on this node.
func (r *roll) arrived(s *Stream) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sessions := r.clients[s.clientID]
	if sessions == nil {
		sessions = map[string]*attendance{}
		r.clients[s.clientID] = sessions
	}
	a := sessions[s.sessionID]
	if a == nil {
		a = &attendance{tag: s.request.Tag}
		sessions[s.sessionID] = a
	}
	a.streams++
	if first = a.streams == 1; first {
		r.note(s.clientID)
	}
	return first
}

// left counts a stream that has ended; last tells whether its session has none here any more.
func (r *roll) left(s *Stream, at models.Timestamp) (last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.clients[s.clientID][s.sessionID]
	a.streams--
	if last = a.streams == 0; last {
		a.leftAt = at
		r.note(s.clientID)
	}
	return last
}

// note marks a client as to be written; the lock is held.
func (r *roll) note(clientID string) {
	r.unsaid[clientID] = true
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// has tells whether a client has a stream here, and when it has lost one that the database does not know of.
func (r *roll) has(clientID string) (online bool, leftAt models.Timestamp) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.clients[clientID] {
		online = online || a.streams > 0
		leftAt = max(leftAt, a.leftAt)
	}
	return online, leftAt
}

// hasSession tells whether a session has a stream here.
func (r *roll) hasSession(clientID, sessionID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.clients[clientID][sessionID]
	return a != nil && a.streams > 0
}

// contradict tells whether a session that is said to be gone has a stream here; then the others are told so, once the
// database has it.
func (r *roll) contradict(p *Presence) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.clients[p.ClientID][p.SessionID]
	if a == nil || a.streams == 0 {
		return false
	}
	a.again = true
	r.note(p.ClientID)
	return true
}

// take gives what is to be written of up to limit clients, and counts it as written.
func (r *roll) take(appID uint32, limit int) models.Attendance {
	r.mu.Lock()
	defer r.mu.Unlock()
	var a models.Attendance
	for client := range r.unsaid {
		if len(a.Clients) == limit {
			break
		}
		delete(r.unsaid, client)
		a.Clients = append(a.Clients, client)
		for session, here := range r.clients[client] {
			if here.streams > 0 {
				a.Present = append(a.Present, models.Presence{AppID: appID, ClientID: client, NodeID: r.id, SessionID: session, Tag: here.tag})
			}
			if here.leftAt > 0 {
				a.Left, a.LeftAt = append(a.Left, client), max(a.LeftAt, here.leftAt)
			}
		}
	}
	return a
}

// untake takes back what could not be written.
func (r *roll) untake(a models.Attendance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, client := range a.Clients {
		r.note(client)
	}
}

// beginAnew gives the node another id, under which everybody is to be written; the others, who have been told that they
// are gone, are told that they are not.
func (r *roll) beginAnew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.id = xid.New().String()
	for client, sessions := range r.clients {
		r.note(client)
		for _, a := range sessions {
			a.again = true
		}
	}
}

// nodeID is what the node is called in the database, until the others take it for dead.
func (r *roll) nodeID() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.id
}

// settle ends what has been written: it forgets the sessions that are gone, and gives them, and those that are to be told
// of again. What has come or gone since is written next.
func (r *roll) settle(a models.Attendance) (gone, again []*Presence) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, client := range a.Clients {
		for session, here := range r.clients[client] {
			p := &Presence{ClientID: client, SessionID: session, Tag: here.tag, At: here.leftAt}
			switch {
			case here.streams == 0 && !r.unsaid[client]:
				delete(r.clients[client], session)
				gone = append(gone, p)
			case here.streams > 0:
				if !r.unsaid[client] {
					here.leftAt = 0
				}
				if here.again {
					here.again, p.Online = false, true
					again = append(again, p)
				}
			}
		}
		if len(r.clients[client]) == 0 {
			delete(r.clients, client)
		}
	}
	return gone, again
}

// waiting tells whether something is to be written.
func (r *roll) waiting() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.unsaid) > 0
}
