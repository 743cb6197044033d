package handlers

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"parley/models"
)

// clientHeader names the client as whom the app's own server acts.
const clientHeader = "X-Client-Id"

// extendedValue begins the form of RFC 8187 (UTF-8”T%C3%B3m) for client ids that a header cannot carry as they are:
// with a space at an end, or from a client that sends Latin-1.
const extendedValue = "UTF-8''"

// actor finds who makes the request (API.md, "Who may call").
func (a *API) actor(c echo.Context) (models.Actor, error) {
	scheme, credentials, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		return a.bearer(c, strings.TrimSpace(credentials))
	case "basic":
		app, key, err := a.basic(c, credentials)
		if err != nil {
			return models.Actor{}, err
		}
		if !app.HasMasterKey(key) {
			return models.Actor{}, appKeyRefused(app, key)
		}
		return actAs(c, app)
	}
	return models.Actor{}, &models.Error{Kind: models.Unauthorized, Code: "credentials_missing", Detail: "send a session token as Authorization: Bearer …"}
}

func (a *API) bearer(c echo.Context, token string) (models.Actor, error) {
	actor, err := a.Store.Authenticate(c.Request().Context(), token)
	if err != nil {
		return actor, err
	}
	return actor, actsAsItself(c, actor)
}

// actsAsItself refuses a client that names another one.
func actsAsItself(c echo.Context, actor models.Actor) error {
	other := func(value string) bool { return value != actor.ClientID }
	if slices.ContainsFunc(c.Request().Header.Values(clientHeader), other) {
		return &models.Error{Kind: models.Forbidden, Code: "master_key_required", Detail: "only the app's own server may act as another client"}
	}
	return nil
}

// actAs is the app's own server, as itself or as the client it names.
func actAs(c echo.Context, app *models.App) (models.Actor, error) {
	actor := models.Actor{App: app, Master: true}
	values := c.Request().Header.Values(clientHeader)
	if len(values) == 0 {
		return actor, nil
	}
	if len(values) > 1 { // a proxy that checks one of them must not let the other through
		return actor, models.Invalidf(clientHeader, "is there twice")
	}
	actor.ClientID = values[0]
	if encoded, ok := strings.CutPrefix(values[0], extendedValue); ok {
		decoded, err := url.PathUnescape(encoded)
		if err != nil {
			return actor, models.Invalidf(clientHeader, "is not a valid extended value of RFC 8187")
		}
		actor.ClientID = decoded
	}
	return actor, models.CheckClientID(clientHeader, actor.ClientID)
}

// basic reads appId:key and finds the app.
func (a *API) basic(c echo.Context, credentials string) (*models.App, string, error) {
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(credentials))
	appID, key, ok := strings.Cut(string(decoded), ":")
	if err != nil || !ok {
		return nil, "", errCredentials()
	}
	app, err := a.Store.App(c.Request().Context(), appID)
	if models.HasCode(err, "app_not_found") {
		return nil, "", errCredentials()
	}
	return app, key, err
}

// appKeyRefused tells a known app key what it may do from a wrong key.
func appKeyRefused(app *models.App, key string) error {
	if app.HasAppKey(key) {
		return &models.Error{Kind: models.Forbidden, Code: "session_required", Detail: "the app key only logs clients in (POST /v1/sessions); go on with the session token"}
	}
	return errCredentials()
}

func errCredentials() *models.Error {
	return &models.Error{Kind: models.Unauthorized, Code: "credentials_invalid", Detail: "the app id or the key is wrong"}
}
