package realtime

import (
	"context"
	"slices"
	"time"

	"parley/models"
)

const (
	// A node renews its lease this often, and looks at the others'.
	defaultLeaseBeat = 5 * time.Second
	// In beats: a lease lasts so long, and a node that has not got through to the database for so long has to be sure
	// anew. Together with a beat to notice it, a node that has died is known to be after 35 s at most; 45 s are promised.
	leaseBeats, steadyBeats = 6, 3
)

// leaseWatch finds the nodes that are dead: those whose lease is older than it lasts, although this node got through to the
// database all that time. Time in which it did not counts for nobody: after an outage the others have a whole lease to come
// back. All times are the database's.
type leaseWatch struct {
	last   models.Timestamp // the latest look
	steady models.Timestamp // since when looks have followed one another
	// Presences of nodes that were buried, as far as is known: the outcome was lost.
	unsure map[string][]models.Presence
}

// look reads the leases and buries who is dead.
func (w *leaseWatch) look(ctx context.Context, r *registrar) {
	ctx, cancel := context.WithTimeout(ctx, rollTimeout)
	defer cancel()
	leases, now, err := r.node.options.Roll.Leases(ctx, r.appID)
	if err != nil {
		return // told by the write, which has just failed too, or fails next
	}
	w.looked(now, r.node.options.LeaseBeat)
	w.settle(ctx, r, leases)
	for _, lease := range leases {
		if lease.NodeID == r.app.roll.nodeID() || !w.dead(lease, now, r.node.options.LeaseBeat) {
			continue
		}
		r.node.options.Logger.Warn("a node is taken for dead: it has not renewed its lease", "node", lease.NodeID)
		buried, err := r.node.options.Roll.Bury(ctx, r.appID, lease)
		if err != nil {
			w.keep(lease.NodeID, buried)
			continue
		}
		r.tellBuried(ctx, buried)
	}
}

// settle tells of those who were buried after all.
func (w *leaseWatch) settle(ctx context.Context, r *registrar, leases []models.Lease) {
	for node, buried := range w.unsure {
		if !slices.ContainsFunc(leases, func(l models.Lease) bool { return l.NodeID == node }) {
			r.tellBuried(ctx, buried)
		}
	}
	clear(w.unsure)
}

// looked notes a look at the leases. Looks that are too far apart, or a clock that was set back, begin anew.
func (w *leaseWatch) looked(now models.Timestamp, beat time.Duration) {
	if w.last == 0 || now < w.last || now-w.last > models.Timestamp(steadyBeats*beat.Milliseconds()) {
		w.steady = now
	}
	w.last = now
}

// dead tells whether a lease has run out.
func (w *leaseWatch) dead(lease models.Lease, now models.Timestamp, beat time.Duration) bool {
	lasts := models.Timestamp(leaseBeats * beat.Milliseconds())
	since := max(lease.RenewedAt, w.steady)
	if lease.RenewedAt > now+lasts { // the clock was set back: who lives has renewed it since
		since = w.steady
	}
	return now-since > lasts
}

func (w *leaseWatch) keep(node string, buried []models.Presence) {
	if w.unsure == nil {
		w.unsure = map[string][]models.Presence{}
	}
	w.unsure[node] = buried
}

// tellBuried tells the other sessions of their clients that the sessions of a dead node are gone.
func (r *registrar) tellBuried(ctx context.Context, buried []models.Presence) {
	gone := make([]*Presence, len(buried))
	at := models.TimestampOf(r.node.options.Clock())
	for i, p := range buried {
		gone[i] = &Presence{ClientID: p.ClientID, SessionID: p.SessionID, Tag: p.Tag, At: at}
	}
	r.app.usher.buried(keysOf(gone))
	if err := r.tellGone(ctx, gone); err != nil {
		r.node.options.Logger.Warn("whether the sessions of a dead node are elsewhere could not be read", "error", err)
	}
}
