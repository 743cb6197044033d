package tests

import (
	"database/sql"
	"slices"
	"strings"
	"sync"
	"testing"

	"parley/migrations"
	"parley/models"
	. "parley/tests/harness"
)

// TestDatabasesOfTestsAreAsTheMigrationsMakeThem: the copies that the harness gives to tests have the same tables and versions.
func TestDatabasesOfTestsAreAsTheMigrationsMakeThem(t *testing.T) {
	EmptyDatabases(t, func(t *testing.T, db string) {
		copied := SQLite
		if strings.HasPrefix(db, "mysql:") {
			copied = MySQL
		}
		store, err := models.Open(t.Context(), db, models.Options{Still: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		want, got := schema(t, db), schema(t, copied(t))
		if len(want) < 20 || !slices.Equal(got, want) {
			t.Errorf("the copy has\n%s\n\nand the migrations make\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// schema tells how each table is made, and which migrations have been applied.
func schema(t testing.TB, databaseURL string) (texts []string) {
	t.Helper()
	db := OpenSQL(t, databaseURL)
	column := func(query string) (texts []string) {
		rows, err := db.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		values := make([]sql.NullString, len(columns))
		places := make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		for rows.Next() {
			if err := rows.Scan(places...); err != nil {
				t.Fatal(err)
			}
			texts = append(texts, values[len(values)-1].String)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return texts
	}
	if strings.HasPrefix(databaseURL, "mysql:") {
		for _, table := range column("SHOW TABLES") {
			texts = append(texts, column("SHOW CREATE TABLE `"+table+"`")...)
		}
	} else {
		texts = column("SELECT sql FROM sqlite_master ORDER BY name")
	}
	return append(texts, column("SELECT version_id FROM goose_db_version ORDER BY id")...)
}

// A server that finds an empty database does nothing in it before it holds the lock: another one's half-made table of
// versions would stop its start.
func TestServersMigrateOneAfterTheOther(t *testing.T) {
	t.Parallel()
	db := NeedEmptyMySQL(t)
	tables := OpenSQL(t, db)
	lock, err := tables.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	const name = "LEFT(CONCAT('parley.', DATABASE()), 64)"
	if _, err := lock.ExecContext(t.Context(), "SELECT GET_LOCK("+name+", 0)"); err != nil {
		t.Fatal(err)
	}
	var migrating sync.WaitGroup
	for range servers {
		pool := OpenSQL(t, db)
		migrating.Go(func() {
			if err := migrations.UpMySQL(t.Context(), pool); err != nil {
				t.Error(err)
			}
		})
	}
	count := func(query string) (n int) {
		if err := tables.QueryRow(query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	Eventually(t, "all servers wait for the lock", func() bool {
		return Running(t, tables, "SELECT GET_LOCK") == servers
	})
	if n := count("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()"); n != 0 {
		t.Errorf("%d tables are there already", n)
	}
	if _, err := lock.ExecContext(t.Context(), "SELECT RELEASE_LOCK("+name+")"); err != nil {
		t.Fatal(err)
	}
	migrating.Wait()
	if n := count("SELECT COUNT(*) FROM apps"); n != 0 {
		t.Errorf("%d apps", n)
	}
}
