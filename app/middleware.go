package app

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/rs/xid"
)

// use puts in front of every route what all have in common.
func (a *App) use(e *echo.Echo) {
	e.Use(middleware.RequestIDWithConfig(middleware.RequestIDConfig{Generator: func() string { return xid.New().String() },
		// Ours always: a caller's own could be anything.
		TargetHeader: echo.HeaderXRequestID, RequestIDHandler: nil}))
	e.Use(a.logRequests)
	e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: func(_ echo.Context, err error, stack []byte) error {
		a.logger.Error("a handler panicked", "error", err, "stack", string(stack))
		return err
	}}))
	e.Use(harden)
	if len(a.config.AllowedOrigins) > 0 {
		e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
			AllowOrigins:  a.config.AllowedOrigins,
			AllowMethods:  []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete},
			AllowHeaders:  []string{echo.HeaderAuthorization, echo.HeaderContentType, "Idempotency-Key", "Last-Event-ID", "X-Client-Id"},
			ExposeHeaders: []string{echo.HeaderLocation, echo.HeaderRetryAfter, echo.HeaderXRequestID, "Idempotency-Replayed"},
			MaxAge:        int((24 * time.Hour).Seconds()),
		}))
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
			"method", c.Request().Method, "route", c.Path(), "status", c.Response().Status, "duration", time.Since(begun))
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
