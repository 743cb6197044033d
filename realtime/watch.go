package realtime

import (
	"context"

	"parley/models"
)

// Watch waits for entries of an app's log as they come, for a reader that is not a stream. It tells that something has
// come, not what: the reader finds that in the database.
type Watch struct {
	node  *Node
	hub   *Hub
	wants func(models.Entry) bool
	came  chan struct{} // holds one
}

// Watch begins to look out for entries that wants wants, which must be quick. Whatever is committed after a read of the
// database that follows, Wait tells of. Stop must follow.
func (n *Node) Watch(ctx context.Context, appID uint32, wants func(models.Entry) bool) (*Watch, error) {
	app, err := n.live(ctx, appID)
	if err != nil {
		return nil, err
	}
	w := &Watch{node: n, hub: app.hub, wants: wants, came: make(chan struct{}, 1)}
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	w.hub.watches[w] = true
	return w, nil
}

// Wait returns true when something has come since Watch, or since the last time; false when ctx ends before, or the node
// is stopping.
func (w *Watch) Wait(ctx context.Context) bool {
	w.node.metrics.waiting.Inc()
	defer w.node.metrics.waiting.Dec()
	select {
	case <-w.came:
		return true
	case <-ctx.Done():
	case <-w.node.run.Done():
	}
	return false
}

// Stop ends the watch.
func (w *Watch) Stop() {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	delete(w.hub.watches, w)
}

// tellWatches is part of delivering an entry; the hub's lock is held.
func (h *Hub) tellWatches(e models.Entry) {
	for w := range h.watches {
		if w.wants(e) {
			select {
			case w.came <- struct{}{}:
			default:
			}
		}
	}
}
