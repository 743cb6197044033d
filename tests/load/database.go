//go:build linux

package main

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

// database is an empty database for one measurement.
type database struct {
	url  string // as the server is given it
	pid  int    // of the database's process; 0: there is none, or it is not on this machine
	db   *sql.DB
	drop func() error
}

// sqliteSettings are the server's own: WAL, and every commit on disk before it is answered.
const sqliteSettings = "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"

// newDatabase makes a database on the MySQL server, or a SQLite file in a new folder.
func newDatabase(ctx context.Context, o *options, dir string) (*database, error) {
	if o.mysql != "" {
		return newMySQL(ctx, o.mysql)
	}
	folder, err := os.MkdirTemp(dir, "db")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(folder, "load.db")
	db, err := sql.Open("sqlite", "file:"+path+sqliteSettings)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &database{url: "sqlite://" + path, db: db, drop: func() error { return errors.Join(db.Close(), os.RemoveAll(folder)) }}, nil
}

func newMySQL(ctx context.Context, server string) (*database, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "mysql" || u.Host == "" {
		return nil, errors.New("-mysql must be like mysql://user:password@127.0.0.1:3306/")
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
	return &database{url: at.String(), db: db, pid: listeningOn(u.Port()), drop: func() error { return errors.Join(db.Close(), drop()) }}, nil
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

// describe says what the database is and whether a commit is on disk when it is answered.
func (d *database) describe(ctx context.Context) (string, error) {
	if strings.HasPrefix(d.url, "sqlite:") {
		var version string
		err := d.db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version)
		return "SQLite " + version + ", synchronous=FULL", err
	}
	var version string
	var flush int
	err := d.db.QueryRowContext(ctx, "SELECT VERSION(), @@innodb_flush_log_at_trx_commit").Scan(&version, &flush)
	return fmt.Sprintf("MySQL-compatible %s, innodb_flush_log_at_trx_commit=%d", version, flush), err
}

// listeningOn finds the process that listens on a TCP port of this machine; 0 when there is none, or it may not be seen.
func listeningOn(port string) int {
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

// read reads rows of any columns into nothing, and checks how many there are.
func (d *database) read(ctx context.Context, want int, query string, args ...any) (err error) {
	rows, err := d.db.QueryContext(ctx, query, args...)
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

// statement is SQL with its values.
type statement struct {
	sql  string
	args []any
}

// transaction runs statements in one.
func (d *database) transaction(ctx context.Context, statements ...statement) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s.sql, s.args...); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}
