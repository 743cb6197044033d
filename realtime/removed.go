package realtime

import (
	"context"

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
		if span.FloorSeq <= s.cursor || span.FloorSeq < span.JoinedSeq || span.FloorSeq == s.told[span.ConversationID] {
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

// passedBy tells whether a floor has passed the cursor since the counter was read.
func (s *Stream) passedBy(ctx context.Context, before models.Head) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	now, err := s.node.log.Head(ctx, s.request.AppID)
	return now.Floor > s.cursor || now.OwnFloor > max(before.OwnFloor, s.cursor), err
}
