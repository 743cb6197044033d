// Package models holds the tables, the rules and the transactions. The database is a log: every durable change of an
// app is an entry with the next number, assigned in the transaction that writes it while that transaction holds the
// app's counter row, so a number is visible only when all lower ones are.
package models

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"gorm.io/gorm"
	gormlog "gorm.io/gorm/logger"

	"parley/models/blobs"
	"parley/models/query"
)

// Options are the settings of a Store. Zero values mean the defaults of API.md, "Configuration".
type Options struct {
	SessionTTL   time.Duration                     // life of a session token; default 24 h
	MaxMembers   int                               // of a normal conversation; default 500
	MaxFileBytes int64                             // of one file; default 32 MB
	FileURLTTL   time.Duration                     // life of the url of a stored file; default 7 days
	FileURL      func(fileID, token string) string // where a stored file's bytes are, for whoever has the token
	// HideMembers leaves the members out of conversations that one is not in.
	HideMembers bool
	// QueryTimeLimit is how long a query with conditions may take; default 2 s.
	QueryTimeLimit time.Duration
	// QueryCandidates is how many rows regular expressions may look at in a query; default 20,000.
	QueryCandidates int
	Retention       time.Duration // how long history is kept; 0 keeps all
	// RetentionEvery is how often a node looks for what is too old; default a tenth of Retention, 1 s to 10 min.
	RetentionEvery time.Duration
	// RetentionWithin is how soon what has become too old is to be gone, if the database is quick enough; default six times
	// RetentionEvery, an hour for most, and a tenth of Retention at most.
	RetentionWithin time.Duration
	// Still leaves out what a node does in the background: sweeps and retention.
	Still bool
	// PublishCommitted is handed the entries of every transaction of this node, after its commit and before its callers
	// are answered, in the order of their numbers. It must not block.
	PublishCommitted func(appID uint32, entries []Entry)
	// SessionsHere gives the sessions of a client that have a stream on this node, an empty one for the app's own server. It
	// must not block.
	SessionsHere func(appID uint32, clientID string) []string
	Clock        func() time.Time // default time.Now
	// Connect wraps what makes the connections of both pools: a test counts their statements. nil: as it is.
	Connect func(driver.Connector) driver.Connector
	Logger  *slog.Logger // default: discard
	Metrics prometheus.Registerer
	Tracer  trace.Tracer // nil: nobody traces
}

// Store is one node's access to the database.
type Store struct {
	write, read *gorm.DB
	dialect     query.Dialect
	options     Options
	queries     *queryTurns
	metrics     *metrics
	sessions    *sessionCache
	apps        *appCache
	tokens      *tokenCache
	nobody      *App // whom the keys and tokens of apps that do not exist are checked against
	trouble     trouble
	secondClock func(context.Context) (Timestamp, error) // another machine's, for what cannot be undone; nil: there is none
	pace        sweepPace
	labels      appLabels
	syncReads   chan struct{} // a turn each

	mu         sync.Mutex
	files      *blobs.Store // nil: nobody asks for files, and none is swept
	closed     bool
	committers map[uint32]*committer
	doors      map[uint32]*roomDoor
	movesSwept map[uint32]int64 // app → up to which number its old room entries are gone
	background sync.WaitGroup
	stop       context.CancelFunc
	working    context.Context // ends when a stop has waited long enough for the committers
	halt       context.CancelFunc
}

// haltAfter is how long Close lets the committers finish: longer than any healthy batch, within the 10 s of a stop.
const haltAfter = 2 * time.Second

// Open connects to the database of a sqlite:// or mysql:// URL and brings its schema up to date.
func Open(ctx context.Context, databaseURL string, options Options) (*Store, error) {
	clockIsGiven := options.Clock != nil
	options = options.withDefaults()
	var write, read *gorm.DB
	var err error
	switch scheme, _, _ := strings.Cut(databaseURL, "://"); scheme {
	case "sqlite":
		write, read, err = openSQLite(ctx, databaseURL, options.Connect)
	case "mysql":
		write, read, err = openMySQL(ctx, databaseURL, options.Connect, options.Logger)
	default:
		err = errors.New("the URL must begin with sqlite:// or mysql://")
	}
	if err != nil {
		return nil, err
	}
	s := &Store{write: write, read: read, options: options, sessions: newSessionCache(), apps: newAppCache(), nobody: newNobody(), tokens: newTokenCache(),
		metrics: newMetrics(options.Metrics), committers: map[uint32]*committer{}, syncReads: make(chan struct{}, maxSyncReads),
		queries: newQueryTurns(), doors: map[uint32]*roomDoor{}, movesSwept: map[uint32]int64{}}
	s.labels.begin = s.metrics.begin
	s.working, s.halt = context.WithCancel(context.Background())
	if write.Name() == "mysql" && !clockIsGiven {
		s.secondClock = s.databaseClock
	}
	if err := s.prepare(ctx); err != nil {
		s.halt()
		return nil, errors.Join(err, s.closePools())
	}
	sweeping, stop := context.WithCancel(context.Background())
	s.stop = stop
	if !options.Still {
		s.background.Go(func() { s.sweepLoop(sweeping) })
		s.background.Go(func() { s.retentionLoop(sweeping) })
	}
	if write.Name() == "mysql" {
		s.background.Go(func() { s.keepSpare(sweeping) })
	}
	return s, nil
}

// prepare does what is left to do once the schema is up to date.
func (s *Store) prepare(ctx context.Context) (err error) {
	if s.dialect, err = statementDialect(ctx, s.read); err != nil {
		return err
	}
	s.pace.alone = s.dialect == query.SQLite
	if err := s.watch(); err != nil {
		return err
	}
	return s.flattenAttributes(ctx)
}

func (o Options) withDefaults() Options {
	if o.SessionTTL == 0 {
		o.SessionTTL = 24 * time.Hour
	}
	if o.MaxMembers == 0 {
		o.MaxMembers = 500
	}
	if o.MaxFileBytes == 0 {
		o.MaxFileBytes = 32 << 20
	}
	if o.FileURLTTL == 0 {
		o.FileURLTTL = 7 * 24 * time.Hour
	}
	if o.FileURL == nil {
		o.FileURL = func(fileID, token string) string { return "/v1/files/" + fileID + "/content?token=" + token }
	}
	if o.QueryCandidates == 0 {
		o.QueryCandidates = mostCandidates
	}
	if o.QueryTimeLimit == 0 {
		o.QueryTimeLimit = queryTimeLimit
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	if o.SessionsHere == nil {
		o.SessionsHere = func(uint32, string) []string { return nil }
	}
	if o.PublishCommitted == nil {
		o.PublishCommitted = func(uint32, []Entry) {}
	}
	return o
}

// Close lets the committers finish what they hold, then closes the pools. New work is refused from here on.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, c := range s.committers {
		c.close()
	}
	s.mu.Unlock()
	s.stop()
	halting := time.AfterFunc(haltAfter, s.halt)
	s.background.Wait()
	halting.Stop()
	s.halt()
	return s.closePools()
}

func (s *Store) closePools() error {
	write, err := s.write.DB()
	if err != nil {
		return err
	}
	read, err := s.read.DB()
	if err != nil {
		return err
	}
	return errors.Join(read.Close(), write.Close())
}

// keepSpare keeps two writing connections open, so that a batch whose connection is lost goes on at once on another: on a
// network with some latency, a new one costs as much as half a batch.
func (s *Store) keepSpare(ctx context.Context) {
	pool, err := s.write.DB()
	if err != nil {
		return
	}
	tick := time.NewTicker(mysqlWriteIdle / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		pingTwo(ctx, pool)
	}
}

// pingTwo uses two connections of a pool, and holds both no longer than it takes to have two: meanwhile a batch would
// have to open a third. What fails is left to the next turn; who writes meanwhile finds out by itself.
func pingTwo(ctx context.Context, pool *sql.DB) {
	first, err := pool.Conn(ctx)
	if err != nil {
		return
	}
	err = first.PingContext(ctx)
	var second *sql.Conn
	if err == nil {
		second, err = pool.Conn(ctx)
	}
	_ = first.Close() // back to the pool
	if err != nil {
		return
	}
	_ = second.PingContext(ctx)
	_ = second.Close()
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return s.read.WithContext(ctx).Raw("SELECT 1").Find(&one).Error
}

// Now is the time by this node's clock, as answers show it.
func (s *Store) Now() Timestamp { return s.now() }

func (s *Store) now() Timestamp { return TimestampOf(s.options.Clock()) }

// committerOf gives the app's committer and starts it at its first use.
func (s *Store) committerOf(appID uint32) (*committer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errStoreStopping()
	}
	c := s.committers[appID]
	if c == nil {
		c = newCommitter(s, appID)
		s.committers[appID] = c
		s.background.Go(c.run)
	}
	return c, nil
}

// KeepFiles says where the bytes of files are, before the first call that has to do with one. The place stays the
// caller's to close, after Close.
func (s *Store) KeepFiles(files *blobs.Store) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = files
}

func (s *Store) fileStore() *blobs.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files
}

// beside runs something that Close waits for; false when the node is stopping.
func (s *Store) beside(do func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.background.Go(do)
	return true
}

func errStoreStopping() *Error { return errUnavailable(errors.New("the node is stopping")) }

// between is Options.Connect.
type between func(driver.Connector) driver.Connector

func (wrap between) pool(connector driver.Connector) *sql.DB {
	if wrap != nil {
		connector = wrap(connector)
	}
	return sql.OpenDB(connector)
}

func openGORM(dialect gorm.Dialector) (*gorm.DB, error) {
	return gorm.Open(dialect, &gorm.Config{
		// Every transaction here is explicit; errors are returned, and logged once by whoever answers for them.
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		Logger:                 gormlog.Discard,
	})
}

func closing(err error, closers ...io.Closer) error {
	for _, c := range closers {
		err = errors.Join(err, c.Close())
	}
	return err
}
