package query

import (
	"strconv"
	"strings"
)

// onField reads what is asked of a field: a value that it must equal, or an object of operators.
func (p *parser) onField(place string, f field, e element) ([]node, error) {
	if !isOperators(f, e) {
		l, err := p.leaf(place, f, among, e)
		return []node{l}, err
	}
	var nodes []node
	for i, name := range e.names {
		if name == "$options" {
			if operand(e, "$regex") == nil {
				return nil, wrong(inside(place, name), "stands beside $regex only")
			}
			continue
		}
		l, err := p.operator(inside(place, name), f, name, e.items[i], operand(e, "$options"))
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, l)
	}
	if len(nodes) == 0 {
		return nil, wrong(place, "must name an operator or a value")
	}
	return nodes, nil
}

// isOperators tells an object of operators from one that an attribute may equal.
func isOperators(f field, e element) bool {
	if e.kind != objectKind {
		return false
	}
	if _, ok := f.(attribute); !ok {
		return true
	}
	for _, name := range e.names {
		if strings.HasPrefix(name, "$") {
			return true
		}
	}
	return false
}

func operand(e element, name string) *element {
	for i := range e.names {
		if e.names[i] == name {
			return &e.items[i]
		}
	}
	return nil
}

func (p *parser) operator(place string, f field, name string, e element, options *element) (*leaf, error) {
	switch name {
	case "$ne":
		return p.leaf(place, f, notAmong, e)
	case "$in":
		return p.listed(place, f, among, e)
	case "$nin":
		return p.listed(place, f, notAmong, e)
	case "$all":
		return p.listed(place, f, holdsAll, e)
	case "$lt":
		return p.ordered(place, f, less, e)
	case "$lte":
		return p.ordered(place, f, atMost, e)
	case "$gt":
		return p.ordered(place, f, greater, e)
	case "$gte":
		return p.ordered(place, f, atLeast, e)
	case "$contains":
		return p.text(place, f, contains, e)
	case "$startsWith":
		return p.text(place, f, startsWith, e)
	case "$endsWith":
		return p.text(place, f, endsWith, e)
	case "$regex":
		return p.regex(place, f, e, options)
	case "$exists":
		return p.exists(place, f, e)
	case "$size":
		return p.sized(place, f, e)
	}
	return nil, wrong(place, "is not a known operator")
}

// leaf counts a condition and, for those that compare with values, converts them to the field's type.
func (p *parser) leaf(place string, f field, t test, operands ...element) (*leaf, error) {
	if p.leaves++; p.leaves > maxConditions {
		return nil, tooMuch(place, "is one too many: a query may have %d conditions", maxConditions)
	}
	if p.values += len(operands); p.values > maxValues {
		return nil, tooMuch(place, "has too many values: a query may have %d in all", maxValues)
	}
	l := &leaf{field: f, test: t}
	for _, e := range operands {
		v, err := f.value(place, e)
		if err != nil {
			return nil, err
		}
		l.values = append(l.values, v)
	}
	return l, nil
}

func (p *parser) listed(place string, f field, t test, e element) (*leaf, error) {
	if e.kind != arrayKind {
		return nil, wrong(place, "must be a list of values")
	}
	if len(e.items) > maxListed {
		return nil, tooMuch(place, "has too many values: a list may have %d", maxListed)
	}
	return p.leaf(place, f, t, e.items...)
}

func (p *parser) ordered(place string, f field, t test, e element) (*leaf, error) {
	if e.kind != stringKind && e.kind != numberKind && e.kind != boolKind {
		return nil, wrong(place, "must be a string, a number, true or false")
	}
	return p.leaf(place, f, t, e)
}

func (p *parser) text(place string, f field, t test, e element) (*leaf, error) {
	if e.kind != stringKind {
		return nil, wrong(place, "must be a string")
	}
	l, err := p.leaf(place, f, t)
	if err == nil {
		l.values = []value{{element: e}} // a part of a text, also where the field has a type of its own
	}
	return l, err
}

func (p *parser) regex(place string, f field, e element, options *element) (*leaf, error) {
	if p.regexes++; p.regexes > maxRegexes {
		return nil, tooMuch(place, "is one too many: a query may have %d regular expressions", maxRegexes)
	}
	if e.kind != stringKind {
		return nil, wrong(place, "must be a string")
	}
	var flags string
	if options != nil {
		optionsPlace := strings.TrimSuffix(place, "$regex") + "$options"
		if flags = options.text; options.kind != stringKind || strings.Trim(flags, "ims") != "" {
			return nil, wrong(optionsPlace, "must be of the letters i (any case), m (^ and $ at each line) and s (. is a line's end too)")
		}
	}
	compiled, err := compileRegex(place, e.text, flags)
	if err != nil {
		return nil, err
	}
	l, err := p.leaf(place, f, matches)
	if err == nil {
		l.regex = compiled
	}
	return l, err
}

func (p *parser) exists(place string, f field, e element) (*leaf, error) {
	if e.kind != boolKind {
		return nil, wrong(place, "must be true or false")
	}
	l, err := p.leaf(place, f, exists)
	if err == nil {
		l.yes = e.text == "1"
	}
	return l, err
}

func (p *parser) sized(place string, f field, e element) (*leaf, error) {
	n, err := strconv.ParseUint(e.text, 10, 31)
	if e.kind != numberKind || err != nil {
		return nil, wrong(place, "must be a whole number from 0")
	}
	l, err := p.leaf(place, f, hasSize)
	if err == nil {
		l.size = int(n)
	}
	return l, err
}
