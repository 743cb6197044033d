// Package query is the query language of API.md, "Conversations": `where` and `sort` become a tree, and the tree becomes
// one SELECT with bound values. It knows the tables of conversations and never talks to a database.
//
// Attributes are looked up in a flat form that Flatten makes when they are written (flatten.go), with nothing but INSTR,
// SUBSTR and comparisons of bytes. So a value means the same on every database: their JSON functions differ in numbers,
// escapes, arrays and paths.
package query

import (
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxNesting bounds how deep a text may be nested: as deep as attributes may be, and their place in `where`.
const maxNesting = 80

var errNesting = errors.New("is nested too deeply")

// element is a decoded JSON value. An object's members keep their order.
type element struct {
	kind  kind
	text  string    // a string's text, a number's literal, "0" or "1" of a boolean
	names []string  // an object's, beside items
	items []element // of an array or object
}

// decode reads one JSON value; doubled names, bad UTF-8 and anything behind it are errors.
func decode(text string) (element, error) {
	decoder := jsontext.NewDecoder(strings.NewReader(text))
	e, err := read(decoder)
	if err != nil {
		return element{}, err
	}
	if _, err := decoder.ReadToken(); err != io.EOF {
		return element{}, errors.New("is followed by something else")
	}
	return e, nil
}

func read(decoder *jsontext.Decoder) (element, error) {
	if decoder.StackDepth() > maxNesting {
		return element{}, errNesting
	}
	token, err := decoder.ReadToken()
	if err != nil {
		return element{}, err
	}
	switch token.Kind() {
	case '"':
		return element{kind: stringKind, text: token.String()}, nil
	case '0':
		return element{kind: numberKind, text: token.String()}, nil
	case 't':
		return element{kind: boolKind, text: "1"}, nil
	case 'f':
		return element{kind: boolKind, text: "0"}, nil
	case '[', '{':
		return readInside(decoder, token.Kind())
	}
	return element{kind: nullKind}, nil
}

func readInside(decoder *jsontext.Decoder, bracket jsontext.Kind) (element, error) {
	e := element{kind: arrayKind}
	if bracket == '{' {
		e.kind = objectKind
	}
	for next := decoder.PeekKind(); next != ']' && next != '}'; next = decoder.PeekKind() {
		if e.kind == objectKind {
			name, err := decoder.ReadToken()
			if err != nil {
				return element{}, err
			}
			e.names = append(e.names, name.String())
		}
		item, err := read(decoder)
		if err != nil {
			return element{}, err
		}
		e.items = append(e.items, item)
	}
	_, err := decoder.ReadToken()
	return e, err
}
