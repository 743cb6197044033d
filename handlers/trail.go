package handlers

import (
	"github.com/labstack/echo/v4"

	"parley/models"
)

// Trail is what a call leaves for whoever runs the server: who made it, what it was about, and what went wrong. The request
// log, the audit log and the metrics are made of it. No secret and no text of a message may get into it.
type Trail struct {
	Actor  models.Actor // without an App: nobody who has proved who they are
	Code   string       // of the problem that it was answered; empty: none
	Target []any        // names and values, as slog takes them, beside the ids in the path
}

// Trailed is the context of a call that leaves a trail. It has its trail in itself, and not in Echo's store, which would cost
// every call a map.
type Trailed struct {
	echo.Context
	Trail Trail
}

// trail is the call's trail; where nobody has begun one, one that nobody looks at.
func trail(c echo.Context) *Trail {
	if trailed, ok := c.(*Trailed); ok {
		return &trailed.Trail
	}
	return &Trail{}
}

// about says what the call was about.
func (t *Trail) about(nameAndValue ...any) { t.Target = append(t.Target, nameAndValue...) }
