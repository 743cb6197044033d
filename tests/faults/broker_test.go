package faults

import (
	"fmt"
	"testing"
	"time"

	. "parley/tests/harness"
)

// TestBrokerAway: while the broker is away, what one node stores reaches the streams of the other by the database, 1.5 s
// late at most. Nothing is lost, nothing of ours is restarted, and when the broker is back all is instant again.
func TestBrokerAway(t *testing.T) {
	t.Run("killed, and back empty", func(t *testing.T) {
		b := startBroker(t)
		b.nats.Kill(t)
		b.wantConnected(t, 0)
		b.storm(t, pick(5*time.Second, time.Minute), func() { b.nats.Start(t) })
	})
	t.Run("frozen", func(t *testing.T) { // the connections stay, and nothing passes
		b := startBroker(t)
		b.nats.Freeze(t)
		b.storm(t, pick(3*time.Second, time.Minute), func() { b.nats.Thaw(t) })
	})
}

// brokered is two nodes with a broker of their own.
type brokered struct {
	cluster *Cluster
	nats    *NATSServer
	tom     *Client // on the first node
	path    string
	atJerry *Stream // on the second
	sent    int     // transient messages so far
}

func startBroker(t *testing.T) *brokered {
	t.Helper()
	b := &brokered{nats: StartNATS(t)}
	b.cluster = StartCluster(t, BuildProgram(t), 2, NeedMySQL(t), "PARLEY_BROKER_URL="+b.nats.URL)
	b.tom = b.cluster.Nodes[0].Login(t, "Tom", "")
	b.path = "/v1/conversations/" + b.tom.Create(t, "Jerry") + "/messages"
	b.atJerry = b.cluster.Nodes[1].Login(t, "Jerry", "").Listen(t, "")
	b.atJerry.Want("online")
	b.wantConnected(t, 1)
	b.wantInstant(t)
	return b
}

// wantConnected waits until both nodes say that they have their broker, or have lost it.
func (b *brokered) wantConnected(t *testing.T, connected float64) {
	t.Helper()
	for _, node := range b.cluster.Nodes {
		Eventually(t, fmt.Sprint("parley_broker_connected is ", connected), func() bool {
			return Metrics(t, node.URL)["parley_broker_connected"] == connected
		})
	}
}

// wantInstant waits until a transient message, which goes by the broker alone, has crossed to the other node. The first
// ones may be sent before the other node's subscription has come to the broker.
func (b *brokered) wantInstant(t *testing.T) {
	t.Helper()
	crossed, first := make(chan Event, 1), b.sent+1
	go func() {
		for event, ok := b.atJerry.NextBlock(); ok; event, ok = b.atJerry.NextBlock() {
			if number, _ := event.Data["payload"].(float64); int(number) >= first {
				crossed <- event
				return
			}
		}
	}()
	Eventually(t, "a transient message crosses", func() bool {
		b.sent++
		b.tom.Do(t, "POST", b.path, JSON{"type": "typing", "transient": true, "payload": b.sent}).Want(202)
		select {
		case event := <-crossed:
			if event.Data["type"] != "typing" || event.ID != "" {
				t.Errorf("got %s", event.Raw)
			}
			return true
		default:
			return false
		}
	})
}

// storm sends on the first node and reads on the second, while the broker is away, while it comes back, and afterwards.
func (b *brokered) storm(t *testing.T, away time.Duration, comeBack func()) {
	t.Helper()
	urls := b.cluster.URLs()
	s := startStorm(t, urls[:1], urls[1:])
	<-time.After(away)
	begun := time.Now()
	comeBack()
	b.wantConnected(t, 1)
	b.wantInstant(t)
	back := time.Since(begun)
	report := s.end()
	if report.DeliveryTime.Max > Promise(unannounced) {
		t.Errorf("a message came %v after it was sent, and %v is promised", report.DeliveryTime.Max, unannounced)
	}
	after := startStorm(t, urls[:1], urls[1:])
	<-time.After(time.Second)
	instant := after.end()
	t.Logf("%v without a broker: messages came %v late at most; %v after its return a transient message crossed, and half the messages came in %v",
		away, report.DeliveryTime.Max.Round(time.Millisecond), back.Round(time.Millisecond), instant.DeliveryTime.P50.Round(time.Millisecond))
}
