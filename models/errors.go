package models

import (
	"errors"
	"fmt"
	"time"

	"parley/models/query"
)

// Kind says what sort of failure an Error is; handlers map it to an HTTP status in one place.
type Kind int

// The kinds of failure a caller can be told about.
const (
	Invalid          Kind = iota + 1 // the input is wrong: 400
	Unauthorized                     // who calls is not known: 401
	Forbidden                        // the caller has no right to this: 403
	NotFound                         // there is no such thing: 404
	Conflict                         // the state does not allow it now: 409
	Gone                             // it was there once: 410
	TooLarge                         // the body is over the limit: 413
	UnsupportedMedia                 // the body is not of a type that is understood: 415
	Unprocessable                    // understood, but contradicts something earlier: 422
	Unavailable                      // nothing was promised, try again: 503
	TooMany                          // over a limit, nothing was done: 429
)

// FieldError names one wrong field of the input: a JSON path such as "members[2]", a query parameter or a header.
type FieldError struct {
	Field  string `json:"field" example:"limit"`
	Detail string `json:"detail" example:"must be a number from 1 to 1000"`
}

// Error is a failure that the caller may see. Code is a stable snake_case word (API.md, "Conventions").
type Error struct {
	Kind       Kind
	Code       string
	Detail     string
	Fields     []FieldError
	RetryAfter time.Duration // with Unavailable and TooMany: when to come back
	cause      error
}

func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Detail, e.cause)
	}
	return e.Code + ": " + e.Detail
}

func (e *Error) Unwrap() error { return e.cause }

// RetrySeconds is RetryAfter in whole seconds, as HTTP has it; 0 says nothing.
func (e *Error) RetrySeconds() int { return int((e.RetryAfter + time.Second - 1) / time.Second) }

// Invalidf is a validation failure of one field.
func Invalidf(field, format string, args ...any) *Error {
	detail := fmt.Sprintf(format, args...)
	return &Error{Kind: Invalid, Code: "validation_failed", Detail: field + " " + detail,
		Fields: []FieldError{{Field: field, Detail: detail}}}
}

// HasCode tells whether err is an Error with this code.
func HasCode(err error, code string) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}

// asInvalid says what is wrong with a query.
func asInvalid(err error) error {
	e, ok := errors.AsType[*query.Error](err)
	if !ok {
		return err
	}
	invalid := Invalidf(e.Place, "%s", e.Detail)
	if e.TooExpensive {
		invalid.Code = codeTooExpensive
	}
	return invalid
}

const codeTooExpensive = "query_too_expensive"

// errTooExpensive is the failure of a query that was begun, and then had too much to look at.
func errTooExpensive(cause error) *Error {
	return &Error{Kind: Invalid, Code: codeTooExpensive, cause: cause,
		Detail: "the query has to look at too many conversations; ask for a member, a name, an id or a type, or for fewer at once"}
}

func errConversationNotFound() *Error {
	return &Error{Kind: NotFound, Code: "conversation_not_found", Detail: "there is no such conversation"}
}

func errPositionExpired() *Error {
	return &Error{Kind: Gone, Code: "position_expired", Detail: "what followed this position is not kept any more; begin anew with after=0"}
}

func errPositionFuture() *Error {
	return &Error{Kind: Conflict, Code: "future_position", Detail: "the log has not come as far as this position: it is of another log, or of one that was restored from a backup",
		Fields: []FieldError{{Field: "after", Detail: "is beyond the newest entry"}}}
}

// errUnavailable says that the database could not be asked now; nothing was promised.
func errUnavailable(cause error) *Error {
	return &Error{Kind: Unavailable, Code: "database_unavailable",
		Detail: "the database cannot be reached just now; try again", RetryAfter: time.Second, cause: cause}
}
