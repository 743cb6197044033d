package realtime

import (
	"context"
	"slices"
	"strconv"
	"time"

	"parley/models"
)

const (
	// A page of the log is some 100 KB to 1 MB: large enough that a long replay is not bound by round trips, small
	// enough that many streams can catch up at once, and that one whose reader has stalled costs no more than this.
	pageBytes           = 1 << 20
	pageLeast, pageMost = 32, 1000
	pageFirst           = 128
	// A database that is frozen must not silence a stream beyond the heartbeat it promises.
	readTimeout        = 5 * time.Second
	windowFirst        = 1000
	catchUpPause       = 500 * time.Millisecond // between attempts while the database does not answer
	windowGrowth       = 4
	windowMost   int64 = 1 << 40
)

// pace adapts the reads of a catch-up to what they find: the rows of a page to their size, the stretch of the log to
// how much of it is the stream's own. A stretch bounds what the database has to sort.
type pace struct {
	rows   int
	window int64
}

func (p *pace) adapt(found, bytes int, complete bool) {
	if found > 0 {
		p.rows = min(max(pageBytes/(bytes/found+1), pageLeast), pageMost)
	}
	if complete && found < p.rows/windowGrowth {
		p.window = min(p.window*windowGrowth, windowMost)
	}
}

// bringUp is the catching-up state: it ends with nil when the stream has become live. A database that does not answer
// ends no stream: it beats on and tries again.
func (s *Stream) bringUp(ctx context.Context, heartbeat *time.Timer) *ending {
	s.pace = pace{rows: pageFirst, window: windowFirst}
	for {
		if end := s.mustEnd(ctx, heartbeat); end != nil {
			return end
		}
		attached, end, err := s.step(ctx, heartbeat)
		if end != nil || attached {
			return end
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return &ending{err: ctx.Err()}
		}
		s.node.options.Logger.Debug("a stream cannot catch up yet", "error", err)
		pause := time.NewTimer(catchUpPause)
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-pause.C:
		case <-heartbeat.C:
			end = s.beat(ctx, heartbeat)
		}
		pause.Stop()
		if end != nil {
			return end
		}
	}
}

// step reads the counter, then the memberships up to it, then writes what lies in between, and tries to become live.
func (s *Stream) step(ctx context.Context, heartbeat *time.Timer) (attached bool, end *ending, err error) {
	head, spans, tooFar, err := s.look(ctx)
	if err != nil {
		return false, nil, err
	}
	if tooFar {
		return false, &ending{reason: ReasonSlowConsumer}, nil
	}
	if end := s.tellRemoved(head, spans); end != nil {
		return false, end, nil
	}
	for s.cursor < head.Seq {
		if end := s.mustEnd(ctx, heartbeat); end != nil {
			return false, end, nil
		}
		select {
		case <-heartbeat.C:
			if end := s.beat(ctx, heartbeat); end != nil {
				return false, end, nil
			}
		default:
		}
		if again, end, err := s.page(ctx, spans, head); again || end != nil || err != nil {
			return false, end, err
		}
	}
	return s.app.hub.attach(s, head.Seq, spans), nil, nil
}

// mustEnd tells whether the server has a reason to end a stream that catches up.
func (s *Stream) mustEnd(ctx context.Context, heartbeat *time.Timer) *ending {
	if reason := s.reasonToEnd(); reason != "" {
		return &ending{reason: reason}
	}
	if s.isToReview() {
		return s.review(ctx, heartbeat)
	}
	return nil
}

// look reads the counter, then the memberships up to it.
func (s *Stream) look(ctx context.Context) (head models.Head, spans []models.Span, tooFar bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if head, err = s.node.log.Head(ctx, s.request.AppID); err != nil {
		return head, nil, false, err
	}
	if spans, err = s.node.log.Spans(ctx, s.request.AppID, s.clientID, s.cursor); err != nil {
		return head, nil, false, err
	}
	if !s.greet { // a stream that resumes has been asked this at its start
		tooFar, err = s.tooFar(ctx, spans, s.cursor, head.Seq)
	}
	return head, spans, tooFar, err
}

// page writes the next stretch of the log; again: what was to be read has been removed meanwhile, look anew.
func (s *Stream) page(ctx context.Context, spans []models.Span, head models.Head) (again bool, end *ending, err error) {
	if !slices.ContainsFunc(spans, func(span models.Span) bool { return span.LastSeq > s.cursor }) {
		s.cursor = head.Seq
		return false, nil, nil
	}
	upTo := min(head.Seq, s.cursor+s.pace.window)
	frames, reached, err := s.readPage(ctx, spans, upTo)
	if err != nil {
		return false, nil, err
	}
	// A floor is raised before anything below it is removed. So what has been read is whole if no floor has passed the
	// cursor even now.
	if again, err = s.passedBy(ctx); again || err != nil {
		return again, nil, err
	}
	bytes := 0
	for _, f := range frames {
		bytes += len(f.data)
	}
	if err := s.out.writeFrames(frames); err != nil {
		return false, &ending{err: err}, nil
	}
	s.app.hub.metrics.deliveries.Add(float64(len(frames)))
	s.brought(frames)
	s.missed += len(frames)
	s.cursor = reached
	s.pace.adapt(len(frames), bytes, reached == upTo)
	return false, nil, nil
}

// readPage reads and encodes a page; at most a few streams do so at once, so that a thousand that come back together
// leave connections for everything else.
func (s *Stream) readPage(ctx context.Context, spans []models.Span, upTo int64) ([]*frame, int64, error) {
	select {
	case s.node.catchUps <- struct{}{}:
		defer func() { <-s.node.catchUps }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	entries, reached, err := s.node.log.Page(ctx, s.request.AppID, spans, s.cursor, upTo, s.pace.rows)
	if err != nil {
		return nil, 0, err
	}
	frames, bytes := make([]*frame, 0, len(entries)), 0
	for _, e := range entries {
		if isHidden(e, s.sessionID) {
			continue
		}
		event := eventFor(e, s.clientID)
		f, err := newFrame(e.Seq(), event, payloadOf(e, event))
		if err != nil {
			return nil, 0, err
		}
		f.broadcast = e.IsBroadcast()
		frames = append(frames, f)
		if bytes += len(f.data); bytes >= pageBytes { // escaped, a text may be six times as long
			return frames, e.Seq(), nil
		}
	}
	return frames, reached, nil
}

// reconnected says that all that was missed has been sent.
func (s *Stream) reconnected() error {
	s.greet = false
	event := ReconnectEvent{OnlineEvent: s.online(), ResumedFrom: Position(s.resumedFrom)}
	if !s.resynced {
		event.Missed = &s.missed
	}
	return s.out.event(appendID(nil, s.cursor), eventReconnect, event)
}

// resumable reads the position that the client asks for; reason says why it cannot be resumed from.
func (s *Stream) resumable(ctx context.Context, head models.Head) (position int64, reason string, err error) {
	position, ok := parsePosition(*s.request.LastEventID)
	switch {
	case !ok:
		return 0, resyncInvalid, nil
	case position > head.Seq:
		return 0, resyncFuture, nil
	case position < head.Floor:
		return 0, resyncExpired, nil
	}
	spans, err := s.node.log.Spans(ctx, s.request.AppID, s.clientID, position)
	if err != nil {
		return 0, "", err
	}
	tooFar, err := s.tooFar(ctx, spans, position, head.Seq)
	if tooFar {
		reason = resyncTooFar
	}
	return position, reason, err
}

// tooFar tells whether more of the stream's own lies behind than is replayed. Counting is only worth it where the log
// itself has grown by more.
func (s *Stream) tooFar(ctx context.Context, spans []models.Span, position, head int64) (bool, error) {
	limit := s.node.options.ReplayLimit
	if head-position <= int64(limit) {
		return false, nil
	}
	n, err := s.node.log.CountUpTo(ctx, s.request.AppID, spans, position, head, limit)
	return n > limit, err
}

// parsePosition reads a position: decimal digits as the server writes them, and nothing else.
func parsePosition(text string) (int64, bool) {
	position, err := strconv.ParseInt(text, 10, 64)
	return position, err == nil && position >= 0 && strconv.FormatInt(position, 10) == text
}
