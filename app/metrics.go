package app

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"parley/handlers"
)

// httpMetrics are the calls' numbers on /metrics. Routes, methods and statuses are few; nothing that a caller makes up is a
// label.
type httpMetrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	ofApps   *prometheus.CounterVec
	codes    statusLabels
}

func newHTTPMetrics(registry prometheus.Registerer) *httpMetrics {
	m := &httpMetrics{codes: newStatusLabels(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_http_requests_total",
			Help: "Calls answered, by method, route and status."}, []string{"method", "route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "parley_http_request_duration_seconds",
			Help: "Time of a call; without streams, history sync and the bytes of files, which take as long as their readers like.",
			// From what memory answers to the 20 s that bound a call.
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20}}, []string{"method", "route"}),
		ofApps: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_app_requests_total",
			Help: "Calls of those who proved to be of an app, by the class of the status."}, []string{"app", "class"}),
	}
	registry.MustRegister(m.requests, m.duration, m.ofApps)
	return m
}

// newRegistry has what every Go program tells of itself.
func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), ThisBuild().metric(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

// count counts a call that has been answered.
func (a *App) count(c echo.Context, trail *handlers.Trail, took time.Duration) {
	m, method, route, status := a.calls, methodLabel(c.Request().Method), routeLabel(c), c.Response().Status
	m.requests.WithLabelValues(method, route, m.codes.of(status)).Inc()
	if !setsOwnLimits(c) {
		m.duration.WithLabelValues(method, route).Observe(took.Seconds())
	}
	if trail.Actor.App != nil {
		m.ofApps.WithLabelValues(a.store.AppLabel(trail.Actor.App), m.codes.classOf(status)).Inc()
	}
}

// statusLabels are made once: every call needs two.
type statusLabels struct{ codes, classes []string }

func newStatusLabels() (l statusLabels) {
	for status := range 600 {
		l.codes = append(l.codes, strconv.Itoa(status))
		l.classes = append(l.classes, strconv.Itoa(status/100)+"xx")
	}
	return l
}

func (l statusLabels) of(status int) string { return l.codes[min(max(status, 0), len(l.codes)-1)] }

func (l statusLabels) classOf(status int) string {
	return l.classes[min(max(status, 0), len(l.classes)-1)]
}

// methodLabel: a caller may invent methods.
func methodLabel(method string) string {
	known := []string{http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodPatch, http.MethodHead, http.MethodOptions, http.MethodPut}
	if slices.Contains(known, method) {
		return method
	}
	return "other"
}

// routeLabel is the route's pattern; what meets none is counted together.
func routeLabel(c echo.Context) string {
	if c.Path() == "" {
		return "(none)"
	}
	return c.Path()
}
