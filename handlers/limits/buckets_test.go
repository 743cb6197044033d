package limits

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/models"
)

func TestABucketFillsEvenly(t *testing.T) {
	b, now := newBuckets[string](60), time.Now()
	takes := func(n int) {
		t.Helper()
		for i := range n {
			if _, ok := b.take("Tom", now); !ok {
				t.Fatalf("token %d of %d was not there", i+1, n)
			}
		}
		wait, ok := b.take("Tom", now)
		if ok || wait <= 0 || wait > time.Second {
			t.Fatalf("after %d tokens: %v, %v", n, wait, ok)
		}
	}
	takes(60) // a whole minute's at once
	now = now.Add(500 * time.Millisecond)
	takes(0)
	now = now.Add(500 * time.Millisecond)
	takes(1)
	now = now.Add(10 * time.Second)
	takes(10)
	now = now.Add(time.Hour)
	takes(60) // and no more than that
	if _, ok := b.take("Jerry", now); !ok {
		t.Error("another key has the same bucket")
	}
	now = now.Add(-time.Hour) // a clock that was set back
	takes(0)
}

// TestForgettingAnIdleBucketChangesNothing: what is forgotten was full, and what was asked for lately is not forgotten.
func TestForgettingAnIdleBucketChangesNothing(t *testing.T) {
	b, now := newBuckets[int](10), time.Now()
	for range 10 {
		b.take(1, now)
	}
	for range 59 { // asked for all the time, with others around it
		now = now.Add(time.Second)
		b.look(1, now)
		for key := range 100 {
			b.take(1000+key, now)
		}
	}
	if _, ok := b.take(1, now); !ok { // 9 and five sixths have come back
		t.Fatal("the bucket did not fill again")
	}
	for range 8 {
		b.take(1, now)
	}
	if _, ok := b.take(1, now); ok {
		t.Error("the bucket was forgotten before it was full")
	}
	if kept := b.count(); kept != 101 {
		t.Errorf("%d buckets are kept of 101", kept)
	}
	for range 3 {
		now = now.Add(window)
		for key := range shards * 20 { // every part is asked
			b.take(-1-key, now)
		}
	}
	if kept := b.count(); kept > shards*20 {
		t.Errorf("%d buckets are kept, and %d are asked for", kept, shards*20)
	}
}

func TestBucketsAreBoundedInMemory(t *testing.T) {
	const strangers = 300_000
	b, now := newBuckets[member](10), time.Now()
	before := heap()
	for key := range strangers {
		b.take(member{1, strconv.Itoa(key)}, now)
	}
	kept, grown := b.count(), heap()-before
	runtime.KeepAlive(b)
	t.Logf("%d buckets of %d strangers are kept, in %d KB: %d bytes each", kept, strangers, grown>>10, grown/int64(kept))
	if most := 2 * shards * shardMost; kept > most {
		t.Errorf("%d buckets are kept, over %d", kept, most)
	}
	if most := int64(40 << 20); grown > most {
		t.Errorf("they take %d bytes, over %d", grown, most)
	}
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestNoMoreIsTakenThanThereIs, however many take at once.
func TestNoMoreIsTakenThanThereIs(t *testing.T) {
	b, now := newBuckets[string](1000), time.Now()
	var taken [8]int
	var takers sync.WaitGroup
	for at := range taken {
		takers.Go(func() {
			for range 500 {
				if _, ok := b.take("Tom", now); ok {
					taken[at]++
				}
			}
		})
	}
	takers.Wait()
	all := 0
	for _, n := range taken {
		all += n
	}
	if all != 1000 {
		t.Errorf("%d of 1000 were taken", all)
	}
}

func TestAnIPv6NetworkIsOneAddress(t *testing.T) {
	for _, same := range [][2]string{{"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"}, {"192.0.2.1", "::ffff:192.0.2.1"},
		{"fe80::1%eth0", "fe80::1%eth1"}, {"nonsense", ""}} {
		if AddressOf(same[0]) != AddressOf(same[1]) {
			t.Errorf("%s and %s are not one address", same[0], same[1])
		}
	}
	for _, other := range [][2]string{{"2001:db8:1:2::1", "2001:db8:1:3::1"}, {"192.0.2.1", "192.0.2.2"}, {"192.0.2.1", "::"}} {
		if AddressOf(other[0]) == AddressOf(other[1]) {
			t.Errorf("%s and %s are one address", other[0], other[1])
		}
	}
}

// BenchmarkSend is what the limits cost a send: its address, its client's calls and its client's sends are counted.
func BenchmarkSend(b *testing.B) {
	app := &models.App{ID: 1}
	for _, clients := range []int{1, 1000} {
		b.Run(fmt.Sprintf("%d clients", clients), func(b *testing.B) {
			l := New(Settings{ClientRequests: 1e9, ClientSends: 1e9, AddressRequests: 1e9, Metrics: prometheus.NewRegistry()})
			actors, addresses := make([]models.Actor, clients), make([]string, clients)
			for i := range actors {
				actors[i] = models.Actor{App: app, ClientID: fmt.Sprint("client", i), SessionID: fmt.Sprint("session", i)}
				addresses[i] = fmt.Sprintf("192.0.%d.%d", i/250, i%250)
			}
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for i := 0; p.Next(); i++ {
					who := i % clients
					if l.From(AddressOf(addresses[who])) != nil || l.By(actors[who]) != nil || l.Send(actors[who]) != nil {
						b.Error("refused")
					}
				}
			})
		})
	}
}
