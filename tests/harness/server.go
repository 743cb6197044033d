// Package harness runs the server for black-box tests: a real listener on a free port, a database of its own, a client
// that checks every answer against the OpenAPI document, and a reader of event streams.
package harness

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"parley/app"
)

// Deadline is how long a test waits for what must come: far beyond what it takes, so that a slow machine passes.
const Deadline = 20 * time.Second

// Keys of every test server's app.
const (
	AppID         = "test-app"
	AppKey        = "test-app-key-0123456789"
	MasterKey     = "test-master-key-0123456789"
	SigningSecret = "test-signing-secret-0123456789-0123456789"
)

// Keys are an app's id and secrets.
type Keys struct {
	AppID         string `json:"id"`
	AppKey        string `json:"appKey"`
	MasterKey     string `json:"masterKey"`
	SigningSecret string `json:"signingSecret"`
}

// Server is a running server, or what stands in front of some, as one of its apps calls it.
type Server struct {
	URL         string
	DatabaseURL string
	Keys        Keys // of the app that its clients are of; none: the constants above
	App         *app.App
	TLS         *tls.Config     // whom its clients trust; nil: plain HTTP
	Protocols   *http.Protocols // that its clients speak; nil: HTTP/1.1
	stopped     bool
}

// transport makes the connections of one client.
func (s *Server) transport() *http.Transport {
	return &http.Transport{TLSClientConfig: s.TLS.Clone(), Protocols: s.Protocols, MaxIdleConnsPerHost: 256}
}

// Config is what test servers run with.
func Config(databaseURL string) app.Config {
	config, err := app.ParseConfig(nil)
	if err != nil {
		panic(err) // the defaults are valid
	}
	config.Addr, config.DatabaseURL = "127.0.0.1:0", databaseURL
	config.AppID, config.AppKey, config.MasterKey, config.SigningSecret = AppID, AppKey, MasterKey, SigningSecret
	config.SendsPerMinute, config.RequestsPerMinute, config.MaxStreamsPerClient, config.MaxStreamsPerAddress = 0, 0, 0, 0
	config.FilesURL = "mem://" // most tests have no files; those that have choose a store
	config.LogLevel = slog.LevelWarn
	config.Linger = time.Millisecond // hundreds of tests stop a server with open streams
	return config
}

// Start runs a server on a database; change adjusts its configuration.
func Start(t testing.TB, databaseURL string, change ...func(*app.Config)) *Server {
	t.Helper()
	return StartWith(t, databaseURL, nil, change...)
}

// StartWith is Start with a logger of the test's own; nil: what the server logs is the test's output.
func StartWith(t testing.TB, databaseURL string, logger *slog.Logger, change ...func(*app.Config)) *Server {
	t.Helper()
	config := Config(databaseURL)
	for _, c := range change {
		c(&config)
	}
	if logger == nil {
		logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: config.LogLevel}))
	}
	running, err := app.Start(context.Background(), config, logger)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{URL: running.URL(), DatabaseURL: databaseURL, App: running}
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// Stop stops the server; a second time does nothing.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.stopped {
		return
	}
	s.stopped = true
	if err := s.App.Stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}
