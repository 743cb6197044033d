package handlers

import (
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"parley/models"
)

// CreateConversationRequest is what the creator asks for.
type CreateConversationRequest struct {
	Members    []string    `json:"members" example:"Jerry" validate:"optional"`                            // up to 500 client ids; the creator is always a member
	Name       *string     `json:"name" extensions:"x-nullable" example:"Tom & Jerry" validate:"optional"` // up to 255 characters
	Attributes models.JSON `json:"attributes" swaggertype:"object" validate:"optional"`                    // anything of the app's own, nested at most 64 levels deep
	Unique     bool        `json:"unique" example:"false" validate:"optional"`                             // return the one with exactly these members when there is one
	Type       string      `json:"type" enums:"normal,chatroom,system,temporary" example:"normal" validate:"optional"`
	TTL        *int        `json:"ttl" minimum:"1" maximum:"2592000" example:"86400" validate:"optional"` // of a temporary one: its life in seconds; a day when left out
}

// UpdateConversationRequest changes what it names.
type UpdateConversationRequest struct {
	Name       models.JSON `json:"name" swaggertype:"string" extensions:"x-nullable" example:"Friends" validate:"optional"` // null clears it
	Attributes models.JSON `json:"attributes" swaggertype:"object" validate:"optional"`                                     // merged into what is there (RFC 7396): null removes a field
	// Master key only: for how many days messages are kept, 0 for ever; null: as the server does (PARLEY_RETENTION).
	RetentionDays models.JSON `json:"retentionDays" swaggertype:"integer" extensions:"x-nullable" minimum:"0" maximum:"36500" example:"30" validate:"optional"`
}

// CreateConversation starts a conversation.
//
//	@Summary		Create a conversation
//	@Description	The creator is always a member; clients named twice count once. Creating counts as the creator adding the others: they get `invited`, the creator's sessions `members_joined`. With `unique: true`, the conversation with exactly these members inside now is returned when there is one, with 200, also when two creators race. A chat room (`type: chatroom`) has no members to name: clients join it, its creator too, and are inside for as long as they have a stream. A temporary conversation (`type: temporary`) has at most 10 members, its creator included, who stay the same; naming the same ones again gives the same one, with 200 and its `ttl` unchanged, for as long as it lives. After `ttl` seconds it is gone with all that was said in it. A system conversation (`type: system`) is made with the master key only (403 `master_key_required`); clients subscribe with `join`. Its `members` are never listed and it has no `lastMessage`; `memberCount` counts the subscribers.
//	@Tags			conversations
//	@ID				createConversation
//	@Accept			json
//	@Produce		json,application/problem+json
//	@Param			X-Client-Id	header		string						false	"with the master key: the client as whom to act"
//	@Param			body		body		CreateConversationRequest	true	"what to create"
//	@Success		200			{object}	models.Conversation			"unique or temporary: the one that exists"
//	@Success		201			{object}	models.Conversation			"created"
//	@Failure		400			{object}	Problem						"a field is wrong"
//	@Failure		401			{object}	Problem						"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem						"not allowed with these credentials"
//	@Failure		413			{object}	Problem						"the body is too large"
//	@Failure		415			{object}	Problem						"the body is not JSON"
//	@Failure		429			{object}	Problem						"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem						"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem						"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/conversations [post]
func (a *API) CreateConversation(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	var request CreateConversationRequest
	if err := a.decode(c, &request); err != nil {
		return err
	}
	if len(request.Members) > 0 {
		trail(c).about("clients", request.Members)
	}
	conversation, created, err := a.Store.CreateConversation(c.Request().Context(), actor, models.NewConversation{
		Members: request.Members, Name: request.Name, Attributes: absentIfNull(request.Attributes), Unique: request.Unique, Type: request.Type, TTL: request.TTL})
	if err != nil {
		return err
	}
	trail(c).about("conversation", conversation.ID)
	status := http.StatusOK
	if created {
		status = http.StatusCreated
		c.Response().Header().Set(echo.HeaderLocation, "/v1/conversations/"+conversation.ID)
	}
	return respond(c, status, conversation)
}

// GetConversation reads a conversation.
//
//	@Summary		Read a conversation
//	@Description	Any client of the app may: joining needs it. `lastMessage` is there for members and the master key only. A chat room shows no `members`; its `memberCount` is how many are online in it now, over all nodes. A temporary conversation is there for its members and the master key only, and until `expiresAt`.
//	@Tags			conversations
//	@ID				getConversation
//	@Produce		json,application/problem+json
//	@Param			id			path		string				true	"the conversation"	example(cq3v0d8s7k5s73d1g0ag)
//	@Param			X-Client-Id	header		string				false	"with the master key: the client as whom to act"
//	@Success		200			{object}	models.Conversation	"the conversation"
//	@Failure		400			{object}	Problem				"a parameter is wrong"
//	@Failure		401			{object}	Problem				"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem				"not allowed with these credentials"
//	@Failure		404			{object}	Problem				"there is no such conversation"
//	@Failure		429			{object}	Problem				"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem				"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem				"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/conversations/{id} [get]
func (a *API) GetConversation(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	conversation, err := a.Store.Conversation(c.Request().Context(), actor, c.Param("id"))
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, conversation)
}

// UpdateConversation changes a conversation.
//
//	@Summary		Change name, attributes and retention
//	@Description	Members and the master key only; `retentionDays` the master key only. `attributes` is merged into what is there (JSON Merge Patch, RFC 7396). Members get `conversation_updated` when something changed. In a chat room its creator and the master key only (403 `creator_required`); those inside are told.
//	@Tags			conversations
//	@ID				updateConversation
//	@Accept			json
//	@Produce		json,application/problem+json
//	@Param			id			path		string						true	"the conversation"	example(cq3v0d8s7k5s73d1g0ag)
//	@Param			X-Client-Id	header		string						false	"with the master key: the client as whom to act"
//	@Param			body		body		UpdateConversationRequest	true	"what to change"
//	@Success		200			{object}	models.Conversation			"the conversation as it is now"
//	@Failure		400			{object}	Problem						"a field is wrong"
//	@Failure		401			{object}	Problem						"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem						"not a member; in a chat room, not its creator"
//	@Failure		404			{object}	Problem						"there is no such conversation"
//	@Failure		413			{object}	Problem						"the body is too large"
//	@Failure		415			{object}	Problem						"the body is not JSON"
//	@Failure		429			{object}	Problem						"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem						"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem						"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/conversations/{id} [patch]
func (a *API) UpdateConversation(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	var request UpdateConversationRequest
	if err := a.decode(c, &request); err != nil {
		return err
	}
	change := models.ConversationChange{Attributes: request.Attributes, ClearName: request.Name == "null"}
	if request.Name != "" && !change.ClearName {
		if err := json.Unmarshal([]byte(request.Name), &change.Name); err != nil {
			return models.Invalidf("name", "must be a string or null")
		}
	}
	if change.Retention, err = retention(request.RetentionDays); err != nil {
		return err
	}
	conversation, err := a.Store.UpdateConversation(c.Request().Context(), actor, c.Param("id"), change)
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, conversation)
}

func retention(days models.JSON) (*models.Retention, error) {
	if days == "" {
		return nil, nil
	}
	r := &models.Retention{}
	if err := json.Unmarshal([]byte(days), &r.Days); err != nil {
		return nil, models.Invalidf("retentionDays", "must be a whole number or null")
	}
	return r, nil
}

// DeleteConversation removes a conversation with its history.
//
//	@Summary		Delete a conversation
//	@Description	Master key only. Its members get `kicked` with `kickedBy` null, in a chat room those inside whose streams are live; afterwards it and its history answer 404.
//	@Tags			conversations
//	@ID				deleteConversation
//	@Produce		json,application/problem+json
//	@Param			id	path	string	true	"the conversation"	example(cq3v0d8s7k5s73d1g0ag)
//	@Success		204	"deleted"
//	@Failure		400	{object}	Problem	"a parameter is wrong"
//	@Failure		401	{object}	Problem	"no credentials, or not valid ones"
//	@Failure		403	{object}	Problem	"the master key is required"
//	@Failure		404	{object}	Problem	"there is no such conversation"
//	@Failure		429	{object}	Problem	"too many calls; come back after Retry-After"
//	@Failure		500	{object}	Problem	"a fault of the server; the request id finds it in its log"
//	@Failure		503	{object}	Problem	"the database cannot be reached; come back after Retry-After"
//	@Security		AppCredentials
//	@Router			/v1/conversations/{id} [delete]
func (a *API) DeleteConversation(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	if err := a.Store.RemoveConversation(c.Request().Context(), actor, c.Param("id")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
