// Package models holds the tables, the rules and the transactions. The database is a log: every durable change of an
// app is an entry with the next number, assigned in the transaction that writes it while that transaction holds the
// app's counter row, so a number is visible only when all lower ones are.
package models

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"
	gormlog "gorm.io/gorm/logger"
)

// Options are the settings of a Store. Zero values mean the defaults of API.md, "Configuration".
type Options struct {
	SessionTTL time.Duration // life of a session token; default 24 h
	MaxMembers int           // of a normal conversation; default 500
	// PublishCommitted is handed the entries of every transaction of this node, after its commit and before its callers
	// are answered, in the order of their numbers. It must not block.
	PublishCommitted func(appID uint32, entries []Entry)
	// SessionsHere gives the sessions of a client that have a stream on this node, an empty one for the app's own server. It
	// must not block.
	SessionsHere func(appID uint32, clientID string) []string
	Clock        func() time.Time // default time.Now
	Logger       *slog.Logger     // default: discard
	Metrics      prometheus.Registerer
}

// Store is one node's access to the database.
type Store struct {
	write, read *gorm.DB
	options     Options
	metrics     *metrics
	sessions    *sessionCache
	apps        appCache
	trouble     trouble
	syncReads   chan struct{} // a turn each

	mu         sync.Mutex
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
	options = options.withDefaults()
	var write, read *gorm.DB
	var err error
	switch scheme, _, _ := strings.Cut(databaseURL, "://"); scheme {
	case "sqlite":
		write, read, err = openSQLite(ctx, databaseURL)
	case "mysql":
		write, read, err = openMySQL(ctx, databaseURL, options.Logger)
	default:
		err = errors.New("the URL must begin with sqlite:// or mysql://")
	}
	if err != nil {
		return nil, err
	}
	s := &Store{write: write, read: read, options: options, sessions: newSessionCache(),
		metrics: newMetrics(options.Metrics), committers: map[uint32]*committer{}, syncReads: make(chan struct{}, maxSyncReads),
		doors: map[uint32]*roomDoor{}, movesSwept: map[uint32]int64{}}
	sweeping, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.working, s.halt = context.WithCancel(context.Background())
	s.background.Go(func() { s.sweepLoop(sweeping) })
	if write.Name() == "mysql" {
		s.background.Go(func() { s.keepSpare(sweeping) })
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.SessionTTL == 0 {
		o.SessionTTL = 24 * time.Hour
	}
	if o.MaxMembers == 0 {
		o.MaxMembers = 500
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
		return nil, errUnavailable(errors.New("the node is stopping"))
	}
	c := s.committers[appID]
	if c == nil {
		c = newCommitter(s, appID)
		s.committers[appID] = c
		s.background.Go(c.run)
	}
	return c, nil
}

// begin runs something in the background until Close; false when the store is closing.
func (s *Store) begin(run func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.background.Go(run)
	return true
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
