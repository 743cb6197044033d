package app

import (
	"cmp"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/rs/xid"

	"parley/handlers"
)

// use puts in front of every route what all have in common.
func (a *App) use(e *echo.Echo) {
	e.Use(nameRequests)
	e.Use(a.limitTime)
	e.Use(a.logRequests)
	e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: func(_ echo.Context, err error, stack []byte) error {
		a.logger.Error("a handler panicked", "error", err, "stack", string(stack))
		return err
	}}))
	e.Use(harden)
	e.Use(refuseSpare)
	if len(a.config.AllowedOrigins) > 0 {
		e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
			AllowOrigins: a.config.AllowedOrigins,
			AllowMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete},
			AllowHeaders: []string{echo.HeaderAuthorization, echo.HeaderContentType, "Idempotency-Key", "Last-Event-ID", "X-Client-Id",
				"Range", "If-Range", "If-None-Match"},
			ExposeHeaders: []string{"Accept-Ranges", echo.HeaderContentDisposition, "Content-Range", "ETag", echo.HeaderLocation, echo.HeaderRetryAfter, "RateLimit", "RateLimit-Policy", echo.HeaderXRequestID, "Idempotency-Replayed"},
			MaxAge:        int((24 * time.Hour).Seconds()),
		}))
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

// logRequests logs every request without what could be secret: no query (it may carry a token), no header, no body.
func (a *App) logRequests(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		begun := time.Now()
		err := next(c)
		if err != nil {
			c.Error(err) // answers now, so that the status below is the one sent
		}
		level := slog.LevelDebug
		if c.Response().Status >= http.StatusInternalServerError {
			level = slog.LevelInfo // the error itself is logged where it is answered
		}
		a.logger.Log(c.Request().Context(), level, "request", "requestId", c.Response().Header().Get(echo.HeaderXRequestID),
			"address", c.RealIP(), "method", c.Request().Method, "route", c.Path(), "status", c.Response().Status, "duration", time.Since(begun))
		return nil
	}
}

// harden sets the headers that keep browsers from guessing and framing.
func harden(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		header := c.Response().Header()
		header.Set(echo.HeaderXContentTypeOptions, "nosniff")
		header.Set(echo.HeaderReferrerPolicy, "no-referrer")
		header.Set(echo.HeaderXFrameOptions, "DENY")
		return next(c)
	}
}
