package realtime

import (
	"context"

	"github.com/rs/xid"
	"go.opentelemetry.io/otel/trace"

	"parley/models"
)

// This file is what goes beside the log: transient messages and presence. They are sent at most once, to whoever is
// live, and have no position.

// SendTransient hands a message that is not stored to the members who are online now.
func (n *Node) SendTransient(ctx context.Context, m *models.Message) error {
	app, err := n.live(ctx, m.AppID)
	if err != nil {
		return err
	}
	a := Announcement{Transient: &TransientMessage{Message: m, SessionID: m.SessionID, Priority: m.Priority}}
	if n.options.Tracer != nil {
		if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
			sampled := span // only this one is kept
			a.Trace = &sampled
		}
	}
	n.tell(app, a)
	return nil
}

// came enters a stream in the roll, and tells the client's other sessions that this one is online.
func (n *Node) came(s *Stream) {
	if first := s.app.roll.arrived(s); first && s.sessionID != "" { // the app's own server has no session to be seen
		n.announce(s.app, &Presence{ClientID: s.clientID, SessionID: s.sessionID, Tag: s.request.Tag, Online: true})
	}
}

// lost takes a stream off the roll; the registrar tells the others, when the session has no stream on any node.
func (n *Node) lost(s *Stream) { s.app.roll.left(s, models.TimestampOf(n.options.Clock())) }

// announce tells the other sessions of a client that one has come or gone; without a time: now.
func (n *Node) announce(app *appLive, p *Presence) {
	if p.At == 0 {
		p.At = models.TimestampOf(n.options.Clock())
	}
	n.tell(app, Announcement{Presence: p})
}

// tell hands news to this node's streams and to the other nodes.
func (n *Node) tell(app *appLive, a Announcement) {
	a.Log, a.ID = app.logID, xid.New().String()
	n.heard(app, a)
	n.options.Broker.Publish(a)
}

// heard takes an announcement of another node, or of this one.
func (n *Node) heard(app *appLive, a Announcement) {
	if len(a.Entries) > 0 {
		app.feed.offer(a.Entries)
	}
	if a.Reached > 0 {
		app.feed.hint(a.Reached)
	}
	if a.ID == "" || !n.seen.add(a.ID) {
		return
	}
	if a.Transient != nil {
		app.feed.afterEntries(func() { n.encoded(app.hub.transient(a.Transient, a.Trace)) })
		return
	}
	var err error
	switch {
	case a.Presence != nil && !a.Presence.Online && app.roll.contradict(a.Presence):
		// Another node has lost it, or has buried this one, and could not know that it is here.
	case a.Presence != nil:
		err = app.hub.presence(a.Presence)
	}
	n.encoded(err)
}

func (n *Node) encoded(err error) {
	if err != nil {
		n.options.Logger.Error("news could not be encoded", "error", err)
	}
}

func (h *Hub) transient(t *TransientMessage, from *trace.SpanContext) error {
	made, err := newFrame(0, eventMessage, t.Message)
	if err != nil {
		return err
	}
	f := &fanout{entry: models.Entry{Message: t.Message, Trace: from}}
	span := h.traceFanout(f)
	made.trace = f.trace
	h.beside(func() []*Stream { return h.rooms[t.Message.ConversationID] },
		func(s *Stream) bool { return t.SessionID == "" || s.sessionID != t.SessionID }, made)
	h.transientInChat(t, made)
	endFanout(span, f.trace)
	return nil
}

func (h *Hub) presence(p *Presence) error {
	var made *frame
	var err error
	if p.Online {
		made, err = newFrame(0, eventOnline, OnlineEvent{SessionID: &p.SessionID, ClientID: p.ClientID,
			Position: Position(h.head.Load()), HeartbeatSeconds: int(HeartbeatPromise.Seconds()), ServerTime: p.At})
	} else {
		made, err = newFrame(0, eventOffline, OfflineEvent{SessionID: p.SessionID, Tag: p.Tag, At: p.At})
	}
	if err != nil {
		return err
	}
	h.beside(func() []*Stream { return h.clients[p.ClientID] },
		func(s *Stream) bool { return s.sessionID != p.SessionID }, made)
	return nil
}
