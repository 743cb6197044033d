package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

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
