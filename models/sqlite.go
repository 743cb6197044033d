package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"modernc.org/sqlite" // the driver, pure Go
	sqlite3 "modernc.org/sqlite/lib"

	"parley/migrations"
)

// sqliteReadConns: readers of a WAL file do not wait for one another, but each costs a page cache; two cores are busy
// with fewer.
const sqliteReadConns = 8

// sqlitePragmas are set on every connection of a pool, so they stand in the DSN. synchronous=FULL makes a commit in WAL
// mode survive a power cut; a checkpoint every 32 MB instead of 4 writes each page less often (some tenths more messages a
// second in 500 conversations); the busy time-out lets a second process hold the file for as long as a slow batch takes.
const sqlitePragmas = "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
	"&_pragma=cache_size(-16000)&_pragma=foreign_keys(OFF)&_pragma=temp_store(MEMORY)&_pragma=wal_autocheckpoint(8000)"

// openSQLite opens the one writing connection and the reading pool of a sqlite:// URL and makes the folder.
func openSQLite(ctx context.Context, rawURL string, wrap between) (write, read *gorm.DB, err error) {
	path := strings.TrimPrefix(rawURL, "sqlite://")
	if path == "" || strings.ContainsAny(path, "?#") {
		return nil, nil, fmt.Errorf("a SQLite URL is sqlite://path/to/file.db, or sqlite:///an/absolute/path.db")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, nil, err
	}
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + sqlitePragmas
	// BEGIN IMMEDIATE takes the write lock first, as the counter row does on MySQL: a transaction that read before it
	// could not go on to write.
	writeDB, err := sqlitePool(dsn+"&_txlock=immediate", wrap)
	if err != nil {
		return nil, nil, err
	}
	writeDB.SetMaxOpenConns(1)
	readDB, err := sqlitePool(dsn+"&_pragma=query_only(1)", wrap)
	if err != nil {
		return nil, nil, closing(err, writeDB)
	}
	readDB.SetMaxOpenConns(sqliteReadConns)
	readDB.SetMaxIdleConns(sqliteReadConns)
	if err := migrations.UpSQLite(ctx, writeDB); err != nil {
		return nil, nil, closing(explainFull(err), writeDB, readDB)
	}
	if write, err = openGORM(newSQLiteDialect(writeDB)); err == nil {
		read, err = openGORM(newSQLiteDialect(readDB))
	}
	if err != nil {
		return nil, nil, closing(err, writeDB, readDB)
	}
	return write, read, nil
}

func sqlitePool(dsn string, wrap between) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return wrap.pool(connector), nil
}

// explainFull says what SQLite calls a disk I/O error: there is no room for the -shm file that it keeps beside the database.
func explainFull(err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE {
		return fmt.Errorf("the disk is full: %w", err)
	}
	return err
}

// sqliteDialect is the little of a GORM dialect that is used here: quoting and placeholders, which are MySQL's. The
// official gorm.io/driver/sqlite would compile a second SQLite, in C, into every build.
type sqliteDialect struct {
	mysql.Dialector
	pool gorm.ConnPool
}

func newSQLiteDialect(pool gorm.ConnPool) sqliteDialect {
	return sqliteDialect{Dialector: mysql.Dialector{Config: &mysql.Config{}}, pool: pool}
}

func (d sqliteDialect) Name() string { return "sqlite" }

func (d sqliteDialect) Apply(*gorm.Config) error { return nil }

func (d sqliteDialect) Initialize(db *gorm.DB) error {
	db.ConnPool = d.pool
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{
		CreateClauses: []string{"INSERT", "VALUES", "ON CONFLICT"},
		QueryClauses:  []string{"SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT"},
		UpdateClauses: []string{"UPDATE", "SET", "WHERE"},
		DeleteClauses: []string{"DELETE", "FROM", "WHERE"},
	})
	return nil
}
