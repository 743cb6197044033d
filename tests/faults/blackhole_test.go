package faults

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// goneWithin is the promise about a node that vanishes inside its transaction: so soon others send again.
const goneWithin = 12 * time.Second

// TestNodeBlackholed: a node's connections to the database go silent in the middle of a transaction, and neither side
// learns of it. The other node sends again in time; when the first one comes back, nothing is lost or doubled.
func TestNodeBlackholed(t *testing.T) {
	t.Parallel() // it waits, most of the time
	isCommit := func(s Statement) bool { return s.SQL == "COMMIT" && s.InLog }
	isLargeInsert := func(s Statement) bool {
		return strings.Contains(s.SQL[:min(len(s.SQL), 300)], "INSERT INTO messages") && len(s.SQL) > 200_000
	}
	for name, test := range map[string]struct {
		when func(Statement) bool
		fate Fate
		back time.Duration // how soon it comes back; 0: not before the other node has sent
	}{
		"before its commit":            {isCommit, FreezeIt, 0},
		"before its commit, for 1 s":   {isCommit, FreezeIt, time.Second},
		"after its commit":             {isCommit, FreezeAfter, 0},
		"in the middle of a statement": {isLargeInsert, FreezeHalf, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBlackhole(t)
			vanished := make(chan struct{})
			var seen atomic.Int32
			b.proxy.OnStatement(func(s Statement) Fate {
				if !test.when(s) || seen.Add(1) != 3 { // in the middle of the storm
					return Pass
				}
				close(vanished)
				return test.fate
			})
			b.storm()
			<-vanished
			begun := time.Now()
			if test.back > 0 {
				time.AfterFunc(test.back, b.proxy.Thaw)
			}
			b.follow()
			again := time.Since(begun)
			if again > Promise(goneWithin) {
				t.Errorf("the other node sent again after %v", again)
			}
			<-time.After(pick(0, 20*time.Second)) // long enough that the first node has given its connections up
			b.proxy.Thaw()
			b.check(again, time.Now())
		})
	}
}

// blackhole is two nodes on one database, the first one's connections through a proxy.
type blackhole struct {
	t                   *testing.T
	proxy               *Proxy
	reader              *Client
	conversation        string
	firsts, seconds     []*Client
	watched             []*watcher // one on each node
	storming, following *load      // on the first node, and on the second after the first has vanished
}

func newBlackhole(t *testing.T) *blackhole {
	db := NeedMySQL(t)
	proxy, through := NewProxy(t, db)
	beat := func(c *app.Config) { c.Heartbeat = 500 * time.Millisecond }
	first, second := Start(t, through, quiet, beat), Start(t, db, quiet, beat)
	b := &blackhole{t: t, proxy: proxy, storming: newLoad(t), following: newLoad(t)}
	var members []string
	for i := range 24 {
		b.firsts = append(b.firsts, first.Login(t, fmt.Sprint("first ", i), ""))
		members = append(members, b.firsts[i].ID)
	}
	for i := range 4 {
		b.seconds = append(b.seconds, second.Login(t, fmt.Sprint("second ", i), ""))
		members = append(members, b.seconds[i].ID)
	}
	b.reader = first.Login(t, "Reader", "")
	b.conversation = b.reader.Create(t, members...)
	b.watched = []*watcher{watch(t, b.reader), watch(t, b.reader.On(second))}
	return b
}

// storm begins many large sends on the first node.
func (b *blackhole) storm() {
	b.storming.padding = strings.Repeat("x", 20_000)
	for _, client := range b.firsts {
		b.storming.send(client, b.conversation, callPause, 6)
	}
}

// follow sends on the second node, and waits until all of it is accepted.
func (b *blackhole) follow() {
	for _, client := range b.seconds {
		b.following.send(client, b.conversation, callPause, 2)
	}
	b.following.running.Wait()
}

// check waits until all of the first node's sends are accepted too, and looks that nothing is lost or doubled.
func (b *blackhole) check(again time.Duration, returned time.Time) {
	b.storming.running.Wait()
	well := time.Since(returned)
	refused, slowest := b.storming.wantTold(20 * time.Second)
	_, other := b.following.wantTold(20 * time.Second)
	history := b.storming.wantOnce(b.reader, b.conversation)
	b.following.wantOnce(b.reader, b.conversation)
	for _, w := range b.watched {
		w.wantTexts(history)
		w.wantOpen(Promise(3 * time.Second))
	}
	b.t.Logf("the other node sent again after %v (%v for a 503); the first was well %v after its return, %d of its calls refused, the slowest after %v",
		again.Round(time.Millisecond), other.Round(time.Millisecond), well.Round(time.Millisecond), refused, slowest.Round(time.Millisecond))
}
