package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"parley/handlers/limits"
	"parley/models"
)

// Problem is the body of every error (RFC 9457), as application/problem+json.
type Problem struct {
	Type      string              `json:"type" example:"about:blank"`
	Title     string              `json:"title" example:"Bad Request"`
	Status    int                 `json:"status" example:"400"`
	Detail    string              `json:"detail" example:"limit must be a number from 1 to 1000"`
	Code      string              `json:"code" example:"validation_failed"` // a stable word to branch on
	RequestID string              `json:"requestId" example:"cq3v0d8s7k5s73d1g0c0"`
	Errors    []models.FieldError `json:"errors,omitempty"` // what is wrong where, in validation problems
}

// statusOf maps a kind of failure to its status, the only place that does.
func statusOf(kind models.Kind) int {
	switch kind {
	case models.Invalid:
		return http.StatusBadRequest
	case models.Unauthorized:
		return http.StatusUnauthorized
	case models.Forbidden:
		return http.StatusForbidden
	case models.NotFound:
		return http.StatusNotFound
	case models.Conflict:
		return http.StatusConflict
	case models.Gone:
		return http.StatusGone
	case models.TooLarge:
		return http.StatusRequestEntityTooLarge
	case models.UnsupportedMedia:
		return http.StatusUnsupportedMediaType
	case models.Unprocessable:
		return http.StatusUnprocessableEntity
	case models.Unavailable:
		return http.StatusServiceUnavailable
	case models.TooMany:
		return http.StatusTooManyRequests
	}
	return http.StatusInternalServerError
}

// HandleError answers a failed request; echo's HTTPErrorHandler.
func (a *API) HandleError(err error, c echo.Context) {
	if c.Response().Committed {
		return // the answer has begun
	}
	problem := a.problemOf(err)
	trail(c).Code = problem.Code
	problem.RequestID = c.Response().Header().Get(echo.HeaderXRequestID)
	body, encodeErr := json.Marshal(problem)
	if encodeErr != nil { // not reachable: the texts in a problem are our own, or made valid UTF-8
		a.Logger.Error("a problem could not be encoded", "requestId", problem.RequestID, "error", encodeErr)
	}
	// Nobody's crowd of connections fills the log; it is counted.
	if problem.Status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) && problem.Code != codeTooManyConnections {
		a.Logger.Error("request failed", "requestId", problem.RequestID, "route", c.Path(), "status", problem.Status, "error", err)
	}
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, "application/problem+json")
	header.Set(echo.HeaderCacheControl, "no-store")
	if problem.Status == http.StatusUnauthorized {
		challenge(c.Request(), header)
	}
	if e, ok := errors.AsType[*models.Error](err); ok && e.RetryAfter > 0 {
		header.Set(echo.HeaderRetryAfter, strconv.Itoa(e.RetrySeconds()))
	}
	if refusal, ok := errors.AsType[*limits.Refusal](err); ok {
		policy, state := refusal.Fields()
		header.Set("RateLimit-Policy", policy)
		header.Set("RateLimit", state)
	}
	c.Response().WriteHeader(problem.Status)
	if c.Request().Method == http.MethodHead {
		return
	}
	if _, err := c.Response().Write(body); err != nil {
		a.Logger.Debug("an answer could not be written", "requestId", problem.RequestID, "error", err)
	}
}

// challenge names the ways to authenticate (RFC 9110, section 11.6.1). Basic only where a program has tried it: a browser
// that reads the word asks its user for a name and a password, also where the page's own script has called.
func challenge(r *http.Request, header http.Header) {
	header.Add(echo.HeaderWWWAuthenticate, `Bearer realm="parley"`)
	fromPage := r.Header.Get("Sec-Fetch-Mode") != "" || r.Header.Get(echo.HeaderOrigin) != ""
	scheme, _, _ := strings.Cut(r.Header.Get(echo.HeaderAuthorization), " ")
	if strings.EqualFold(scheme, "basic") && !fromPage {
		header.Add(echo.HeaderWWWAuthenticate, `Basic realm="parley", charset="UTF-8"`)
	}
}

// problemOf turns an error into what the caller may see of it. What is not a models.Error or Echo's own is internal,
// and its text stays in the log.
func (a *API) problemOf(err error) Problem {
	if e, ok := errors.AsType[*models.Error](err); ok {
		return newProblem(statusOf(e.Kind), e.Code, e.Detail, e.Fields)
	}
	if e, ok := errors.AsType[*echo.HTTPError](err); ok {
		switch e.Code {
		case http.StatusNotFound:
			return newProblem(e.Code, "route_not_found", "there is nothing at this path", nil)
		case http.StatusMethodNotAllowed:
			return newProblem(e.Code, "method_not_allowed", "this path does not take this method", nil)
		case http.StatusRequestedRangeNotSatisfiable:
			return newProblem(e.Code, "range_not_satisfiable", "the range is not one of the file's", nil)
		case http.StatusPreconditionFailed:
			return newProblem(e.Code, "precondition_failed", "a condition of the request does not hold", nil)
		}
		if e.Code < http.StatusInternalServerError {
			return newProblem(e.Code, "bad_request", fmt.Sprint(e.Message), nil)
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		// A caller that has gone does not see it; one that only closed its sending side must not take silence for success.
		return newProblem(http.StatusServiceUnavailable, "timeout", "the answer took too long, or was no longer waited for; what was asked may have been done", nil)
	}
	return newProblem(http.StatusInternalServerError, "internal", "something went wrong here; the request id finds it in the log", nil)
}

func newProblem(status int, code, detail string, fields []models.FieldError) Problem {
	return Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code, Errors: fields}
}
