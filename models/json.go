package models

import (
	stdjson "encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth bounds how deeply a value may be nested: far below what encoders and the databases' JSON functions take,
// because a value is shown inside others.
const maxDepth = 64

// ErrTooDeep is the failure of a value that is nested too deeply.
var ErrTooDeep = fmt.Errorf("must not be nested deeper than %d levels", maxDepth)

// JSON is a JSON value kept as the text it came as. It is a string and not bytes, because SQLite would take bytes for
// its own binary JSON. The zero value stands for "absent".
type JSON string

// MarshalJSONTo writes the value itself.
func (j JSON) MarshalJSONTo(enc *jsontext.Encoder) error {
	if j == "" {
		return enc.WriteToken(jsontext.Null)
	}
	return enc.WriteValue(jsontext.Value(j))
}

// UnmarshalJSONFrom keeps the value as it came, without insignificant white space.
func (j *JSON) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if depth(value) > maxDepth {
		return ErrTooDeep
	}
	value = value.Clone()
	if err := value.Compact(); err != nil {
		return err
	}
	*j = JSON(value)
	return nil
}

// IsObject tells whether the value is a JSON object.
func (j JSON) IsObject() bool { return jsontext.Value(j).Kind() == '{' }

// depth counts the levels of a valid value.
func depth(value jsontext.Value) (deepest int) {
	level, inString := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// Equal compares values, not texts: the order of members and the spelling of numbers do not count.
func (j JSON) Equal(other JSON) bool {
	if j == other {
		return true
	}
	a, errA := canonical(j)
	b, errB := canonical(other)
	return errA == nil && errB == nil && reflect.DeepEqual(a, b)
}

// canonical decodes a value so that equal ones are deeply equal: numbers become their digits and exponent, exactly.
func canonical(j JSON) (any, error) {
	decoder := stdjson.NewDecoder(strings.NewReader(string(j)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return canonicalNumbers(value), nil
}

func canonicalNumbers(value any) any {
	switch v := value.(type) {
	case stdjson.Number:
		return decimalOf(string(v))
	case []any:
		for i := range v {
			v[i] = canonicalNumbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = canonicalNumbers(v[name])
		}
	}
	return value
}

// decimal is a number as 0.digits × 10^exponent, without zeros at either end of the digits; zero has none.
type decimal struct {
	negative bool
	digits   string
	exponent int64
}

// decimalOf reads a JSON number without rounding it. An exponent beyond 64 bits is cut: such numbers are nobody's.
func decimalOf(text string) decimal {
	text, negative := strings.CutPrefix(text, "-")
	mantissa, power, _ := strings.Cut(strings.ToLower(text), "e")
	exponent, _ := strconv.ParseInt(power, 10, 64) // empty, or out of range: what it is cut to
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	exponent += int64(len(whole)) - int64(len(whole+fraction)-len(digits))
	digits = strings.TrimRight(digits, "0")
	if digits == "" {
		return decimal{}
	}
	return decimal{negative, digits, exponent}
}
