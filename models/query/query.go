package query

import (
	"slices"
	"strings"
)

// Query is a question for conversations: who asks, and for what.
type Query struct {
	Dialect     Dialect
	AppID       uint32
	Viewer      string // the client that asks; empty only with SeesAll
	SeesAll     bool   // the app's own server
	HideMembers bool   // of conversations that the viewer is not in
	Member      string // only conversations with this client inside; empty: any
	Where       Where
	Sort        Sort

	ways   []driver
	driver *driver // the way that is taken; nil: the index of the order
}

// LooksAtMuch tells whether the query may have to look into conversations without number before a page is full, so that it
// needs a limit: one with conditions, one that sorts a whole app, and one in the order of an attribute, for which there is
// no index.
func (q *Query) LooksAtMuch() bool {
	return !q.Where.Empty() || q.Member == "" && len(q.Sort) > 0 || slices.ContainsFunc(q.Sort, func(k key) bool {
		_, ok := k.field.(attribute)
		return ok
	})
}

// Select is a SELECT of the ids of the conversations that were asked for, in order, without LIMIT.
type Select struct {
	SQL     string
	Args    []any
	Verdict *Verdict // nil: each row is one that was asked for
}

// Temporary is the type whose conversations are shown to nobody but their members.
const temporary = "temporary"

// Build writes the SELECT.
func (q *Query) Build() Select {
	var where []part
	from, driver := "FROM conversations WHERE ?", q.driver
	if driver == nil && q.Where.Empty() && q.Member != "" {
		way := q.byMember(q.Member)
		driver = &way
	}
	if driver != nil {
		from = "FROM " + driver.table + " AS one " + q.Dialect.driving() +
			" conversations ON conversations.app_id = one.app_id AND conversations.id = one." + driver.id + " WHERE ?"
		where = append(where, driver.keys)
	}
	where = append(where, put("conversations.app_id = ?", q.AppID))
	where = append(where, put("(conversations.expires_at IS NULL OR conversations.expires_at > "+q.Dialect.Now()+")"))
	if q.Member != "" && !q.Where.Empty() {
		where = append(where, isMember([]any{q.Member}, 1))
	}
	if !q.SeesAll && q.Member != q.Viewer {
		where = append(where, put("(conversations.type <> ? OR ?)", temporary, q.isInside()))
		if q.Member != "" {
			where = append(where, q.ifShown(always()))
		}
	}
	verdict := &Verdict{}
	if !q.Where.Empty() {
		where = append(where, q.condition(q.Where.root))
		verdict.decision = verdict.decide(q, q.Where.root)
	}
	order := q.order()
	columns := put("conversations.id")
	for _, c := range verdict.columns {
		columns = put("?, ?", columns, c)
	}
	conditions := make([]string, len(where))
	var args []any
	for i, w := range where {
		conditions[i] = w.text
		args = append(args, w.args...)
	}
	whole := put("SELECT ? "+from+" ORDER BY ?", columns, part{strings.Join(conditions, " AND "), args}, order)
	if verdict.decision == nil {
		verdict = nil
	}
	return Select{SQL: whole.text, Args: whole.args, Verdict: verdict}
}

// isInside holds where the viewer is a member.
func (q *Query) isInside() part { return isMember([]any{q.Viewer}, 1) }

// ifShown adds to a condition on members that the viewer may see them.
func (q *Query) ifShown(condition part) part {
	if !q.HideMembers || q.SeesAll {
		return condition
	}
	return put("(? AND ?)", q.isInside(), condition)
}

// order puts the id last, so that there are no ties and pages neither repeat nor skip.
func (q *Query) order() part {
	direction := func(descending bool) string {
		if descending {
			return "? DESC"
		}
		return "?"
	}
	sort := q.Sort
	if len(sort) == 0 {
		sort = newestFirst()
	}
	var keys []part
	for _, k := range sort {
		expression, _ := k.field.order(q)
		keys = append(keys, put(direction(k.descending), expression))
	}
	keys = append(keys, put(direction(sort[0].descending), part{text: "conversations.id"}))
	whole := keys[0]
	for _, k := range keys[1:] {
		whole = put("?, ?", whole, k)
	}
	return whole
}
