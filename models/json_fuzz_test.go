package models_test

import (
	"bytes"
	stdjson "encoding/json"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"parley/models"
)

var jsonSeeds = []string{
	`null`, `true`, `0`, `-0`, `1e2`, `100`, `1.50`, `1e999`, `9007199254740993`, `9007199254740992`, `""`, `"Tóm"`, `"T\u00f3m"`,
	`"\u0000\u2028\r\n"`, `"\ud83d\ude00"`, `"😀"`, `[]`, `[1,[2,[3]]]`, `{}`, ` { "a" : 1 , "b" : [ ] } `, `{"b":[],"a":1.0}`,
	`{"a":null}`, `{"a":1,"a":2}`, `{"a":{"a":{"a":"\\data:"}}}`, `"\ud800"`, "\"\xff\"", `01`, `{"a":1}x`, `'a'`, `NaN`, "\"\u2028\"",
	strings.Repeat("[", 200) + strings.Repeat("]", 200),
}

// What is kept is the value that came, on one line, and reads back as itself.
func FuzzJSONKeepsTheValue(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var kept models.JSON
		if json.Unmarshal([]byte(text), &kept) != nil {
			return
		}
		if !utf8.ValidString(string(kept)) || strings.ContainsAny(string(kept), "\r\n") {
			t.Fatalf("%q was kept as %q, which does not fit a line of a stream", text, kept)
		}
		var want bytes.Buffer
		if err := stdjson.Compact(&want, []byte(text)); err != nil || want.String() != string(kept) {
			t.Fatalf("%q was kept as %q, not %q, %v", text, kept, want.String(), err)
		}
		written, err := json.Marshal(kept)
		if err != nil || bytes.ContainsAny(written, "\r\n") || !same(decoded(t, kept), decoded(t, models.JSON(written))) {
			t.Fatalf("%q was written as %q, %v", kept, written, err)
		}
		if kept.IsObject() != strings.HasPrefix(string(kept), "{") {
			t.Fatalf("whether %q is an object: %t", kept, kept.IsObject())
		}
	})
}

// Equal is equality of values: of itself, in both directions, and never of two numbers that differ.
func FuzzJSONEqual(f *testing.F) {
	for i, seed := range jsonSeeds {
		f.Add(seed, jsonSeeds[(i+1)%len(jsonSeeds)])
	}
	f.Fuzz(func(t *testing.T, textA, textB string) {
		var a, b models.JSON
		if json.Unmarshal([]byte(textA), &a) != nil || json.Unmarshal([]byte(textB), &b) != nil {
			return
		}
		if !a.Equal(a) || a.Equal(b) != b.Equal(a) {
			t.Fatalf("%q and %q: %t, %t, %t", a, b, a.Equal(a), a.Equal(b), b.Equal(a))
		}
		if a.Equal(b) && !same(decoded(t, a), decoded(t, b)) {
			t.Fatalf("%q and %q count as equal", a, b)
		}
	})
}

func TestJSONEqual(t *testing.T) {
	for _, c := range []struct {
		a, b models.JSON
		want bool
	}{
		{`{"a":1,"b":[2]}`, `{"b":[2],"a":1}`, true}, {`"T\u00f3m"`, `"Tóm"`, true}, {`2`, `2.0`, true}, {`100`, `1e2`, true}, {`100`, `1.00E+2`, true},
		{`0.05`, `5e-2`, true}, {`0`, `-0`, true}, {`0`, `0e7`, true}, {`-1.50`, `-15e-1`, true},
		{`[1,2]`, `[2,1]`, false}, {`{"a":1}`, `{"a":1,"b":null}`, false}, {`1`, `"1"`, false}, {`1`, `-1`, false}, {`1`, `10`, false}, {`0.1`, `0.01`, false},
		{`9007199254740993`, `9007199254740992`, false}, {`{"id":1234567890123456789}`, `{"id":1234567890123456788}`, false},
		{`0.1`, `0.10000000000000000001`, false}, {`1e999`, `1e998`, false}, {`null`, `false`, false}, {``, `null`, false},
	} {
		if got := c.a.Equal(c.b); got != c.want {
			t.Errorf("%s and %s: %t", c.a, c.b, got)
		}
	}
}

// decoded keeps numbers as they are written.
func decoded(t *testing.T, value models.JSON) any {
	t.Helper()
	decoder := stdjson.NewDecoder(strings.NewReader(string(value)))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%q: %v", value, err)
	}
	return v
}

func same(a, b any) bool {
	switch a := a.(type) {
	case stdjson.Number:
		b, ok := b.(stdjson.Number)
		return ok && sameNumber(string(a), string(b))
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !same(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
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
	return a == b
}

// sameNumber compares exactly; numbers with a huge exponent, which would fill the memory, by their text.
func sameNumber(a, b string) bool {
	const longest = 64
	if a == b {
		return true
	}
	if at := strings.IndexAny(a+b, "eE"); at >= 0 || len(a)+len(b) > longest {
		x, _, errX := big.ParseFloat(a, 10, 512, big.ToNearestEven)
		y, _, errY := big.ParseFloat(b, 10, 512, big.ToNearestEven)
		return errX != nil || errY != nil || x.Cmp(y) == 0 // beyond what can be judged here
	}
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	return okX && okY && x.Cmp(y) == 0
}
