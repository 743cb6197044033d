package app

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"

	"parley/handlers"
)

// account keeps account of every call: in the log, in the audit log and in the metrics.
func (a *App) account(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		call := &handlers.Trailed{Context: c}
		begun, trail, span := time.Now(), &call.Trail, a.beginSpan(c)
		if err := next(call); err != nil {
			c.Echo().HTTPErrorHandler(err, call) // answers now, so that the status below is the one sent
		}
		took := time.Since(begun)
		if span != nil {
			endSpan(span, c, trail)
		}
		a.count(c, trail, took)
		a.logRequest(c, trail, took)
		a.audit(c, trail)
		return nil
	}
}

// logRequest logs a call without what could be secret: no query (it may carry a token), no header, no body; not the path
// either, but the route.
func (a *App) logRequest(c echo.Context, trail *handlers.Trail, took time.Duration) {
	level, ctx := slog.LevelDebug, c.Request().Context()
	if c.Response().Status >= http.StatusInternalServerError {
		level = slog.LevelInfo // the error itself is logged where it is answered
	}
	if !a.logger.Enabled(ctx, level) {
		return
	}
	line := []slog.Attr{slog.String("requestId", requestID(c)), slog.String("method", c.Request().Method),
		slog.String("route", routeLabel(c)), slog.Int("status", c.Response().Status),
		slog.Float64("durationMs", float64(took.Microseconds())/1000), slog.Int64("bytes", c.Response().Size), slog.String("address", c.RealIP())}
	if trail.Code != "" {
		line = append(line, slog.String("code", trail.Code))
	}
	if app := trail.Actor.App; app != nil {
		line = append(line, slog.String("app", app.PublicID))
	}
	if trail.Actor.ClientID != "" {
		line = append(line, slog.String("client", trail.Actor.ClientID))
	}
	if trail.Actor.Master {
		line = append(line, slog.Bool("master", true))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		line = append(line, slog.String("traceId", span.TraceID().String()))
	}
	a.logger.LogAttrs(ctx, level, "request", line...)
}

func requestID(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }
