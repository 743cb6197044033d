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
	if strings.EqualFold(scheme, "basic") {
		return a.server(c, credentials)
	}
	if err := a.Limits.From(address(c)); err != nil { // before the work on a token
		return models.Actor{}, err
	}
	if strings.EqualFold(scheme, "bearer") {
		return a.bearer(c, strings.TrimSpace(credentials))
	}
	return models.Actor{}, &models.Error{Kind: models.Unauthorized, Code: "credentials_missing", Detail: "send a session token as Authorization: Bearer …"}
}

func (a *API) bearer(c echo.Context, token string) (models.Actor, error) {
	actor, err := a.Store.Authenticate(c.Request().Context(), token)
	if err != nil {
		return actor, a.wrongToken(c, err)
	}
	if err := a.Limits.By(actor); err != nil {
		return actor, err
	}
	return actor, actsAsItself(c, actor)
}

// actsAsItself refuses a client that names another one.
func actsAsItself(c echo.Context, actor models.Actor) error {
	trail(c).Actor = actor
	other := func(value string) bool { return value != actor.ClientID }
	if slices.ContainsFunc(c.Request().Header.Values(clientHeader), other) {
		return &models.Error{Kind: models.Forbidden, Code: "master_key_required", Detail: "only the app's own server may act as another client"}
	}
	return nil
}

// server finds the app's own server. Nobody's address is in its way, but that of whoever tries keys.
func (a *API) server(c echo.Context, credentials string) (models.Actor, error) {
	holder, err := a.basic(c, credentials)
	if err != nil {
		return models.Actor{}, err
	}
	if holder.IsMaster() {
		err = a.Limits.By(models.Actor{App: holder.App, Master: true})
	} else {
		err = a.Limits.From(address(c))
	}
	if err != nil {
		return models.Actor{}, err
	}
	return actAs(c, holder)
}

// actAs is the app's own server, as itself or as the client it names.
func actAs(c echo.Context, holder models.KeyHolder) (models.Actor, error) {
	actor, err := holder.Actor()
	if err != nil {
		return actor, err
	}
	trail(c).Actor = actor
	if actor, err = asNamed(c, actor); err != nil {
		return actor, err
	}
	trail(c).Actor = actor
	return actor, nil
}

// stillStands asks anew whether who calls may, once a slow body is there: the session may have ended since, the key have been
// replaced, or the app been disabled.
func (a *API) stillStands(c echo.Context) error {
	actor := trail(c).Actor
	if actor.App == nil { // nobody has proved who they are
		return nil
	}
	_, err := a.Store.Standing(c.Request().Context(), actor)
	return err
}

// asNamed is the app's own server as the client that the header names.
func asNamed(c echo.Context, actor models.Actor) (models.Actor, error) {
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

// basic reads appId:key and finds whose it is, unless too many wrong ones have come from the address.
func (a *API) basic(c echo.Context, credentials string) (models.KeyHolder, error) {
	if err := a.Limits.MayTryKey(address(c)); err != nil {
		return models.KeyHolder{}, err
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(credentials))
	appID, key, ok := strings.Cut(string(decoded), ":")
	if err != nil || !ok {
		return models.KeyHolder{}, a.wrongKey(c)
	}
	holder, err := a.Store.HolderOfKey(c.Request().Context(), appID, key)
	if models.HasCode(err, "credentials_invalid") {
		return holder, a.wrongKey(c)
	}
	return holder, err
}
