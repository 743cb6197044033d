package realtime

import (
	"github.com/prometheus/client_golang/prometheus"

	"parley/models"
)

// metrics are the live side's numbers on /metrics.
type metrics struct {
	streams    *prometheus.GaugeVec
	deliveries *prometheus.CounterVec
	slow       *prometheus.CounterVec
	resumes    *prometheus.CounterVec
	ended      *prometheus.CounterVec
	delay      prometheus.Histogram
	repairs    prometheus.Counter
	looked     prometheus.Gauge
	dropped    [priorities]prometheus.Counter // messages of chat rooms, by priority
	waiting    prometheus.Gauge
}

// appMetrics are those of one app.
type appMetrics struct {
	*metrics
	streams    prometheus.Gauge
	deliveries prometheus.Counter
	slow       prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		streams:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "parley_streams", Help: "Open streams on this node."}, []string{"app"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_deliveries_total", Help: "Events written to streams."}, []string{"app"}),
		slow: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_slow_readers_total",
			Help: "Times a stream's queue overflowed and it went back to catching up."}, []string{"app"}),
		resumes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_resumes_total",
			Help: "Streams opened, by outcome: new, resumed, or why a resync was needed."}, []string{"outcome"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_streams_ended_total",
			Help: "Streams that have ended, by reason: that of disconnect; gone (the client closed it, or its connection broke), stalled (it did not read for 10 s)."}, []string{"reason"}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_fanout_delay_seconds",
			Help:    "Time from an entry's timestamp to its place in the queues of this node's streams.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12)}),
		repairs: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_feed_repairs_total",
			Help: "Gaps in the feed read from the database."}),
		looked: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_log_last_read_timestamp_seconds",
			Help: "When this node last read from the database where the logs stand, which it does twice a second."}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_sync_waiting", Help: "Calls of history sync that wait for something to come."}),
	}
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_room_messages_dropped_total",
		Help: "Messages of chat rooms dropped for readers that could not keep up, by the message's priority."}, []string{"priority"})
	for at, name := range []string{"low", "normal", "high"} {
		m.dropped[at] = dropped.WithLabelValues(name)
	}
	registry.MustRegister(dropped, m.streams, m.deliveries, m.resumes, m.ended, m.delay, m.slow, m.repairs, m.looked, m.waiting)
	return m
}

// of gives an app's own; label is models.Head.App.
func (m *metrics) of(label string) *appMetrics {
	return &appMetrics{metrics: m, streams: m.streams.WithLabelValues(label),
		deliveries: m.deliveries.WithLabelValues(label), slow: m.slow.WithLabelValues(label)}
}

// passed measures how late entries have come.
func (m *metrics) passed(entries []models.Entry, now models.Timestamp) {
	for _, e := range entries {
		m.delay.Observe(float64(max(now-e.At(), 0)) / 1000) // another node's clock may be ahead
	}
}

// gauges are read off a node when somebody asks for the metrics.
type gauges struct {
	node                *Node
	lag, rooms, insides *prometheus.Desc
}

func newGauges(n *Node) *gauges {
	app := []string{"app"}
	return &gauges{node: n,
		lag: prometheus.NewDesc("parley_feed_lag_entries",
			"Entries of the log that are known to be there and have not been handed to this node's streams.", app, nil),
		rooms:   prometheus.NewDesc("parley_rooms", "Chat rooms with somebody inside who has a stream on this node.", app, nil),
		insides: prometheus.NewDesc("parley_room_sessions", "Places in chat rooms that are held by sessions with a stream on this node.", app, nil)}
}

// Describe tells Prometheus what there is.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	to <- g.lag
	to <- g.rooms
	to <- g.insides
}

// Collect reads the numbers; apps that share a label are added up.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	type numbers struct{ lag, rooms, insides float64 }
	sums := map[string]numbers{}
	g.node.mu.Lock()
	for _, app := range g.node.apps {
		sum := sums[app.label]
		sum.lag += float64(app.feed.lag())
		rooms, insides := app.hub.crowd()
		sum.rooms += float64(rooms)
		sum.insides += float64(insides)
		sums[app.label] = sum
	}
	g.node.mu.Unlock()
	for label, sum := range sums {
		for desc, value := range map[*prometheus.Desc]float64{g.lag: sum.lag, g.rooms: sum.rooms, g.insides: sum.insides} {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, label)
		}
	}
}

// lag counts what the feed knows of and has not let through.
func (f *Feed) lag() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(f.target-f.hub.head.Load(), 0)
}

// crowd counts the chat rooms that have somebody here, and the sessions inside.
func (h *Hub) crowd() (rooms, inside int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.chats {
		inside += c.inside
	}
	return len(h.chats), inside
}

// brokerMetrics are there where there is a broker.
type brokerMetrics struct {
	connected                    prometheus.Gauge
	published, received, dropped prometheus.Counter
}

func newBrokerMetrics(registry prometheus.Registerer) *brokerMetrics {
	m := &brokerMetrics{
		connected: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_broker_connected",
			Help: "1 while the broker is connected; without it other nodes' events come by the database."}),
		published: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_broker_published_total",
			Help: "Announcements handed to the broker."}),
		received: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_broker_received_total",
			Help: "Announcements of other nodes that came by the broker."}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_broker_dropped_total",
			Help: "Announcements that did not go out: too many waited, or the broker was away. Other nodes find what is stored in the database."}),
	}
	registry.MustRegister(m.connected, m.published, m.received, m.dropped)
	return m
}
