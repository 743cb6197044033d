package realtime

import (
	"context"
	"slices"
	"time"

	"parley/models"
)

// Roll is where the nodes write who has streams on them; models.Store is it. An error means: come again.
type Roll interface {
	Attend(ctx context.Context, appID uint32, nodeID string, joins bool, a models.Attendance) (lost bool, err error)
	Leases(ctx context.Context, appID uint32) (leases []models.Lease, now models.Timestamp, err error)
	Bury(ctx context.Context, appID uint32, dead models.Lease) ([]models.Presence, error)
	Resign(ctx context.Context, appID uint32, nodeID string) error
	PresencesElsewhere(ctx context.Context, appID uint32, nodeID string, clients []string) ([]models.Presence, error)
}

const (
	// Streams that come and go within this time are written together: five thousand that come back at once are some
	// dozens of transactions, and a sender does not notice them.
	rollPause = 100 * time.Millisecond
	// The clients of one transaction; with the pause this is 10,000 a second.
	rollClients = 1000
	// What could not be written is tried again after this.
	rollRetry = time.Second
	// One attempt: longer than the wait for a lock.
	rollTimeout = 6 * time.Second
)

// registrar writes the roll of one app on this node, and watches the other nodes' leases. No stream ever waits for it.
type registrar struct {
	node   *Node
	app    *appLive
	appID  uint32
	joined bool // has a lease, unless the others have taken it away
	failed bool // the latest attempt to write
	watch  leaseWatch
}

// run goes on until ctx ends.
func (r *registrar) run(ctx context.Context) {
	beat := time.NewTicker(r.node.options.LeaseBeat)
	defer beat.Stop()
	due := true // at once, so that others know of this node before it has a stream
	for ctx.Err() == nil {
		pause := rollPause
		if due || r.app.roll.waiting() {
			err := r.write(ctx)
			if err != nil && !r.failed && ctx.Err() == nil { // once, and not every second
				r.node.options.Logger.Warn("who is online cannot be written; it is tried again until it can", "error", err)
			}
			if r.failed = err != nil; r.failed {
				pause = rollRetry
			}
			if due {
				r.watch.look(ctx, r)
			}
			due = false
			if !r.sleep(ctx, pause) {
				return
			}
		}
		select {
		case <-ctx.Done():
		case <-beat.C:
			due = true
		case <-r.app.roll.wake:
		}
	}
}

func (r *registrar) sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// write writes what is to be written, renews the lease, and tells the clients' other sessions who is gone.
func (r *registrar) write(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, rollTimeout)
	defer cancel()
	a := r.app.roll.take(r.appID, rollClients)
	lost, err := r.node.options.Roll.Attend(ctx, r.appID, r.app.roll.nodeID(), !r.joined, a)
	if err != nil {
		r.app.roll.untake(a)
		return err
	}
	if r.joined = !lost; lost {
		r.node.options.Logger.Warn("this node was taken for dead, because it did not reach the database; who is online on it is written anew")
		r.app.roll.beginAnew()
		return nil // and come again at once
	}
	gone, again := r.app.roll.settle(a)
	r.app.usher.leave(keysOf(gone)...)
	for _, p := range again {
		r.node.announce(r.app, p)
	}
	return r.tellGone(ctx, gone)
}

func keysOf(presences []*Presence) []models.SessionKey {
	keys := make([]models.SessionKey, len(presences))
	for i, p := range presences {
		keys[i] = models.SessionKey{ClientID: p.ClientID, SessionID: p.SessionID}
	}
	return keys
}

// tellGone tells the other sessions of their clients which sessions have no stream left, on any node. It asks after its
// own write: of two nodes that lose a session's streams at once, the one that writes last finds none.
func (r *registrar) tellGone(ctx context.Context, gone []*Presence) error {
	gone = slices.DeleteFunc(gone, func(p *Presence) bool { return p.SessionID == "" }) // the app's own server is no session
	if len(gone) == 0 {
		return nil
	}
	clients := make([]string, len(gone))
	for i, p := range gone {
		clients[i] = p.ClientID
	}
	elsewhere, err := r.node.options.Roll.PresencesElsewhere(ctx, r.appID, r.app.roll.nodeID(), clients)
	for _, p := range gone {
		still := slices.ContainsFunc(elsewhere, func(e models.Presence) bool { return e.ClientID == p.ClientID && e.SessionID == p.SessionID })
		if !still && !r.app.roll.hasSession(p.ClientID, p.SessionID) {
			r.node.announce(r.app, p) // where the database cannot tell now, too: a node that still has it says so
		}
	}
	return err
}

// resign writes that everybody has gone, and that the node has.
func (r *registrar) resign(ctx context.Context) error {
	for r.app.roll.waiting() {
		if err := r.write(ctx); err != nil {
			return err
		}
	}
	return r.node.options.Roll.Resign(ctx, r.appID, r.app.roll.nodeID())
}

// Online gives those of some clients that have a stream, on whatever node, in the order in which they are asked for. Of
// this node it is exact; a stream on another one is known some tenths of a second after it has come or gone, and when that
// node has died, within 45 s.
func (n *Node) Online(ctx context.Context, appID uint32, clients []string) ([]string, error) {
	app, err := n.live(ctx, appID)
	if err != nil {
		return nil, err
	}
	elsewhere, err := n.options.Roll.PresencesElsewhere(ctx, appID, app.roll.nodeID(), clients)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, p := range elsewhere {
		known[p.ClientID] = true
	}
	online := []string{}
	for _, client := range clients {
		if here, _ := app.roll.has(client); here || known[client] {
			online = append(online, client)
		}
	}
	return online, nil
}

// LastLeft gives when a client has lost a stream on this node that the database does not know of yet; 0: there is none.
func (n *Node) LastLeft(ctx context.Context, appID uint32, clientID string) (models.Timestamp, error) {
	app, err := n.live(ctx, appID)
	if err != nil {
		return 0, err
	}
	_, leftAt := app.roll.has(clientID)
	return leftAt, nil
}
