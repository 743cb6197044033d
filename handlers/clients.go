package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/models"
)

// OnlineRequest names the clients that are asked for.
type OnlineRequest struct {
	ClientIDs []string `json:"clientIds" example:"Tom,Jerry"` // at most 100; with the master key 500
}

// OnlineClients are those who are online.
type OnlineClients struct {
	Online []string `json:"online" example:"Tom"` // in the order of the request
}

// ClientPresence is whether a client is there, or when it was.
type ClientPresence struct {
	ClientID   string            `json:"clientId" example:"Tom"`
	Online     bool              `json:"online"`
	LastSeenAt *models.Timestamp `json:"lastSeenAt" extensions:"x-nullable" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"` // online: now; otherwise when its last stream ended; null: it has had none
}

// ListOnlineClients tells who is online.
//
//	@Summary		Ask which clients are online
//	@Description	Those of the clients that have a stream open, on whatever node. A stream on the node that is asked counts at once, one on another node within a second; the streams of a node that has died count for 45 s at most. A client may ask too, for at most 100.
//	@Tags			clients
//	@ID				listOnlineClients
//	@Accept			json
//	@Produce		json,application/problem+json
//	@Param			X-Client-Id	header		string			false	"with the master key: the client as whom to act"
//	@Param			body		body		OnlineRequest	true	"who is asked for"
//	@Success		200			{object}	OnlineClients	"who is online"
//	@Failure		400			{object}	Problem			"a field is wrong"
//	@Failure		401			{object}	Problem			"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem			"not allowed with these credentials"
//	@Failure		413			{object}	Problem			"the body is too large"
//	@Failure		415			{object}	Problem			"the body is not JSON"
//	@Failure		429			{object}	Problem			"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem			"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem			"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/clients/online [post]
func (a *API) ListOnlineClients(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	var request OnlineRequest
	if err := a.decode(c, &request); err != nil {
		return err
	}
	clients, err := actor.MayAskFor(request.ClientIDs)
	if err != nil {
		return err
	}
	online, err := a.Node.Online(c.Request().Context(), actor.App.ID, clients)
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, OnlineClients{Online: online})
}

// GetClient tells whether a client is online.
//
//	@Summary		Read whether a client is online, and when it was
//	@Description	Master key only. Whoever has never had a stream is offline, and was never seen: clients need not be registered. `lastSeenAt` of a client whose node has died is when that node last gave a sign of life.
//	@Tags			clients
//	@ID				getClient
//	@Produce		json,application/problem+json
//	@Param			clientId	path		string			true	"the client"	example(Tom)
//	@Success		200			{object}	ClientPresence	"the client"
//	@Failure		400			{object}	Problem			"a parameter is wrong"
//	@Failure		401			{object}	Problem			"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem			"not the master key"
//	@Failure		429			{object}	Problem			"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem			"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem			"the database cannot be reached; come back after Retry-After"
//	@Security		AppCredentials
//	@Router			/v1/clients/{clientId} [get]
func (a *API) GetClient(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	clientID, err := clientParam(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	online, err := a.Node.Online(ctx, actor.App.ID, []string{clientID})
	if err != nil {
		return err
	}
	left, err := a.Node.LastLeft(ctx, actor.App.ID, clientID) // before the database, which it will be written to
	if err != nil {
		return err
	}
	seen, err := a.Store.LastSeen(ctx, actor, clientID)
	if err != nil {
		return err
	}
	answer := ClientPresence{ClientID: clientID, Online: len(online) > 0}
	if at := max(seen, left); answer.Online {
		now := a.Store.Now()
		answer.LastSeenAt = &now
	} else if at > 0 {
		answer.LastSeenAt = &at
	}
	return respond(c, http.StatusOK, answer)
}

// KickClient ends a client's sessions.
//
//	@Summary		End all sessions of a client
//	@Description	Master key only. All sessions that the client has now end: their tokens answer 401 `session_kicked`, at once on this node and within a second on the others, and their streams end with `disconnect`, reason `kicked_by_app`. A token that the app's own server signed stays refused until its `exp`, if it has been used; the client may log in anew, and with a signed token that was never used. A client without sessions is no error.
//	@Tags			clients
//	@ID				kickClient
//	@Produce		json,application/problem+json
//	@Param			clientId	path	string	true	"the client"	example(Tom)
//	@Success		204			"all are ended"
//	@Failure		400			{object}	Problem	"a parameter is wrong"
//	@Failure		401			{object}	Problem	"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem	"not the master key"
//	@Failure		429			{object}	Problem	"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem	"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem	"the database cannot be reached; come back after Retry-After"
//	@Security		AppCredentials
//	@Router			/v1/clients/{clientId}/kick [post]
func (a *API) KickClient(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	clientID, err := clientParam(c)
	if err != nil {
		return err
	}
	if err := a.Store.Kick(c.Request().Context(), actor, clientID); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
