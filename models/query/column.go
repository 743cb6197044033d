package query

import (
	"time"
)

// textColumn is a text of the conversation's own row. On MySQL they are VARBINARY, but for the name, whose collation pads:
// its bytes are compared as well.
type textColumn struct {
	notAnArray
	name     string
	nullable bool // null counts as not there, and equals null
	padded   bool
}

func (textColumn) value(_ string, e element) (value, error) { return value{element: e}, nil }

func (c textColumn) column() part { return part{text: c.name} }

func (c textColumn) among(q *Query, values []value) part {
	var texts, exact []any
	var parts []part
	for _, v := range values {
		switch {
		case v.kind == stringKind:
			texts, exact = append(texts, v.text), append(exact, c.bytes(v.text))
		case v.kind == nullKind && c.nullable:
			parts = append(parts, put("? IS NULL", c.column()))
		}
	}
	if texts != nil && c.padded {
		bytes, _ := c.text(q)
		parts = append(parts, put("(? IN ? AND ? IN ?)", c.column(), list(texts), bytes, list(exact)))
	} else if texts != nil {
		parts = append(parts, put("? IN ?", c.column(), list(texts)))
	}
	return either(parts)
}

func (c textColumn) all(q *Query, values []value) part { return eachOf(q, c, values) }

func (c textColumn) compare(q *Query, t test, v value) part {
	if v.kind != stringKind {
		return never()
	}
	bytes, _ := c.text(q)
	return put(comparison(t), bytes, c.bytes(v.text))
}

func (c textColumn) exists(*Query) part { return put("? IS NOT NULL", c.column()) }

func (c textColumn) text(q *Query) (part, bool) {
	switch {
	case q.Dialect == SQLite: // its functions stop at a NUL in a text, and count characters
		return put("CAST(? AS BLOB)", c.column()), true
	case c.padded:
		return put("CAST(? AS BINARY)", c.column()), true
	}
	return c.column(), true
}

func (textColumn) bytes(text string) []byte { return []byte(text) }

func (textColumn) decoded(bytes []byte) string { return string(bytes) }

func (c textColumn) order(q *Query) (part, bool) {
	if c.padded {
		return c.text(q)
	}
	return c.column(), true
}

// boolColumn is true or false.
type boolColumn struct {
	notAText
	notAnArray
	name string
}

func (boolColumn) value(_ string, e element) (value, error) { return value{element: e}, nil }

func (c boolColumn) column() part { return part{text: c.name} }

func (c boolColumn) among(_ *Query, values []value) part {
	var parts []part
	for _, v := range values {
		if v.kind == boolKind {
			parts = append(parts, put("? = ?", c.column(), v.number()))
		}
	}
	return either(parts)
}

func (c boolColumn) all(q *Query, values []value) part { return eachOf(q, c, values) }

func (c boolColumn) compare(_ *Query, t test, v value) part {
	if v.kind != boolKind {
		return never()
	}
	return put(comparison(t), c.column(), v.number())
}

func (boolColumn) exists(*Query) part { return always() }

func (c boolColumn) order(*Query) (part, bool) { return c.column(), true }

// number is 1 for true and 0 for false, as the columns have it.
func (v value) number() int {
	if v.text == "1" {
		return 1
	}
	return 0
}

// timeColumn is a time in milliseconds since 1970 UTC.
type timeColumn struct {
	notAText
	notAnArray
	name     string
	sorts    string // the column to sort by
	nullable bool
}

// value reads a time as RFC 3339. Anything but a string is of another type, and matches nothing.
func (timeColumn) value(place string, e element) (value, error) {
	if e.kind != stringKind {
		return value{element: e}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, e.text)
	if err != nil {
		return value{}, wrong(place, "must be a time such as 2026-11-23T08:33:00.123Z")
	}
	millis := at.UnixMilli()
	return value{element: e, millis: millis, rest: !at.Equal(time.UnixMilli(millis))}, nil
}

func (c timeColumn) column() part { return part{text: c.name} }

func (c timeColumn) among(_ *Query, values []value) part {
	var times []any
	var parts []part
	for _, v := range values {
		switch {
		case v.kind == stringKind && !v.rest:
			times = append(times, v.millis)
		case v.kind == nullKind && c.nullable:
			parts = append(parts, put("? IS NULL", c.column()))
		}
	}
	if times != nil {
		parts = append(parts, put("? IN ?", c.column(), list(times)))
	}
	return either(parts)
}

func (c timeColumn) all(q *Query, values []value) part { return eachOf(q, c, values) }

func (c timeColumn) compare(_ *Query, t test, v value) part {
	if v.kind != stringKind {
		return never()
	}
	switch { // between two milliseconds: the lower one is before it, the next one behind
	case v.rest && t == less:
		t = atMost
	case v.rest && t == atLeast:
		t = greater
	}
	return put(comparison(t), c.column(), v.millis)
}

func (c timeColumn) exists(*Query) part { return put("? IS NOT NULL", c.column()) }

func (c timeColumn) order(*Query) (part, bool) { return part{text: c.sorts}, true }
