package handlers

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"parley/models"
)

// LoginRequest names the client that logs in.
type LoginRequest struct {
	ClientID string  `json:"clientId" example:"Tom" validate:"optional"`                       // 1 to 64 characters; with a signed token it may be left out
	Tag      *string `json:"tag" extensions:"x-nullable" example:"Mobile" validate:"optional"` // an older session of the client with the same tag ends
}

// SessionCreated is a session with its token.
type SessionCreated struct {
	Token   string          `json:"token" example:"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJUb20ifQ.c2lnbmF0dXJl"`
	Session *models.Session `json:"session"`
}

// CreateSession logs a client in.
//
//	@Summary		Log a client in
//	@Description	The guide's createIMClient and open. An older session of the same client with the same tag ends: its streams get `disconnect` with reason `conflict`, its token answers 401 `session_conflict`. With the app key, or with a token signed by the app's own server (HS256, `aud` the app id, `sub` the client id, `exp` in whole seconds); an app may require the latter.
//	@Tags			sessions
//	@ID				createSession
//	@Accept			json
//	@Produce		json,application/problem+json
//	@Param			body	body		LoginRequest	true	"who logs in"
//	@Success		201		{object}	SessionCreated	"the session and its token"
//	@Failure		400		{object}	Problem			"a field is wrong"
//	@Failure		401		{object}	Problem			"wrong key or token"
//	@Failure		403		{object}	Problem			"the app requires a signed token or is disabled, or the token is for another client"
//	@Failure		413		{object}	Problem			"the body is too large"
//	@Failure		415		{object}	Problem			"the body is not JSON"
//	@Failure		429		{object}	Problem			"too many log-ins, or wrong keys or tokens, from this address; come back after Retry-After"
//	@Failure		500		{object}	Problem			"a fault of the server; the request id finds it in its log"
//	@Failure		503		{object}	Problem			"the database cannot be reached; come back after Retry-After"
//	@Security		AppCredentials
//	@Security		BearerToken
//	@Router			/v1/sessions [post]
func (a *API) CreateSession(c echo.Context) error {
	if err := checkQuery(c); err != nil {
		return err
	}
	var request LoginRequest
	ctx := c.Request().Context()
	scheme, credentials, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
	if strings.EqualFold(scheme, "bearer") {
		if err := a.Limits.Login(address(c), nil); err != nil {
			return err
		}
		signed, err := a.Store.SignedToken(ctx, strings.TrimSpace(credentials))
		if err != nil {
			a.Store.LoginNotProved(err)
			return a.wrongToken(c, err)
		}
		if err := a.decode(c, &request); err != nil {
			return err
		}
		session, token, err := a.Store.SignedLogin(ctx, signed, request.ClientID, request.Tag)
		return respondSession(c, http.StatusCreated, session, token, err)
	}
	app, err := a.loginApp(c, scheme, credentials)
	if err != nil {
		a.Store.LoginNotProved(err)
		return err
	}
	if err := a.decode(c, &request); err != nil {
		return err
	}
	trail(c).about("client", request.ClientID)
	session, token, err := a.Store.Login(ctx, app, request.ClientID, request.Tag)
	return respondSession(c, http.StatusCreated, session, token, err)
}

// loginApp checks the key that logs a client in: the app key where the app allows it, or the master key.
func (a *API) loginApp(c echo.Context, scheme, credentials string) (*models.App, error) {
	if !strings.EqualFold(scheme, "basic") {
		if err := a.Limits.From(address(c)); err != nil {
			return nil, err
		}
		return nil, &models.Error{Kind: models.Unauthorized, Code: "credentials_missing", Detail: "log in with the app id and app key as Authorization: Basic …"}
	}
	holder, err := a.basic(c, credentials)
	switch {
	case err != nil:
		return nil, err
	case holder.IsMaster():
		err = a.Limits.By(models.Actor{App: holder.App, Master: true})
	default:
		err = a.Limits.Login(address(c), holder.App)
	}
	if err == nil && !holder.IsMaster() && holder.App.RequireSignedLogin {
		err = &models.Error{Kind: models.Forbidden, Code: "signed_login_required", Detail: "this app logs clients in with a token signed by its own server"}
	}
	if err == nil {
		trail(c).Actor = holder.Caller()
	}
	return holder.App, err
}

// GetSession reads the caller's session.
//
//	@Summary		Read one's own session
//	@Description	The session that the token belongs to.
//	@Tags			sessions
//	@ID				getSession
//	@Produce		json,application/problem+json
//	@Success		200	{object}	models.Session	"the session"
//	@Failure		400	{object}	Problem			"a parameter is wrong"
//	@Failure		401	{object}	Problem			"no token, or one that is not valid any more"
//	@Failure		403	{object}	Problem			"the caller has no session: the master key or the app key"
//	@Failure		429	{object}	Problem			"too many calls; come back after Retry-After"
//	@Failure		500	{object}	Problem			"a fault of the server; the request id finds it in its log"
//	@Failure		503	{object}	Problem			"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Router			/v1/sessions/current [get]
func (a *API) GetSession(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	session, err := a.Store.Session(c.Request().Context(), actor)
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, session)
}

// RefreshSession gives a new token for the caller's session.
//
//	@Summary		Refresh the token
//	@Description	A new token for the same session, whose `expiresAt` moves on. The old token stays good until its own end.
//	@Tags			sessions
//	@ID				refreshSession
//	@Produce		json,application/problem+json
//	@Success		200	{object}	SessionCreated	"the session and its new token"
//	@Failure		400	{object}	Problem			"a parameter is wrong"
//	@Failure		401	{object}	Problem			"no token, or one that is not valid any more"
//	@Failure		403	{object}	Problem			"the caller has no session: the master key or the app key"
//	@Failure		429	{object}	Problem			"too many calls; come back after Retry-After"
//	@Failure		500	{object}	Problem			"a fault of the server; the request id finds it in its log"
//	@Failure		503	{object}	Problem			"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Router			/v1/sessions/current/refresh [post]
func (a *API) RefreshSession(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	session, token, err := a.Store.Refresh(c.Request().Context(), actor)
	return respondSession(c, http.StatusOK, session, token, err)
}

// DeleteSession logs out.
//
//	@Summary		Log out
//	@Description	The guide's close. The token is refused from then on, at once on this node and within a second on the others; the session's streams end with `disconnect`, reason `logged_out`.
//	@Tags			sessions
//	@ID				deleteSession
//	@Produce		json,application/problem+json
//	@Success		204	"logged out"
//	@Failure		400	{object}	Problem	"a parameter is wrong"
//	@Failure		401	{object}	Problem	"no token, or one that is not valid any more"
//	@Failure		403	{object}	Problem	"the caller has no session: the master key or the app key"
//	@Failure		429	{object}	Problem	"too many calls; come back after Retry-After"
//	@Failure		500	{object}	Problem	"a fault of the server; the request id finds it in its log"
//	@Failure		503	{object}	Problem	"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Router			/v1/sessions/current [delete]
func (a *API) DeleteSession(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	if err := a.Store.Logout(c.Request().Context(), actor); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func respondSession(c echo.Context, status int, session *models.Session, token string, err error) error {
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	trail(c).about("session", session.ID)
	return respond(c, status, SessionCreated{Token: token, Session: session})
}

// actorWithQuery finds the caller, and refuses query parameters that the call does not know.
func (a *API) actorWithQuery(c echo.Context, known ...string) (models.Actor, error) {
	actor, err := a.actor(c)
	if err != nil {
		return actor, err
	}
	return actor, checkQuery(c, known...)
}
