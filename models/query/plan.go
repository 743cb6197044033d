package query

import "strings"

const (
	// fewRows is how many conversations are all looked at and sorted rather than found in the order of an index: in an app of
	// a million, the index has to be read about as far for a page of what 3,000 of them have.
	fewRows = 3000
	// fewNames is the same for a way over all names: what is rarer among them than this is found sooner there than in the
	// order of an index.
	fewNames = 100
	// mostDrivers bounds how many conditions are tried out before a query.
	mostDrivers = 5
)

// driver is a way to all conversations that can be wanted: rows of a table, found by an index of its own.
type driver struct {
	table string
	id    string // its column with the conversation's id
	keys  part
	few   int // rows up to which it is short
}

// Plan counts, for each way there is, how many rows it leads to.
type Plan struct {
	SQL  string
	Args []any
	Ways int // columns of the one row
}

// Plan asks which way is short. Without a way there is nothing to ask.
func (q *Query) Plan() Plan {
	q.ways = q.drivers()
	if len(q.ways) == 0 {
		return Plan{}
	}
	columns := make([]part, len(q.ways))
	for i, d := range q.ways {
		columns[i] = put("(SELECT COUNT(*) FROM (SELECT 1 AS found FROM "+d.table+" AS one WHERE ? LIMIT ?) AS few)", d.keys, d.few+1)
	}
	whole := columns[0]
	for _, c := range columns[1:] {
		whole = put("?, ?", whole, c)
	}
	whole = put("SELECT ?", whole)
	return Plan{whole.text, whole.args, len(q.ways)}
}

// Choose takes the shortest way, by the plan's counts; when none is short, the index of the order is followed first.
func (q *Query) Choose(counts []int) {
	q.driver = nil
	shortest := 0
	for i, n := range counts {
		if n <= q.ways[i].few && (q.driver == nil || n < shortest) {
			q.driver, shortest = &q.ways[i], n
		}
	}
}

// HasLongWay tells whether there is a way besides the index of the order, and none was taken because all are long.
func (q *Query) HasLongWay() bool { return q.driver == nil && len(q.ways) > 0 }

// GoLongWay takes one all the same.
func (q *Query) GoLongWay() { q.driver = &q.ways[0] }

// drivers finds the ways in what has to hold anyhow. The conditions stay as they are, so a way may lead to too much.
func (q *Query) drivers() []driver {
	var ways []driver
	if q.Where.Empty() { // Build knows the only way
		return nil
	}
	if q.Member != "" {
		ways = append(ways, q.byMember(q.Member))
	}
	leaves := required(q.Where.root)
	for _, l := range leaves {
		ways = append(ways, l.drivers(q)...)
	}
	if len(ways) == 0 {
		return q.byNames(leaves)
	}
	return ways[:min(len(ways), mostDrivers)]
}

// byNames is the way over the index of names, read to its end: a small part of the conversations themselves. It is gone
// for a part of a name where nothing better is known.
func (q *Query) byNames(leaves []*leaf) []driver {
	keys := put("one.app_id = ?", q.AppID)
	found := false
	for _, l := range leaves {
		column, ok := l.field.(textColumn)
		if !ok || !column.padded || l.test == notAmong || l.test == exists {
			continue
		}
		column.name = "one.name"
		keys, found = put("? AND ?", keys, q.leaf(&leaf{field: column, test: l.test, values: l.values, regex: l.regex})), true
	}
	if !found {
		return nil
	}
	return []driver{{"conversations", "id", keys, fewNames}}
}

func (q *Query) byMember(client string) driver {
	return driver{"members", "conversation_id", put("one.app_id = ? AND one.client_id = ?", q.AppID, client), fewRows}
}

// drivers gives a way for each value of which one alone has to be there. A list of several would lead to a conversation
// more than once, but for the id and the name, of which a conversation has one.
func (l *leaf) drivers(q *Query) (ways []driver) {
	if column, ok := l.field.(textColumn); ok && l.test == among {
		if name := strings.TrimPrefix(column.name, "conversations."); name == "id" || name == "name" {
			return column.drivers(q, name, l.values)
		}
	}
	if l.test != holdsAll && (l.test != among || len(l.values) != 1) {
		return nil
	}
	for _, v := range l.values {
		switch f := l.field.(type) {
		case memberSet:
			if v.kind == stringKind {
				ways = append(ways, q.byMember(v.text))
			}
		case attribute:
			ways = append(ways, driver{"conversation_attributes", "conversation_id",
				put("one.app_id = ? AND one.entry IN (?, ?)", q.AppID, entryOf(f.path+v.code), anyEntry), fewRows})
		}
	}
	return ways
}

func (textColumn) drivers(q *Query, name string, values []value) []driver {
	var texts []any
	for _, v := range values {
		if v.kind == nullKind {
			return nil
		}
		if v.kind == stringKind {
			texts = append(texts, v.text)
		}
	}
	if texts == nil {
		return nil
	}
	return []driver{{"conversations", "id", put("one.app_id = ? AND ?", q.AppID, isIn(part{text: "one." + name}, texts)), fewRows}}
}

// required gives the leaves that have to hold for the whole to hold.
func required(n *all) (leaves []*leaf) {
	for _, part := range n.parts {
		switch part := part.(type) {
		case *leaf:
			leaves = append(leaves, part)
		case *all:
			leaves = append(leaves, required(part)...)
		}
	}
	return leaves
}
