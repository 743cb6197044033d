//go:build !race

package costs_test

import (
	"database/sql/driver"
	"regexp"
	"strings"
	"sync"
	"testing"

	"parley/tests/harness"
)

// plans are statements, of which SQLite tells how it goes about them. It plans without knowing how much there is in a
// table, so what it does with a little in a test is what it does with a million rows.
type plans struct {
	mu   sync.Mutex
	seen map[string]bool
	all  []asked
}

type asked struct {
	query string
	args  []any
}

func newPlans() *plans { return &plans{seen: map[string]bool{}} }

func (p *plans) note(query string, args []driver.NamedValue) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[query] {
		return
	}
	p.seen[query] = true
	a := asked{query: query}
	for _, arg := range args {
		a.args = append(a.args, arg.Value)
	}
	p.all = append(p.all, a)
}

var (
	// A step that reads a whole table, or all that an app has in one.
	wholeTable = regexp.MustCompile(`^SCAN [a-z]|\(app_id=\?\)$`)
	// Tables of one row an app, and of one a node.
	smallTable = regexp.MustCompile(`\b(apps|counters|node_leases)\b`)
)

// check fails for a statement that reads more and more as an app grows.
func (p *plans) check(t *testing.T, databaseURL string) {
	t.Helper()
	const least = 15
	if len(p.all) < least {
		t.Errorf("only %d statements were seen", len(p.all))
	}
	db := harness.OpenSQL(t, databaseURL)
	for _, a := range p.all {
		if strings.HasPrefix(a.query, "INSERT") {
			continue
		}
		rows, err := db.Query("EXPLAIN QUERY PLAN "+a.query, a.args...)
		if err != nil {
			t.Fatalf("%v: %s", err, a.query)
		}
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			if wholeTable.MatchString(step) && !smallTable.MatchString(step) {
				t.Errorf("%s\n\tin %s", step, a.query)
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
