package query

import (
	"strconv"
	"strings"
)

// The flat form of attributes is a row of entries with the byte 0 before, between and behind them:
//
//	.<path><code>   the value at a path; objects are walked into, arrays are not
//	[<path><code>   an item of the array at a path, each once
//	#<path><digits> how many items that array has
//
// A path is a hash, always of the same length: spelled out, a long key would be repeated for every item below it.
const (
	valueMark = end + "."
	itemMark  = end + "["
	sizeMark  = end + "#"
)

// Flatten gives the flat form of a JSON object, for the column that queries look into; nil when there is nothing in it.
// What is not an object has no attributes either.
func Flatten(attributes string) []byte {
	e, err := decode(attributes)
	if err != nil || e.kind != objectKind || len(e.items) == 0 {
		return nil
	}
	var out strings.Builder
	for i, item := range e.items {
		flatten(&out, below("", e.names[i]), item)
	}
	out.WriteString(end)
	return []byte(out.String())
}

// flatten writes the entries of a value and of what is below it, and gives its code.
func flatten(out *strings.Builder, path string, e element) string {
	var code string
	switch e.kind {
	case objectKind:
		codes := make([]string, len(e.items))
		for i, item := range e.items {
			codes[i] = flatten(out, below(path, e.names[i]), item)
		}
		code = objectCode(e.names, codes)
	case arrayKind:
		codes := make([]string, len(e.items))
		seen := make(map[string]bool, len(e.items))
		for i, item := range e.items {
			codes[i] = item.code()
			if !seen[codes[i]] {
				seen[codes[i]] = true
				out.WriteString(itemMark + path + codes[i])
			}
		}
		out.WriteString(sizeMark + path + strconv.Itoa(len(codes)))
		code = arrayCode(codes)
	default:
		code = e.code()
	}
	out.WriteString(valueMark + path + code)
	return code
}

// below is the path of a key inside the object at a path; the outermost one's is empty. It is 72 bits long: two paths with
// the same are found by nobody who does not spend days on it, to mistake his own attributes for one another.
func below(path, key string) string { return digest(path+escape(key), 9) }
