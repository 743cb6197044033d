package query

import "strconv"

// attribute is the value at a path in the attributes, looked up in their flat form.
type attribute struct{ path string }

// flat is NULL where there are no attributes, and then every INSTR below is.
const flat = "conversations.flat_attributes"

// longestKey is how much of a value a sort looks at, in bytes: MySQL sorts by 1,024 (max_sort_length) and takes what is
// behind for equal, and all databases are to have one order.
const longestKey = 1000

func (attribute) value(_ string, e element) (value, error) {
	return value{element: e, code: e.code()}, nil
}

func has(entry string) part { return put("INSTR("+flat+", ?) > 0", []byte(entry)) }

func (a attribute) among(_ *Query, values []value) part {
	var parts []part
	for _, v := range values {
		parts = append(parts, has(valueMark+a.path+v.code+end), has(itemMark+a.path+v.code+end))
	}
	return either(parts)
}

func (a attribute) all(q *Query, values []value) part { return eachOf(q, a, values) }

// after is what stands behind an entry's beginning, up to its end; NULL where there is no such entry.
func after(beginning string) part {
	rest := put("SUBSTR("+flat+", NULLIF(INSTR("+flat+", ?), 0) + ?)", []byte(beginning), len(beginning))
	return put("SUBSTR(?, 1, INSTR(?, ?) - 1)", rest, rest, []byte(end))
}

func (a attribute) compare(_ *Query, t test, v value) part {
	return put(comparison(t), after(valueMark+a.path+v.code[:1]), []byte(v.code[1:]))
}

func (a attribute) exists(*Query) part { return has(valueMark + a.path) }

func (a attribute) sized(_ *Query, n int) part { return has(sizeMark + a.path + strconv.Itoa(n) + end) }

func (a attribute) text(*Query) (part, bool) {
	return after(valueMark + a.path + string([]byte{byte(stringKind)})), true
}

func (attribute) bytes(text string) []byte { return []byte(escape(text)) }

func (attribute) decoded(bytes []byte) string { return unescape(string(bytes)) }

func (a attribute) order(*Query) (part, bool) {
	return put("SUBSTR(?, 1, ?)", after(valueMark+a.path), longestKey), true
}
