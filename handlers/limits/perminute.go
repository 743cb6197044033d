package limits

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// perMinute is a limit on what is done in a minute, by key; nil is off.
type perMinute[K comparable] struct {
	name    string
	quota   int
	told    told
	clock   func() time.Time
	buckets *buckets[K]
	refused prometheus.Counter
}

func newPerMinute[K comparable](m *metrics, clock func() time.Time, name string, quota int, told told) *perMinute[K] {
	if quota == 0 {
		return nil
	}
	p := &perMinute[K]{name: name, quota: quota, told: told, clock: clock, buckets: newBuckets[K](quota), refused: m.refused.WithLabelValues(name)}
	m.observe(name, p.buckets.count)
	return p
}

// take counts something that is about to be done; the error says that it is too much.
func (p *perMinute[K]) take(key K) error {
	if p == nil {
		return nil
	}
	wait, ok := p.buckets.take(key, p.clock())
	return p.answer(wait, ok)
}

// look tells the same and counts nothing.
func (p *perMinute[K]) look(key K) error {
	if p == nil {
		return nil
	}
	wait, ok := p.buckets.look(key, p.clock())
	return p.answer(wait, ok)
}

func (p *perMinute[K]) answer(wait time.Duration, ok bool) error {
	if ok {
		return nil
	}
	p.refused.Inc()
	return newRefusal(p.name, p.quota, "", p.told, wait)
}
