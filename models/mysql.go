package models

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	drv "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"

	"parley/migrations"
)

const (
	// A node that vanishes inside a transaction keeps the app's counter row locked until the server ends its connection:
	// wait_timeout bounds that between two statements, net_read_timeout in the middle of one, net_write_timeout in the
	// middle of an answer. Other nodes must send again within 12 s, so 8 s leaves them time to retry.
	mysqlWriteWaitTimeout = 8 * time.Second
	// Below wait_timeout, so that the pool closes an idle connection before the server does.
	mysqlWriteIdle = 5 * time.Second
	// A wait this long for the counter row is not contention, it is a vanished node; the batch is retried as a whole.
	mysqlLockWait = 4 * time.Second
	// A lost server must be noticed; longer than a lock wait, so that a wait is never taken for a loss.
	mysqlIOTimeout = 10 * time.Second
	// A dead address fails a send quickly; the retries of a batch stay under the 3 s after which a sender is told.
	mysqlDialTimeout = 2 * time.Second
	// A server that does not answer for this long at the start is not there; migrations may then take their time.
	mysqlStartTimeout = 15 * time.Second
	// One committer an app writes, log-ins and set-up beside it; more would only wait for the same rows.
	mysqlWriteConns = 8
	// Enough to keep two cores of database busy; a stock server allows 151 connections in all, for several nodes.
	mysqlReadConns = 24
	// A connection is not kept for longer than this, however busy: after a failover by name the pool leaves the old primary,
	// and behind a balancer the nodes find a server that has come back.
	mysqlLifetime = 3 * time.Minute
	// Idle reading connections are kept this long: under the common 60 s limit of proxies in between.
	mysqlReadIdle = 50 * time.Second
)

// openMySQL opens the writing and the reading pool of a mysql:// URL: mysql://user:password@host:3306/name.
func openMySQL(ctx context.Context, rawURL string, wrap between, logger *slog.Logger) (write, read *gorm.DB, err error) {
	config, err := mysqlConfig(rawURL)
	if err != nil {
		return nil, nil, err
	}
	settings, err := inspectMySQL(ctx, config, logger) // the first to meet a server that is not there
	if err != nil {
		return nil, nil, err
	}
	vanished := fmt.Sprint(int(mysqlWriteWaitTimeout.Seconds()))
	for _, name := range []string{"wait_timeout", "net_read_timeout", "net_write_timeout"} {
		settings[name] = vanished
	}
	settings["innodb_lock_wait_timeout"] = fmt.Sprint(int(mysqlLockWait.Seconds()))
	writing := config.Clone()
	writing.MultiStatements = true // transact
	writeDB, err := mysqlPool(writing, settings, wrap)
	if err != nil {
		return nil, nil, err
	}
	writeDB.SetMaxOpenConns(mysqlWriteConns)
	writeDB.SetMaxIdleConns(mysqlWriteConns)
	writeDB.SetConnMaxIdleTime(mysqlWriteIdle)
	writeDB.SetConnMaxLifetime(mysqlLifetime)
	readDB, err := mysqlPool(config, nil, wrap)
	if err != nil {
		return nil, nil, err
	}
	readDB.SetMaxOpenConns(mysqlReadConns)
	readDB.SetMaxIdleConns(mysqlReadConns)
	readDB.SetConnMaxIdleTime(mysqlReadIdle)
	readDB.SetConnMaxLifetime(mysqlLifetime)
	if err := migrateMySQL(ctx, config); err != nil {
		return nil, nil, closing(err, writeDB, readDB)
	}
	if write, err = openGORM(mysqlDialect(writeDB)); err == nil {
		read, err = openGORM(mysqlDialect(readPool{readDB}))
	}
	if err != nil {
		return nil, nil, closing(err, writeDB, readDB)
	}
	return write, read, nil
}

// migrateMySQL brings the schema up to date on connections of its own: a statement that changes a large table, or the wait
// for a node that does, takes longer than what the server does otherwise may take.
func migrateMySQL(ctx context.Context, config *drv.Config) error {
	config = config.Clone()
	config.ReadTimeout, config.WriteTimeout = 0, 0
	db, err := mysqlPool(config, nil, nil)
	if err != nil {
		return err
	}
	return closing(migrations.UpMySQL(ctx, db), db)
}

func mysqlDialect(db gorm.ConnPool) gorm.Dialector {
	return mysql.New(mysql.Config{Conn: db, SkipInitializeWithVersion: true, DontSupportForShareClause: true})
}

func mysqlConfig(rawURL string) (*drv.Config, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("not a URL")
	}
	name := strings.TrimPrefix(u.Path, "/")
	config := drv.NewConfig()
	config.Net, config.Addr, config.DBName = "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "3306")), name
	if _, _, err := net.SplitHostPort(config.Addr); err != nil || u.Hostname() == "" || name == "" || strings.Contains(name, "/") {
		return nil, fmt.Errorf("a MySQL URL is mysql://user:password@host:3306/name")
	}
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	options, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("the options are not well-formed; tls is the only one")
	}
	config.TLSConfig = options.Get("tls")
	for key := range options {
		if key != "tls" {
			return nil, fmt.Errorf("an option is unknown; tls is the only one") // not repeated: it may be the end of a password
		}
	}
	config.Timeout, config.ReadTimeout, config.WriteTimeout = mysqlDialTimeout, mysqlIOTimeout, mysqlIOTimeout
	// One round trip a statement instead of three; safe with utf8mb4, in which no byte of a character looks like a quote.
	config.InterpolateParams = true
	config.Collation = "utf8mb4_bin"
	// A server demoted to read-only: leave the connection, the next one may reach the new primary.
	config.RejectReadOnly = true
	config.Logger = &drv.NopLogger{}
	return config, nil
}

func mysqlPool(config *drv.Config, params map[string]string, wrap between) (*sql.DB, error) {
	config = config.Clone()
	config.Params = params
	connector, err := drv.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return wrap.pool(readCommitted{connector}), nil
}

// readCommitted sets the isolation level once a connection. The variable behind it has different names on MySQL 8 and
// MariaDB 10.6, the statement is the same; a level given with every BEGIN would cost a round trip each.
type readCommitted struct{ driver.Connector }

func (c readCommitted) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	_, err = conn.(driver.ExecerContext).ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", nil)
	if err != nil {
		return nil, closing(err, conn)
	}
	return conn, nil
}
