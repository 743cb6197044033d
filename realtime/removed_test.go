package realtime

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"parley/models"
)

// sweptLog is a memoryLog in which conversation c has a retention of its own, as has another, of which more has been
// removed. The first page of c's is read while its first entries go.
type sweptLog struct {
	*memoryLog
	floor atomic.Int64 // of c
}

func (l *sweptLog) Head(ctx context.Context, appID uint32) (models.Head, error) {
	head, err := l.memoryLog.Head(ctx, appID)
	head.OwnFloor = head.Seq // the other conversation's
	return head, err
}

func (l *sweptLog) Spans(context.Context, uint32, string, int64) ([]models.Span, error) {
	return []models.Span{{ConversationID: "c", LastSeq: 4, FloorSeq: l.floor.Load()}}, nil
}

func (l *sweptLog) Page(ctx context.Context, appID uint32, _ []models.Span, after, upTo int64, limit int) ([]models.Entry, int64, error) {
	l.floor.Store(2)
	return l.Between(ctx, appID, max(after, 2), upTo, limit)
}

// readEvents opens a stream that resumes from a position and gives its events as they come.
func readEvents(t *testing.T, node *Node, position string) (next func() (name, data string)) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := node.Serve(r.Context(), w, StreamRequest{AppID: 1, ClientID: "Jerry", SessionID: "phone", LastEventID: &position,
			Expiry: func(context.Context) (models.Timestamp, error) { return 0, nil }})
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	return func() (name, data string) {
		for lines.Scan() {
			if event, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				name = event
			}
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return name, data
			}
		}
		t.Fatal("the stream has ended: ", lines.Err())
		return "", ""
	}
}

// TestResumeWasNotToldOfWhatWentWhileItWasRead: also where the app's own floor, which is the highest of all
// conversations', does not move with it.
func TestResumeWasNotToldOfWhatWentWhileItWasRead(t *testing.T) {
	log := &sweptLog{memoryLog: &memoryLog{id: "log"}}
	for range 4 {
		log.commit(func(seq int64) models.Entry { return textEntry(seq, "hello") })
	}
	next := readEvents(t, startNode(t, log, Local{}), "0")
	if name, data := next(); name != eventResync || !strings.Contains(data, `"conversationId":"c"`) {
		t.Fatalf("first came %s %s", name, data)
	}
	for _, id := range []string{`"id":"3"`, `"id":"4"`} {
		if name, data := next(); name != eventMessage || !strings.Contains(data, id) {
			t.Fatalf("not the message with %s, but %s %s", id, name, data)
		}
	}
	if name, data := next(); name != eventReconnect || strings.Contains(data, "missed") {
		t.Fatalf("at the end came %s %s", name, data)
	}
}

// forgetfulLog is a memoryLog whose retention removes what a node has not read yet.
type forgetfulLog struct {
	*memoryLog
	floor int64
}

// grow commits some entries of which all but the last are gone at once.
func (l *forgetfulLog) grow(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		l.entries = append(l.entries, textEntry(int64(len(l.entries)+1), "hello"))
	}
	l.floor = int64(len(l.entries) - 1)
}

func (l *forgetfulLog) Heads(ctx context.Context) ([]models.Head, error) {
	head, err := l.Head(ctx, 1)
	return []models.Head{head}, err
}

func (l *forgetfulLog) Head(context.Context, uint32) (models.Head, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return models.Head{AppID: 1, Seq: int64(len(l.entries)), LogID: l.id, Floor: l.floor}, nil
}

func (l *forgetfulLog) Between(ctx context.Context, appID uint32, after, upTo int64, limit int) ([]models.Entry, int64, error) {
	l.mu.Lock()
	floor := l.floor
	l.mu.Unlock()
	return l.memoryLog.Between(ctx, appID, max(after, floor), upTo, limit)
}

// TestNodeThatLaggedForLongerThanHistoryIsKept: a live stream is told that something is missing, as one that resumes is.
func TestNodeThatLaggedForLongerThanHistoryIsKept(t *testing.T) {
	log := &forgetfulLog{memoryLog: &memoryLog{id: "log"}}
	log.grow(1)
	next := readEvents(t, startNode(t, log, Local{}), "1")
	if name, data := next(); name != eventReconnect {
		t.Fatalf("first came %s %s", name, data)
	}
	log.grow(4)
	if name, data := next(); name != eventResync || !strings.Contains(data, `"position":"5"`) {
		t.Fatalf("after the gap came %s %s", name, data)
	}
	log.grow(1)
	if name, data := next(); name != eventMessage || !strings.Contains(data, `"id":"6"`) {
		t.Fatalf("at last came %s %s", name, data)
	}
}
