package query

import "database/sql"

// Verdict decides, row by row, what SQL could not: whether regular expressions match. The rows bring their texts and,
// where there are alternatives, the answers to the other conditions. It is for one reading of the rows.
type Verdict struct {
	columns  []part
	cells    []cell
	decision decision
	steps    int
}

// cell is a column of a row: an answer, or a text.
type cell struct {
	answer sql.NullBool
	text   []byte
	isText bool
}

// decision tells whether a row is wanted.
type decision func() bool

// decide gives the decision for a condition and adds the columns that it looks at; nil when the condition has no regular
// expression, so that SQL has decided.
func (v *Verdict) decide(q *Query, n node) decision {
	switch n := n.(type) {
	case *leaf:
		return v.match(q, n)
	case *all:
		return v.every(q, n.parts)
	case *some:
		return v.any(q, n.parts)
	}
	return nil
}

func (v *Verdict) match(q *Query, l *leaf) decision {
	if l.test != matches {
		return nil
	}
	text, ok := l.field.text(q)
	if !ok {
		return func() bool { return false }
	}
	there, i := v.column(put("? IS NOT NULL", text), false), v.column(text, true) // SQLite's driver gives nil for an empty one too
	return func() bool {
		text := v.cells[i].text
		v.steps += (len(text) + 1) * l.regex.size
		return v.cells[there].answer.Bool && l.regex.MatchString(l.field.decoded(text))
	}
}

// every: the parts without a regular expression hold already, or the row would not be there; under an alternative it may
// be there for another reason, and any asks for them.
func (v *Verdict) every(q *Query, parts []node) decision {
	var decisions []decision
	for _, part := range parts {
		if d := v.decide(q, part); d != nil {
			decisions = append(decisions, d)
		}
	}
	if decisions == nil {
		return nil
	}
	return func() bool {
		for _, d := range decisions {
			if !d() {
				return false
			}
		}
		return true
	}
}

// any asks for the answer to each alternative as SQL sees it, coarsely where it has a regular expression.
func (v *Verdict) any(q *Query, parts []node) decision {
	if !hasRegex(&some{parts}) {
		return nil
	}
	var decisions []decision
	for _, part := range parts {
		i := v.column(q.condition(part), false)
		d := v.decide(q, part)
		decisions = append(decisions, func() bool {
			return v.cells[i].answer.Bool && (d == nil || d())
		})
	}
	return func() bool {
		for _, d := range decisions {
			if d() {
				return true
			}
		}
		return false
	}
}

func hasRegex(n node) bool {
	var parts []node
	switch n := n.(type) {
	case *leaf:
		return n.test == matches
	case *all:
		parts = n.parts
	case *some:
		parts = n.parts
	}
	for _, part := range parts {
		if hasRegex(part) {
			return true
		}
	}
	return false
}

func (v *Verdict) column(expression part, isText bool) int {
	v.columns = append(v.columns, expression)
	v.cells = append(v.cells, cell{isText: isText})
	return len(v.columns) - 1
}

// Row gives where to scan the columns behind the id; what was there is overwritten.
func (v *Verdict) Row() []any {
	targets := make([]any, len(v.cells))
	for i := range v.cells {
		if targets[i] = &v.cells[i].answer; v.cells[i].isText {
			targets[i] = &v.cells[i].text
		}
	}
	return targets
}

// Wanted tells whether the row that was scanned is one that was asked for. It fails when the regular expressions have
// had as much to do as they may.
func (v *Verdict) Wanted() (bool, error) {
	wanted := v.decision()
	if v.steps > maxSteps {
		return false, ErrTooExpensive
	}
	return wanted, nil
}
