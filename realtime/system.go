package realtime

import (
	"context"
	"slices"

	"parley/models"
)

// This file is what system conversations need of hub and stream: entries that are not simply for those inside, and
// broadcasts that wait for a client.

// concerned gives the live streams that an entry concerns.
func (h *Hub) concerned(e models.Entry) []*Stream {
	named, everyone, special := e.Addressees()
	if !special {
		return h.rooms[e.ConversationID()]
	}
	var streams []*Stream
	if everyone {
		for _, s := range h.clients {
			streams = appendLive(streams, s)
		}
	}
	for _, id := range named {
		streams = appendLive(streams, h.clients[id])
	}
	return streams
}

func appendLive(to, streams []*Stream) []*Stream {
	for _, s := range streams {
		if s.live {
			to = append(to, s)
		}
	}
	return to
}

// concerns is concerned for one stream.
func (s *Stream) concerns(e models.Entry) bool {
	named, everyone, special := e.Addressees()
	if special {
		return everyone || slices.Contains(named, s.clientID)
	}
	_, inside := s.rooms[e.ConversationID()]
	return inside
}

// letOut makes a stream leave by an entry that it has been shown already.
func (h *Hub) letOut(s *Stream, f *fanout) (ok bool) {
	if _, _, special := f.entry.Addressees(); special {
		h.leave(s, f.entry.ConversationID())
		return true
	}
	return h.takeOut(s, f)
}

// closeSystem takes all streams out of a system conversation that has been removed: the entry does not name who was inside.
func (h *Hub) closeSystem(f *fanout) {
	if endsSystem(f.entry) {
		for _, s := range slices.Clone(h.rooms[f.entry.ConversationID()]) {
			h.leave(s, f.entry.ConversationID())
		}
	}
}

func endsSystem(e models.Entry) bool {
	return e.Event != nil && e.Event.Kind == models.ConversationRemoved && e.Event.Body.Conversation != nil && e.Event.Body.Conversation.Type == models.System
}

// waiting is broadcasts that a client has not been brought yet: a page of those up to a number.
type waiting struct {
	spans   []models.Span
	upTo    int64
	entries []models.Entry
	reached int64
}

// lookForWaiting finds out which broadcasts wait for the client of a new stream that begins at a position.
func (s *Stream) lookForWaiting(ctx context.Context, spans []models.Span, position int64) error {
	last := models.LastBroadcast(spans)
	if last == 0 || s.node.options.Post == nil {
		return nil
	}
	delivered, err := s.app.postman.delivered(ctx, s.clientID)
	if err != nil || delivered >= min(last, position) {
		return err
	}
	s.waiting = waiting{spans: spans, upTo: position, reached: delivered}
	return s.waitingPage(ctx)
}

// waitingPage reads on, until there is something or nothing more.
func (s *Stream) waitingPage(ctx context.Context) (err error) {
	w := &s.waiting
	for w.entries = nil; len(w.entries) == 0 && w.reached < w.upTo; {
		w.entries, w.reached, err = s.node.log.Waiting(ctx, s.request.AppID, s.clientID, w.spans, w.reached, w.upTo, pageFirst)
		if err != nil {
			return err
		}
	}
	return nil
}

// firstID is the id of the stream's first block. Whoever loses the connection before it has had all that waits resumes before
// what it has not had.
func (s *Stream) firstID() int64 {
	if len(s.waiting.entries) > 0 {
		return s.waiting.entries[0].Seq() - 1
	}
	return s.cursor
}

// bringWaiting writes what waits for the client, and then that the stream is where it said that it begins.
func (s *Stream) bringWaiting(ctx context.Context) *ending {
	if len(s.waiting.entries) == 0 {
		return nil
	}
	for len(s.waiting.entries) > 0 {
		frames := make([]*frame, 0, len(s.waiting.entries))
		for _, e := range s.waiting.entries {
			f, err := newFrame(e.Seq(), eventMessage, e.Message)
			if err != nil {
				return &ending{err: err}
			}
			frames = append(frames, f)
		}
		if err := s.out.writeFrames(frames); err != nil {
			return &ending{err: err}
		}
		s.app.hub.metrics.deliveries.Add(float64(len(frames)))
		s.app.postman.note(s.clientID, frames[len(frames)-1].seq)
		if err := s.nextWaiting(ctx); err != nil {
			return &ending{err: err}
		}
	}
	s.waiting = waiting{}
	if err := s.out.write(append(appendID(nil, s.cursor), '\n')); err != nil {
		return &ending{err: err}
	}
	return nil
}

// nextWaiting reads the next page. A database that does not answer ends no stream otherwise; here the client comes again and
// resumes, which is shorter.
func (s *Stream) nextWaiting(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return s.waitingPage(ctx)
}

// brought notes that broadcasts have been written.
func (s *Stream) brought(frames []*frame) {
	last := int64(0)
	for _, f := range frames {
		if f.broadcast {
			last = f.seq
		}
	}
	if last > 0 {
		s.app.postman.note(s.clientID, last)
	}
}
