package faults

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	. "parley/tests/harness"
)

// badNetwork is a proxy that ends one exchange in a hundred, before it or after it.
type badNetwork struct {
	*Proxy
	exchanges, cuts atomic.Int64
}

func (b *badNetwork) fate(Statement) Fate {
	const cutOneIn = 100
	n := b.exchanges.Add(1)
	// By chance in the long form; evenly in the short one, whose few sends give bad luck too much weight.
	if pick(n%cutOneIn, rand.Int64N(cutOneIn)) > 0 {
		return Pass
	}
	if b.cuts.Add(1)%2 == 0 {
		return CutBefore
	}
	return CutAfter
}

// TestBadNetworkToDatabase: every answer of the database comes 200 ms later, and one exchange in a hundred ends its
// connection. Sends are answered in time all the same, repeats with the same key included; the connections do not run
// out, and the node stays ready.
func TestBadNetworkToDatabase(t *testing.T) {
	const (
		promised  = 5 * time.Second // for 99 of 100 sends
		senders   = 16
		poolSizes = 8 + 24 // models/mysql.go
	)
	proxy, db := NewProxy(t, NeedMySQL(t))
	s := Start(t, db, quiet)
	var clients []*Client
	names := []string{"Reader"}
	for i := range senders {
		clients = append(clients, s.Login(t, fmt.Sprint("s", i), ""))
		names = append(names, clients[i].ID)
	}
	conversation := clients[0].Create(t, names...)
	reader := s.Login(t, "Reader", "")
	live := watch(t, reader)
	bad := &badNetwork{Proxy: proxy}
	bad.Delay(200 * time.Millisecond)
	bad.OnStatement(bad.fate)
	sends, besides := newLoad(t), newLoad(t)
	for _, client := range clients {
		sends.send(client, conversation, time.Millisecond, pick(8, 100))
	}
	nobody := s.Nobody(t)
	mostConnections := 0
	besides.start("ready", callPause, func() *Answer {
		mostConnections = max(mostConnections, bad.Connections())
		return nobody.Do(t, "GET", "/readyz", nil)
	})
	for range 4 {
		besides.start("read", callPause, func() *Answer { return reader.Do(t, "GET", "/v1/conversations/"+conversation+"/messages", nil) })
	}
	sends.running.Wait()
	besides.stop()
	bad.OnStatement(nil)
	bad.Delay(0)

	took := sends.untilAccepted()
	p99 := took[len(took)*99/100]
	if p99 > Promise(promised) {
		t.Errorf("99 of 100 sends were accepted within %v only", p99)
	}
	var slowestRead time.Duration
	for _, a := range besides.since(time.Time{}) {
		if a.status != http.StatusOK {
			t.Errorf("%s was answered %d", a.kind, a.status)
		}
		slowestRead = max(slowestRead, a.took())
	}
	if mostConnections > poolSizes {
		t.Errorf("%d connections were open", mostConnections)
	}
	history := sends.wantOnce(reader, conversation)
	live.wantTexts(history)
	refused, _ := sends.wantTold(20 * time.Second)
	t.Logf("%d sends, %d refused once; accepted after %v in the middle, p99 %v, at most %v; %d of %d exchanges cut; %d connections at most; the slowest of the other calls %v",
		len(took), refused, took[len(took)/2].Round(time.Millisecond), p99.Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond),
		bad.cuts.Load(), bad.exchanges.Load(), mostConnections, slowestRead.Round(time.Millisecond))
}
