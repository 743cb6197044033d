package rights

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// following are the tables that follow the streams, some tenths of a second later, and not what is called.
func following() []string {
	return []string{"node_leases", "presences", "clients", "delivered_broadcasts"}
}

// snapshot is all rows of all other tables, the counter of the log among them.
func (w *world) snapshot(t testing.TB) map[string][]string {
	t.Helper()
	rows, err := w.tables.Query("SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		rows, err = w.tables.Query("SHOW TABLES")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	tables := map[string][]string{}
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(following(), table) {
			tables[table] = nil
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for table := range tables {
		tables[table] = w.rowsOf(t, table)
	}
	if len(tables) < 10 {
		t.Fatalf("there are the tables %v alone", tables)
	}
	return tables
}

func (w *world) rowsOf(t testing.TB, table string) (texts []string) {
	t.Helper()
	rows, err := w.tables.Query("SELECT * FROM " + table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, targets := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for i, value := range values {
			if bytes, ok := value.([]byte); ok {
				value = fmt.Sprintf("%q", bytes)
			}
			fmt.Fprintf(&text, "%s=%v ", columns[i], value)
		}
		texts = append(texts, text.String())
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(texts)
	return texts
}

// wantSame fails the test for every row that has come, gone or changed.
func wantSame(t testing.TB, before, after map[string][]string) {
	t.Helper()
	for table := range after {
		for _, text := range after[table] {
			if !slices.Contains(before[table], text) {
				t.Errorf("%s has now: %s", table, text)
			}
		}
		for _, text := range before[table] {
			if !slices.Contains(after[table], text) {
				t.Errorf("%s has no more: %s", table, text)
			}
		}
	}
}
