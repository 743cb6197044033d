package realtime

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/models"
)

// bareListener is the least that takes a block from another goroutine.
type bareListener struct {
	mu     sync.Mutex
	blocks [][]byte
	wake   chan struct{}
}

func (l *bareListener) push(block []byte) {
	l.mu.Lock()
	l.blocks = append(l.blocks, block)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *bareListener) take(into [][]byte) [][]byte {
	<-l.wake
	l.mu.Lock()
	defer l.mu.Unlock()
	into = append(into[:0], l.blocks...)
	clear(l.blocks)
	l.blocks = l.blocks[:0]
	return into
}

// crowdedRoom is a hub with live streams of as many sessions inside one chat room.
func crowdedRoom(b *testing.B, n int) (*Hub, []*Stream) {
	b.Helper()
	hub := newHub(0, slog.New(slog.DiscardHandler), newMetrics(prometheus.NewRegistry()).of(""))
	streams := make([]*Stream, n)
	var joined []models.MovedSession
	for i := range streams {
		client := fmt.Sprintf("client-%05d", i)
		streams[i] = &Stream{queue: newQueue(), clientID: client, sessionID: "session-" + client}
		hub.register(streams[i])
		if !hub.attach(streams[i], 0, nil) {
			b.Fatal("a stream could not be attached")
		}
		joined = append(joined, models.MovedSession{ClientID: client, SessionID: "session-" + client, JoinedSeq: 1})
	}
	hub.deliver([]models.Entry{{Event: &models.Event{AppID: benchApp, Seq: 1, Kind: models.RoomJoined,
		Body: models.EventBody{Room: benchConversation, Sessions: joined}}}})
	return hub, streams
}

// BenchmarkChatRoom is the way of a message through the hub into the queues of the 10,000 streams of a chat room, each of
// which takes it out again, beside a bare loop that does the same with the finished block: no order, no bound, no
// priorities, nobody coming and going. Nothing is written to a socket.
func BenchmarkChatRoom(b *testing.B) {
	const crowd = 10_000
	for _, batch := range []int{1, 16} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			hub, streams := crowdedRoom(b, crowd)
			bare := make([]*bareListener, crowd)
			for i := range bare {
				bare[i] = &bareListener{wake: make(chan struct{}, 1)}
			}
			var block []byte
			var blocks [][]byte
			var room, floor time.Duration
			seq := int64(1)
			b.ReportAllocs()
			for b.Loop() {
				begun := time.Now()
				hub.deliver(benchMessages(seq, batch))
				seq += int64(batch)
				for _, s := range streams {
					<-s.wake
					frames, lost, _, _ := s.take(s.batch)
					if len(frames) != batch || lost != nil {
						b.Fatalf("a stream has %d messages of %d", len(frames), batch)
					}
					block = frames[0].data
					s.batch = reuse(frames)
				}
				between := time.Now()
				for range batch {
					for _, l := range bare {
						l.push(block)
					}
				}
				for _, l := range bare {
					blocks = l.take(blocks)
				}
				room += between.Sub(begun)
				floor += time.Since(between)
			}
			deliveries := float64(b.N) * float64(batch) * crowd
			b.ReportMetric(float64(room.Nanoseconds())/deliveries, "ns/delivery")
			b.ReportMetric(float64(floor.Nanoseconds())/deliveries, "bare-ns/delivery")
			b.ReportMetric(float64(room)/float64(floor), "x-bare")
		})
	}
}

// BenchmarkChatRoomOfSlowReaders is a message for 10,000 streams none of which reads: each drops an older one for it.
func BenchmarkChatRoomOfSlowReaders(b *testing.B) {
	const crowd = 10_000
	hub, _ := crowdedRoom(b, crowd)
	seq := int64(1)
	say := func(n int) {
		hub.deliver(benchMessages(seq, n))
		seq += int64(n)
	}
	say(queueFrames)
	b.ReportAllocs()
	for b.Loop() {
		say(1)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/crowd, "ns/delivery")
}
