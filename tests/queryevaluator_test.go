package tests

import (
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"

	. "parley/tests/harness"
)

// holds evaluates a `where` on a conversation as API.md says it, by other means than the server: both are decoded JSON
// with json.Number. It takes only what is well-formed.
func holds(where, conversation JSON) bool {
	for name, operand := range where {
		ok := true
		switch name {
		case "$and":
			ok = !slices.ContainsFunc(operand.([]any), func(part any) bool { return !holds(part.(JSON), conversation) })
		case "$or":
			ok = slices.ContainsFunc(operand.([]any), func(part any) bool { return holds(part.(JSON), conversation) })
		default:
			ok = fieldHolds(lookUp(conversation, name), operand)
		}
		if !ok {
			return false
		}
	}
	return true
}

// found is a field of a conversation.
type found struct {
	name  string
	value any
	there bool
}

// lookUp: in a path a backslash takes the special meaning off a dot or a backslash.
func lookUp(conversation JSON, name string) found {
	path, inAttributes := strings.CutPrefix(name, "attributes.")
	if !inAttributes {
		return found{name, conversation[name], conversation[name] != nil}
	}
	value := conversation["attributes"]
	for key := range strings.SplitSeq(strings.NewReplacer(`\\`, `\`, `\.`, ".", ".", "\xff").Replace(path), "\xff") {
		object, _ := value.(JSON)
		var there bool
		if value, there = object[key]; !there {
			return found{name: name}
		}
	}
	return found{name, value, true}
}

func fieldHolds(f found, operand any) bool {
	operators, ok := operand.(JSON)
	if !ok || !slices.ContainsFunc(keysOf(operators), func(name string) bool { return strings.HasPrefix(name, "$") }) {
		return f.equals(operand)
	}
	for name, operand := range operators {
		if !f.operatorHolds(name, operand, operators) {
			return false
		}
	}
	return true
}

func (f found) operatorHolds(name string, operand any, beside JSON) bool {
	list, _ := operand.([]any)
	array, isArray := f.value.([]any)
	text, isText := f.value.(string)
	isText = isText && !strings.HasSuffix(f.name, "At")
	part, _ := operand.(string)
	switch name {
	case "$ne":
		return !f.equals(operand)
	case "$in":
		return slices.ContainsFunc(list, f.equals)
	case "$nin":
		return !slices.ContainsFunc(list, f.equals)
	case "$all":
		return len(list) > 0 && !slices.ContainsFunc(list, func(v any) bool { return !f.equals(v) })
	case "$exists":
		return f.there == operand.(bool)
	case "$size":
		return isArray && json.Number(big.NewInt(int64(len(array))).String()) == operand
	case "$contains":
		return isText && strings.Contains(text, part)
	case "$startsWith":
		return isText && strings.HasPrefix(text, part)
	case "$endsWith":
		return isText && strings.HasSuffix(text, part)
	case "$regex":
		flags, _ := beside["$options"].(string)
		return isText && regexp.MustCompile("(?"+flags+")"+part).MatchString(text)
	case "$options":
		return true
	}
	order, comparable := compareValues(f.typed(f.value), f.typed(operand))
	return comparable && (name == "$lt" && order < 0 || name == "$lte" && order <= 0 || name == "$gt" && order > 0 || name == "$gte" && order >= 0)
}

// equals: a built-in field that is null equals null and nothing else; an attribute has to be there; members are a set.
func (f found) equals(operand any) bool {
	array, isArray := f.value.([]any)
	switch {
	case !f.there:
		return operand == nil && !strings.HasPrefix(f.name, "attributes.")
	case f.name == "members":
		if wanted, ok := operand.([]any); ok {
			within := func(a, b []any) bool {
				return !slices.ContainsFunc(a, func(v any) bool { return !slices.ContainsFunc(b, func(w any) bool { return same(v, w) }) })
			}
			return within(array, wanted) && within(wanted, array)
		}
	}
	return same(f.typed(f.value), f.typed(operand)) ||
		isArray && slices.ContainsFunc(array, func(item any) bool { return same(item, operand) })
}

// typed turns the texts of a field of times into times.
func (f found) typed(value any) any {
	text, ok := value.(string)
	if !ok || strings.HasPrefix(f.name, "attributes.") || !strings.HasSuffix(f.name, "At") {
		return value
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err) // the generator gives times
	}
	return at
}

// compareValues orders numbers, texts by their bytes, times, and false before true; all else is not to be compared.
func compareValues(a, b any) (order int, comparable bool) {
	switch a := a.(type) {
	case json.Number:
		if b, ok := b.(json.Number); ok {
			return rational(a).Cmp(rational(b)), true
		}
	case string:
		b, ok := b.(string)
		return strings.Compare(a, b), ok
	case time.Time:
		b, ok := b.(time.Time)
		return a.Compare(b), ok
	case bool:
		if b, ok := b.(bool); ok {
			return map[bool]int{true: 1}[a] - map[bool]int{true: 1}[b], true
		}
	}
	return 0, false
}

func rational(number json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(number.String())
	if !ok {
		panic(number) // it is a JSON number
	}
	return r
}

func same(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case JSON:
		b, ok := b.(JSON)
		if !ok || len(a) != len(b) {
			return false
		}
		for name := range a {
			if other, there := b[name]; !there || !same(a[name], other) {
				return false
			}
		}
		return true
	}
	order, comparable := compareValues(a, b)
	return comparable && order == 0
}

func keysOf(object JSON) (names []string) {
	for name := range object {
		names = append(names, name)
	}
	return names
}
