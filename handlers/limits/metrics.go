package limits

import "github.com/prometheus/client_golang/prometheus"

// metrics are the limits' numbers on /metrics.
type metrics struct {
	registry    prometheus.Registerer
	refused     *prometheus.CounterVec
	connections prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{registry: registry,
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_limited_total",
			Help: "Calls answered 429, and connections beyond the limit, by the limit."}, []string{"limit"}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_connections", Help: "Open connections, those of streams among them."})}
	registry.MustRegister(m.refused, m.connections)
	return m
}

// observe shows how many buckets a limit keeps.
func (m *metrics) observe(limit string, buckets func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "parley_limit_buckets",
		Help: "Buckets that a limit keeps in memory.", ConstLabels: prometheus.Labels{"limit": limit}}, func() float64 { return float64(buckets()) }))
}
