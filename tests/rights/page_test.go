package rights

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	page = "../../docs/rights.md"
	// With this variable the test writes the page; make docs sets it.
	writeVariable = "PARLEY_TEST_WRITE_RIGHTS"
)

// TestPageIsMadeFromTheTable: docs/rights.md shows what table.txt says.
func TestPageIsMadeFromTheTable(t *testing.T) {
	rows := readTable(t)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	made := string(text)
	for name, table := range map[string]string{"within": withinApp(rows), "credentials": credentials(rows)} {
		head, rest, hasBegin := strings.Cut(made, "<!-- "+name+": made by make docs -->\n")
		_, tail, hasEnd := strings.Cut(rest, "<!-- /"+name+" -->\n")
		if !hasBegin || !hasEnd {
			t.Fatalf("%s has no place for the table %s", page, name)
		}
		made = head + "<!-- " + name + ": made by make docs -->\n\n" + table + "\n<!-- /" + name + " -->\n" + tail
	}
	if made == string(text) {
		return
	}
	if os.Getenv(writeVariable) == "" {
		t.Fatalf("%s is not what tests/rights/table.txt makes of it: make docs, and commit the result", page)
	}
	if err := os.WriteFile(page, []byte(made), 0o644); err != nil {
		t.Fatal(err)
	}
}

// withinApp is a table of the callers of one app; rows of an operation that are answered alike are one.
func withinApp(rows []row) string {
	columns := []caller{stranger, former, member, creator, master, acting}
	var text strings.Builder
	text.WriteString("| call | of | a stranger | a former member | a member | the creator | the master key | it as the member |\n|---|---|---|---|---|---|---|---|\n")
	for i := 0; i < len(rows); {
		r, of := rows[i], ""
		for ; i < len(rows) && rows[i].operation == r.operation && sameCells(rows[i], r, columns); i++ {
			of += ", " + rows[i].of
		}
		fmt.Fprintf(&text, "| `%s` | %s |", r.operation, strings.TrimPrefix(strings.TrimPrefix(of, ", "), "-"))
		for _, c := range columns {
			fmt.Fprintf(&text, " %s |", r.cells[c])
		}
		text.WriteString("\n")
	}
	return text.String()
}

// credentials is a table of the other callers: operations that answer them alike are one row.
func credentials(rows []row) string {
	columns := []caller{nobody, appKey, expired, ended, otherClient, otherMaster}
	var text strings.Builder
	text.WriteString("| calls | nobody | the app key | an expired token | a logged-out token | another app's client | another app's server |\n|---|---|---|---|---|---|---|\n")
	for i, r := range rows {
		alike := func(other row) bool { return sameCells(r, other, columns) }
		if slices.ContainsFunc(rows[:i], alike) {
			continue
		}
		fmt.Fprintf(&text, "| %s |", strings.Join(callsAlike(rows, alike), "<br>"))
		for _, c := range columns {
			fmt.Fprintf(&text, " %s |", r.cells[c])
		}
		text.WriteString("\n")
	}
	return text.String()
}

// callsAlike names the operations of some rows; of one that has other rows besides, what it is done to.
func callsAlike(rows []row, alike func(row) bool) (names []string) {
	operations := []string{}
	for _, r := range rows {
		if !slices.Contains(operations, r.operation) {
			operations = append(operations, r.operation)
		}
	}
	for _, operation := range operations {
		var of []string
		all := true
		for _, r := range rows {
			switch {
			case r.operation != operation:
			case alike(r):
				of = append(of, r.of)
			default:
				all = false
			}
		}
		switch {
		case of == nil:
		case all:
			names = append(names, "`"+operation+"`")
		default:
			names = append(names, "`"+operation+"` "+strings.Join(of, ", "))
		}
	}
	return names
}

func sameCells(a, b row, columns []caller) bool {
	return !slices.ContainsFunc(columns, func(c caller) bool { return a.cells[c] != b.cells[c] })
}

// String is the cell on the page.
func (c cell) String() string {
	switch {
	case c.status == 0:
		return "–"
	case c.code == "":
		return fmt.Sprint(c.status)
	}
	return fmt.Sprintf("%d `%s`", c.status, c.code)
}
