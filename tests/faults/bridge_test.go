package faults

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	. "parley/tests/harness"
)

const (
	// announcements are the subjects of the nodes' news.
	announcements = "parley.log.>"
	// The longest delay: far beyond the half second after which a node looks into the database, so that the news is old.
	longestDelay = 3 * time.Second
	// How many announcements are kept to be brought again.
	keptAnnouncements = 64
)

// bridge carries announcements between the brokers of two nodes, and does with them all that a broker may: it loses,
// doubles, delays and reorders them at random, and brings old ones again.
type bridge struct {
	mu                           sync.Mutex
	random                       *rand.Rand
	kept                         []*nats.Msg
	carried, lost, doubled, late int
	again                        int
}

// newBridge joins two brokers until the test ends.
func newBridge(t *testing.T, one, two *NATSServer) *bridge {
	t.Helper()
	b := &bridge{random: rand.New(rand.NewPCG(5, 6))}
	var conns []*nats.Conn
	for _, server := range []*NATSServer{one, two} {
		conn, err := nats.Connect(server.URL, nats.NoEcho()) // what it brings is not what it hears
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		conns = append(conns, conn)
	}
	for i, conn := range conns {
		to := conns[1-i]
		if _, err := conn.Subscribe(announcements, func(m *nats.Msg) { b.carry(m, to) }); err != nil {
			t.Fatal(err)
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// carry brings an announcement to the other broker, or does not.
func (b *bridge) carry(m *nats.Msg, to *nats.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.carried++
	b.kept = append(b.kept, m)
	if len(b.kept) > keptAnnouncements {
		b.kept = b.kept[1:]
	}
	switch b.random.IntN(10) {
	case 0, 1:
		b.lost++
	case 2, 3:
		b.doubled++
		b.bring(m, to, 0)
		b.bring(m, to, b.delay())
	case 4, 5, 6:
		b.late++
		b.bring(m, to, b.delay())
	default:
		b.bring(m, to, 0)
	}
	if b.random.IntN(10) == 0 {
		b.again++
		b.bring(b.kept[b.random.IntN(len(b.kept))], to, 0)
	}
}

func (b *bridge) delay() time.Duration { return time.Duration(b.random.Int64N(int64(longestDelay))) }

// bring publishes now or later; later than the end of the test, it goes nowhere.
func (b *bridge) bring(m *nats.Msg, to *nats.Conn, later time.Duration) {
	if later == 0 {
		_ = to.Publish(m.Subject, m.Data) // a connection that is closed loses it, as a broker may
		return
	}
	time.AfterFunc(later, func() { _ = to.Publish(m.Subject, m.Data) })
}

// didItsPart tells whether each kind of trouble has come.
func (b *bridge) didItsPart() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.carried > 0 && b.lost > 0 && b.doubled > 0 && b.late > 0 && b.again > 0
}

func (b *bridge) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("of %d announcements %d were lost, %d doubled, %d late; %d old ones came again", b.carried, b.lost, b.doubled, b.late, b.again)
}

// TestAnnouncementsLostDoubledLateAndOutOfOrder: nobody notices what happens to the announcements of committed batches,
// but for time.
func TestAnnouncementsLostDoubledLateAndOutOfOrder(t *testing.T) {
	one, two := StartNATS(t), StartNATS(t)
	program, db := BuildProgram(t), NeedMySQL(t)
	nodes := []*ClusterNode{NewClusterNode(t, program, db, "PARLEY_BROKER_URL="+one.URL), NewClusterNode(t, program, db, "PARLEY_BROKER_URL="+two.URL)}
	for _, node := range nodes {
		node.Start(t)
	}
	bridge := newBridge(t, one, two)
	urls := []string{nodes[0].URL, nodes[1].URL}
	s := startStorm(t, urls, urls)
	deadline := time.Now().Add(pick(4*time.Second, time.Minute))
	changed := changeMembers(t, nodes, deadline)
	report := s.end()
	if report.DeliveryTime.Max > Promise(unannounced) {
		t.Errorf("a message came %v after it was sent, and %v is promised", report.DeliveryTime.Max, unannounced)
	}
	if !bridge.didItsPart() {
		t.Errorf("the bridge did not do its part: %s", bridge)
	}
	t.Logf("%s; messages came %v late at most; %s", bridge, report.DeliveryTime.Max.Round(time.Millisecond), changed)
}

// changeMembers brings a client into a conversation and out of it, by both nodes at once, while transient messages
// are sent. Its streams on the two nodes must show the same, and a replay of them too; a transient message comes once at
// most.
func changeMembers(t *testing.T, nodes []*ClusterNode, deadline time.Time) string {
	t.Helper()
	tom, mary := nodes[0].Login(t, "Tom", ""), nodes[1].Login(t, "Mary", "")
	conversation := tom.Create(t)
	path := "/v1/conversations/" + conversation
	streams := []*Stream{mary.On(nodes[0].Server).Listen(t, "0"), mary.Listen(t, "0")}
	for _, stream := range streams {
		stream.Want("reconnect")
	}
	var round atomic.Int64
	var changing sync.WaitGroup
	for i, node := range nodes {
		as := []*Client{tom.On(node.Server), node.Master(t, "")}[i]
		changing.Go(func() {
			pace := time.NewTicker(20 * time.Millisecond)
			defer pace.Stop()
			for time.Now().Before(deadline) && !t.Failed() {
				<-pace.C
				number := round.Add(1)
				as.Do(t, "POST", path+"/members", JSON{"members": []string{"Mary"}}).Want(200)
				tom.On(node.Server).Do(t, "POST", path+"/messages", JSON{"type": "typing", "transient": true, "payload": number}).Want(202)
				as.Do(t, "PATCH", path, JSON{"attributes": JSON{"round": number}}).Want(200)
				as.Do(t, "DELETE", path+"/members?clientId=Mary", nil).Want(200)
			}
		})
	}
	changing.Wait()
	tom.Do(t, "POST", path+"/members", JSON{"members": []string{"Mary"}}).Want(200)
	last := tom.Say(t, conversation, "the last word")
	var shown [][]string
	transient := 0
	for _, stream := range append(streams, mary.Listen(t, "0")) {
		var durable []string
		seen := map[any]bool{}
		for event := stream.Next(); ; event = stream.Next() {
			if event.ID == "" {
				if number := event.Data["payload"]; seen[number] {
					t.Errorf("transient message %v came twice", number)
				}
				seen[event.Data["payload"]] = true
				continue
			}
			durable = append(durable, event.ID+" "+event.Name+" "+event.Raw)
			if event.ID == last {
				break
			}
		}
		shown, transient = append(shown, durable), transient+len(seen)
	}
	for i := range streams {
		if !slices.Equal(shown[i], shown[2]) {
			t.Errorf("the stream on node %d showed %d events, and its replay %d, or others", i, len(shown[i]), len(shown[2]))
		}
	}
	return fmt.Sprintf("%d changes of members and conversation were shown alike on both nodes, and %d transient messages once", len(shown[2]), transient)
}
