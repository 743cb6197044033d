package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/handlers/limits"
	"parley/models"
)

// CreateStreamTicket makes a ticket for one stream.
//
//	@Summary		Get a ticket for one stream
//	@Description	For a native EventSource, which cannot set a header: `GET /v1/stream?ticket=…` instead of a token in a URL. A ticket is good once, for 30 seconds, on every node, and only while the session lives. Used or expired, it is answered 401 `ticket_invalid`, at which an EventSource gives up: the page gets another ticket and opens another EventSource, with `lastEventId`.
//	@Tags			sessions
//	@ID				createStreamTicket
//	@Produce		json,application/problem+json
//	@Success		201	{object}	models.StreamTicket	"the ticket"
//	@Failure		400	{object}	Problem				"a parameter is wrong"
//	@Failure		401	{object}	Problem				"no token, or one that is not valid any more"
//	@Failure		403	{object}	Problem				"the caller has no session: the master key or the app key"
//	@Failure		429	{object}	Problem				"too many calls; come back after Retry-After"
//	@Failure		500	{object}	Problem				"a fault of the server; the request id finds it in its log"
//	@Failure		503	{object}	Problem				"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Router			/v1/sessions/current/stream-ticket [post]
func (a *API) CreateStreamTicket(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	ticket, err := a.Store.NewStreamTicket(c.Request().Context(), actor)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return respond(c, http.StatusCreated, ticket)
}

// listener finds who opens a stream: as everywhere, or by a token or a ticket in the query, where a native EventSource has it. What
// else is in the query is looked at before a ticket is spent.
func (a *API) listener(c echo.Context) (actor models.Actor, inQuery bool, err error) {
	known := func() error { return checkQuery(c, "access_token", "ticket", "lastEventId") }
	ticket := c.QueryParam("ticket")
	if ticket == "" || c.Request().Header.Get(echo.HeaderAuthorization) != "" {
		if actor, inQuery, err = a.streamActor(c); err == nil {
			err = known()
		}
		return actor, inQuery, err
	}
	if err = known(); err == nil && c.QueryParams().Has("access_token") {
		err = models.Invalidf("ticket", "stands in place of access_token")
	}
	if err == nil { // before the work on a ticket, which stays good
		err = a.Limits.From(address(c))
	}
	if err == nil {
		actor, err = a.Store.UseStreamTicket(c.Request().Context(), ticket)
		err = a.wrongToken(c, err)
	}
	if err == nil {
		err = a.Limits.By(actor)
	}
	if err == nil {
		err = actsAsItself(c, actor)
	}
	return actor, !models.HasCode(err, limits.CodeWrongCredentials), err // that one is no session's
}
