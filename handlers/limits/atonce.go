package limits

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// atOnceWait is when to try again where nobody knows when a place will be free.
const atOnceWait = 10 * time.Second

// atOnce is a limit on what is open at once, by key.
type atOnce[K comparable] struct {
	name    string
	told    told
	seats   *seats[K]
	refused prometheus.Counter
}

func newAtOnce[K comparable](m *metrics, name string, most int, told told) *atOnce[K] {
	return &atOnce[K]{name: name, told: told, seats: newSeats[K](most), refused: m.refused.WithLabelValues(name)}
}

// enter counts something that is about to be opened, until leave is called; the error says that it is too much.
func (a *atOnce[K]) enter(key K) error {
	if a.seats.enter(key) {
		return nil
	}
	a.refused.Inc()
	return newRefusal(a.name, a.seats.most, "concurrent-requests", a.told, atOnceWait)
}

func (a *atOnce[K]) leave(key K) { a.seats.leave(key) }
