package realtime

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/xid"

	"parley/models"
)

// natsVariable names a NATS server; in CI it must be there.
const natsVariable = "PARLEY_TEST_NATS_URL"

// newNATSPair connects two nodes' brokers.
func newNATSPair(t *testing.T) (Broker, Broker) {
	t.Helper()
	url := os.Getenv(natsVariable)
	if url == "" && os.Getenv("CI") != "" {
		t.Fatalf("%s is not set, and CI must run this test", natsVariable)
	}
	if url == "" {
		t.Skipf("needs a NATS server: set %s", natsVariable)
	}
	var pair [2]*NATS
	for i := range pair {
		b, err := NewNATS(url, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
		pair[i] = b
	}
	return pair[0], synced{pair[1]}
}

// synced waits until the server knows a subscription: what is published before it is lost, as the contract allows.
type synced struct{ *NATS }

func (s synced) Subscribe(log string, heard func(Announcement)) error {
	if err := s.NATS.Subscribe(log, heard); err != nil {
		return err
	}
	return s.conn.FlushTimeout(10 * time.Second)
}

// lossy loses, doubles, delays and reorders announcements at random: all that the contract allows.
type lossy struct {
	Broker
	mu     sync.Mutex
	random *rand.Rand
	held   []Announcement
}

func newLossy(b Broker) *lossy { return &lossy{Broker: b, random: rand.New(rand.NewPCG(3, 4))} }

func (l *lossy) Publish(a Announcement) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.random.IntN(5) {
	case 0: // lost
	case 1: // doubled
		l.Broker.Publish(a)
		l.Broker.Publish(a)
	case 2: // late, and so out of order
		l.held = append(l.held, a)
	default:
		l.Broker.Publish(a)
	}
	if len(l.held) > 3 {
		l.random.Shuffle(len(l.held), func(i, j int) { l.held[i], l.held[j] = l.held[j], l.held[i] })
		for _, late := range l.held {
			l.Broker.Publish(late)
		}
		l.held = nil
	}
}

// direct hands announcements over within the process, like a broker that never fails.
type direct struct {
	mu    sync.Mutex
	heard map[string][]func(Announcement)
}

func newDirect() *direct { return &direct{heard: map[string][]func(Announcement){}} }

func (d *direct) Publish(a Announcement) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, heard := range d.heard[a.Log] {
		heard(a)
	}
}

func (d *direct) Subscribe(log string, heard func(Announcement)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heard[log] = append(d.heard[log], heard)
	return nil
}

func (d *direct) Close() error { return nil }

// brokerPairs are all brokers, each as seen by a node that publishes and one that listens.
func brokerPairs(t *testing.T) map[string]func(*testing.T) (Broker, Broker) {
	return map[string]func(*testing.T) (Broker, Broker){
		"local":  func(*testing.T) (Broker, Broker) { return Local{}, Local{} },
		"direct": func(*testing.T) (Broker, Broker) { d := newDirect(); return d, d },
		"nats":   newNATSPair,
		"lossy":  func(*testing.T) (Broker, Broker) { d := newDirect(); return newLossy(d), d },
		"lossy nats": func(t *testing.T) (Broker, Broker) {
			one, two := newNATSPair(t)
			return newLossy(one), two
		},
	}
}

// TestBrokerConformance: over any broker that keeps the contract, a second node's hub sees every entry once and in
// order, and what is beside the log at most once.
func TestBrokerConformance(t *testing.T) {
	for name, open := range brokerPairs(t) {
		t.Run(name, func(t *testing.T) {
			sender, receiver := open(t)
			log := &memoryLog{id: xid.New().String()}
			one, two := startNode(t, log, sender), startNode(t, log, receiver)
			stream := watch(t, two, "Jerry")
			const entries = 500
			var got, want []int64
			transient := 0
			for i := range entries {
				e := log.commit(func(seq int64) models.Entry { return textEntry(seq, fmt.Sprint(i)) })
				want = append(want, e.Seq())
				one.Committed(1, []models.Entry{e})
				if i%10 == 0 {
					if err := one.SendTransient(t.Context(), &models.Message{AppID: 1, ConversationID: "c", From: "Tom", Type: "typing"}); err != nil {
						t.Fatal(err)
					}
				}
				for (i+1)%100 == 0 && len(got) < len(want) { // in portions that a queue holds
					for _, f := range stream.next(t) {
						if f.seq == 0 {
							transient++
							continue
						}
						got = append(got, f.seq)
					}
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("the other node saw %v", got)
			}
			if transient > entries/10 {
				t.Fatalf("%d transient messages came of %d", transient, entries/10)
			}
			for name == "direct" && transient < entries/10 { // which loses nothing; the last may come after all entries
				transient += len(stream.next(t))
			}
		})
	}
}

// TestNewsOfAnotherLogIsNotBelieved: numbers that the counter has not reached move nothing.
func TestNewsOfAnotherLogIsNotBelieved(t *testing.T) {
	broker := newDirect()
	log := &memoryLog{id: "log"}
	node := startNode(t, log, broker)
	stream := watch(t, node, "Jerry")
	broker.Publish(Announcement{Log: "log", Entries: []models.Entry{textEntry(1000, "from nowhere")}})
	broker.Publish(Announcement{Log: "log", Reached: 5000})
	e := log.commit(func(seq int64) models.Entry { return textEntry(seq, "real") })
	node.Committed(1, []models.Entry{e})
	if got := stream.next(t); len(got) != 1 || got[0].seq != e.Seq() {
		t.Fatalf("after false news the stream got %v", got)
	}
}

// TestAnnouncementsSurviveTheWire: what arrives is what was sent; a large one names its number only.
func TestAnnouncementsSurviveTheWire(t *testing.T) {
	actor, name := "Tom", "a\x00b\r\n\u2028"
	entries := []models.Entry{textEntry(7, name), {Event: &models.Event{Seq: 8, ConversationID: "c", Kind: models.MembersJoined, Actor: &actor,
		Body: models.EventBody{Members: []string{"Mary", "Tóm "}, Conversation: &models.ConversationRef{ID: "c", Type: "normal", Name: &name}}, At: 1234}}}
	entries[0].Message.SessionID = "session"
	data, err := encodeAnnouncement(Announcement{Log: "log", Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeAnnouncement(data)
	if err != nil || len(got.Entries) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	m, e := got.Entries[0].Message, got.Entries[1].Event
	if *m.Text != name || m.SessionID != "session" || m.Seq != 7 || m.Timestamp != entries[0].Message.Timestamp {
		t.Fatalf("the message arrived as %+v", m)
	}
	if e.Seq != 8 || *e.Actor != "Tom" || !slices.Equal(e.Body.Members, []string{"Mary", "Tóm "}) || *e.Body.Conversation.Name != name || e.At != 1234 {
		t.Fatalf("the event arrived as %+v", e)
	}
	large := make([]models.Entry, 50)
	for i := range large {
		large[i] = textEntry(int64(i+1), string(make([]byte, 20_000)))
	}
	if data, err = encodeAnnouncement(Announcement{Entries: large}); err != nil {
		t.Fatal(err)
	}
	if got, err = decodeAnnouncement(data); err != nil || got.Reached != 50 || len(got.Entries) != 0 {
		t.Fatalf("a large announcement arrived as %+v, %v", got, err)
	}
}

// TestAnnouncementOfANewerVersion: fields that this version does not know are passed over, and what it knows is heard.
func TestAnnouncementOfANewerVersion(t *testing.T) {
	got, err := decodeAnnouncement([]byte(`{"reached":7,"added":{"a":[1]},"entries":[
		{"message":{"id":"6","conversationId":"c","from":"Tom","type":"text","text":"hi","attributes":{},"timestamp":"2026-11-23T08:33:00.123Z","added":1},"added":1},
		{"event":{"AppID":1,"ConversationID":"c","Seq":7,"Kind":"added_kind","Actor":"Tom","Body":{"added":{"a":1},"members":["Tom"]},"At":"2026-11-23T08:33:00.123Z","Added":1}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got.Reached != 7 || len(got.Entries) != 2 || got.Entries[0].Seq() != 6 || got.Entries[1].Seq() != 7 || got.Entries[1].Event.Body.Members[0] != "Tom" {
		t.Errorf("heard %+v", got)
	}
}

// TestNATSServerThatTakesNothingHeldUpTheSends: a server that shakes hands and then stops reading.
func TestNATSServerThatTakesNothingHeldUpTheSends(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				fmt.Fprint(conn, "INFO {\"server_id\":\"x\",\"version\":\"2.10.0\",\"max_payload\":1048576,\"headers\":true,\"proto\":1}\r\n")
				lines := bufio.NewScanner(conn)
				for lines.Scan() && !strings.HasPrefix(lines.Text(), "PING") {
				}
				fmt.Fprint(conn, "PONG\r\n")
				<-done
			})
		}
	})
	b, err := NewNATS("nats://"+listener.Addr().String(), slog.New(slog.DiscardHandler), prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	published := make(chan struct{})
	go func() {
		defer close(published)
		text := strings.Repeat("x", 20_000)
		for i := range 3 * natsWaiting {
			b.Publish(Announcement{Log: "l", Entries: []models.Entry{textEntry(int64(i+1), text)}})
		}
	}()
	select {
	case <-published:
	case <-time.After(20 * time.Second):
		t.Error("publishing waits for a server that takes nothing")
	}
	close(done)
	if err := errors.Join(listener.Close(), b.Close()); err != nil {
		t.Error(err)
	}
	serving.Wait()
}
