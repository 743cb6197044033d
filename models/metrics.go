package models

import "github.com/prometheus/client_golang/prometheus"

// metrics are the store's numbers on /metrics.
type metrics struct {
	sends       *prometheus.CounterVec
	commitSize  prometheus.Histogram
	commitTime  prometheus.Histogram
	retries     prometheus.Counter
	catchUpRead prometheus.Counter
	swept       prometheus.Counter
	expired     prometheus.Counter

	uploadedBytes prometheus.Counter
	sweptFiles    *prometheus.CounterVec
	sweepFailures prometheus.Counter

	previousKeys *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		sends: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_sends_total",
			Help: "Durable sends by outcome: stored, replayed, refused, failed."}, []string{"outcome"}),
		commitSize: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_commit_messages",
			Help: "Messages in one committed transaction.", Buckets: prometheus.ExponentialBuckets(1, 2, 9)}),
		commitTime: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_commit_seconds",
			Help: "Time of one committed transaction, BEGIN to COMMIT.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_commit_retries_total",
			Help: "Transactions run again after a deadlock, a lock wait or a lost connection."}),
		catchUpRead: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_catch_up_reads_total",
			Help: "Pages of the log read to bring streams up to the head."}),
		swept: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_swept_rows_total",
			Help: "Rows of messages and events removed: too old, or of a conversation that is not there any more."}),
		expired: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_expired_conversations_total",
			Help: "Temporary conversations removed after their time."}),
	}
	m.uploadedBytes = prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_uploaded_bytes_total",
		Help: "Bytes of the files that were uploaded and kept."})
	m.sweptFiles = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_swept_files_total",
		Help: "Files removed by the sweep, by state: unused (named by no message for a day), unfinished (an upload that was cut off)."}, []string{"state"})
	m.sweepFailures = prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_file_sweep_failures_total",
		Help: "Files that the store did not remove when the sweep asked; it asks again."})
	m.previousKeys = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_previous_key_uses_total",
		Help: "Calls with a key that has been replaced and is still good, or with a token that such a signing secret has signed, by app and key. Apps without any are not here."},
		[]string{"app", "key"})
	registry.MustRegister(m.previousKeys, m.sends, m.commitSize, m.commitTime, m.retries, m.catchUpRead, m.swept, m.expired, m.uploadedBytes, m.sweptFiles, m.sweepFailures)
	return m
}
