package handlers

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"parley/models"
	"parley/realtime"
)

const (
	// A long poll is answered before the 60 s after which most proxies give up.
	syncWaitMost = 50
	// Reading one page; a filter may take several pages to find something.
	syncReadTimeout = 20 * time.Second
	syncPageMost    = 1000
	// One piece of a stream: texts, in bytes, and entries. Two of them are in memory, a few megabytes each at most.
	syncPieceBytes   = 1 << 20
	syncPieceEntries = 4000
)

const ndjson = "application/x-ndjson"

// positionHeader says up to where a stream of lines is complete when it has ended in order.
const positionHeader = "Log-Position"

// SyncPage is a page of the app's log.
type SyncPage struct {
	Messages []*models.Message `json:"messages"`
	Events   []SyncEvent       `json:"events,omitzero" validate:"optional"`              // with include=events
	Next     string            `json:"next,omitzero" example:"1042" validate:"optional"` // the after of the next page; absent when the log was read to its end
	Position string            `json:"position" example:"1042"`                          // the page is complete up to here: the after of the next poll, as it is
}

// SyncLog reads the app's log.
//
//	@Summary		Read the whole app's history in the log's order
//	@Description	For a mirror, a search index, an archive: with the master key only. `after` is exclusive: hand back `next`, or `position`, or the last id seen, and every message comes exactly once; a position is a text, which while a walk from 0 is below what is kept as a rule says so behind a `~`; `after=0` begins with the oldest that is kept, an `after` below what is kept is 410 `position_expired`, one beyond the log's end 409 `future_position`. A page with fewer messages than `limit`, even with none, has a `next` when the log goes on: with `from` or `type` a page looks at a bounded stretch, and texts of more than 2 MB end it, and of more than 64 KB while many large pages are under way. `include=events` adds membership changes and those of conversations; ids tell their order. `from` and `type` choose among the messages alone. With `wait` an answer that would be empty waits so many seconds for something to come. `Accept: application/x-ndjson` streams all up to the log's end as of the request, or `limit` entries, as lines: a message, or an event, which alone has `kind`; the header `Log-Position` is the position that such a stream reaches when it ends in order before its limit. One that breaks off ends without the last chunk (HTTP/1.1) or with a reset (HTTP/2); go on after the last id seen.
//	@Tags			messages
//	@ID				syncMessages
//	@Produce		json,application/x-ndjson,application/problem+json
//	@Param			after			query		string		false	"a position, exclusive"									default(0)	example(1002)
//	@Param			limit			query		int			false	"how many; a stream of lines has no other limit than this one"	minimum(1)	default(1000)
//	@Param			conversationId	query		string		false	"of this conversation alone"	example(cq3v0d8s7k5s73d1g0ag)
//	@Param			from			query		string		false	"messages of this client alone"	example(Tom)
//	@Param			type			query		string		false	"messages of this type alone"	example(text)
//	@Param			include			query		string		false	"events: membership changes too, and those of conversations"	enums(events)
//	@Param			wait			query		int			false	"seconds to wait for something to come"	minimum(0)	maximum(50)	default(0)
//	@Success		200				{object}	SyncPage	"a page, or a stream of lines"
//	@Failure		400				{object}	Problem		"a parameter is wrong"
//	@Failure		401				{object}	Problem		"no credentials, or not valid ones"
//	@Failure		403				{object}	Problem		"not the master key"
//	@Failure		409				{object}	Problem		"the log has not come as far as after"
//	@Failure		410				{object}	Problem		"what followed after is not kept any more"
//	@Failure		429				{object}	Problem		"too many calls; come back after Retry-After"
//	@Failure		500				{object}	Problem		"a fault of the server; the request id finds it in its log"
//	@Failure		503				{object}	Problem		"the database cannot be reached; come back after Retry-After"
//	@Security		AppCredentials
//	@Router			/v1/messages [get]
func (a *API) SyncLog(c echo.Context) error {
	actor, err := a.actorWithQuery(c, "after", "limit", "conversationId", "from", "type", "include", "wait")
	if err != nil {
		return err
	}
	c.Response().Header().Add(echo.HeaderVary, echo.HeaderAccept)
	lines := acceptsLines(c.Request().Header.Values(echo.HeaderAccept))
	query, err := syncQuery(c, lines)
	if err != nil {
		return err
	}
	wait, err := intParam(c, "wait", 0, 0, syncWaitMost)
	if err != nil {
		return err
	}
	patience := time.Duration(wait) * time.Second
	control := http.NewResponseController(c.Response())
	if err := control.SetWriteDeadline(time.Now().Add(patience + syncReadTimeout + answerTimeout)); err != nil {
		return err
	}
	large := a.Limits.LargePage(actor)
	defer large.Leave()
	query.MayBeLarge = large.Take
	if lines {
		return a.streamLines(c, actor, query, patience)
	}
	page, err := a.nextPage(c.Request().Context(), actor, query, patience)
	if err != nil {
		return err
	}
	return a.respondPage(c, pageOf(query, page), large)
}

// syncQuery reads the parameters. One that is empty says nothing.
func syncQuery(c echo.Context, lines bool) (q models.SyncQuery, err error) {
	most := syncPageMost
	q.Limit, q.Bytes = syncPageMost, models.LargePage
	if lines {
		const all = 1 << 53 // more than any log has
		most, q.Limit, q.Bytes = all, all, syncPieceBytes
	}
	if q.Limit, err = intParam(c, "limit", q.Limit, 1, most); err != nil {
		return q, err
	}
	if q.After, q.Floor, err = syncPositionParam(c, "after"); err != nil {
		return q, err
	}
	q.ConversationID = c.QueryParam("conversationId")
	if q.From = c.QueryParam("from"); q.From != "" {
		if err := models.CheckClientID("from", q.From); err != nil {
			return q, err
		}
	}
	if q.Type = c.QueryParam("type"); q.Type != "" && !models.ValidMessageType(q.Type) {
		return q, models.Invalidf("type", "must be a message type")
	}
	switch include := c.QueryParam("include"); include {
	case "", "events":
		q.Events = include != ""
	default:
		return q, models.Invalidf("include", "must be events")
	}
	return q, nil
}

// nextPage reads a page; an empty one waits for something to come, as long as the caller is patient. It moves on over what
// a filter does not want.
func (a *API) nextPage(ctx context.Context, actor models.Actor, q models.SyncQuery, patience time.Duration) (models.SyncPage, error) {
	if patience == 0 {
		return a.readPage(ctx, actor, q)
	}
	watch, err := a.Node.Watch(ctx, actor.App.ID, q.Wants) // before the read: nothing falls between
	if err != nil {
		return models.SyncPage{}, err
	}
	defer watch.Stop()
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return a.firstPage(ctx, waiting, actor, q, watch)
}

func (a *API) firstPage(ctx, waiting context.Context, actor models.Actor, q models.SyncQuery, watch *realtime.Watch) (models.SyncPage, error) {
	for {
		page, err := a.readPage(ctx, actor, q)
		if err != nil || len(page.Entries) > 0 || waiting.Err() != nil {
			return page, err
		}
		if !page.More() && !watch.Wait(waiting) {
			return page, ctx.Err()
		}
		q.After, q.Floor = page.Reached, page.Floor
	}
}

// readPage reads a page in the time that it may take. It may be one of many, or come after a long wait, so it is asked
// whether the caller's key is still good.
func (a *API) readPage(ctx context.Context, actor models.Actor, q models.SyncQuery) (models.SyncPage, error) {
	ctx, cancel := context.WithTimeout(ctx, syncReadTimeout)
	defer cancel()
	if _, err := a.Store.Standing(ctx, actor); err != nil {
		return models.SyncPage{}, err
	}
	return a.Store.Sync(ctx, actor, q)
}

func pageOf(q models.SyncQuery, page models.SyncPage) SyncPage {
	answer := SyncPage{Messages: []*models.Message{}, Position: syncPosition(page)}
	if q.Events {
		answer.Events = []SyncEvent{}
	}
	for _, e := range page.Entries {
		if e.Message != nil {
			answer.Messages = append(answer.Messages, e.Message)
		} else {
			answer.Events = append(answer.Events, syncEvent(e.Event))
		}
	}
	if page.More() {
		answer.Next = answer.Position
	}
	return answer
}

// syncPosition writes how far a page has come. One that began at 0 may be below the floor yet, where some conversation keeps
// its history for longer or a backup was restored; the floor stands with it then, because what it says is gone is not missed.
func syncPosition(page models.SyncPage) string {
	position := strconv.FormatInt(page.Reached, 10)
	if page.Reached < page.Floor && page.Reached > 0 {
		position += "~" + strconv.FormatInt(page.Floor, 10)
	}
	return position
}

// syncPositionParam reads what syncPosition writes, or the id of a message.
func syncPositionParam(c echo.Context, name string) (position, floor int64, err error) {
	if !c.QueryParams().Has(name) {
		return 0, 0, nil
	}
	text, floorText, below := strings.Cut(c.QueryParam(name), "~")
	position, ok := parseMessageID(text)
	if ok && below {
		floor, ok = parseMessageID(floorText)
	}
	if !ok {
		return 0, 0, models.Invalidf(name, "must be a position or the id of a message")
	}
	return position, floor, nil
}

// acceptsLines tells whether an Accept header asks for lines.
func acceptsLines(values []string) bool {
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		mediaType, parameters, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(mediaType), ndjson) {
			return strings.ReplaceAll(parameters, " ", "") != "q=0"
		}
	}
	return false
}
