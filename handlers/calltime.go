package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	// A call is over in this time: longer than a send waits for a database that is held up (8 s in the queue, 10 s in its
	// transaction), so that it learns the outcome.
	callTimeout = 20 * time.Second
	// What its answer may take on top: 1.5 MB at 50 KB/s.
	answerTimeout = 30 * time.Second
	// BodyTimeout is the time that a client has to send a body; an upload has a pace to keep instead.
	BodyTimeout = 60 * time.Second
	// A body that came within this has taken nothing worth mentioning of the time of its call.
	bodyAtOnce = time.Second
)

// wholeKey finds the context of a request under that of its call.
type wholeKey struct{}

// LimitBody bounds the time in which a body comes. What is left of one that nobody reads is bounded by it too.
func LimitBody(c echo.Context, timeout time.Duration) error {
	if c.Request().ContentLength == 0 {
		return nil
	}
	return http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(timeout))
}

// LimitCall bounds a call and its answer: a reader that does not read must not hold it for good. done must follow.
func LimitCall(c echo.Context) (done func(), err error) {
	whole := c.Request().Context()
	done = startCall(c, context.WithValue(whole, wholeKey{}, whole))
	// Set anew by every request of a connection.
	return done, http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(callTimeout + answerTimeout))
}

func startCall(c echo.Context, whole context.Context) (done func()) {
	ctx, cancel := context.WithTimeout(whole, callTimeout)
	c.SetRequest(c.Request().WithContext(ctx))
	return cancel
}

// restartCall gives a call its whole time once a slow body is there; slow tells that it was one.
func restartCall(c echo.Context) (slow bool) {
	ctx := c.Request().Context()
	ends, bounded := ctx.Deadline()
	whole, known := ctx.Value(wholeKey{}).(context.Context)
	if !bounded || !known || time.Until(ends) > callTimeout-bodyAtOnce {
		return false
	}
	context.AfterFunc(whole, startCall(c, whole))
	control := http.NewResponseController(c.Response())
	// Where deadlines could be set before, they can be now. That of the body would be taken for the end of the client.
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Now().Add(callTimeout + answerTimeout))
	return true
}
