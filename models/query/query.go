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
	from, driver := "FROM conversations WHERE ?", q.Member
	if driver == "" && !q.Where.Empty() {
		driver = impliedMember(q.Where.root)
	}
	if driver != "" {
		// One client's conversations are few beside the app's, and are sorted: an index in the order of the sort would be
		// read to its end to find them.
		from = "FROM members AS one " + q.Dialect.driving() +
			" conversations ON conversations.app_id = one.app_id AND conversations.id = one.conversation_id WHERE ?"
		where = append(where, put("one.app_id = ? AND one.client_id = ?", q.AppID, driver))
	}
	where = append(where, put("conversations.app_id = ?", q.AppID))
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
	for i, k := range sort {
		expression, _ := k.field.order(q)
		if _, isTime := k.field.(timeColumn); isTime && i == 0 && q.isNarrow() {
			// Not a plain column: an index in this order would be read to its end to find the few that are wanted.
			expression = put("? + 0", expression)
		}
		keys = append(keys, put(direction(k.descending), expression))
	}
	keys = append(keys, put(direction(sort[0].descending), part{text: "conversations.id"}))
	whole := keys[0]
	for _, k := range keys[1:] {
		whole = put("?, ?", whole, k)
	}
	return whole
}

// isNarrow tells whether the id or the name is given, so that an index finds the few there are.
func (q *Query) isNarrow() bool {
	return !q.Where.Empty() && slices.ContainsFunc(required(q.Where.root), func(l *leaf) bool {
		column, ok := l.field.(textColumn)
		return ok && (column.name == "conversations.id" || column.name == "conversations.name") && l.test == among &&
			!slices.ContainsFunc(l.values, func(v value) bool { return v.kind == nullKind })
	})
}

// impliedMember finds a client that has to be inside wherever all conditions hold.
func impliedMember(root *all) string {
	for _, l := range required(root) {
		if _, ok := l.field.(memberSet); !ok || len(l.values) == 0 || l.values[0].kind != stringKind {
			continue
		}
		if l.test == holdsAll || l.test == among && len(l.values) == 1 {
			return l.values[0].text
		}
	}
	return ""
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
