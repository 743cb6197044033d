package models_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/models"
)

// BenchmarkSendWhileHistoryGoes is the latency of sends, some 200 a second, before and while old messages are removed, as
// many as -benchtime says: -benchtime=1000000x. They are spread over an hour, as what a server finds at its start is; as many as
// go at the least pace in less go at that pace.
func BenchmarkSendWhileHistoryGoes(b *testing.B) {
	forEachDatabase(b, func(b *testing.B, databaseURL string) {
		var ahead atomic.Int64
		registry := prometheus.NewRegistry()
		s, app := openStoreWith(b, databaseURL, models.Options{Metrics: registry, Retention: 180 * 24 * time.Hour, RetentionEvery: 100 * time.Millisecond, RetentionWithin: time.Hour,
			Clock: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
		senders := pairs(b, s, app, 200)
		sendAll(b, s, senders, 256, b.N, false)
		alone := latencies(b, s, senders, func(sent int) bool { return sent < 8000 })
		ahead.Store(int64(181 * 24 * time.Hour))
		b.ResetTimer()
		beside := latencies(b, s, senders, func(sent int) bool { return sent == 0 || swept(b, registry) < float64(b.N) })
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		for name, l := range map[string][]time.Duration{"alone": alone, "beside": beside} {
			slices.Sort(l)
			b.ReportMetric(float64(l[len(l)/2].Microseconds())/1000, name+"-p50-ms")
			b.ReportMetric(float64(l[len(l)*99/100].Microseconds())/1000, name+"-p99-ms")
		}
	})
}

// latencies sends one message every 5 ms for as long as it is told to, and gives how long each took.
func latencies(b *testing.B, s *models.Store, senders []sender, more func(sent int) bool) (took []time.Duration) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := 0; more(i); i++ {
		<-tick.C
		from, begun := senders[i%len(senders)], time.Now()
		if _, _, err := s.SendMessage(context.Background(), from.actor, from.conversationID, draft(), ""); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begun))
	}
	return took
}

func swept(b *testing.B, registry *prometheus.Registry) float64 {
	families, err := registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "parley_swept_rows_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	b.Fatal("nothing counts what is swept")
	return 0
}
