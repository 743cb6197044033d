// Package harness runs the server for black-box tests: a real listener on a free port, a database of its own, a client
// that checks every answer against the OpenAPI document, and a reader of event streams.
package harness

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"database/sql"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "modernc.org/sqlite" // for tests that look into the database

	"parley/app"
)

// MySQLVariable names a server on which every behaviour test runs too: mysql://root:@127.0.0.1:3306/.
const MySQLVariable = "PARLEY_TEST_MYSQL_URL"

// Deadline is how long a test waits for what must come: far beyond what it takes, so that a slow machine passes.
const Deadline = 20 * time.Second

// Keys of every test server's app.
const (
	AppID         = "test-app"
	AppKey        = "test-app-key-0123456789"
	MasterKey     = "test-master-key-0123456789"
	SigningSecret = "test-signing-secret-0123456789-0123456789"
)

// Server is a running server, or what stands in front of some.
type Server struct {
	URL         string
	DatabaseURL string
	App         *app.App
	TLS         *tls.Config     // whom its clients trust; nil: plain HTTP
	Protocols   *http.Protocols // that its clients speak; nil: HTTP/1.1
	stopped     bool
}

// transport makes the connections of one client.
func (s *Server) transport() *http.Transport {
	return &http.Transport{TLSClientConfig: s.TLS.Clone(), Protocols: s.Protocols, MaxIdleConnsPerHost: 256}
}

// Databases runs a test on SQLite, and on MySQL when the variable names one; in CI that one must be there. Both at once, and beside
// other such tests: most of a test's time is waiting for the disk or for an event.
func Databases(t *testing.T, test func(t *testing.T, databaseURL string)) {
	t.Helper()
	t.Parallel()
	databases(t, (*testing.T).Parallel, test)
}

// DatabasesAlone does so one after the other, and beside no other test: for those that measure time or fill the machine.
func DatabasesAlone(t *testing.T, test func(t *testing.T, databaseURL string)) {
	t.Helper()
	databases(t, func(*testing.T) {}, test)
}

// databases makes a database after the test's turn has come: there may be hundreds that wait for theirs.
func databases(t *testing.T, wait func(*testing.T), test func(t *testing.T, databaseURL string)) {
	t.Helper()
	mysql := os.Getenv(MySQLVariable) != ""
	if !mysql && InCI() {
		t.Fatalf("%s is not set, and CI must run the tests on MySQL too", MySQLVariable)
	}
	t.Run("on", func(t *testing.T) { // returns when both have ended
		t.Run("sqlite", func(t *testing.T) {
			wait(t)
			test(t, SQLite(t))
		})
		if mysql {
			t.Run("mysql", func(t *testing.T) {
				wait(t)
				test(t, MySQL(t))
			})
		}
	})
}

// SQLite gives the URL of a fresh SQLite database.
func SQLite(t testing.TB) string {
	return "sqlite://" + filepath.Join(t.TempDir(), "parley.db")
}

// MySQL makes an empty database that is dropped after the test, and gives its URL.
func MySQL(t testing.TB) string {
	t.Helper()
	server, err := url.Parse(os.Getenv(MySQLVariable))
	if err != nil {
		t.Fatal(err)
	}
	name := "parley_test_" + strings.ToLower(rand.Text()[:16])
	db := OpenSQL(t, server.JoinPath("mysql").String())
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec("DROP DATABASE " + name); err != nil {
			t.Error(err)
		}
	})
	server.Path = "/" + name
	return server.String()
}

// OpenSQL opens a database beside the server, for tests that look into it or hold its locks.
func OpenSQL(t testing.TB, databaseURL string) *sql.DB {
	t.Helper()
	driver, dsn := "sqlite", "file:"+strings.TrimPrefix(databaseURL, "sqlite://")+"?_pragma=busy_timeout(10000)&_txlock=immediate"
	if strings.HasPrefix(databaseURL, "mysql://") {
		u, err := url.Parse(databaseURL)
		if err != nil {
			t.Fatal(err)
		}
		config := mysql.NewConfig()
		config.Net, config.Addr, config.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
		config.User = u.User.Username()
		config.Passwd, _ = u.User.Password()
		driver, dsn = "mysql", config.FormatDSN()
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
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
	config := Config(databaseURL)
	for _, c := range change {
		c(&config)
	}
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: config.LogLevel}))
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
