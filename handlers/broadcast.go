package handlers

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"parley/models"
)

// BroadcastRequest is a message to many, and to whom.
type BroadcastRequest struct {
	To      models.JSON      `json:"to" swaggertype:"string" example:"subscribers"` // "subscribers", "everyone", or an array of 1 to 500 client ids
	Message BroadcastMessage `json:"message"`
	// Until when it is brought to those who come: in the future, within a year; left out, 30 days.
	ValidUntil *string `json:"validUntil" extensions:"x-nullable" format:"date-time" example:"2026-12-24T18:00:00Z" validate:"optional"`
}

// BroadcastMessage is the message of a broadcast, as with a send.
type BroadcastMessage struct {
	Type       string           `json:"type" example:"text"`                                                      // text, image, audio, video, file, location, or a word of the app's own
	Text       *string          `json:"text" extensions:"x-nullable" example:"We are open." validate:"optional"`  // required in a text message
	Attributes models.JSON      `json:"attributes" swaggertype:"object" validate:"optional"`                      // anything of the app's own, nested at most 64 levels deep
	File       *FileReference   `json:"file" extensions:"x-nullable" validate:"optional"`                         // required in image, audio, video and file messages
	Location   *LocationRequest `json:"location" extensions:"x-nullable" validate:"optional"`                     // required in location messages
	Payload    models.JSON      `json:"payload" extensions:"x-nullable" swaggertype:"object" validate:"optional"` // of a custom type: any JSON value, nested at most 64 levels deep
}

// Broadcast sends a message of a system conversation to many.
//
//	@Summary		Broadcast
//	@Description	Master key only. One entry of the log, however many it is for: the `subscribers`, `everyone` in the app, or the clients named. All streams of those who are online get it at once, the others at their next stream while it is valid: the first one of the client that comes without a `Last-Event-ID`, and every one that resumes from before it. The history has it for those who may see it, also when it is valid no more. `from` is the client of X-Client-Id, else the conversation's id. With an `Idempotency-Key`, a repeat answers 200 with the first message and `Idempotency-Replayed: true`; the same key with another broadcast is 422.
//	@Tags			messages
//	@ID				broadcast
//	@Accept			json
//	@Produce		json,application/problem+json
//	@Param			id				path		string				true	"the system conversation"	example(cq3v0d8s7k5s73d1g0ag)
//	@Param			Idempotency-Key	header		string				false	"makes a repeat safe: up to 200 printable ASCII characters of the sender's own"	example(5b0f7c1e-8f6b-4d0e-9a52-0f6a3c1f7d11)
//	@Param			X-Client-Id		header		string				false	"the client from whom it is to come"
//	@Param			body			body		BroadcastRequest	true	"the message, and to whom"
//	@Success		200				{object}	models.Message		"a repeat: the message that was stored first"
//	@Success		201				{object}	models.Message		"stored"
//	@Failure		400				{object}	Problem				"a field is wrong"
//	@Failure		401				{object}	Problem				"no credentials, or not valid ones"
//	@Failure		403				{object}	Problem				"not the master key"
//	@Failure		404				{object}	Problem				"there is no such conversation, or no such file"
//	@Failure		409				{object}	Problem				"not a system conversation"
//	@Failure		413				{object}	Problem				"the body is too large"
//	@Failure		415				{object}	Problem				"the body is not JSON"
//	@Failure		422				{object}	Problem				"the Idempotency-Key has sent another message"
//	@Failure		429				{object}	Problem				"too many calls; come back after Retry-After"
//	@Failure		500				{object}	Problem				"a fault of the server; the request id finds it in its log"
//	@Failure		503				{object}	Problem				"the database or the store of the files cannot be reached; come back after Retry-After, with the same Idempotency-Key"
//	@Security		AppCredentials
//	@Router			/v1/conversations/{id}/broadcast [post]
func (a *API) Broadcast(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	var request BroadcastRequest
	if err := a.decode(c, &request); err != nil {
		return err
	}
	broadcast, err := request.broadcast()
	if err != nil {
		return err
	}
	if len(broadcast.Named) > 0 {
		trail(c).about("clients", broadcast.Named)
	}
	message, replayed, err := a.Store.Broadcast(c.Request().Context(), actor, c.Param("id"), broadcast, key)
	if err != nil {
		return err
	}
	return respondStored(c, message, replayed)
}

// broadcast is what the store makes of a request.
func (r *BroadcastRequest) broadcast() (b models.Broadcast, err error) {
	m := SendMessageRequest{Type: r.Message.Type, Text: r.Message.Text, Attributes: r.Message.Attributes,
		File: r.Message.File, Location: r.Message.Location, Payload: r.Message.Payload}
	b.Draft = m.draft()
	if b.To, b.Named, err = parseAudience(r.To); err != nil || r.ValidUntil == nil {
		return b, err
	}
	until, err := time.Parse(time.RFC3339Nano, *r.ValidUntil)
	if err != nil {
		return b, models.Invalidf("validUntil", "must be a time such as 2026-11-23T08:33:00.123Z")
	}
	stamp := models.TimestampOf(until)
	b.ValidUntil = &stamp
	return b, nil
}

// parseAudience reads to whom a broadcast is: a word, or client ids.
func parseAudience(to models.JSON) (audience models.Audience, named []string, err error) {
	switch to {
	case `"subscribers"`:
		return models.ToSubscribers, nil, nil
	case `"everyone"`:
		return models.ToEveryone, nil, nil
	case "", "null":
		return 0, nil, models.Invalidf("to", "is required")
	}
	if err := json.Unmarshal([]byte(to), &named); err != nil {
		return 0, nil, models.Invalidf("to", `must be "subscribers", "everyone" or an array of client ids`)
	}
	return models.ToNamed, named, nil
}
