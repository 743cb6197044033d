package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/models"
)

// MembersRequest names clients to add.
type MembersRequest struct {
	Members []string `json:"members" example:"Mary"` // 1 to 500 client ids
}

// MemberList is everybody inside, in the order of joining; of a system conversation, a page of the subscribers.
type MemberList struct {
	Members []models.Member `json:"members"`
	Next    string          `json:"next,omitzero" example:"Mary" validate:"optional"` // after of the next page; absent on the last, and where the list is whole
}

// MemberCount is how many are inside.
type MemberCount struct {
	Count int `json:"count" example:"3"`
}

// ListMembers lists who is inside.
//
//	@Summary		List the members
//	@Description	Members and the master key only; in the order of joining. Of a chat room, up to 50 of the clients inside now, by their ids, for those inside and the master key. Of a system conversation, a page of the subscribers in the order of their ids, for the master key alone: `next` is the `after` of the next page.
//	@Tags			members
//	@ID				listMembers
//	@Produce		json,application/problem+json
//	@Param			id			path		string		true	"the conversation"	example(cq3v0d8s7k5s73d1g0ag)
//	@Param			limit		query		int			false	"of a system conversation: how many"	minimum(1)	maximum(1000)	default(100)
//	@Param			after		query		string		false	"of a system conversation: a client id, exclusive"	example(Mary)
//	@Param			X-Client-Id	header		string		false	"with the master key: the client as whom to act"
//	@Success		200			{object}	MemberList	"the members"
//	@Failure		400			{object}	Problem		"a parameter is wrong"
//	@Failure		401			{object}	Problem		"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem		"not a member"
//	@Failure		404			{object}	Problem		"there is no such conversation"
//	@Failure		429			{object}	Problem		"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem		"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem		"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/conversations/{id}/members [get]
func (a *API) ListMembers(c echo.Context) error {
	actor, err := a.actorWithQuery(c, "limit", "after")
	if err != nil {
		return err
	}
	query := models.MembersQuery{After: c.QueryParam("after")}
	if query.Limit, err = intParam(c, "limit", 0, 1, 1000); err != nil {
		return err
	}
	members, more, err := a.Store.Members(c.Request().Context(), actor, c.Param("id"), query)
	if err != nil {
		return err
	}
	list := MemberList{Members: members}
	if more {
		list.Next = members[len(members)-1].ClientID
	}
	return respond(c, http.StatusOK, list)
}

// CountMembers counts who is inside.
//
//	@Summary		Count the members
//	@Description	Any client of the app may ask. In a chat room: the clients that are online in it now, over all nodes.
//	@Tags			members
//	@ID				countMembers
//	@Produce		json,application/problem+json
//	@Param			id			path		string		true	"the conversation"	example(cq3v0d8s7k5s73d1g0ag)
//	@Param			X-Client-Id	header		string		false	"with the master key: the client as whom to act"
//	@Success		200			{object}	MemberCount	"the count"
//	@Failure		400			{object}	Problem		"a parameter is wrong"
//	@Failure		401			{object}	Problem		"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem		"not allowed with these credentials"
//	@Failure		404			{object}	Problem		"there is no such conversation"
//	@Failure		429			{object}	Problem		"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem		"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem		"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/conversations/{id}/members/count [get]
func (a *API) CountMembers(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	count, err := a.Store.MemberCount(c.Request().Context(), actor, c.Param("id"))
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, MemberCount{Count: count})
}

// AddMembers invites clients.
//
//	@Summary		Add members
//	@Description	Any member may, and the master key. Those added get `invited`, the others `members_joined`. May succeed in part, when the conversation is full; who is already inside counts as succeeded and makes no event. Nobody is added to a chat room (409 `join_only`): its clients join. The members of a temporary conversation stay the same (409 `members_fixed`). Of a system conversation only the master key adds subscribers.
//	@Tags			members
//	@ID				addMembers
//	@Accept			json
//	@Produce		json,application/problem+json
//	@Param			id			path		string					true	"the conversation"	example(cq3v0d8s7k5s73d1g0ag)
//	@Param			X-Client-Id	header		string					false	"with the master key: the client as whom to act"
//	@Param			body		body		MembersRequest			true	"who is to be added"
//	@Success		200			{object}	models.MembershipResult	"who was added and who was not"
//	@Failure		400			{object}	Problem					"a field is wrong"
//	@Failure		401			{object}	Problem					"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem					"not a member"
//	@Failure		404			{object}	Problem					"there is no such conversation"
//	@Failure		409			{object}	Problem					"a chat room, whose clients join it themselves, or a temporary conversation"
//	@Failure		413			{object}	Problem					"the body is too large"
//	@Failure		415			{object}	Problem					"the body is not JSON"
//	@Failure		429			{object}	Problem					"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem					"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem					"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/conversations/{id}/members [post]
func (a *API) AddMembers(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	var request MembersRequest
	if err := a.decode(c, &request); err != nil {
		return err
	}
	trail(c).about("clients", request.Members)
	result, err := a.Store.AddMembers(c.Request().Context(), actor, c.Param("id"), request.Members)
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, result)
}

// KickMembers removes clients.
//
//	@Summary		Kick members
//	@Description	Any member may, and the master key. Those kicked get `kicked`, the others `members_left`. Who is not inside counts as succeeded and makes no event. In a chat room its creator and the master key may (403 `creator_required`); live streams of those kicked get `kicked`, and nobody else is told. They may join again.
//	@Tags			members
//	@ID				kickMembers
//	@Produce		json,application/problem+json
//	@Param			id			path		string					true	"the conversation"	example(cq3v0d8s7k5s73d1g0ag)
//	@Param			clientId	query		[]string				true	"who is to be removed; once for each"	collectionFormat(multi)	example(Mary)
//	@Param			X-Client-Id	header		string					false	"with the master key: the client as whom to act"
//	@Success		200			{object}	models.MembershipResult	"who is outside now"
//	@Failure		400			{object}	Problem					"a parameter is wrong"
//	@Failure		401			{object}	Problem					"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem					"not a member; in a chat room, not its creator"
//	@Failure		404			{object}	Problem					"there is no such conversation"
//	@Failure		409			{object}	Problem					"the members of a temporary conversation stay the same"
//	@Failure		429			{object}	Problem					"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem					"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem					"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/conversations/{id}/members [delete]
func (a *API) KickMembers(c echo.Context) error {
	actor, err := a.actorWithQuery(c, "clientId")
	if err != nil {
		return err
	}
	clients := c.QueryParams()["clientId"]
	trail(c).about("clients", clients)
	result, err := a.Store.KickMembers(c.Request().Context(), actor, c.Param("id"), clients)
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, result)
}

// JoinConversation enters a conversation.
//
//	@Summary		Join
//	@Description	Enter a conversation by oneself; all members, and the one who joins, get `members_joined`. Being inside already is fine and makes no event. A chat room is joined by a session that has a stream open, on any node (409 `stream_required`), and left with its last stream; one that is back within a minute is put back in. Nobody is told. A session is in at most 100 (409 `room_limit_reached`; a session that has lost its stream keeps its places for an hour). With the master key, all of the client's sessions that have a stream join.
//	@Tags			members
//	@ID				joinConversation
//	@Produce		json,application/problem+json
//	@Param			id			path		string				true	"the conversation"	example(cq3v0d8s7k5s73d1g0ag)
//	@Param			X-Client-Id	header		string				false	"with the master key: the client as whom to act"
//	@Success		200			{object}	models.Conversation	"the conversation"
//	@Failure		400			{object}	Problem				"a parameter is wrong, or the master key names no client"
//	@Failure		401			{object}	Problem				"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem				"not allowed with these credentials"
//	@Failure		404			{object}	Problem				"there is no such conversation"
//	@Failure		409			{object}	Problem				"the conversation is full or temporary; or it is a chat room, and the session has no stream"
//	@Failure		429			{object}	Problem				"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem				"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem				"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/conversations/{id}/join [post]
func (a *API) JoinConversation(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	conversation, err := a.Store.Join(c.Request().Context(), actor, c.Param("id"))
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, conversation)
}

// QuitConversation leaves a conversation.
//
//	@Summary		Quit
//	@Description	Leave a conversation by oneself; all members, and the one who leaves, get `members_left`. Being outside already is fine and makes no event. A chat room is left by the session that asks, with the master key by all of the client's; nobody is told.
//	@Tags			members
//	@ID				quitConversation
//	@Produce		json,application/problem+json
//	@Param			id			path		string				true	"the conversation"	example(cq3v0d8s7k5s73d1g0ag)
//	@Param			X-Client-Id	header		string				false	"with the master key: the client as whom to act"
//	@Success		200			{object}	models.Conversation	"the conversation"
//	@Failure		400			{object}	Problem				"a parameter is wrong, or the master key names no client"
//	@Failure		401			{object}	Problem				"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem				"not allowed with these credentials"
//	@Failure		404			{object}	Problem				"there is no such conversation"
//	@Failure		409			{object}	Problem				"the members of a temporary conversation stay the same"
//	@Failure		429			{object}	Problem				"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem				"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem				"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/conversations/{id}/quit [post]
func (a *API) QuitConversation(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	conversation, err := a.Store.Quit(c.Request().Context(), actor, c.Param("id"))
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, conversation)
}
