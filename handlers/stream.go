package handlers

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/handlers/limits"
	"parley/models"
	"parley/realtime"
)

// Stream opens an event stream.
//
//	@Summary		Receive live events
//	@Description	Server-sent events (WHATWG HTML): `event:` is a property name of StreamEvent, `data:` that property's JSON in one line, `id:` the position in the log. A new stream begins with `online`. A stream opened with `Last-Event-ID` (or `lastEventId`, for clients that cannot set the header; the header wins) first brings all that was missed, in order, once, then `reconnect`; `resync` comes first where that is not possible. A `resync` with a `conversationId` may come at any time and is about that chat room alone: some of its messages up to `position` were not shown, and the history has them. A new stream brings the broadcasts that wait for the client right after `online`: with their own ids, which are lower than its `position`, and then a block with that as its `id:`. A heartbeat (a block with nothing but `id:`) comes at least every 15 s. The server ends a stream with `disconnect`, announced by `schedule` where coming back makes sense. With `access_token` or a `ticket` (createStreamTicket) in the query, as a native EventSource needs it, a stream that cannot be served now answers 200 with `retry:`, `schedule` and `disconnect`, because EventSource dies for good on any other status.
//	@Tags			stream
//	@ID				openStream
//	@Produce		text/event-stream,application/problem+json
//	@Param			Last-Event-ID	header		string					false	"the position to resume from"	example(1042)
//	@Param			lastEventId		query		string					false	"the same, where the header cannot be set"	example(1042)
//	@Param			X-Client-Id		header		string					false	"with the master key: the client as whom to listen"
//	@Success		200				{object}	realtime.StreamEvent	"the stream"
//	@Failure		400				{object}	Problem					"a parameter is wrong, or the master key names no client"
//	@Failure		401				{object}	Problem					"no credentials, or not valid ones"
//	@Failure		403				{object}	Problem					"not allowed with these credentials"
//	@Failure		429				{object}	Problem					"too many streams, or calls; come back after Retry-After"
//	@Failure		500				{object}	Problem					"a fault of the server; the request id finds it in its log"
//	@Failure		503				{object}	Problem					"the stream cannot be served now; come back after Retry-After"
//	@Security		BearerToken
//	@Security		StreamToken
//	@Security		StreamTicket
//	@Security		AppCredentials
//	@Router			/v1/stream [get]
func (a *API) Stream(c echo.Context) error {
	actor, inQuery, err := a.listener(c)
	if err == nil {
		err = a.serve(c, actor)
	}
	e, told := errors.AsType[*models.Error](err)
	if !inQuery || !told || c.Response().Committed {
		return err
	}
	switch status := statusOf(e.Kind); {
	case e.Code == realtime.CodeStopping:
		return realtime.RefuseStream(c.Response(), realtime.ReasonShutdown, e.RetryAfter)
	case status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests:
		return realtime.RefuseStream(c.Response(), realtime.ReasonUnavailable, e.RetryAfter)
	}
	return err
}

func (a *API) serve(c echo.Context, actor models.Actor) error {
	switch {
	case actor.ClientID == "":
		return models.ClientIDRequired()
	case IsOnSpareConnection(c):
		return ErrTooManyConnections()
	}
	request := realtime.StreamRequest{AppID: actor.App.ID, ClientID: actor.ClientID, SessionID: actor.SessionID,
		LastEventID: lastEventID(c), TakeOver: c.Request().ProtoMajor == 1 && c.Request().ProtoMinor == 1,
		Expiry: func(ctx context.Context) (models.Timestamp, error) { return a.Store.Standing(ctx, actor) }}
	if actor.SessionID != "" {
		session, err := a.Store.Session(c.Request().Context(), actor)
		if err != nil {
			return err
		}
		request.Tag = session.Tag
	}
	var err error
	if request.Ended, err = a.Limits.Stream(actor, address(c)); err != nil {
		return err
	}
	return a.Node.Serve(c.Request().Context(), c.Response(), request)
}

// streamActor finds the caller; a native EventSource cannot set a header and sends its token in the query.
func (a *API) streamActor(c echo.Context) (actor models.Actor, inQuery bool, err error) {
	token := c.QueryParam("access_token")
	if token == "" || c.Request().Header.Get(echo.HeaderAuthorization) != "" {
		actor, err = a.actor(c)
		return actor, false, err
	}
	actor, err = a.bearer(c, token)
	if refused := a.Limits.From(address(c)); err == nil { // after the token: a known session is refused in another way
		err = refused
	}
	return actor, !models.HasCode(err, limits.CodeWrongCredentials), err // that one is no session's
}

// lastEventID reads the position to resume from. The header wins, because a native EventSource keeps its URL when it
// reconnects; an empty one says nothing.
func lastEventID(c echo.Context) *string {
	id := c.Request().Header.Get("Last-Event-ID")
	if id == "" {
		id = c.QueryParam("lastEventId")
	}
	if id == "" {
		return nil
	}
	return &id
}
