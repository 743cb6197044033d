package query

import (
	"cmp"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNumbersAreInOrder(t *testing.T) {
	number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		if got, want := cmp.Compare(numberCode(a), numberCode(b)), rational(a).Cmp(rational(b)); got != want {
			t.Fatalf("%s is to %s as %d, coded as %d: %q, %q", a, b, want, got, numberCode(a), numberCode(b))
		}
	})
	inOrder := []string{"-1e400", "-9007199254740993", "-9007199254740992.5", "-9007199254740992", "-10", "-1.5", "-1", "-0.1", "-1e-400", "0", "1e-99999999999999999999",
		"1e-400", "0.1", "0.10000000000000000000000000001", "1", "1.5", "9", "10", "9007199254740992", "9007199254740993", "18446744073709551616", "1e400", "1e99999999999999999999"}
	for i := range inOrder[1:] {
		if numberCode(inOrder[i]) >= numberCode(inOrder[i+1]) {
			t.Errorf("%s is not before %s", inOrder[i], inOrder[i+1])
		}
	}
	for _, same := range [][]string{{"0", "-0", "0.0", "0e7", "-0.00e-3"}, {"1", "1.0", "1e0", "10e-1", "0.1E+1", "100000e-5"}, {"-250", "-2.5e2", "-250.000"}} {
		for _, other := range same {
			if numberCode(same[0]) != numberCode(other) {
				t.Errorf("%s is not %s", other, same[0])
			}
		}
	}
}

func rational(literal string) *big.Rat {
	r, ok := new(big.Rat).SetString(literal)
	if !ok {
		panic(literal) // the generator gives numbers
	}
	return r
}

// TestEscapedTextsBehaveAsTexts: order, equality and being inside, before or behind another are those of the texts.
func TestEscapedTextsBehaveAsTexts(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune{0, 1, 2, 'a', 'é', '😀'}), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		x, y := escape(a), escape(b)
		if cmp.Compare(a, b) != cmp.Compare(x, y) || strings.Contains(a, b) != strings.Contains(x, y) ||
			strings.HasPrefix(a, b) != strings.HasPrefix(x, y) || strings.HasSuffix(a, b) != strings.HasSuffix(x, y) {
			t.Fatalf("%q and %q behave otherwise than %q and %q", x, y, a, b)
		}
		if strings.Contains(x, end) || unescape(x) != a {
			t.Fatalf("%q is escaped as %q", a, x)
		}
	})
}

func FuzzFlatten(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1,"b":{"c":[1,1.0,"x",[2],{"d":null}]}}`, `{"":"\u0000\u0001"}`, `{"a":1e999}`, `[]`, `{"a":1,"a":2}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, attributes string) {
		flat := string(Flatten(attributes))
		var object map[string]any
		if json.Unmarshal([]byte(attributes), &object) != nil || len(object) == 0 {
			if _, err := decode(attributes); flat != "" && err != nil {
				t.Fatalf("%q is no object and became %q", attributes, flat)
			}
			return
		}
		if _, err := decode(attributes); err != nil {
			return // doubled names, bad UTF-8: never stored
		}
		for name, value := range object {
			literal, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			entry := valueMark + below("", name)
			if strings.Count(flat, entry) != 1 {
				t.Fatalf("%q has %s %d times", flat, name, strings.Count(flat, entry))
			}
			if e, err := decode(string(literal)); err == nil && e.kind != numberKind && e.kind != arrayKind && e.kind != objectKind && // a float64 rounds
				!strings.Contains(flat, entry+e.code()+end) {
				t.Fatalf("%q has not %s as %s", flat, name, literal)
			}
		}
		// The most that 32 KB can become: 6 bytes a leaf are 30 here.
		if len(flat) > 32*len(attributes)+64 {
			t.Fatalf("%d bytes became %d", len(attributes), len(flat))
		}
	})
}
