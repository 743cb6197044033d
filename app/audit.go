package app

import (
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/handlers"
)

// actOf gives the name of what a call with the master key does, which stays the same when a route is renamed; a route
// without a name has its own. Empty: it only reads.
func actOf(method, route string) string {
	switch call := method + " " + route; call {
	case "POST /v1/conversations/query", "POST /v1/clients/online":
		return ""
	case "POST /v1/sessions":
		return "session.create"
	case "POST /v1/sessions/current/stream-ticket":
		return "session.stream_ticket"
	case "POST /v1/sessions/current/refresh":
		return "session.refresh"
	case "DELETE /v1/sessions/current":
		return "session.end"
	case "POST /v1/clients/:clientId/kick":
		return "client.kick"
	case "POST /v1/conversations":
		return "conversation.create"
	case "PATCH /v1/conversations/:id":
		return "conversation.update"
	case "DELETE /v1/conversations/:id":
		return "conversation.delete"
	case "POST /v1/conversations/:id/members":
		return "members.add"
	case "DELETE /v1/conversations/:id/members":
		return "members.remove"
	case "POST /v1/conversations/:id/join":
		return "members.join"
	case "POST /v1/conversations/:id/quit":
		return "members.quit"
	case "POST /v1/conversations/:id/messages":
		return "message.send"
	case "POST /v1/conversations/:id/broadcast":
		return "message.broadcast"
	case "POST /v1/files":
		return "file.create"
	default:
		if method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions {
			return ""
		}
		return call
	}
}

// audit writes one line for every call with a master key that changes something, or was to: at info, so that it is there
// unless somebody turns it off, and with a mark of its own.
func (a *App) audit(c echo.Context, trail *handlers.Trail) {
	act := ""
	if trail.Actor.Master {
		act = actOf(c.Request().Method, c.Path())
	}
	if act == "" {
		return
	}
	status, outcome := c.Response().Status, "done"
	switch {
	case status >= http.StatusInternalServerError:
		outcome = "failed" // and may have been done: a 503 says that it is not known
	case status >= http.StatusBadRequest:
		outcome = "refused"
	}
	line := []slog.Attr{slog.Bool("audit", true), slog.String("act", act), slog.String("app", trail.Actor.App.PublicID),
		slog.String("as", trail.Actor.ClientID), slog.Group("target", append(pathTarget(c), trail.Target...)...),
		slog.String("outcome", outcome), slog.Int("status", status), slog.String("requestId", requestID(c)), slog.String("address", c.RealIP())}
	if trail.Code != "" {
		line = append(line, slog.String("code", trail.Code))
	}
	a.logger.LogAttrs(c.Request().Context(), slog.LevelInfo, "the master key was used", line...)
}

// pathTarget is what the path names.
func pathTarget(c echo.Context) (target []any) {
	for i, name := range c.ParamNames() {
		switch name {
		case "id":
			name = "conversation" // no other thing is changed by its id
		case "clientId":
			name = "client"
		case "messageId":
			name = "message"
		}
		target = append(target, name, c.ParamValues()[i])
	}
	return target
}
