package models

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are the store's numbers on /metrics. Those that have an app have it by appLabels.
type metrics struct {
	sends       *prometheus.CounterVec
	logins      *prometheus.CounterVec
	commitSize  prometheus.Histogram
	commitTime  prometheus.Histogram
	retries     prometheus.Counter
	catchUpRead prometheus.Counter

	previousKeys *prometheus.CounterVec

	swept          prometheus.Counter
	expired        prometheus.Counter
	retentionAt    prometheus.Gauge
	sweepAt        prometheus.Gauge
	sweptFiles     *prometheus.CounterVec
	sweepFailures  prometheus.Counter
	uploads        *prometheus.CounterVec
	uploadedBytes  *prometheus.CounterVec
	fileStoreFails prometheus.Counter
}

// outcomes of what clients ask for, as labels.
const (
	outcomeStored   = "stored"
	outcomeReplayed = "replayed"
	outcomeRefused  = "refused"
	outcomeFailed   = "failed"
)

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		sends: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_sends_total",
			Help: "Durable sends by outcome: stored, replayed, refused, failed."}, []string{"app", "outcome"}),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_logins_total",
			Help: "Log-ins by outcome: stored, refused, failed; without an app where it was not known or not proved."}, []string{"app", "outcome"}),
		commitSize: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_commit_messages",
			Help: "Messages in one committed transaction.", Buckets: prometheus.ExponentialBuckets(1, 2, 9)}),
		commitTime: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_commit_seconds",
			Help: "Time of one committed transaction, BEGIN to COMMIT.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_commit_retries_total",
			Help: "Transactions run again after a deadlock, a lock wait or a lost connection."}),
		catchUpRead: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_catch_up_reads_total",
			Help: "Pages of the log read to bring streams up to the head."}),
	}
	m.previousKeys = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_previous_key_uses_total",
		Help: "Calls with a key that has been replaced and is still good, or with a token that such a signing secret has signed, by app and key. Apps without any are not here."},
		[]string{"app", "key"})
	m.addSweeps()
	m.addFiles()
	m.logins.WithLabelValues("", outcomeRefused)
	m.logins.WithLabelValues("", outcomeFailed)
	for _, state := range []string{sweptUnused, sweptUnfinished} {
		m.sweptFiles.WithLabelValues(state)
	}
	registry.MustRegister(m.previousKeys, m.sends, m.logins, m.commitSize, m.commitTime, m.retries, m.catchUpRead, m.swept, m.expired, m.retentionAt, m.sweepAt,
		m.sweptFiles, m.sweepFailures, m.uploads, m.uploadedBytes, m.fileStoreFails)
	return m
}

// begin makes an app's series, so that their first count is seen as a rise from zero.
func (m *metrics) begin(app string) {
	for _, outcome := range []string{outcomeStored, outcomeRefused, outcomeFailed} {
		m.sends.WithLabelValues(app, outcome)
		m.logins.WithLabelValues(app, outcome)
		m.uploads.WithLabelValues(app, outcome)
	}
	m.sends.WithLabelValues(app, outcomeReplayed)
	m.uploadedBytes.WithLabelValues(app)
}

func (m *metrics) addSweeps() {
	m.swept = prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_swept_rows_total",
		Help: "Rows of messages and events removed: too old, or of a conversation that is not there any more."})
	m.expired = prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_expired_conversations_total",
		Help: "Temporary conversations removed after their time."})
	m.retentionAt = prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_retention_last_success_timestamp_seconds",
		Help: "When this node last looked for what is older than the retention, and left none; at first its start."})
	m.sweepAt = prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_sweep_last_success_timestamp_seconds",
		Help: "When this node last removed all that nobody can see any more; at first its start."})
	m.retentionAt.SetToCurrentTime()
	m.sweepAt.SetToCurrentTime()
}

func (m *metrics) addFiles() {
	m.uploads = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_uploads_total",
		Help: "Uploads of files by outcome: stored, refused, failed."}, []string{"app", "outcome"})
	m.uploadedBytes = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_uploaded_bytes_total",
		Help: "Bytes of the files that were uploaded and kept."}, []string{"app"})
	m.fileStoreFails = prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_file_store_failures_total",
		Help: "Calls for which the store of the files did not give or take what it was asked."})
	m.sweptFiles = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_swept_files_total",
		Help: "Files removed by the sweep, by state: unused (named by no message for a day), unfinished (an upload that was cut off)."}, []string{"state"})
	m.sweepFailures = prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_file_sweep_failures_total",
		Help: "Files that the store did not remove when the sweep asked; it asks again."})
}

// watch adds what is read off the store when somebody asks for the metrics.
func (s *Store) watch() error {
	write, err := s.write.DB()
	if err != nil {
		return err
	}
	read, err := s.read.DB()
	if err != nil {
		return err
	}
	for _, c := range []prometheus.Collector{
		collectors.NewDBStatsCollector(write, "write"),
		collectors.NewDBStatsCollector(read, "read"),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "parley_commit_waiting",
			Help: "Sends and changes that wait for the transaction before them."}, s.waiting),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "parley_database_trouble_seconds",
			Help: "For how long nothing could be written to the database; 0 while it takes writes, as far as anybody has tried."},
			func() float64 { return s.trouble.lasts().Seconds() }),
	} {
		if err := s.options.Metrics.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// waiting counts what waits for the committers.
func (s *Store) waiting() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.committers {
		n += c.length()
	}
	return float64(n)
}

// outcomeOf tells how something ended that is stored when there is no error.
func outcomeOf(err error) string {
	e, told := errors.AsType[*Error](err)
	switch {
	case err == nil:
		return outcomeStored
	case told && e.Kind != Unavailable:
		return outcomeRefused
	}
	return outcomeFailed
}
