package tests

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	. "parley/tests/harness"
)

// The generators give JSON as text, so that a number keeps its spelling.

func quoted(text string) string {
	data, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string has a JSON form
	}
	return string(data)
}

func textValue() *rapid.Generator[string] { return rapid.Map(rapid.SampledFrom(someTexts), quoted) }

func numberValue() *rapid.Generator[string] { return rapid.SampledFrom(someNumbers) }

func scalar() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom([]string{"null", "true", "false"}), numberValue(), textValue())
}

// anyValue is a value with arrays and objects down to a depth.
func anyValue(depth int) *rapid.Generator[string] {
	if depth == 0 {
		return scalar()
	}
	array := rapid.Map(rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[string] { return anyValue(depth - 1) }), 0, 3),
		func(items []string) string { return "[" + strings.Join(items, ",") + "]" })
	return rapid.OneOf(scalar(), scalar(), array, object(depth-1))
}

// object has few keys, so that paths meet; the empty one is there and cannot be asked for.
func object(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(r *rapid.T) string {
		keys := rapid.SliceOfNDistinct(rapid.SampledFrom(append(slices.Clone(someKeys), "")), 0, 4, rapid.ID[string]).Draw(r, "keys")
		members := make([]string, len(keys))
		for i, key := range keys {
			members[i] = quoted(key) + ":" + anyValue(depth).Draw(r, "value")
		}
		return "{" + strings.Join(members, ",") + "}"
	})
}

// plainObject has no key that looks like an operator, so that it can be an operand.
func operandValue() *rapid.Generator[string] {
	return anyValue(2).Filter(func(text string) bool { return !strings.HasPrefix(text, "{") || !strings.Contains(text, `"$`) })
}

func path(r *rapid.T) string {
	keys := rapid.SliceOfN(rapid.SampledFrom(someKeys), 1, 3).Draw(r, "path")
	for i, key := range keys {
		keys[i] = strings.NewReplacer(`\`, `\\`, ".", `\.`).Replace(key)
	}
	return "attributes." + strings.Join(keys, ".")
}

func (w *queryWorld) sortable() []string {
	var names []string
	for _, name := range []string{"id", "name", "type", "unique", "creator", "createdAt", "updatedAt", "lastMessageAt", "attributes.a", "attributes.b.a", `attributes.d\.e`} {
		names = append(names, name, "-"+name)
	}
	return names
}

// tree is an object of conditions with $and and $or down to a depth.
func (w *queryWorld) tree(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(r *rapid.T) string {
		members := map[string]string{}
		for range rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(r, "conditions") {
			kind := rapid.SampledFrom([]int{0, 1, 1, 2, 2, 2}).Draw(r, "kind")
			if depth == 0 || kind > 1 {
				name, condition := w.leaf(r)
				members[name] = condition
				continue
			}
			parts := rapid.SliceOfN(w.tree(depth-1), 1, 3).Draw(r, "parts")
			members[[]string{"$and", "$or"}[kind]] = "[" + strings.Join(parts, ",") + "]"
		}
		var texts []string
		for name, condition := range members {
			texts = append(texts, quoted(name)+":"+condition)
		}
		slices.Sort(texts)
		return "{" + strings.Join(texts, ",") + "}"
	}).Filter(func(tree string) bool { return strings.Count(tree, "$regex") <= 5 && strings.Count(tree, `":`) <= 50 })
}

// leaf is a field and what is asked of it.
func (w *queryWorld) leaf(r *rapid.T) (name, condition string) {
	switch rapid.IntRange(0, 9).Draw(r, "field") {
	case 0:
		name = "name"
	case 1:
		name = "members"
	case 2:
		name = rapid.SampledFrom([]string{"createdAt", "updatedAt", "lastMessageAt"}).Draw(r, "time")
	case 3:
		name = rapid.SampledFrom([]string{"id", "type", "unique", "creator"}).Draw(r, "other")
	default:
		if name = path(r); rapid.IntRange(0, 3).Draw(r, "unknown") > 0 {
			name = rapid.SampledFrom(w.paths).Draw(r, "known")
		}
	}
	if rapid.IntRange(0, 2).Draw(r, "equality") == 0 {
		return name, w.operand(r, name)
	}
	var operators []string
	for _, operator := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"$ne", "$in", "$nin", "$all", "$lt", "$lte", "$gt", "$gte",
		"$exists", "$contains", "$startsWith", "$endsWith", "$regex", "$size"}), 1, 2, rapid.ID[string]).Draw(r, "operators") {
		operators = append(operators, quoted(operator)+":"+w.operandOf(r, name, operator))
	}
	return name, "{" + strings.Join(operators, ",") + "}"
}

func (w *queryWorld) operandOf(r *rapid.T, name, operator string) string {
	switch operator {
	case "$ne":
		return w.operand(r, name)
	case "$in", "$nin", "$all":
		var values []string
		for range rapid.IntRange(0, 3).Draw(r, "values") {
			values = append(values, w.operand(r, name))
		}
		return "[" + strings.Join(values, ",") + "]"
	case "$lt", "$lte", "$gt", "$gte":
		for {
			if v := w.operand(r, name); !strings.ContainsAny(v[:1], "[{n") {
				return v
			}
		}
	case "$exists":
		return rapid.SampledFrom([]string{"true", "false"}).Draw(r, "exists")
	case "$size":
		return rapid.SampledFrom([]string{"0", "1", "2", "3"}).Draw(r, "size")
	case "$regex":
		pattern := quoted(rapid.SampledFrom(somePattern).Draw(r, "pattern"))
		if options := rapid.SampledFrom([]string{"", "", "i", "ms"}).Draw(r, "options"); options != "" {
			pattern += `,"$options":` + quoted(options)
		}
		return pattern
	}
	texts := slices.Concat(someTexts, chatNames)
	for _, c := range w.conversations {
		if text, ok := lookUp(c, name).value.(string); ok {
			texts = append(texts, text, text, text)
		}
	}
	whole := rapid.SampledFrom(texts).Draw(r, "text")
	from := rapid.IntRange(0, len(whole)).Draw(r, "from")
	to := rapid.IntRange(from, len(whole)).Draw(r, "to")
	return quoted(strings.ToValidUTF8(whole[from:to], ""))
}

// operand is a value to compare a field with: as a rule one that some conversation has.
func (w *queryWorld) operand(r *rapid.T, name string) string {
	if strings.HasSuffix(name, "At") && !strings.HasPrefix(name, "attributes.") {
		if rapid.IntRange(0, 5).Draw(r, "no time") == 0 {
			return rapid.OneOf(numberValue(), rapid.SampledFrom([]string{"null", "true"})).Draw(r, "value")
		}
		at, err := time.Parse(time.RFC3339Nano, w.anyOf(r, "createdAt"))
		if err != nil {
			panic(err) // the API shows times
		}
		at = at.Add(time.Duration(rapid.IntRange(-2, 2).Draw(r, "half milliseconds")) * 500 * time.Microsecond)
		return quoted(at.In(time.FixedZone("", 3600*rapid.IntRange(-3, 3).Draw(r, "zone"))).Format(time.RFC3339Nano))
	}
	if rapid.IntRange(0, 7).Draw(r, "other type") == 0 {
		return operandOrPlain(r, name)
	}
	switch name {
	case "name":
		return quoted(rapid.SampledFrom(chatNames).Draw(r, "name"))
	case "members":
		if rapid.Bool().Draw(r, "one") {
			return quoted(rapid.SampledFrom(clientNames).Draw(r, "client"))
		}
		members, err := json.Marshal(rapid.SampledFrom(w.conversations).Draw(r, "conversation")["members"])
		if err != nil {
			panic(err) // it was decoded
		}
		return string(members)
	case "id":
		return quoted(w.anyOf(r, "id"))
	case "type":
		return quoted(rapid.SampledFrom([]string{"normal", "chatroom", "Normal", ""}).Draw(r, "type"))
	case "unique":
		return rapid.SampledFrom([]string{"true", "false"}).Draw(r, "unique")
	case "creator":
		return quoted(rapid.SampledFrom(clientNames).Draw(r, "creator"))
	}
	var values []any
	for _, c := range w.conversations {
		if f := lookUp(c, name); f.there {
			items, _ := f.value.([]any)
			values = append(append(values, f.value), items...)
		}
	}
	if len(values) > 0 && rapid.IntRange(0, 3).Draw(r, "made up") > 0 {
		text, err := json.Marshal(rapid.SampledFrom(values).Draw(r, "value"))
		if err != nil {
			panic(err) // it was decoded
		}
		if !strings.HasPrefix(string(text), "{") || !strings.Contains(string(text), `"$`) {
			return string(text)
		}
	}
	return operandOrPlain(r, name)
}

// pathsIn gives the paths of an object that can be asked for.
func pathsIn(object JSON, above string) (paths []string) {
	for key, value := range object {
		if key == "" {
			continue
		}
		path := above + "." + strings.NewReplacer(`\`, `\\`, ".", `\.`).Replace(key)
		paths = append(paths, path)
		if inside, ok := value.(JSON); ok {
			paths = append(paths, pathsIn(inside, path)...)
		}
	}
	return paths
}

// operandOrPlain is any value; an object stands for operators where the field is no attribute.
func operandOrPlain(r *rapid.T, name string) string {
	value := operandValue().Draw(r, "value")
	if strings.HasPrefix(value, "{") && !strings.HasPrefix(name, "attributes.") {
		return "null"
	}
	return value
}

// anyOf is a text that some conversation has in a field.
func (w *queryWorld) anyOf(r *rapid.T, field string) string {
	return rapid.SampledFrom(w.conversations).Draw(r, "conversation")[field].(string)
}
