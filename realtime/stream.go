package realtime

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"parley/models"
)

// StreamRequest is what a client asks for when it opens a stream.
type StreamRequest struct {
	AppID     uint32
	ClientID  string
	SessionID string  // empty: the app's own server acting as the client
	Tag       *string // of the session
	// LastEventID is the position to resume from as the client sent it; nil on a new stream.
	LastEventID *string
	// TakeOver: the connection may be taken over from the HTTP server, because it speaks HTTP/1.1.
	TakeOver bool
	// Ended is called when the stream has ended, or could not be opened; may be nil.
	Ended func()
	// Expiry tells until when the stream may go on, or why it may not; asked once the stream is known to the hub, again when
	// that time has come, and when something of the app has changed. Zero: no end.
	Expiry func(context.Context) (models.Timestamp, error)
}

// Stream is one open event stream: one loop with one cursor, in one of two states. Catching up, it reads from the log
// what lies between its cursor and the head; live, it drains its queue. It starts in the first state and returns to it
// when the queue overflows, so that resuming, slow readers and gaps are one piece of code.
type Stream struct {
	queue
	clientID, sessionID string
	node                *Node
	app                 *appLive
	request             StreamRequest
	out                 *writer

	// The hub's, under its lock.
	live  bool
	from  int64          // entries up to here are the stream's own business
	rooms map[string]int // conversation → place in the hub's list
	// Of chat rooms: the same, and up to where nothing of them has to be told as lost.
	chats     map[string]int
	chatsFrom int64

	// The loop's.
	cursor      int64 // all that is the stream's own up to here has been written
	missed      int
	resumedFrom int64
	greet       bool // reconnect is still to be sent
	attached    bool // start has made the stream live already
	resynced    bool
	told        map[string]int64 // conversation → the floor of its own retention of which the client knows
	expires     models.Timestamp
	pace        pace
	batch       []*frame
	waiting     waiting
}

// ending is why the loop stops: a reason to tell the client, or an error of the connection.
type ending struct {
	reason string
	err    error
}

// label is how it is counted.
func (e ending) label() string {
	switch {
	case e.reason != "":
		return e.reason
	case errors.Is(e.err, os.ErrDeadlineExceeded):
		return "stalled"
	}
	return "gone"
}

// Serve opens a stream. Where the connection can be taken over, it returns when the stream goes on by itself; elsewhere
// when the client has gone away or the server has ended it. An error means that nothing has been written yet and the caller has
// to answer.
func (n *Node) Serve(ctx context.Context, w http.ResponseWriter, request StreamRequest) error {
	if request.Ended == nil {
		request.Ended = func() {}
	}
	goesOn := false
	defer func() {
		if !goesOn {
			request.Ended()
		}
	}()
	app, err := n.live(ctx, request.AppID)
	if err != nil {
		return err
	}
	// A stream lives long: it keeps nothing of the request's memory.
	request.ClientID, request.SessionID = strings.Clone(request.ClientID), strings.Clone(request.SessionID)
	s := &Stream{queue: newQueue(), node: n, app: app, request: request, clientID: request.ClientID, sessionID: request.SessionID}
	if !app.hub.register(s) {
		return errStopping()
	}
	defer func() {
		if !goesOn {
			s.leave()
		}
	}()
	if s.expires, err = request.Expiry(ctx); err != nil {
		return err
	}
	app.usher.came(ctx, s.key())
	start, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.request.LastEventID = nil
	if request.TakeOver {
		l, err := takeOver(w)
		if err != nil {
			return nil // the client has gone; there is nobody to tell
		}
		if goesOn = l != nil; goesOn {
			n.links.add(l)
			go s.goOn(l, start)
			return nil
		}
	}
	s.talk(ctx, newResponse(w), start)
	return nil
}

// goOn runs a stream on its own connection.
func (s *Stream) goOn(l *link, start []byte) {
	ctx, cancel := context.WithCancel(context.Background())
	var listening sync.WaitGroup
	listening.Go(func() {
		l.listen()
		cancel()
	})
	defer func() {
		if p := recover(); p != nil { // as in a handler: it is this stream's end and nobody else's
			s.node.options.Logger.Error("a stream panicked", "error", p, "stack", string(debug.Stack()))
		}
		s.leave()
		s.request.Ended()
		_ = l.conn.Close() // whatever it says, it is over
		listening.Wait()
		cancel()
		s.node.links.remove(l)
	}()
	if s.talk(ctx, l, start) {
		l.end()
	}
}

// talk runs a stream to its end; said tells that the client has been told of it.
func (s *Stream) talk(ctx context.Context, w wire, start []byte) (said bool) {
	s.out = &writer{wire: w, buffers: &s.node.buffers}
	s.node.came(s) // before the client can act on its first event
	if err := s.out.write(start); err != nil {
		return s.finish(ending{err: err}) // the client has gone; there is nobody to tell
	}
	return s.finish(s.run(ctx))
}

// leave takes the stream out of the hub.
func (s *Stream) leave() {
	s.app.hub.unregister(s)
	if s.out == nil {
		s.app.usher.leave(s.key())
		return
	}
	s.node.lost(s) // after it is no longer here
}

// begin is start with the time that a read may take.
func (s *Stream) begin(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return s.start(ctx)
}

// start decides where the stream begins and gives its first blocks.
func (s *Stream) start(ctx context.Context) ([]byte, error) {
	head, err := s.node.log.Head(ctx, s.request.AppID)
	if err != nil {
		return nil, err
	}
	s.cursor, s.resumedFrom, s.chatsFrom = head.Seq, head.Seq, head.Seq
	if s.request.LastEventID == nil {
		s.node.metrics.resumes.WithLabelValues("new").Inc()
		// Live before it says so: whoever has read `online` misses nothing from there on, not even what is beside the log.
		spans, err := s.node.log.Spans(ctx, s.request.AppID, s.clientID, head.Seq)
		if err != nil {
			return nil, err
		}
		if err := s.lookForWaiting(ctx, spans, head.Seq); err != nil {
			return nil, err
		}
		s.attached = s.app.hub.attach(s, head.Seq, spans)
		return appendEvent(appendID(appendRetry(nil, comeBackDelay()), s.firstID()), eventOnline, s.online())
	}
	s.greet = true
	position, reason, err := s.resumable(ctx, head)
	if err != nil {
		return nil, err
	}
	if reason != "" {
		s.resynced = true
		s.node.metrics.resumes.WithLabelValues(reason).Inc()
		spans, err := s.node.log.Spans(ctx, s.request.AppID, s.clientID, head.Seq)
		if err == nil {
			err = s.lookForWaiting(ctx, spans, head.Seq)
		}
		if err != nil {
			return nil, err
		}
		return appendEvent(appendID(appendRetry(nil, comeBackDelay()), s.firstID()), eventResync, ResyncEvent{Reason: reason, Position: Position(s.cursor)})
	}
	s.node.metrics.resumes.WithLabelValues("resumed").Inc()
	s.cursor, s.resumedFrom, s.chatsFrom = position, position, position
	return append(appendID(appendRetry(nil, comeBackDelay()), s.cursor), '\n'), nil
}

func (s *Stream) online() OnlineEvent {
	e := OnlineEvent{ClientID: s.clientID, Position: Position(s.cursor),
		HeartbeatSeconds: int(HeartbeatPromise.Seconds()), ServerTime: models.TimestampOf(s.node.options.Clock())}
	if s.sessionID != "" {
		e.SessionID = &s.sessionID
	}
	return e
}

// run is the loop.
func (s *Stream) run(ctx context.Context) ending {
	heartbeat := time.NewTimer(s.untilBeat())
	defer heartbeat.Stop()
	if end := s.bringWaiting(ctx); end != nil {
		return *end
	}
	for {
		if !s.attached {
			if end := s.bringUp(ctx, heartbeat); end != nil {
				return *end
			}
		}
		s.attached = false
		if s.greet {
			if err := s.reconnected(); err != nil {
				return ending{err: err}
			}
		}
		if end := s.drain(ctx, heartbeat); end != nil {
			return *end
		}
	}
}

// drain is the live state: it ends with nil when the queue has overflowed.
func (s *Stream) drain(ctx context.Context, heartbeat *time.Timer) *ending {
	for {
		select {
		case <-ctx.Done():
			return &ending{err: ctx.Err()}
		case <-heartbeat.C:
			head := s.app.hub.head.Load() // before the look at the queue
			if s.empty() {
				s.cursor = max(s.cursor, head)
			}
			if end := s.beat(ctx, heartbeat); end != nil {
				return end
			}
		case <-s.wake:
			if s.isToReview() {
				if end := s.review(ctx, heartbeat); end != nil {
					return end
				}
			}
			frames, lost, overflowed, reason := s.take(s.batch)
			if reason != "" {
				return &ending{reason: reason}
			}
			if overflowed {
				return nil
			}
			if len(frames) == 0 && lost == nil {
				continue
			}
			if err := s.writeLive(frames); err != nil {
				return &ending{err: err}
			}
			s.app.hub.metrics.deliveries.Add(float64(len(frames)))
			s.brought(frames)
			for _, f := range frames { // what is beside the log has no number
				s.cursor = max(s.cursor, f.seq)
			}
			s.batch = reuse(frames)
			if err := s.tellLost(lost); err != nil {
				return &ending{err: err}
			}
		}
	}
}

// tellLost says which chat rooms have lost messages. What was lost is not newer than what has been written by now, or it
// was the last that came, so the cursor may pass it.
func (s *Stream) tellLost(lost map[string]int64) error {
	for _, newest := range lost {
		s.cursor = max(s.cursor, newest)
	}
	for _, room := range slices.Sorted(maps.Keys(lost)) {
		event := ResyncEvent{Reason: resyncSlow, Position: Position(s.cursor), ConversationID: room}
		if err := s.out.event(appendID(nil, s.cursor), eventResync, event); err != nil {
			return err
		}
	}
	return nil
}

// reuse keeps a small slice for the next batch.
func reuse(frames []*frame) []*frame {
	clear(frames)
	if cap(frames) > idleFrames {
		return nil
	}
	return frames
}

// beat writes a heartbeat and sets the timer anew. Its number is one up to which all that is the stream's own has been
// written: the cursor. Live and with nothing queued, that is the hub's head as it was before the look at the queue.
func (s *Stream) beat(ctx context.Context, heartbeat *time.Timer) *ending {
	if err := s.out.write(append(appendID(nil, s.cursor), '\n')); err != nil {
		return &ending{err: err}
	}
	if s.expires != 0 && s.untilExpiry() <= 0 {
		if end := s.renewed(ctx); end != nil {
			return end
		}
	}
	heartbeat.Reset(s.untilBeat())
	return nil
}

// untilBeat is the time to the next heartbeat, or to the end of the session where that comes first.
func (s *Stream) untilBeat() time.Duration {
	if s.expires == 0 {
		return s.node.options.Heartbeat
	}
	return max(min(s.node.options.Heartbeat, s.untilExpiry()), time.Millisecond)
}

func (s *Stream) untilExpiry() time.Duration { return s.expires.Time().Sub(s.node.options.Clock()) }

// review asks now whether the stream may go on.
func (s *Stream) review(ctx context.Context, heartbeat *time.Timer) *ending {
	s.expires = models.TimestampOf(s.node.options.Clock())
	return s.beat(ctx, heartbeat)
}

// renewed asks whether the stream may go on: whether its session has been refreshed since it was opened.
func (s *Stream) renewed(ctx context.Context) *ending {
	expires, err := s.request.Expiry(ctx)
	switch e, told := err.(*models.Error); {
	case err == nil:
		s.expires = expires
	case told && e.Kind == models.Unauthorized:
		return &ending{reason: ReasonTokenExpired}
	case told && e.Kind == models.Forbidden: // the app is disabled: coming back makes no sense
		return &ending{reason: models.EndedByApp}
	default: // the database does not answer: the stream stays open, and asks again
		s.expires = models.TimestampOf(s.node.options.Clock().Add(time.Second))
	}
	return nil
}

// finish tells the client why the server ends the stream; whoever has gone is not told.
func (s *Stream) finish(end ending) (said bool) {
	s.node.metrics.ended.WithLabelValues(end.label()).Inc()
	if end.reason == "" {
		return false
	}
	final := []string{models.EndedByConflict, models.EndedByLogout, models.EndedByApp, ReasonTokenExpired}
	reconnect := !slices.Contains(final, end.reason)
	if reconnect && s.out.event(nil, eventSchedule, ScheduleEvent{DelayMs: comeBackDelay(), Reason: end.reason}) != nil {
		return false
	}
	return s.out.event(nil, eventDisconnect, DisconnectEvent{Reason: end.reason, Reconnect: reconnect}) == nil
}
