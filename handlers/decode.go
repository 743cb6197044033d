package handlers

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"parley/models"
)

// decode reads a JSON body strictly: unknown and repeated fields, wrong types, bad UTF-8 and trailing text are refused,
// with the field named.
func (a *API) decode(c echo.Context, into any) error {
	mediaType, _, err := bodyType(c)
	if err != nil {
		return err
	}
	if mediaType != echo.MIMEApplicationJSON && mediaType != "application/merge-patch+json" {
		return &models.Error{Kind: models.UnsupportedMedia, Code: "unsupported_media_type", Detail: "the body must be JSON, with Content-Type: application/json"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, a.MaxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &models.Error{Kind: models.TooLarge, Code: "body_too_large", Detail: fmt.Sprintf("the body may have at most %d bytes", a.MaxBody)}
	}
	if err != nil {
		return &models.Error{Kind: models.Invalid, Code: "body_incomplete", Detail: "the body ended early or came too slowly"}
	}
	if restartCall(c) {
		if err := a.stillStands(c); err != nil {
			return err
		}
	}
	if jsontext.Value(body).Kind() == 'n' { // null would leave every field as if it had not been sent
		return models.Invalidf("body", "must be an object")
	}
	return Unmarshal(body, into)
}

// bodyType tells what a body is; one that is not well-formed is nothing. A compressed one is refused: it is read as it is, and none
// of a few kilobytes can become a gigabyte. So is one that says twice what it is, because somebody before us may have
// looked at the other.
func bodyType(c echo.Context) (mediaType string, parameters map[string]string, err error) {
	header := c.Request().Header
	for _, coding := range header.Values(echo.HeaderContentEncoding) {
		if !strings.EqualFold(coding, "identity") {
			c.Response().Header().Set(echo.HeaderAcceptEncoding, "identity") // RFC 9110, section 15.5.16
			return "", nil, &models.Error{Kind: models.UnsupportedMedia, Code: "unsupported_media_type", Detail: "the body must not be compressed: send it without Content-Encoding"}
		}
	}
	types := header.Values(echo.HeaderContentType)
	if len(types) > 1 {
		return "", nil, &models.Error{Kind: models.UnsupportedMedia, Code: "unsupported_media_type", Detail: "Content-Type is there twice"}
	}
	mediaType, parameters, err = mime.ParseMediaType(header.Get(echo.HeaderContentType))
	if err != nil {
		return "", nil, nil
	}
	return mediaType, parameters, nil
}

// Unmarshal reads JSON strictly and says what is wrong as a models.Error.
func Unmarshal(body []byte, into any) error {
	err := json.Unmarshal(body, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	return problemIn("", err)
}

// problemIn says what is wrong with JSON that stands at a place.
func problemIn(place jsontext.Pointer, err error) error {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return syntaxProblem(place, syntax)
	}
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return models.Invalidf("body", "is not valid JSON")
	}
	field := fieldOf(place + semantic.JSONPointer)
	if errors.Is(err, models.ErrTooDeep) {
		return models.Invalidf(field, "%v", models.ErrTooDeep)
	}
	if errors.Is(err, json.ErrUnknownName) {
		return models.Invalidf(field, "is not a known field")
	}
	return models.Invalidf(field, "must be %s", expected(semantic.GoType))
}

func syntaxProblem(place jsontext.Pointer, e *jsontext.SyntacticError) error {
	field := fieldOf(place + e.JSONPointer)
	switch {
	case errors.Is(e, jsontext.ErrDuplicateName):
		return models.Invalidf(field, "is there twice")
	case strings.Contains(e.Error(), "UTF-8") || strings.Contains(e.Error(), "surrogate"):
		return models.Invalidf(field, "must be valid UTF-8")
	}
	return models.Invalidf(field, "is not valid JSON at byte %d", e.ByteOffset)
}

// longestField bounds how a place is named in a problem, in bytes: one in a deep or wordy value may be as long as the body.
const longestField = 256

// fieldOf turns a JSON pointer into the way fields are named in problems: /members/2 is members[2].
func fieldOf(pointer jsontext.Pointer) string {
	var field strings.Builder
	for token := range pointer.Tokens() {
		switch {
		case token != "" && strings.Trim(token, "0123456789") == "":
			field.WriteString("[" + token + "]")
		case field.Len() > 0:
			field.WriteString("." + token)
		default:
			field.WriteString(token)
		}
	}
	name := field.String()
	switch {
	case name == "":
		return "body"
	case len(name) > longestField:
		name = name[:longestField] + "…"
	}
	return strings.ToValidUTF8(name, "\uFFFD")
}

// expected says in JSON's words what a Go type wants.
func expected(t reflect.Type) string {
	if t == nil {
		return "of another type"
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "of another type"
}

// absentIfNull lets clients send null for what they leave out.
func absentIfNull(value models.JSON) models.JSON {
	if value == "null" {
		return ""
	}
	return value
}
