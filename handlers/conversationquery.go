package handlers

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"parley/models"
)

const (
	defaultConversations = 10
	mostConversations    = 100
)

// QueryConversationsRequest is the query as JSON.
type QueryConversationsRequest struct {
	Member *string     `json:"member" extensions:"x-nullable" example:"Tom" validate:"optional"`                         // only conversations with this client inside
	Where  models.JSON `json:"where" swaggertype:"object" validate:"optional"`                                           // the conditions
	Sort   models.JSON `json:"sort" swaggertype:"string" example:"-lastMessageAt,name" validate:"optional"`              // as in the list of conversations; an array of fields is fine as well
	Limit  *int        `json:"limit" extensions:"x-nullable" minimum:"1" maximum:"100" default:"10" validate:"optional"` // how many
	Skip   *int        `json:"skip" extensions:"x-nullable" minimum:"0" maximum:"10000" default:"0" validate:"optional"` // how many to pass over
}

// ConversationList is a page of conversations.
type ConversationList struct {
	Conversations []*models.Conversation `json:"conversations"`
	Next          string                 `json:"next,omitzero" example:"10" validate:"optional"` // skip of the next page; absent on the last
}

// ListConversations lists conversations.
//
//	@Summary		List or query conversations
//	@Description	Without a condition, the caller's own conversations; with `member`, those of that client; with `where`, all that the conditions hold for. Newest activity first, unless `sort` says otherwise: the time of the last message, or else of the creation. Any client may find a conversation (temporary ones: their members alone); `lastMessage` is there for members and the master key only. Operators: equality, `$ne $lt $lte $gt $gte $in $nin $exists $contains $startsWith $endsWith $regex $options $all $size $and $or`; fields: `id name type unique creator members createdAt updatedAt lastMessageAt attributes.<path>`. Strings compare exactly; values of different types never match; equality with an array means that it holds the value; `$ne` and `$nin` match a missing path, the others do not. A query that costs too much is refused as `query_too_expensive`.
//	@Tags			conversations
//	@ID				listConversations
//	@Produce		json,application/problem+json
//	@Param			X-Client-Id	header		string				false	"with the master key: the client as whom to act"
//	@Param			member		query		string				false	"only conversations with this client inside"	example(Tom)
//	@Param			where		query		string				false	"the conditions, as URL-encoded JSON"			example({"name":{"$contains":"NBA"},"attributes.topic":"sports"})
//	@Param			sort		query		string				false	"the fields to sort by, separated by commas, each with a minus before it for descending; ties are broken by the id"	default(-lastMessageAt)
//	@Param			limit		query		int					false	"how many"				minimum(1)	maximum(100)	default(10)
//	@Param			skip		query		int					false	"how many to pass over"	minimum(0)	maximum(10000)	default(0)
//	@Success		200			{object}	ConversationList	"a page; next is the skip of the following one"
//	@Failure		400			{object}	Problem				"a parameter is wrong, or the query too expensive"
//	@Failure		401			{object}	Problem				"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem				"not allowed with these credentials"
//	@Failure		429			{object}	Problem				"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem				"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem				"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/conversations [get]
func (a *API) ListConversations(c echo.Context) error {
	actor, err := a.actorWithQuery(c, "member", "where", "sort", "limit", "skip")
	if err != nil {
		return err
	}
	parameters := c.QueryParams()
	query := models.ConversationQuery{Member: c.QueryParam("member")}
	if parameters.Has("member") {
		if err := models.CheckClientID("member", query.Member); err != nil {
			return err
		}
	}
	if parameters.Has("where") {
		if err := unmarshalIn("where", []byte(c.QueryParam("where")), &query.Where); err != nil {
			return err
		}
	}
	if parameters.Has("sort") {
		query.Sort = strings.Split(c.QueryParam("sort"), ",")
	}
	if query.Limit, err = intParam(c, "limit", defaultConversations, 1, mostConversations); err != nil {
		return err
	}
	if query.Skip, err = intParam(c, "skip", 0, 0, models.MaxSkip); err != nil {
		return err
	}
	return a.answerQuery(c, actor, query)
}

// QueryConversations queries conversations.
//
//	@Summary		Query conversations
//	@Description	The same as the list of conversations, with the query as JSON: for conditions that are too long for a URL.
//	@Tags			conversations
//	@ID				queryConversations
//	@Accept			json
//	@Produce		json,application/problem+json
//	@Param			X-Client-Id	header		string						false	"with the master key: the client as whom to act"
//	@Param			body		body		QueryConversationsRequest	true	"the query"
//	@Success		200			{object}	ConversationList			"a page; next is the skip of the following one"
//	@Failure		400			{object}	Problem						"a field is wrong, or the query too expensive"
//	@Failure		401			{object}	Problem						"no credentials, or not valid ones"
//	@Failure		403			{object}	Problem						"not allowed with these credentials"
//	@Failure		413			{object}	Problem						"the body is too large"
//	@Failure		415			{object}	Problem						"the body is not JSON"
//	@Failure		429			{object}	Problem						"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem						"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem						"the database cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		AppCredentials
//	@Router			/v1/conversations/query [post]
func (a *API) QueryConversations(c echo.Context) error {
	actor, err := a.actorWithQuery(c)
	if err != nil {
		return err
	}
	var request QueryConversationsRequest
	if err := a.decode(c, &request); err != nil {
		return err
	}
	query := models.ConversationQuery{Where: absentIfNull(request.Where)}
	if request.Member != nil {
		query.Member = *request.Member
		if err := models.CheckClientID("member", query.Member); err != nil {
			return err
		}
	}
	if query.Sort, err = sortFields(absentIfNull(request.Sort)); err != nil {
		return err
	}
	if query.Limit, err = intField("limit", request.Limit, defaultConversations, 1, mostConversations); err != nil {
		return err
	}
	if query.Skip, err = intField("skip", request.Skip, 0, 0, models.MaxSkip); err != nil {
		return err
	}
	return a.answerQuery(c, actor, query)
}

func (a *API) answerQuery(c echo.Context, actor models.Actor, query models.ConversationQuery) error {
	page, more, err := a.Store.Conversations(c.Request().Context(), actor, query)
	if err != nil {
		return err
	}
	list := ConversationList{Conversations: page}
	if next := query.Skip + query.Limit; more && next <= models.MaxSkip {
		list.Next = strconv.Itoa(next)
	}
	return respond(c, http.StatusOK, list)
}

// sortFields reads "-lastMessageAt,name" or ["-lastMessageAt","name"].
func sortFields(value models.JSON) (fields []string, err error) {
	if value == "" {
		return nil, nil
	}
	if strings.HasPrefix(string(value), "[") {
		err = unmarshalIn("sort", []byte(value), &fields)
		return fields, err
	}
	var text string
	err = unmarshalIn("sort", []byte(value), &text)
	return strings.Split(text, ","), err
}

// intField is intParam for a field of a body.
func intField(name string, value *int, fallback, least, most int) (int, error) {
	if value == nil {
		return fallback, nil
	}
	if *value < least || *value > most {
		return 0, models.Invalidf(name, "must be a number from %d to %d", least, most)
	}
	return *value, nil
}

// unmarshalIn reads strictly what stands in a parameter or field of that name, and says so where it is wrong.
func unmarshalIn(name jsontext.Pointer, text []byte, into any) error {
	err := json.Unmarshal(text, into)
	if err == nil {
		return nil
	}
	return problemIn("/"+name, err)
}
