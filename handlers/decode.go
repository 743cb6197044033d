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
	mediaType, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || mediaType != echo.MIMEApplicationJSON && mediaType != "application/merge-patch+json" {
		return &models.Error{Kind: models.UnsupportedMedia, Code: "unsupported_media_type", Detail: "the body must be JSON, with Content-Type: application/json"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, a.MaxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &models.Error{Kind: models.TooLarge, Code: "body_too_large", Detail: fmt.Sprintf("the body may have at most %d bytes", a.MaxBody)}
	}
	if err != nil {
		return &models.Error{Kind: models.Invalid, Code: "body_incomplete", Detail: "the body ended early or came too slowly"}
	}
	restartCall(c)
	if jsontext.Value(body).Kind() == 'n' { // null would leave every field as if it had not been sent
		return models.Invalidf("body", "must be an object")
	}
	return Unmarshal(body, into)
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
	if field.Len() == 0 {
		return "body"
	}
	return strings.ToValidUTF8(field.String(), "\uFFFD")
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
