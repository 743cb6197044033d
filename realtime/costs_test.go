//go:build !race

package realtime

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/models"
	"parley/tests/costs"
)

// TestLiveCosts is the way of an entry from the log to the queues of streams.
func TestLiveCosts(t *testing.T) {
	const runs, streams = 100, 1000
	tom := "Tom"
	joined := models.Entry{Event: &models.Event{AppID: benchApp, ConversationID: benchConversation, Seq: 1, Kind: models.MembersJoined,
		Actor: &tom, At: 1_795_422_780_123, Body: models.EventBody{Members: []string{"Mary"},
			Conversation: &models.ConversationRef{ID: benchConversation, Type: models.Normal}}}}
	encode := func(entry models.Entry) costs.Cost {
		return costs.Measure(runs, nil, func() {
			if _, err := newFanout(entry).frameFor("Jerry"); err != nil {
				t.Fatal(err)
			}
		})
	}
	costs.Check(t, "live", costs.NoDatabase, []costs.Row{
		{Operation: "encode a message, once for all who get it", Cost: encode(benchMessages(0, 1)[0])},
		{Operation: "encode members_joined", Cost: encode(joined)},
		{Operation: "feed and hub: a message to 1 stream", Cost: handOn(t, runs, 1)},
		{Operation: "feed and hub: a message to 1,000 streams", Cost: handOn(t, runs, streams)},
	})
}

// handOn is what a message costs from the commit into the queues of a conversation's streams, and out of them again.
func handOn(t *testing.T, runs, streams int) costs.Cost {
	logger := slog.New(slog.DiscardHandler)
	hub := newHub(0, logger, newMetrics(prometheus.NewRegistry()).of(""))
	feed := newFeed(benchApp, emptyLog{}, hub, logger, time.Now)
	attached := attachedStreams(t, hub, streams)
	messages := benchMessages(0, 2*runs)
	next := 0
	return costs.Measure(runs, nil, func() {
		feed.offer(messages[next : next+1])
		next++
		if !feed.advance(t.Context()) {
			t.Fatal(errRead)
		}
		for _, s := range attached {
			<-s.wake
			frames, _, overflowed, _ := s.take(s.batch)
			if len(frames) != 1 || overflowed {
				t.Fatalf("a stream has %d messages", len(frames))
			}
			s.batch = reuse(frames)
		}
	})
}
