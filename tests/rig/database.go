//go:build linux

package rig

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Database is an empty database for one measurement.
type Database struct {
	URL  string // as the server is given it
	PID  int    // of the database's process; 0: there is none, or it is not on this machine
	DB   *sql.DB
	Drop func() error
}

// sqliteSettings are the server's own: WAL, and every commit on disk before it is answered.
const sqliteSettings = "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"

// NewDatabase makes a database on the MySQL server, or a SQLite file in a new folder.
func NewDatabase(ctx context.Context, server, dir string) (*Database, error) {
	if server != "" {
		return newMySQL(ctx, server)
	}
	folder, err := os.MkdirTemp(dir, "db")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(folder, "parley.db")
	db, err := sql.Open("sqlite", "file:"+path+sqliteSettings)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &Database{URL: "sqlite://" + path, DB: db, Drop: func() error { return errors.Join(db.Close(), os.RemoveAll(folder)) }}, nil
}

func newMySQL(ctx context.Context, server string) (*Database, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "mysql" || u.Host == "" {
		return nil, errors.New("the URL of a MySQL server must be like mysql://user:password@127.0.0.1:3306/")
	}
	name := "parley_load_" + strings.ToLower(rand.Text()[:16])
	admin, err := openMySQL(u, "")
	if err != nil {
		return nil, err
	}
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return nil, errors.Join(err, admin.Close())
	}
	drop := func() error {
		_, err := admin.Exec("DROP DATABASE " + name)
		return errors.Join(err, admin.Close())
	}
	db, err := openMySQL(u, name)
	if err != nil {
		return nil, errors.Join(err, drop())
	}
	at := *u
	at.Path = "/" + name
	return &Database{URL: at.String(), DB: db, PID: ListeningOn(u.Port()), Drop: func() error { return errors.Join(db.Close(), drop()) }}, nil
}

func openMySQL(u *url.URL, name string) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr, config.DBName = "tcp", u.Host, name
	if u.Port() == "" {
		config.Addr = u.Host + ":3306"
	}
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.InterpolateParams = true // one round trip a statement, as the server has it
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// Describe says what the database is and whether a commit is on disk when it is answered.
func (d *Database) Describe(ctx context.Context) (string, error) {
	if strings.HasPrefix(d.URL, "sqlite:") {
		var version string
		err := d.DB.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version)
		return "SQLite " + version + ", synchronous=FULL", err
	}
	var version string
	var flush int
	err := d.DB.QueryRowContext(ctx, "SELECT VERSION(), @@innodb_flush_log_at_trx_commit").Scan(&version, &flush)
	return fmt.Sprintf("MySQL-compatible %s, innodb_flush_log_at_trx_commit=%d", version, flush), err
}

// ListeningOn finds the process that listens on a TCP port of this machine; 0 when there is none, or it may not be seen.
func ListeningOn(port string) int {
	if port == "" {
		port = "3306"
	}
	sockets := listeningSockets(port)
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is valid
	for _, link := range links {
		to, err := os.Readlink(link)
		if err != nil || !sockets[to] {
			continue // the process has ended, or is somebody else's
		}
		pid, _ := strconv.Atoi(strings.Split(link, "/")[2]) // digits by the pattern
		return pid
	}
	return 0
}

// listeningSockets gives the sockets that listen on a port, as /proc/<pid>/fd names them.
func listeningSockets(port string) map[string]bool {
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil
	}
	const state, listening, inode = 3, "0A", 9 // proc_net_tcp(5)
	suffix := fmt.Sprintf(":%04X", n)
	found := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue // a kernel without IPv6
		}
		for line := range bytes.Lines(data) {
			fields := strings.Fields(string(line))
			if len(fields) > inode && fields[state] == listening && strings.HasSuffix(fields[1], suffix) {
				found["socket:["+fields[inode]+"]"] = true
			}
		}
	}
	return found
}

// Read reads rows of any columns into nothing, and checks how many there are.
func (d *Database) Read(ctx context.Context, want int, query string, args ...any) (err error) {
	rows, err := d.DB.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(sql.RawBytes)
	}
	n := 0
	for ; rows.Next(); n++ {
		if err := rows.Scan(values...); err != nil {
			return err
		}
	}
	if n != want {
		err = fmt.Errorf("%d rows instead of %d", n, want)
	}
	return errors.Join(err, rows.Err())
}

// Statement is SQL with its values.
type Statement struct {
	SQL  string
	Args []any
}

// Transaction runs statements in one.
func (d *Database) Transaction(ctx context.Context, statements ...Statement) error {
	tx, err := d.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s.SQL, s.Args...); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}
