package realtime

import "github.com/prometheus/client_golang/prometheus"

// metrics are the live side's numbers on /metrics.
type metrics struct {
	streams    prometheus.Gauge
	deliveries prometheus.Counter
	resumes    *prometheus.CounterVec
	slow       prometheus.Counter
	repairs    prometheus.Counter
	dropped    [priorities]prometheus.Counter // messages of chat rooms, by priority
	waiting    prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		streams:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_streams", Help: "Open streams on this node."}),
		deliveries: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_deliveries_total", Help: "Events written to streams."}),
		resumes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_resumes_total",
			Help: "Streams opened, by outcome: new, resumed, or why a resync was needed."}, []string{"outcome"}),
		slow: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_slow_readers_total",
			Help: "Times a stream's queue overflowed and it went back to catching up."}),
		repairs: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_feed_repairs_total",
			Help: "Gaps in the feed read from the database."}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_sync_waiting", Help: "Calls of history sync that wait for something to come."}),
	}
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_room_messages_dropped_total",
		Help: "Messages of chat rooms dropped for readers that could not keep up, by the message's priority."}, []string{"priority"})
	for at, name := range []string{"low", "normal", "high"} {
		m.dropped[at] = dropped.WithLabelValues(name)
	}
	registry.MustRegister(dropped, m.streams, m.deliveries, m.resumes, m.slow, m.repairs, m.waiting)
	return m
}
