// Package app puts the server together: configuration, wiring, the route table, start and stop.
package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"parley/app/console"
	"parley/handlers"
	"parley/handlers/limits"
	"parley/models"
	"parley/models/blobs"
	"parley/realtime"
)

const (
	// The time a client has to send a request's header.
	headerTimeout = 10 * time.Second
	// An idle connection is kept longer than the 60 s of most proxies, so that they end it and not we.
	idleTimeout = 75 * time.Second
	// 16 KB of header is plenty for a token and a position.
	maxHeaderBytes = 16 << 10
	// A stop goes on answering for so long after it has sent streams away: who comes back too early, or is sent here by a
	// balancer that has not looked at /readyz yet, is told when to come instead of finding the door shut.
	lingerTime = time.Second
	// A stop must be over in 10 s: what has not ended by then is cut, with time left to close the database.
	drainTimeout = 5 * time.Second
	// A database that does not answer must not hold up a stop: the other nodes find out who was here by themselves.
	resignTimeout = time.Second
	// What a start does on a database that has answered, and whose schema is up to date.
	openTimeout = 15 * time.Second
)

// App is a running server.
type App struct {
	config   Config
	logger   *slog.Logger
	registry *prometheus.Registry
	calls    *httpMetrics
	tls      *tls.Config    // nil: plain HTTP
	page     []console.File // the page at / and the browser client
	files    *blobs.Store
	store    *models.Store
	node     *realtime.Node
	broker   realtime.Broker
	ready    atomic.Bool
	tracing  *sdktrace.TracerProvider // nil: nobody traces
	tracer   trace.Tracer             // nil then too

	server, admin     *http.Server
	listener, adminOn net.Listener
	failed            chan error
	made              *models.Credentials // at the first start only
	app               *models.App
}

// Start opens the database, listens and serves. The error is one line.
func Start(ctx context.Context, config Config, logger *slog.Logger) (*App, error) {
	a := &App{config: config, logger: logger, registry: newRegistry(), failed: make(chan error, 2)}
	a.calls = newHTTPMetrics(a.registry)
	var err error
	if a.page, err = console.Files(); err != nil {
		return nil, err
	}
	if err := a.loadCertificate(); err != nil {
		return nil, err
	}
	// The port first: a port in use is known at once and leaves nothing behind.
	if err := a.listen(); err != nil {
		return nil, err
	}
	if err = a.startTracing(ctx); err == nil {
		err = a.open(ctx)
	}
	if err != nil {
		a.stopTracing()
		return nil, errors.Join(err, a.closeListeners())
	}
	a.serve()
	a.ready.Store(true)
	if short := config.short(); len(short) > 0 {
		logger.Warn("short enough to be guessed: keys should have 16 characters, the signing secret 32", "variables", short)
	}
	a.warnOfUnusedKeys()
	a.warnOfExposure()
	return a, nil
}

// warnOfUnusedKeys tells what the environment says of the app and the app does not go by: `parley app` has changed it since.
func (a *App) warnOfUnusedKeys() {
	want := a.config.credentials()
	unused := variablesOf(a.app.Lacks(want))
	if want.RequireSignedLogin && !a.app.RequireSignedLogin {
		unused = append(unused, "PARLEY_REQUIRE_SIGNED_LOGIN")
	}
	if len(unused) > 0 {
		a.logger.Warn("not what the app has, and not used: parley app has changed the app, and the environment is behind", "app", a.app.PublicID, "variables", unused)
	}
	if a.app.DisabledAt != nil {
		a.logger.Warn("the app is disabled; parley app enable brings it back", "app", a.app.PublicID)
	}
}

// loadCertificate reads the files of PARLEY_TLS_CERT and PARLEY_TLS_KEY, before anything else is begun.
func (a *App) loadCertificate() error {
	if a.config.TLSCert == "" {
		return nil
	}
	certificate, err := tls.LoadX509KeyPair(a.config.TLSCert, a.config.TLSKey)
	if err != nil {
		return fmt.Errorf("PARLEY_TLS_CERT, PARLEY_TLS_KEY: %w", err)
	}
	a.tls = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	return nil
}

func (a *App) listen() (err error) {
	if a.listener, err = net.Listen("tcp", a.config.Addr); err != nil {
		return fmt.Errorf("PARLEY_ADDR: %w", err)
	}
	if a.config.AdminAddr == "" {
		return nil
	}
	if a.adminOn, err = net.Listen("tcp", a.config.AdminAddr); err != nil {
		return errors.Join(fmt.Errorf("PARLEY_ADMIN_ADDR: %w", err), a.listener.Close())
	}
	return nil
}

func (a *App) closeListeners() error {
	err := a.listener.Close()
	if a.adminOn != nil {
		err = errors.Join(err, a.adminOn.Close())
	}
	return err
}

// open connects store and node: what the store commits goes to the node, which reads the store.
func (a *App) open(ctx context.Context) (err error) {
	a.store, err = models.Open(ctx, a.config.DatabaseURL, models.Options{
		SessionTTL: a.config.SessionTTL, MaxMembers: a.config.MaxMembers, HideMembers: a.config.HideMembers,
		Retention: a.config.Retention, RetentionEvery: a.config.RetentionEvery,
		QueryTimeLimit: a.config.QueryTimeLimit, QueryCandidates: a.config.QueryRows, Clock: a.config.Clock, Connect: a.config.Connect, Logger: a.logger, Metrics: a.registry, Tracer: a.tracer,
		MaxFileBytes: a.config.MaxFileBytes, FileURLTTL: a.config.FileURLTTL, FileURL: a.fileURL,
		// The node is there before the first request is.
		PublishCommitted: func(appID uint32, entries []models.Entry) { a.node.Committed(appID, entries) },
		SessionsHere:     func(appID uint32, clientID string) []string { return a.node.SessionsHere(appID, clientID) },
	})
	if err != nil {
		return fmt.Errorf("PARLEY_DATABASE_URL: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	// Before an app is made, whose keys are printed by a start that comes to its end.
	if err = a.openFiles(ctx); err != nil {
		return errors.Join(err, a.store.Close())
	}
	if a.app, a.made, err = a.store.Bootstrap(ctx, a.config.credentials()); err != nil {
		return errors.Join(fmt.Errorf("PARLEY_DATABASE_URL: %w", err), a.store.Close(), a.files.Close())
	}
	if a.broker, err = a.openBroker(); err != nil {
		return errors.Join(err, a.store.Close(), a.files.Close())
	}
	a.node = realtime.NewNode(a.store, realtime.Options{Heartbeat: a.config.Heartbeat, ReplayLimit: a.config.ReplayLimit,
		Clock: a.config.Clock, Broker: a.broker, Roll: a.store, Rooms: a.store, Post: a.store, LeaseBeat: a.config.LeaseBeat, Logger: a.logger, Metrics: a.registry, Tracer: a.tracer})
	if err := a.node.Start(ctx); err != nil {
		a.node.Close()
		a.resign()
		return errors.Join(fmt.Errorf("PARLEY_DATABASE_URL: %w", err), a.broker.Close(), a.store.Close(), a.files.Close())
	}
	return nil
}

func (a *App) openBroker() (realtime.Broker, error) {
	if a.config.BrokerURL == "" {
		return realtime.Local{}, nil
	}
	broker, err := realtime.NewNATS(a.config.BrokerURL, a.logger, a.registry, a.tracer)
	if err != nil {
		return nil, fmt.Errorf("PARLEY_BROKER_URL: %w", err)
	}
	return broker, nil
}

func (a *App) serve() {
	counted := limits.New(a.limits())
	api := &handlers.API{Store: a.store, Node: a.node, Logger: a.logger, Limits: counted, MaxBody: a.config.MaxMessageBytes,
		MaxFile: a.config.MaxFileBytes}
	a.server = a.newServer(a.routes(api))
	a.server.TLSConfig, a.server.ConnContext = a.tls, markSpare
	gate := &gate{Listener: a.listener, connections: counted.Connections(), proxies: a.config.TrustedProxies}
	go func() {
		if a.config.TLSCert != "" {
			a.report(a.server.ServeTLS(gate, "", "")) // with the certificate of its configuration
			return
		}
		a.report(a.server.Serve(gate))
	}()
	if a.adminOn != nil {
		a.admin = a.newServer(a.adminRoutes())
		go func() { a.report(a.admin.Serve(a.adminOn)) }()
	}
}

// limits are those of the configuration.
func (a *App) limits() limits.Settings {
	c := a.config
	connections := roomFor(c.MaxConnections, openFiles())
	if c.MaxConnections > connections {
		a.logger.Info("the system lets this process open fewer files than PARLEY_MAX_CONNECTIONS asks for", "connections", connections)
	}
	return limits.Settings{ClientRequests: c.RequestsPerMinute, ClientSends: c.SendsPerMinute, SessionRequests: c.SessionRequestsPerMinute,
		AddressRequests: c.AddressRequestsPerMinute, AppRequests: c.AppRequestsPerMinute, Logins: c.LoginsPerMinute,
		WrongCredentials: c.WrongCredentialsPerMinute, ClientStreams: c.MaxStreamsPerClient, AddressStreams: c.MaxStreamsPerAddress,
		Connections: connections, AddressConnections: c.MaxConnectionsPerAddress, Clock: c.Clock, Metrics: a.registry}
}

func (a *App) newServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: cmp.Or(a.config.HeaderTimeout, headerTimeout), IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(a.logger.Handler(), slog.LevelDebug)}
}

func (a *App) report(err error) {
	if !errors.Is(err, http.ErrServerClosed) {
		a.failed <- err
	}
}

// Failed delivers the error when the server cannot go on serving.
func (a *App) Failed() <-chan error { return a.failed }

// URL is where the server listens.
func (a *App) URL() string {
	scheme := "http"
	if a.config.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + a.listener.Addr().String()
}

// adminURL is where PARLEY_ADMIN_ADDR listens; empty: nowhere.
func (a *App) adminURL() string {
	if a.adminOn == nil {
		return ""
	}
	return "http://" + a.adminOn.Addr().String()
}

// AppID is the public id of the bootstrap app.
func (a *App) AppID() string { return a.app.PublicID }

// Stop ends the server: readiness goes off, every stream is told when to come back, calls are answered a little longer,
// what is under way is finished, and what has not ended by the deadline is cut.
func (a *App) Stop() error {
	a.ready.Store(false)
	if streams := a.node.Close(); streams > 0 { // the streams first: Shutdown would wait for them
		a.linger()
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	err := a.server.Shutdown(ctx)
	late := errors.Is(err, context.DeadlineExceeded)
	if late {
		err = a.server.Close()
	}
	if a.node.Drain(ctx) > 0 || late {
		a.logger.Warn("some connections did not end in time and were cut")
	}
	if a.admin != nil {
		err = errors.Join(err, a.admin.Close())
	}
	a.resign()
	err = errors.Join(err, a.store.Close(), a.files.Close(), a.broker.Close()) // the broker last: the store may still announce
	a.stopTracing()
	return err
}

// resign says that nobody is on this node any more.
func (a *App) resign() {
	ctx, cancel := context.WithTimeout(context.Background(), resignTimeout)
	defer cancel()
	a.node.Resign(ctx)
}

func (a *App) linger() {
	timer := time.NewTimer(cmp.Or(a.config.Linger, lingerTime))
	defer timer.Stop()
	select {
	case <-timer.C:
	case err := <-a.failed: // the listener is gone: nobody can come
		a.failed <- err
	}
}

// Greet prints where the server and its console are and, at the first start, the app's keys with lines to paste.
func (a *App) Greet(w io.Writer) error {
	if a.made != nil {
		return greeting.Execute(w, map[string]any{"URL": a.URL(), "AppID": a.AppID(), "Admin": a.adminURL(), "Made": a.made, "Console": a.config.Console})
	}
	console := ""
	if a.config.Console {
		console = fmt.Sprintf(" The console: %s/", a.URL())
	}
	_, err := fmt.Fprintf(w, "Parley listens on %s for app %s; its keys were printed at the first start or come from the environment.%s\n",
		a.URL(), a.AppID(), console)
	if a.adminOn != nil && err == nil {
		_, err = fmt.Fprintf(w, "Metrics and profiles: %s\n", a.adminURL())
	}
	return err
}
