// Package migrations holds the versioned schema, one folder a dialect, and brings a database up to it.
//
// A released migration is never edited, and a new one only adds: nodes of the previous version keep running beside it.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed mysql/*.sql sqlite/*.sql
var files embed.FS

// sqliteAttempts bounds how often a start on SQLite tries again when another process migrates the same file: each
// migration is one transaction there, so the loser of the race fails whole and finds the work done.
const sqliteAttempts = 5

// UpMySQL applies what is missing to a MySQL or MariaDB database. Nodes that start at once wait for one another.
func UpMySQL(ctx context.Context, db *sql.DB) error {
	provider, err := provider(goose.DialectMySQL, db, "mysql", goose.WithSessionLocker(mysqlLock{}))
	if err != nil {
		return err
	}
	// Up looks whether there is anything to do without the lock, and makes its table of versions then. Of servers that
	// start at once on an empty database one would find another's table half made, and give up. This asks under the lock.
	if _, err := provider.GetDBVersion(ctx); err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// UpSQLite applies what is missing to a SQLite database. db must begin its transactions IMMEDIATE.
func UpSQLite(ctx context.Context, db *sql.DB) error {
	provider, err := provider(goose.DialectSQLite3, db, "sqlite")
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		_, err = provider.Up(ctx)
		if err == nil || attempt == sqliteAttempts || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(attempt) * 50 * time.Millisecond):
		}
	}
}

func provider(dialect goose.Dialect, db *sql.DB, folder string, options ...goose.ProviderOption) (*goose.Provider, error) {
	sub, err := fs.Sub(files, folder)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, db, sub, append(options, goose.WithDisableGlobalRegistry(true))...)
}

// mysqlLock is MySQL's named lock, scoped to the database: it ends with its connection, so a node that dies while it
// migrates blocks nobody.
type mysqlLock struct{}

const (
	// The name is scoped by the database's own, because named locks are global to a server; 64 characters is MySQL's limit.
	mysqlLockName = "LEFT(CONCAT('parley.', DATABASE()), 64)"
	// Longer than any migration of a small database takes, shorter than an operator's patience with a silent start.
	mysqlLockSeconds = 60
)

func (mysqlLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	var got sql.NullInt64
	err := conn.QueryRowContext(ctx, fmt.Sprintf("SELECT GET_LOCK(%s, %d)", mysqlLockName, mysqlLockSeconds)).Scan(&got)
	if err != nil {
		return err
	}
	if got.Int64 != 1 {
		return errors.New("another node has been migrating this database for a minute")
	}
	return nil
}

func (mysqlLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, fmt.Sprintf("SELECT RELEASE_LOCK(%s)", mysqlLockName))
	return err
}
