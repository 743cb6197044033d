package query

import (
	"strings"
)

// value is what a field is compared with.
type value struct {
	element
	code   string // of an attribute's
	millis int64  // of a time's
	rest   bool   // the time has a fraction of a millisecond besides, so it equals none that is stored
}

// field is what can be asked about: a column, the members or a path in the attributes. Each condition is SQL that is
// true, or else false or NULL.
type field interface {
	value(place string, e element) (value, error)
	among(q *Query, values []value) part       // it is one of the values, or an array that holds one
	all(q *Query, values []value) part         // each of the values is it, or is in it
	compare(q *Query, t test, v value) part    // it is of the same type, and less, …
	exists(q *Query) part                      // it is there
	sized(q *Query, n int) part                // it is an array of n items
	text(q *Query) (expression part, ok bool)  // its bytes; NULL where it is no text, not ok where it never is
	bytes(text string) []byte                  // a text in the form that text gives
	order(q *Query) (expression part, ok bool) // what to sort by; not ok when one cannot
	decoded(bytes []byte) (text string)        // the inverse of bytes
}

// fieldOf finds the field of a name.
func fieldOf(place, name string) (field, error) {
	switch name {
	case "id":
		return textColumn{name: "conversations.id"}, nil
	case "type":
		return textColumn{name: "conversations.type"}, nil
	case "name":
		return textColumn{name: "conversations.name", nullable: true, padded: true}, nil
	case "creator":
		return textColumn{name: "conversations.creator", nullable: true}, nil
	case "unique":
		return boolColumn{name: "conversations.is_unique"}, nil
	case "createdAt":
		return timeColumn{name: "conversations.created_at", sorts: "conversations.created_at"}, nil
	case "updatedAt":
		return timeColumn{name: "conversations.updated_at", sorts: "conversations.updated_at"}, nil
	case "lastMessageAt":
		// One without a message counts as active when it was made.
		return timeColumn{name: "conversations.last_message_at", sorts: "conversations.active_at", nullable: true}, nil
	case "members":
		return memberSet{}, nil
	}
	path, ok := strings.CutPrefix(name, "attributes.")
	if !ok {
		return nil, wrong(place, "is not a known field")
	}
	return attributeOf(place, path)
}

// attributeOf reads a path: keys between dots; in a key, a backslash stands before a dot or a backslash that is meant.
func attributeOf(place, path string) (field, error) {
	var hash string
	var key strings.Builder
	next := func() bool {
		if key.Len() == 0 {
			return false
		}
		hash = below(hash, key.String())
		key.Reset()
		return true
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; c {
		case '.':
			if !next() {
				return nil, wrong(place, "has an empty key in its path")
			}
		case '\\':
			if i++; i == len(path) || path[i] != '.' && path[i] != '\\' {
				return nil, wrong(place, `has a backslash in its path that stands before neither a dot nor a backslash; a backslash of a key is written \\`)
			}
			key.WriteByte(path[i])
		default:
			key.WriteByte(c)
		}
	}
	if !next() {
		return nil, wrong(place, "has an empty key in its path")
	}
	return attribute{hash}, nil
}

// notAText is for fields that are never a text.
type notAText struct{}

func (notAText) text(*Query) (part, bool) { return part{}, false }
func (notAText) bytes(string) []byte      { return nil }
func (notAText) decoded([]byte) string    { return "" }

// notAnArray is for fields that are never an array.
type notAnArray struct{}

func (notAnArray) sized(*Query, int) part { return never() }

// eachOf is `all` one by one.
func eachOf(q *Query, f field, values []value) part {
	parts := make([]part, len(values))
	for i := range values {
		parts[i] = f.among(q, values[i:i+1])
	}
	return both(parts)
}
