package handlers

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"parley/models"
)

// SendMessageRequest is a message as its sender writes it.
type SendMessageRequest struct {
	Type       string           `json:"type" example:"text"`                                                       // text, image, audio, video, file, location, or a word of the app's own
	Text       *string          `json:"text" extensions:"x-nullable" example:"Jerry, get up!" validate:"optional"` // required in a text message
	Attributes models.JSON      `json:"attributes" swaggertype:"object" validate:"optional"`                       // anything of the app's own, nested at most 64 levels deep
	File       *FileReference   `json:"file" extensions:"x-nullable" validate:"optional"`                          // required in image, audio, video and file messages
	Location   *LocationRequest `json:"location" extensions:"x-nullable" validate:"optional"`                      // required in location messages
	Payload    models.JSON      `json:"payload" extensions:"x-nullable" swaggertype:"object" validate:"optional"`  // of a custom type: any JSON value, nested at most 64 levels deep
	Transient  bool             `json:"transient" example:"false" validate:"optional"`                             // not stored; only members online now get it
	Priority   string           `json:"priority" enums:"high,normal,low" example:"normal" validate:"optional"`     // in a chat room: a slow reader loses the low ones first
}

// FileReference names the file of a message: by the id of its record, or by a link.
type FileReference struct {
	ID       string      `json:"id" example:"dc26fs9ksducs2s136s0" validate:"optional"`                     // of a record that the sender may read
	URL      string      `json:"url" example:"https://example.org/cheese.gif" validate:"optional"`          // instead of an id: http or https
	Name     string      `json:"name" example:"cheese.gif" validate:"optional"`                             // of a link; left out, the end of its path
	Metadata models.JSON `json:"metadata" extensions:"x-nullable" swaggertype:"object" validate:"optional"` // of a link: what is known of it; at most 8192 bytes
}

// LocationRequest is a place, in degrees (WGS 84).
type LocationRequest struct {
	Latitude  *float64 `json:"latitude" minimum:"-90" maximum:"90" example:"37.7749"`
	Longitude *float64 `json:"longitude" minimum:"-180" maximum:"180" example:"-122.4194"`
}

// draft is what the store makes of a request.
func (r *SendMessageRequest) draft() models.Draft {
	draft := models.Draft{Type: r.Type, Text: r.Text, Attributes: absentIfNull(r.Attributes), Payload: r.Payload}
	if r.File != nil {
		draft.File = &models.DraftFile{ID: r.File.ID, URL: r.File.URL, Name: r.File.Name, Metadata: absentIfNull(r.File.Metadata)}
	}
	if r.Location != nil {
		draft.Location = &models.DraftLocation{Latitude: r.Location.Latitude, Longitude: r.Location.Longitude}
	}
	return draft
}

// MessageList is a page of messages.
type MessageList struct {
	Messages []*models.Message `json:"messages"`
	Next     string            `json:"next,omitzero" example:"1042" validate:"optional"` // before (or, with after, after) of the next page; absent on the last
}

// SendMessage sends a message.
//
//	@Summary		Send a message
//	@Description	201 once the message is durable: from then on every member gets it, live or on resuming, once and in order, and the history has it. With an `Idempotency-Key`, a repeat by the same sender in the same conversation answers 200 with the first message and `Idempotency-Replayed: true`; the same key with another message is 422. `transient: true` stores nothing: 202, no id, and only members online now get it. An `image`, `audio`, `video` or `file` message names a file by the `id` of its record, which the sender must be allowed to read (404 `file_not_found`, 403 `file_not_readable`), or by a `url`; every reader gets its url, name, size, mimeType and metadata. To a chat room those inside may send, and the app's own server as any client. Those inside get it while they keep up, and nobody gets it later: a reader that is too slow loses the oldest of the room's messages, those of low `priority` first, and is told by `resync` with the `conversationId`; the history has them. What a subscriber sends to a system conversation is for the app's own server alone: history sync shows it, the sender's own history has it, and no other client ever sees it; it cannot be transient.
//	@Tags			messages
//	@ID				sendMessage
//	@Accept			json
//	@Produce		json,application/problem+json
//	@Param			id				path		string				true	"the conversation"	example(cq3v0d8s7k5s73d1g0ag)
//	@Param			Idempotency-Key	header		string				false	"makes a repeat safe: up to 200 printable ASCII characters of the sender's own"	example(5b0f7c1e-8f6b-4d0e-9a52-0f6a3c1f7d11)
//	@Param			X-Client-Id		header		string				false	"with the master key: the client as whom to act"
//	@Param			body			body		SendMessageRequest	true	"the message"
//	@Success		200				{object}	models.Message		"a repeat: the message that was stored first"
//	@Success		201				{object}	models.Message		"stored"
//	@Success		202				{object}	models.Message		"transient: handed to those online"
//	@Failure		400				{object}	Problem				"a field is wrong, or the master key names no client"
//	@Failure		401				{object}	Problem				"no credentials, or not valid ones"
//	@Failure		403				{object}	Problem				"not a member, or the file is not for this client"
//	@Failure		404				{object}	Problem				"there is no such conversation, or no such file"
//	@Failure		413				{object}	Problem				"the body is too large"
//	@Failure		415				{object}	Problem				"the body is not JSON"
//	@Failure		422				{object}	Problem				"the Idempotency-Key has sent another message"
//	@Failure		429				{object}	Problem				"too many calls, or messages; nothing is stored, come back after Retry-After"
//	@Failure		500				{object}	Problem				"a fault of the server; the request id finds it in its log"
//	@Failure		503				{object}	Problem				"the database or the store of the files cannot be reached; come back after Retry-After, with the same Idempotency-Key"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/conversations/{id}/messages [post]
func (a *API) SendMessage(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	if err := a.Limits.Send(actor); err != nil {
		return err
	}
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	var request SendMessageRequest
	if err := a.decode(c, &request); err != nil {
		return err
	}
	draft := request.draft()
	if draft.Priority, err = models.ParsePriority(request.Priority); err != nil {
		return err
	}
	if request.Transient {
		return a.sendTransient(c, actor, draft)
	}
	message, replayed, err := a.Store.SendMessage(c.Request().Context(), actor, c.Param("id"), draft, key)
	if err != nil {
		return err
	}
	return respondStored(c, message, replayed)
}

// respondStored answers with a message that is stored now, or was by the call that this one repeats.
func respondStored(c echo.Context, message *models.Message, replayed bool) error {
	if t := trail(c); t.Actor.Master { // nobody else's sends are audited, and there are many
		t.about("message", strconv.FormatInt(message.Seq, 10))
	}
	if replayed {
		c.Response().Header().Set("Idempotency-Replayed", "true")
		return respond(c, http.StatusOK, message)
	}
	return respond(c, http.StatusCreated, message)
}

func (a *API) sendTransient(c echo.Context, actor models.Actor, draft models.Draft) error {
	ctx := c.Request().Context()
	message, err := a.Store.MaySend(ctx, actor, c.Param("id"), draft)
	if err != nil {
		return err
	}
	if err := a.Node.SendTransient(ctx, message); err != nil {
		return err
	}
	return respond(c, http.StatusAccepted, message)
}

// idempotencyKey reads the header; an empty one would promise what it cannot keep.
func idempotencyKey(c echo.Context) (string, error) {
	values := c.Request().Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || values[0] == "" {
		return "", models.Invalidf("Idempotency-Key", "must be there once, and not empty")
	}
	return values[0], nil
}

// ListMessages reads the history.
//
//	@Summary		Read the history
//	@Description	The newest page by default, with `before` the newest page before it, with `after` the oldest page after it; both are message ids and exclusive. Within a page oldest first; `order=desc` turns it round. `next` continues in the same direction: hand it back as `before`, or as `after` where `after` was given. A page of large messages may end before its limit: at 2 MB, or at 64 KB while many such pages are under way. Whole for whoever is a member now, also from before joining and from time away; a former member gets 403. A chat room's is for those inside now. Of a system conversation every client may ask, and sees what is for it: what was sent to everyone or to it by its name, what it has sent itself, and as a subscriber what was sent to the subscribers.
//	@Tags			messages
//	@ID				listMessages
//	@Produce		json,application/problem+json
//	@Param			id			path		string		true	"the conversation"	example(cq3v0d8s7k5s73d1g0ag)
//	@Param			limit		query		int			false	"how many"					minimum(1)	maximum(1000)	default(20)
//	@Param			before		query		string		false	"a message id, exclusive"	example(1042)
//	@Param			after		query		string		false	"a message id, exclusive"	example(1002)
//	@Param			since		query		string		false	"not before this time"		format(date-time)	example(2026-11-23T08:33:00.123Z)
//	@Param			until		query		string		false	"before this time"			format(date-time)	example(2026-11-24T08:33:00.123Z)
//	@Param			type		query		string		false	"only messages of this type"	example(text)
//	@Param			order		query		string		false	"within the page"			enums(asc, desc)	default(asc)
//	@Param			X-Client-Id	header		string		false	"with the master key: the client as whom to act"
//	@Success		200			{object}	MessageList	"a page"
//	@Failure		400			{object}	Problem		"a parameter is wrong"
//	@Failure		401			{object}	Problem		"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem		"not a member"
//	@Failure		404			{object}	Problem		"there is no such conversation"
//	@Failure		429			{object}	Problem		"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem		"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem		"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/conversations/{id}/messages [get]
func (a *API) ListMessages(c echo.Context) error {
	actor, err := a.actorWithQuery(c, "limit", "before", "after", "since", "until", "type", "order")
	if err != nil {
		return err
	}
	query, err := historyQuery(c)
	if err != nil {
		return err
	}
	order := c.QueryParam("order")
	if order != "" && order != "asc" && order != "desc" {
		return models.Invalidf("order", "must be asc or desc")
	}
	large := a.Limits.LargePage(actor)
	defer large.Leave()
	query.MayBeLarge = large.Take
	page, more, err := a.Store.History(c.Request().Context(), actor, c.Param("id"), query)
	if err != nil {
		return err
	}
	list := MessageList{Messages: page}
	if more {
		edge := page[0]
		if query.After != nil {
			edge = page[len(page)-1]
		}
		list.Next = strconv.FormatInt(edge.Seq, 10)
	}
	if order == "desc" {
		slices.Reverse(list.Messages)
	}
	return a.respondPage(c, list, large)
}

func historyQuery(c echo.Context) (q models.HistoryQuery, err error) {
	if q.Limit, err = intParam(c, "limit", 20, 1, 1000); err != nil {
		return q, err
	}
	if q.Before, err = positionParam(c, "before"); err != nil {
		return q, err
	}
	if q.After, err = positionParam(c, "after"); err != nil {
		return q, err
	}
	if q.Since, err = timeParam(c, "since"); err != nil {
		return q, err
	}
	if q.Until, err = timeParam(c, "until"); err != nil {
		return q, err
	}
	if c.QueryParams().Has("type") {
		if q.Type = c.QueryParam("type"); !models.ValidMessageType(q.Type) {
			return q, models.Invalidf("type", "must be a message type")
		}
	}
	return q, nil
}

// GetMessage reads one message.
//
//	@Summary		Read one message
//	@Description	Members and the master key only; of a system conversation, whoever may see the message.
//	@Tags			messages
//	@ID				getMessage
//	@Produce		json,application/problem+json
//	@Param			id			path		string			true	"the conversation"	example(cq3v0d8s7k5s73d1g0ag)
//	@Param			messageId	path		string			true	"the message"		example(1042)
//	@Param			X-Client-Id	header		string			false	"with the master key: the client as whom to act"
//	@Success		200			{object}	models.Message	"the message"
//	@Failure		400			{object}	Problem			"a parameter is wrong"
//	@Failure		401			{object}	Problem			"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem			"not a member"
//	@Failure		404			{object}	Problem			"there is no such conversation, or no such message in it"
//	@Failure		429			{object}	Problem			"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem			"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem			"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/conversations/{id}/messages/{messageId} [get]
func (a *API) GetMessage(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	seq, ok := parseMessageID(c.Param("messageId"))
	if !ok {
		seq = -1 // not a number, so no message has it; who may ask is decided first
	}
	message, err := a.Store.Message(c.Request().Context(), actor, c.Param("id"), seq)
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, message)
}
