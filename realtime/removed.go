package realtime

import (
	"context"
	"slices"

	"parley/models"
)

// tellRemoved tells the client what retention has removed of what it has not seen: of everything, or of conversations
// with a retention of their own.
func (s *Stream) tellRemoved(head models.Head, spans []models.Span) *ending {
	if s.cursor < head.Floor {
		s.cursor = head.Seq
		return s.resync("")
	}
	if s.cursor >= head.OwnFloor {
		return nil
	}
	for _, span := range spans {
		if !s.untold(span) {
			continue
		}
		if s.told == nil {
			s.told = map[string]int64{}
		}
		s.told[span.ConversationID] = span.FloorSeq
		if end := s.resync(span.ConversationID); end != nil {
			return end
		}
	}
	return nil
}

// resync says that what lies behind is not kept any more, of one conversation or of all.
func (s *Stream) resync(conversationID string) *ending {
	s.resynced = true
	event := ResyncEvent{Reason: resyncExpired, Position: Position(s.cursor), ConversationID: conversationID}
	if err := s.out.event(appendID(nil, s.cursor), eventResync, event); err != nil {
		return &ending{err: err}
	}
	return nil
}

// untold tells whether something has gone from a conversation that the client has not seen and does not know of.
func (s *Stream) untold(span models.Span) bool {
	return span.FloorSeq > s.cursor && span.FloorSeq >= span.JoinedSeq && span.FloorSeq != s.told[span.ConversationID]
}

// passedBy tells whether a floor has passed the cursor since the client was told. The own floor is the highest of all
// conversations', so it does not move with each of them; where it is above the cursor, each is looked at.
func (s *Stream) passedBy(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	now, err := s.node.log.Head(ctx, s.request.AppID)
	if err != nil || now.Floor > s.cursor || now.OwnFloor <= s.cursor {
		return now.Floor > s.cursor, err
	}
	spans, err := s.node.log.Spans(ctx, s.request.AppID, s.clientID, s.cursor)
	return slices.ContainsFunc(spans, s.untold), err
}
