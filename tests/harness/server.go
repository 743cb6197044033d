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
	WithoutLimits(&config)
	config.FilesURL = "mem://" // most tests have no files; those that have choose a store
	config.LogLevel = slog.LevelWarn
	config.Linger = time.Millisecond // hundreds of tests stop a server with open streams
	return config
}

// WithoutLimits turns off what bounds how much comes from a client, an address or an app; tests of the limits turn them on.
func WithoutLimits(c *app.Config) {
	c.SendsPerMinute, c.RequestsPerMinute, c.MaxStreamsPerClient, c.MaxStreamsPerAddress = 0, 0, 0, 0
	c.SessionRequestsPerMinute, c.AddressRequestsPerMinute, c.AppRequestsPerMinute, c.LoginsPerMinute = 0, 0, 0, 0
	c.WrongCredentialsPerMinute, c.MaxConnections, c.MaxConnectionsPerAddress = 0, 0, 0
}

// NoLimits are the variables of a started server that do the same.
func NoLimits() (variables []string) {
	for _, name := range []string{"MAX_STREAMS_PER_CLIENT", "MAX_STREAMS_PER_ADDRESS", "SENDS_PER_MINUTE", "REQUESTS_PER_MINUTE",
		"SESSION_REQUESTS_PER_MINUTE", "ADDRESS_REQUESTS_PER_MINUTE", "APP_REQUESTS_PER_MINUTE", "LOGINS_PER_MINUTE",
		"WRONG_CREDENTIALS_PER_MINUTE", "MAX_CONNECTIONS", "MAX_CONNECTIONS_PER_ADDRESS"} {
		variables = append(variables, "PARLEY_"+name+"=0")
	}
	return variables
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
