package app

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/rs/xid"

	"parley/handlers"
)

// use puts in front of every route what all have in common.
func (a *App) use(e *echo.Echo) {
	e.Use(nameRequests)
	e.Use(a.limitTime)
	e.Use(a.account)
	e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
		a.logger.Error("a handler panicked", "requestId", requestID(c), "route", c.Path(), "error", err, "stack", string(stack))
		return err
	}}))
	e.Use(harden)
	e.Use(refuseSpare)
	e.Use(decodePath)
	if len(a.config.AllowedOrigins) > 0 {
		e.Use(a.crossOrigin())
	}
}

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

// limitTime bounds every body, and every call but those that set deadlines of their own.
func (a *App) limitTime(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := handlers.LimitBody(c, cmp.Or(a.config.BodyTimeout, handlers.BodyTimeout)); err != nil {
			return err
		}
		if setsOwnLimits(c) {
			return next(c)
		}
		done, err := handlers.LimitCall(c)
		defer done()
		if err != nil {
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
