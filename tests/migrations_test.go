package tests

import (
	"sync"
	"testing"

	"parley/migrations"
	. "parley/tests/harness"
)

// A server that finds an empty database does nothing in it before it holds the lock: another one's half-made table of
// versions would stop its start.
func TestServersMigrateOneAfterTheOther(t *testing.T) {
	db := NeedMySQL(t)
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
