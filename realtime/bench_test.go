package realtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/models"
)

const (
	benchApp          = 1
	benchConversation = "cq3v0d8s7k5s73d1g0ag"
)

// emptyLog is a log in which there is nothing to read: a feed without gaps never asks. Reading it is an error, so that
// a benchmark that begins to measure the database fails.
type emptyLog struct{}

var errRead = errors.New("the log was read, though the feed had everything")

func (emptyLog) Heads(context.Context) ([]models.Head, error)      { return nil, errRead }
func (emptyLog) Head(context.Context, uint32) (models.Head, error) { return models.Head{}, errRead }
func (emptyLog) SessionEnded(uint32, string)                       {}
func (emptyLog) TrustSessions(uint32, time.Time)                   {}
func (emptyLog) Between(context.Context, uint32, int64, int64, int) ([]models.Entry, int64, error) {
	return nil, 0, errRead
}

func (emptyLog) Spans(context.Context, uint32, string, int64) ([]models.Span, error) {
	return nil, errRead
}

func (emptyLog) Page(context.Context, uint32, []models.Span, int64, int64, int) ([]models.Entry, int64, error) {
	return nil, 0, errRead
}

func (emptyLog) Waiting(_ context.Context, _ uint32, _ string, _ []models.Span, _, upTo int64, _ int) ([]models.Entry, int64, error) {
	return nil, upTo, nil
}

func (emptyLog) CountUpTo(context.Context, uint32, []models.Span, int64, int64, int) (int, error) {
	return 0, errRead
}

// benchMessages gives n messages of 200 bytes of text that follow a position.
func benchMessages(after int64, n int) []models.Entry {
	text := strings.Repeat("x", 200)
	entries := make([]models.Entry, n)
	for i := range entries {
		entries[i] = models.Entry{Message: &models.Message{AppID: benchApp, Seq: after + int64(i) + 1, ConversationID: benchConversation,
			From: "Tom", SessionID: "cq3v0d8s7k5s73d1g0b0", Type: "text", Text: &text, Attributes: "{}", Timestamp: 1_795_422_780_123}}
	}
	return entries
}

// attachedStreams are live streams of clients in one conversation.
func attachedStreams(b testing.TB, hub *Hub, n int) []*Stream {
	b.Helper()
	streams := make([]*Stream, n)
	for i := range streams {
		client := fmt.Sprintf("client-%05d", i)
		streams[i] = &Stream{queue: newQueue(), clientID: client, sessionID: "session-" + client}
		if !hub.register(streams[i]) {
			b.Fatal("the hub takes no streams")
		}
		if !hub.attach(streams[i], 0, []models.Span{{ConversationID: benchConversation, JoinedSeq: 0}}) {
			b.Fatal("a stream could not be attached")
		}
	}
	return streams
}

// BenchmarkFanOut is the way of a committed batch through the feed and the hub into the queues of 1,000 streams of one
// conversation, each of which takes it out again as its loop does. Nothing is written to a socket.
func BenchmarkFanOut(b *testing.B) {
	const streamCount = 1000
	for _, batch := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			logger := slog.New(slog.DiscardHandler)
			hub := newHub(0, logger, newMetrics(prometheus.NewRegistry()).of(""))
			feed := newFeed(benchApp, emptyLog{}, hub, logger, time.Now)
			streams := attachedStreams(b, hub, streamCount)
			var seq int64
			b.ReportAllocs()
			for b.Loop() {
				feed.offer(benchMessages(seq, batch))
				if !feed.advance(b.Context()) {
					b.Fatal(errRead)
				}
				seq += int64(batch)
				for _, s := range streams {
					<-s.wake
					frames, _, overflowed, _ := s.take(s.batch)
					if len(frames) != batch || overflowed {
						b.Fatalf("a stream has %d messages of %d", len(frames), batch)
					}
					s.batch = reuse(frames)
				}
			}
			deliveries := float64(b.N) * float64(batch) * streamCount
			b.ReportMetric(deliveries/b.Elapsed().Seconds(), "deliveries/s")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/deliveries, "ns/delivery")
			b.ReportMetric(float64(b.N)*float64(batch)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

// BenchmarkFrame is the encoding of one entry, which is done once for all who are shown the same.
func BenchmarkFrame(b *testing.B) {
	message := benchMessages(0, 1)[0]
	tom := "Tom"
	joined := models.Entry{Event: &models.Event{AppID: benchApp, ConversationID: benchConversation, Seq: 1, Kind: models.MembersJoined,
		Actor: &tom, At: 1_795_422_780_123, Body: models.EventBody{Members: []string{"Mary"},
			Conversation: &models.ConversationRef{ID: benchConversation, Type: models.Normal}}}}
	for name, entry := range map[string]models.Entry{"message": message, "members_joined": joined} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			bytes := 0
			for b.Loop() {
				f, err := newFanout(entry).frameFor("Jerry")
				if err != nil {
					b.Fatal(err)
				}
				bytes = len(f.data)
			}
			b.SetBytes(int64(bytes))
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}
