package realtime

import (
	"context"
	"sync"
	"testing"
	"time"

	"parley/models"
)

// memoryLog is a log of one app in memory, in which Jerry is a member of conversation c.
type memoryLog struct {
	id string

	mu      sync.Mutex
	entries []models.Entry
}

// commit appends an entry under the next number.
func (l *memoryLog) commit(make func(seq int64) models.Entry) models.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := make(int64(len(l.entries) + 1))
	l.entries = append(l.entries, e)
	return e
}

func (l *memoryLog) Heads(ctx context.Context) ([]models.Head, error) {
	head, err := l.Head(ctx, 1)
	return []models.Head{head}, err
}

func (l *memoryLog) Head(context.Context, uint32) (models.Head, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return models.Head{AppID: 1, Seq: int64(len(l.entries)), LogID: l.id}, nil
}

func (l *memoryLog) Between(_ context.Context, _ uint32, after, upTo int64, limit int) ([]models.Entry, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	upTo = min(upTo, after+int64(limit))
	return append([]models.Entry(nil), l.entries[after:upTo]...), upTo, nil
}

func (l *memoryLog) Spans(context.Context, uint32, string, int64) ([]models.Span, error) {
	return []models.Span{{ConversationID: "c"}}, nil
}

func (l *memoryLog) Page(ctx context.Context, appID uint32, _ []models.Span, after, upTo int64, limit int) ([]models.Entry, int64, error) {
	return l.Between(ctx, appID, after, upTo, limit)
}

func (l *memoryLog) Waiting(_ context.Context, _ uint32, _ string, _ []models.Span, _, upTo int64, _ int) ([]models.Entry, int64, error) {
	return nil, upTo, nil
}

func (l *memoryLog) CountUpTo(context.Context, uint32, []models.Span, int64, int64, int) (int, error) {
	return 0, nil
}
func (l *memoryLog) SessionEnded(uint32, string)     {}
func (l *memoryLog) TrustSessions(uint32, time.Time) {}

func textEntry(seq int64, text string) models.Entry {
	return models.Entry{Message: &models.Message{Seq: seq, ConversationID: "c", From: "Tom", Type: "text", Text: &text, Attributes: "{}", Timestamp: 1700000000123}}
}

func startNode(t *testing.T, log Log, broker Broker) *Node {
	t.Helper()
	node := NewNode(log, Options{Broker: broker})
	if err := node.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Close() })
	return node
}

// watch attaches a bare stream of a client, whose queue the test reads itself.
func watch(t *testing.T, node *Node, clientID string) *Stream {
	t.Helper()
	app, err := node.live(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	s := &Stream{queue: newQueue(), node: node, app: app, clientID: clientID}
	app.hub.register(s)
	if !app.hub.attach(s, app.hub.head.Load(), []models.Span{{ConversationID: "c"}}) {
		t.Fatal("the stream was not attached")
	}
	t.Cleanup(func() { app.hub.unregister(s) })
	return s
}

// next waits for what comes into the queue; it must not overflow.
func (s *Stream) next(t *testing.T) []*frame {
	t.Helper()
	select {
	case <-s.wake:
		frames, _, overflowed, _ := s.take(nil)
		if overflowed {
			t.Fatal("the queue overflowed")
		}
		return frames
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		return nil
	}
}
