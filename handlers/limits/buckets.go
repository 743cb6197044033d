package limits

import (
	"hash/maphash"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// Buckets lie in so many parts, each with its lock, which is held for a look into a map: callers hardly ever meet there.
	shards = 64
	// A part keeps so many buckets of this window, and of the one before: 131,000 in all, 130 bytes each and their keys.
	// A part that is full forgets those that were asked for longest ago, so that many strangers cost memory for no more.
	shardMost = 1024
	// What a bucket holds comes back in this time, so that one that has not been asked for is full, and may be forgotten.
	window = time.Minute
)

// buckets are token buckets, one a key. Each holds perMinute tokens, and that many come back in a minute.
type buckets[K comparable] struct {
	perMinute int
	seed      maphash.Seed
	shards    [shards]shard[K]
}

// shard keeps what was asked for in this window and what was in the one before; the latter is forgotten with the window.
type shard[K comparable] struct {
	mu       sync.Mutex
	now, old map[K]*rate.Limiter
	begun    time.Time
}

func newBuckets[K comparable](perMinute int) *buckets[K] {
	return &buckets[K]{perMinute: perMinute, seed: maphash.MakeSeed()}
}

// take takes a token; when there is none, wait is how long it takes until there is one.
func (b *buckets[K]) take(key K, at time.Time) (wait time.Duration, ok bool) {
	bucket := b.of(key, at)
	if bucket.AllowN(at, 1) {
		return 0, true
	}
	return missing(bucket, at), false
}

// look tells the same and takes nothing.
func (b *buckets[K]) look(key K, at time.Time) (wait time.Duration, ok bool) {
	bucket := b.of(key, at)
	wait = missing(bucket, at)
	return wait, wait <= 0
}

// missing is how long a bucket takes to have a token.
func missing(bucket *rate.Limiter, at time.Time) time.Duration {
	return time.Duration((1 - bucket.TokensAt(at)) / float64(bucket.Limit()) * float64(time.Second))
}

// of finds the bucket of a key; a new one is full.
func (b *buckets[K]) of(key K, at time.Time) *rate.Limiter {
	s := &b.shards[maphash.Comparable(b.seed, key)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.now) >= shardMost || at.Sub(s.begun) >= window {
		s.now, s.old, s.begun = map[K]*rate.Limiter{}, s.now, at
	}
	bucket := s.now[key]
	if bucket == nil {
		if bucket = s.old[key]; bucket == nil {
			bucket = rate.NewLimiter(rate.Limit(float64(b.perMinute)/window.Seconds()), b.perMinute)
		}
		s.now[key] = bucket
	}
	return bucket
}

// count tells how many buckets are kept.
func (b *buckets[K]) count() (n int) {
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		n += len(s.now)
		for key := range s.old {
			if _, both := s.now[key]; !both {
				n++
			}
		}
		s.mu.Unlock()
	}
	return n
}
