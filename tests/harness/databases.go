package harness

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	_ "modernc.org/sqlite" // for tests that look into the database
)

// MySQLVariable names a server on which every behaviour test runs too: mysql://root:@127.0.0.1:3306/.
const MySQLVariable = "PARLEY_TEST_MYSQL_URL"

// Databases runs a test on SQLite, and on MySQL when the variable names one; in CI that one must be there. Both at once, and beside
// other such tests: most of a test's time is waiting for the disk or for an event.
func Databases(t *testing.T, test func(t *testing.T, databaseURL string)) {
	t.Helper()
	t.Parallel()
	databases(t, (*testing.T).Parallel, SQLite, MySQL, test)
}

// EmptyDatabases is Databases for tests of the very first start: nothing is there, no table either.
func EmptyDatabases(t *testing.T, test func(t *testing.T, databaseURL string)) {
	t.Helper()
	t.Parallel()
	databases(t, (*testing.T).Parallel, EmptySQLite, EmptyMySQL, test)
}

// DatabasesAlone does so one after the other, and beside no other test: for those that measure time or fill the machine.
func DatabasesAlone(t *testing.T, test func(t *testing.T, databaseURL string)) {
	t.Helper()
	databases(t, func(*testing.T) {}, SQLite, MySQL, test)
}

// databases makes a database after the test's turn has come: there may be hundreds that wait for theirs.
func databases(t *testing.T, wait func(*testing.T), sqlite, mysql func(testing.TB) string, test func(t *testing.T, databaseURL string)) {
	t.Helper()
	there := os.Getenv(MySQLVariable) != ""
	if !there && InCI() {
		t.Fatalf("%s is not set, and CI must run the tests on MySQL too", MySQLVariable)
	}
	t.Run("on", func(t *testing.T) { // returns when both have ended
		t.Run("sqlite", func(t *testing.T) {
			wait(t)
			test(t, sqlite(t))
		})
		if there {
			t.Run("mysql", func(t *testing.T) {
				wait(t)
				test(t, mysql(t))
			})
		}
	})
}

// SQLite gives the URL of a fresh SQLite database, with its tables.
func SQLite(t testing.TB) string {
	t.Helper()
	content, err := sqliteTemplate()
	if err != nil {
		t.Fatal(err)
	}
	databaseURL := EmptySQLite(t)
	if err := os.WriteFile(strings.TrimPrefix(databaseURL, "sqlite://"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	return databaseURL
}

// EmptySQLite gives a URL where there is no file yet.
func EmptySQLite(t testing.TB) string {
	return "sqlite://" + filepath.Join(t.TempDir(), "parley.db")
}

// MySQL makes a database with its tables, which is dropped after the test, and gives its URL.
func MySQL(t testing.TB) string {
	t.Helper()
	statements, err := mysqlTemplate()
	if err != nil {
		t.Fatal(err)
	}
	databaseURL := EmptyMySQL(t)
	db := OpenSQL(t, databaseURL)
	for _, s := range statements {
		if _, err := db.Exec(s.sql, s.arguments...); err != nil {
			t.Fatalf("%v: %s", err, s.sql)
		}
	}
	return databaseURL
}

// EmptyMySQL makes a database without tables, which is dropped after the test, and gives its URL.
func EmptyMySQL(t testing.TB) string {
	t.Helper()
	databaseURL, drop, err := createMySQL()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	return databaseURL
}

// createMySQL makes a database without tables.
func createMySQL() (databaseURL string, drop func() error, err error) {
	server, err := url.Parse(os.Getenv(MySQLVariable))
	if err != nil {
		return "", nil, err
	}
	db, err := openSQL(server.JoinPath("mysql").String())
	if err != nil {
		return "", nil, err
	}
	name := "parley_test_" + strings.ToLower(rand.Text()[:16])
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		return "", nil, errors.Join(err, db.Close())
	}
	server.Path = "/" + name
	return server.String(), func() error {
		_, err := db.Exec("DROP DATABASE " + name)
		return errors.Join(err, db.Close())
	}, nil
}

// OpenSQL opens a database beside the server, for tests that look into it or hold its locks.
func OpenSQL(t testing.TB, databaseURL string) *sql.DB {
	t.Helper()
	db, err := openSQL(databaseURL)
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

func openSQL(databaseURL string) (*sql.DB, error) {
	if path, ok := strings.CutPrefix(databaseURL, "sqlite://"); ok {
		return sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_txlock=immediate")
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		return nil, err
	}
	config := mysql.NewConfig()
	config.Net, config.Addr, config.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	return sql.Open("mysql", config.FormatDSN())
}
