package query

import (
	"fmt"
	"strings"
	"time"
)

// Dialect is a kind of SQL.
type Dialect int

// The kinds that are spoken here. Every other database that is served speaks MySQL.
const (
	SQLite Dialect = iota
	MySQL
	MariaDB
)

// DialectOf tells the kind by what the server answers to SELECT VERSION().
func DialectOf(version string) Dialect {
	if strings.Contains(version, "MariaDB") {
		return MariaDB
	}
	return MySQL
}

// Within bounds the time that a SELECT may take in the server. SQLite has no word for it; its caller's context ends it.
func (d Dialect) Within(limit time.Duration, sql string) string {
	switch d {
	case MariaDB:
		return fmt.Sprintf("SET STATEMENT max_statement_time=%g FOR %s", limit.Seconds(), sql)
	case MySQL:
		return fmt.Sprintf("SELECT /*+ MAX_EXECUTION_TIME(%d) */%s", max(limit.Milliseconds(), 1), strings.TrimPrefix(sql, "SELECT"))
	}
	return sql
}

// Now is the database's clock in milliseconds since 1970, as an expression.
func (d Dialect) Now() string {
	if d == SQLite {
		return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
	}
	return "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000"
}

// driving is the join whose left table is read first, whatever the optimizer thinks.
func (d Dialect) driving() string {
	if d == SQLite {
		return "CROSS JOIN"
	}
	return "STRAIGHT_JOIN"
}

// part is a piece of SQL with the values that are bound in it.
type part struct {
	text string
	args []any
}

// put fills a template. Each ? stands for an argument: a part is put in, anything else is bound. Templates are constants
// of this package, so nothing that a caller sends becomes text.
func put(template string, args ...any) part {
	pieces := strings.Split(template, "?")
	var p part
	var text strings.Builder
	for i, piece := range pieces {
		text.WriteString(piece)
		if i == len(pieces)-1 {
			break
		}
		if inner, ok := args[i].(part); ok {
			text.WriteString(inner.text)
			p.args = append(p.args, inner.args...)
			continue
		}
		text.WriteString("?")
		p.args = append(p.args, args[i])
	}
	p.text = text.String()
	return p
}

// isIn compares with one value, or with several.
func isIn(expression part, values []any) part {
	if len(values) == 1 {
		return put("? = ?", expression, values[0])
	}
	return put("? IN ?", expression, list(values))
}

func never() part { return put("1 = 0") }

func always() part { return put("1 = 1") }

// list is (?, ?, …).
func list(values []any) part {
	return put("("+strings.TrimSuffix(strings.Repeat("?, ", len(values)), ", ")+")", values...)
}

// either joins conditions by OR, in pairs of pairs: SQLite takes expressions that are 1,000 deep, and a chain is as deep as
// it is long.
func either(parts []part) part { return inPairs("(? OR ?)", parts, never) }

// both joins conditions by AND.
func both(parts []part) part { return inPairs("(? AND ?)", parts, always) }

func inPairs(template string, parts []part, none func() part) part {
	switch len(parts) {
	case 0:
		return none()
	case 1:
		return parts[0]
	}
	half := len(parts) / 2
	return put(template, inPairs(template, parts[:half], none), inPairs(template, parts[half:], none))
}

// condition writes a node as SQL that is true exactly for the conversations it holds for. A regular expression is
// written coarser, as what must be there for it to match.
func (q *Query) condition(n node) part {
	switch n := n.(type) {
	case *all:
		return both(q.conditions(n.parts))
	case *some:
		return either(q.conditions(n.parts))
	}
	return q.leaf(n.(*leaf))
}

func (q *Query) conditions(nodes []node) []part {
	parts := make([]part, len(nodes))
	for i, n := range nodes {
		parts[i] = q.condition(n)
	}
	return parts
}

func (q *Query) leaf(l *leaf) part {
	switch l.test {
	case among:
		return l.field.among(q, l.values)
	case notAmong:
		return put("(?) IS NOT TRUE", l.field.among(q, l.values))
	case holdsAll:
		if len(l.values) == 0 {
			return never()
		}
		return l.field.all(q, l.values)
	case less, atMost, greater, atLeast:
		return l.field.compare(q, l.test, l.values[0])
	case exists:
		if l.yes {
			return l.field.exists(q)
		}
		return put("(?) IS NOT TRUE", l.field.exists(q))
	case hasSize:
		return l.field.sized(q, l.size)
	}
	text, ok := l.field.text(q)
	if !ok {
		return never()
	}
	if l.test == matches {
		return withText(text, contains, l.field.bytes(l.regex.literal))
	}
	return withText(text, l.test, l.field.bytes(l.values[0].text))
}

// withText asks for a part of a text. Where there is no text, the expression is NULL and so is the answer.
func withText(text part, t test, wanted []byte) part {
	switch {
	case len(wanted) == 0:
		return put("? IS NOT NULL", text)
	case t == startsWith:
		return put("SUBSTR(?, 1, ?) = ?", text, len(wanted), wanted)
	case t == endsWith: // a shorter text gives less than is wanted
		return put("SUBSTR(?, ?) = ?", text, -len(wanted), wanted)
	}
	return put("INSTR(?, ?) > 0", text, wanted)
}

// comparison is the operator of an ordering test.
func comparison(t test) string {
	switch t {
	case less:
		return "? < ?"
	case atMost:
		return "? <= ?"
	case greater:
		return "? > ?"
	}
	return "? >= ?"
}
