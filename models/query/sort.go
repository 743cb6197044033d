package query

import (
	"slices"
	"strings"
)

// maxKeys bounds the fields of one sort.
const maxKeys = 5

// Sort is the order of a list; empty: newest activity first.
type Sort []key

type key struct {
	field      field
	descending bool
}

func newestFirst() Sort {
	return Sort{{field: timeColumn{sorts: "conversations.active_at"}, descending: true}}
}

// ParseSort reads the fields to sort by, each with a minus before it for descending. Its errors are *Error.
func ParseSort(names []string) (Sort, error) {
	if len(names) > maxKeys {
		return nil, tooMuch("sort", "has too many fields: it may have %d", maxKeys)
	}
	var sort Sort
	var seen []string
	for _, text := range names {
		name, descending := strings.CutPrefix(text, "-")
		f, err := fieldOf("sort", name)
		if err != nil {
			return nil, wrong("sort", "%.100q %s", text, err.(*Error).Detail)
		}
		if _, ok := f.order(&Query{}); !ok {
			return nil, wrong("sort", "cannot be by %s", name)
		}
		if slices.Contains(seen, name) {
			return nil, wrong("sort", "has %.100q twice", name)
		}
		seen = append(seen, name)
		sort = append(sort, key{f, descending})
	}
	return sort, nil
}
