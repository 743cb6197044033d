package limits

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// SpareConnections are taken beyond the limit: health checks are answered there, and everybody else is told that there is
// no room, instead of waiting for an answer.
const SpareConnections = 64

// Connections are the open connections of a node.
type Connections struct {
	most   int // 0: any number
	each   *seats[Address]
	open   prometheus.Gauge
	full   prometheus.Counter
	tooBig prometheus.Counter

	mu    sync.Mutex
	count int
}

func newConnections(m *metrics, most, ofAddress int) *Connections {
	return &Connections{most: most, each: newSeats[Address](ofAddress), open: m.connections,
		full: m.refused.WithLabelValues("connections"), tooBig: m.refused.WithLabelValues("address-connections")}
}

// Enter counts a connection until Leave is called; false when it must be closed. spare tells that it is one beyond the
// limit. A proxy brings the connections of many: it is not counted by its address.
func (c *Connections) Enter(address Address, isProxy bool) (spare, ok bool) {
	if !isProxy && !c.each.enter(address) {
		c.tooBig.Inc()
		return false, false
	}
	c.mu.Lock()
	spare = c.most > 0 && c.count >= c.most
	ok = c.most == 0 || c.count < c.most+SpareConnections
	if ok {
		c.count++
	}
	c.mu.Unlock()
	if spare {
		c.full.Inc()
	}
	if !ok {
		if !isProxy {
			c.each.leave(address)
		}
		return false, false
	}
	c.open.Inc()
	return spare, true
}

// Leave forgets a connection.
func (c *Connections) Leave(address Address, isProxy bool) {
	if !isProxy {
		c.each.leave(address)
	}
	c.mu.Lock()
	c.count--
	c.mu.Unlock()
	c.open.Dec()
}
