package app

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/rs/xid"
)

// use puts in front of every route what all have in common.
func (a *App) use(e *echo.Echo) {
	e.Use(nameRequests)
	e.Use(limitTime)
	e.Use(a.account)
	e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
		a.logger.Error("a handler panicked", "requestId", requestID(c), "route", c.Path(), "error", err, "stack", string(stack))
		return err
	}}))
	e.Use(harden)
	e.Use(decodePath)
	if len(a.config.AllowedOrigins) > 0 {
		e.Use(a.crossOrigin())
	}
}

// requestTimeout bounds a call: longer than a send waits for a database that is held up (8 s in the queue, 10 s in its
// transaction), so that it learns the outcome. answerTimeout is what its answer may take on top: 30 MB at 1 MB/s.
const (
	requestTimeout = 20 * time.Second
	answerTimeout  = 30 * time.Second
)

const (
	streamPath = "/v1/stream"
	syncPath   = "/v1/messages"
)

// setsOwnLimits tells whether a call's handler bounds it: a stream does not end, history sync may wait or be long, and the
// bytes of a file take as long as the caller's network makes them.
func setsOwnLimits(c echo.Context) bool {
	switch c.Path() {
	case streamPath, syncPath, "/v1/files/:id/content":
		return true
	case "/v1/files":
		return strings.HasPrefix(c.Request().Header.Get(echo.HeaderContentType), echo.MIMEMultipartForm)
	}
	return false
}

// nameRequests gives every request an id of our own: a caller's could be anything.
func nameRequests(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderXRequestID, xid.New().String())
		return next(c)
	}
}

// limitTime bounds every call but those that set deadlines of their own.
func limitTime(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if setsOwnLimits(c) {
			return next(c)
		}
		ctx, cancel := context.WithTimeout(c.Request().Context(), requestTimeout)
		defer cancel()
		c.SetRequest(c.Request().WithContext(ctx))
		// A reader that does not read must not hold an answer for good. Set anew by every request of a connection.
		if err := http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(requestTimeout + answerTimeout)); err != nil {
			return err
		}
		return next(c)
	}
}

// decodePath gives the handlers the parts of the path as they are meant. Echo matches the path as it was sent where Go would have
// written it in another way (%2F, but also %3A), and leaves its parts so.
func decodePath(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().URL.RawPath != "" {
			values := slices.Clone(c.ParamValues())
			for i, value := range values {
				decoded, err := url.PathUnescape(value)
				if err != nil {
					return echo.ErrNotFound // not reachable: the HTTP server has decoded the whole
				}
				values[i] = decoded
			}
			c.SetParamValues(values...)
		}
		return next(c)
	}
}
