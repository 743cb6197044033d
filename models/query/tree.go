package query

import (
	"fmt"
	"strconv"
	"strings"
)

// What a query may ask for. Each is far beyond what an application's screen needs, and bounds what one statement can
// cost before it is sent; the time limit on the statement does the rest.
const (
	maxDepth      = 8   // of $and and $or inside one another (issue: depth ≤ 8)
	maxConditions = 50  // operators applied to fields
	maxListed     = 500 // values of one $in, $nin or $all: as many client ids as one call takes
	maxValues     = 1000
	maxRegexes    = 5
)

// Error says what is wrong with a query, and where: "where.$or[1].name.$regex".
type Error struct {
	Place        string
	Detail       string
	TooExpensive bool // well-formed, but asks for too much
}

func (e *Error) Error() string { return e.Place + " " + e.Detail }

func wrong(place, format string, args ...any) *Error {
	return &Error{Place: place, Detail: fmt.Sprintf(format, args...)}
}

func tooMuch(place, format string, args ...any) *Error {
	return &Error{Place: place, Detail: fmt.Sprintf(format, args...), TooExpensive: true}
}

// node is a condition: *all, *some or *leaf.
type node interface{}

// all holds where each of its parts does, some where at least one does.
type (
	all  struct{ parts []node }
	some struct{ parts []node }
)

// leaf is one operator on one field.
type leaf struct {
	field  field
	test   test
	values []value // what the field is compared with
	size   int     // of $size
	yes    bool    // of $exists
	regex  *regex  // of $regex
}

// test is what a leaf asks of its field.
type test int

const (
	among      test = iota // equality and $in: one of the values, or an array that holds one
	notAmong               // $ne and $nin
	holdsAll               // $all
	less                   // $lt …
	atMost                 // $lte
	greater                // $gt
	atLeast                // $gte
	contains               // $contains
	startsWith             // $startsWith
	endsWith               // $endsWith
	matches                // $regex
	exists                 // $exists
	hasSize                // $size
)

// Where is a parsed `where`. The zero value has no condition.
type Where struct{ root *all }

// Empty tells whether there is no condition.
func (w Where) Empty() bool { return w.root == nil || len(w.root.parts) == 0 }

// Parse reads a `where`. Its errors are *Error.
func Parse(text string) (Where, error) {
	e, err := decode(text)
	if err != nil {
		return Where{}, wrong("where", "is not valid JSON, or nested too deeply")
	}
	p := parser{}
	root, err := p.conditions("where", e, 0)
	if err != nil {
		return Where{}, err
	}
	return Where{root}, nil
}

// parser counts what was asked for.
type parser struct{ leaves, values, regexes int }

// conditions reads an object of conditions, all of which have to hold.
func (p *parser) conditions(place string, e element, depth int) (*all, error) {
	if e.kind != objectKind {
		return nil, wrong(place, "must be an object of conditions")
	}
	n := &all{}
	for i, name := range e.names {
		part, err := p.condition(inside(place, name), name, e.items[i], depth)
		if err != nil {
			return nil, err
		}
		n.parts = append(n.parts, part...)
	}
	return n, nil
}

func (p *parser) condition(place, name string, e element, depth int) ([]node, error) {
	switch {
	case name == "$and":
		parts, err := p.branches(place, e, depth)
		return []node{&all{parts}}, err
	case name == "$or":
		parts, err := p.branches(place, e, depth)
		return []node{&some{parts}}, err
	case strings.HasPrefix(name, "$"):
		return nil, wrong(place, "is not an operator that stands here; $and and $or do")
	}
	field, err := fieldOf(place, name)
	if err != nil {
		return nil, err
	}
	return p.onField(place, field, e)
}

// branches reads the list of a $and or $or.
func (p *parser) branches(place string, e element, depth int) ([]node, error) {
	if depth++; depth > maxDepth {
		return nil, tooMuch(place, "is nested too deeply: $and and $or may stand %d levels deep", maxDepth)
	}
	if e.kind != arrayKind || len(e.items) == 0 {
		return nil, wrong(place, "must be a list of objects of conditions, with one at least")
	}
	parts := make([]node, len(e.items))
	for i, item := range e.items {
		here := place + "[" + strconv.Itoa(i) + "]"
		part, err := p.conditions(here, item, depth)
		if err != nil {
			return nil, err
		}
		if len(part.parts) == 0 {
			return nil, wrong(here, "must have a condition")
		}
		parts[i] = part
	}
	return parts, nil
}

// mostPlace cuts a place: its names come from the caller.
const mostPlace = 200

func inside(place, name string) string {
	if place = place + "." + name; len(place) > mostPlace {
		return strings.ToValidUTF8(place[:mostPlace], "") + "…"
	}
	return place
}
