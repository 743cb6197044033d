package handlers

import (
	"context"
	"time"

	"github.com/labstack/echo/v4"

	"parley/handlers/limits"
	"parley/models"
)

// address is where a call comes from, as it is counted.
func address(c echo.Context) limits.Address { return limits.AddressOf(c.RealIP()) }

// wrongToken counts a token that is not one of ours; after too many the answer is another.
func (a *API) wrongToken(c echo.Context, err error) error {
	if !models.HasCode(err, "token_invalid") && !models.HasCode(err, "ticket_invalid") {
		return err
	}
	if refused := a.Limits.WrongToken(address(c)); refused != nil {
		return refused
	}
	return err
}

// wrongKey counts a wrong key, as a call from its address too.
func (a *API) wrongKey(c echo.Context) error {
	if refused := a.Limits.WrongKey(address(c)); refused != nil {
		return refused
	}
	if refused := a.Limits.From(address(c)); refused != nil {
		return refused
	}
	return models.ErrCredentials()
}

// spareKey marks the context of a connection beyond the limit.
type spareKey struct{}

// OnSpareConnection marks the calls of a connection beyond the limit.
func OnSpareConnection(ctx context.Context) context.Context {
	return context.WithValue(ctx, spareKey{}, true)
}

// IsOnSpareConnection tells whether a call came on such a connection.
func IsOnSpareConnection(c echo.Context) bool {
	spare, _ := c.Request().Context().Value(spareKey{}).(bool)
	return spare
}

// codeTooManyConnections is the code of what came on such a connection.
const codeTooManyConnections = "too_many_connections"

// ErrTooManyConnections is what is answered there.
func ErrTooManyConnections() *models.Error {
	return &models.Error{Kind: models.Unavailable, Code: codeTooManyConnections, Detail: "this node has as many connections open as it may", RetryAfter: 5 * time.Second}
}
