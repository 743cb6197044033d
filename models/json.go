package models

import (
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

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
	value = value.Clone()
	if err := value.Compact(); err != nil {
		return err
	}
	*j = JSON(value)
	return nil
}

// IsObject tells whether the value is a JSON object.
func (j JSON) IsObject() bool { return jsontext.Value(j).Kind() == '{' }

// Equal compares values, not texts: the order of members and the spelling of numbers do not count.
func (j JSON) Equal(other JSON) bool {
	if j == other {
		return true
	}
	var a, b any
	if json.Unmarshal([]byte(j), &a) != nil || json.Unmarshal([]byte(other), &b) != nil {
		return false
	}
	return reflect.DeepEqual(a, b)
}
