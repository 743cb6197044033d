package query

// memberSet is who is inside: an array without an order. To somebody who may not see it, it is not there.
type memberSet struct{ notAText }

func (memberSet) value(_ string, e element) (value, error) { return value{element: e}, nil }

// isMember asks whether clients are inside; how many of them are is compared with n.
func isMember(clients []any, n int) part {
	const rows = "FROM members WHERE members.app_id = conversations.app_id AND members.conversation_id = conversations.id AND members.client_id IN ?"
	if n == 1 {
		return put("EXISTS (SELECT 1 "+rows+")", list(clients))
	}
	return put("(SELECT COUNT(*) "+rows+") = ?", list(clients), n)
}

func (m memberSet) among(q *Query, values []value) part {
	var clients []any
	var parts []part
	for _, v := range values {
		switch v.kind {
		case stringKind:
			clients = append(clients, v.text)
		case arrayKind: // exactly these
			if ids, ok := clientSet(v.items); ok {
				parts = append(parts, put("(conversations.member_count = ? AND ?)", len(ids), m.inside(ids)))
			}
		}
	}
	if clients != nil {
		parts = append(parts, isMember(clients, 1))
	}
	return q.ifShown(either(parts))
}

// all wants strings only in the common case, and then asks once for all of them.
func (m memberSet) all(q *Query, values []value) part {
	elements := make([]element, len(values))
	for i, v := range values {
		elements[i] = v.element
	}
	if ids, ok := clientSet(elements); ok {
		return q.ifShown(m.inside(ids))
	}
	return eachOf(q, m, values)
}

// inside holds where all of some different clients are inside.
func (memberSet) inside(ids []any) part {
	if len(ids) == 0 {
		return always()
	}
	return isMember(ids, len(ids))
}

// clientSet gives the different strings of a list, not ok when there is anything else in it.
func clientSet(elements []element) (ids []any, ok bool) {
	seen := map[string]bool{}
	for _, e := range elements {
		if e.kind != stringKind {
			return nil, false
		}
		if !seen[e.text] {
			seen[e.text] = true
			ids = append(ids, e.text)
		}
	}
	return ids, true
}

func (memberSet) compare(*Query, test, value) part { return never() }

func (memberSet) exists(q *Query) part { return q.ifShown(always()) }

func (memberSet) sized(q *Query, n int) part {
	return q.ifShown(put("conversations.member_count = ?", n))
}

func (memberSet) order(*Query) (part, bool) { return part{}, false }
