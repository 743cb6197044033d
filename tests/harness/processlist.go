package harness

import (
	"database/sql"
	"strings"
	"testing"
)

// Session is a connection to a MySQL database, as the server lists it.
type Session struct {
	ID        int64
	Statement string // what it runs just now
}

// Sessions lists the connections to the database that db is connected to. SHOW PROCESSLIST and not information_schema: MariaDB
// 10.11 makes a temporary table for that one, and now and then a busy server crashes in removing it.
func Sessions(t testing.TB, db *sql.DB) (sessions []Session) {
	t.Helper()
	var own sql.NullString
	if err := db.QueryRow("SELECT DATABASE()").Scan(&own); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query("SHOW FULL PROCESSLIST")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns() // Id, User, Host, db, Command, Time, State, Info, and MariaDB's Progress
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var s Session
		var database, statement sql.NullString
		fields := []any{&s.ID, new(any), new(any), &database, new(any), new(any), new(any), &statement, new(any)}
		if err := rows.Scan(fields[:len(columns)]...); err != nil {
			t.Fatal(err)
		}
		if database == own {
			s.Statement = statement.String
			sessions = append(sessions, s)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return sessions
}

// Running counts the connections that run a statement with this beginning just now.
func Running(t testing.TB, db *sql.DB, beginning string) (n int) {
	t.Helper()
	for _, s := range Sessions(t, db) {
		if strings.HasPrefix(s.Statement, beginning) {
			n++
		}
	}
	return n
}
