package handlers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"parley/models"
)

// streamLines answers with a line for each entry, piece by piece: what is in memory are two pieces, one of which is read while
// the other is written, and no transaction is open while a slow reader reads.
func (a *API) streamLines(c echo.Context, actor models.Actor, q models.SyncQuery, patience time.Duration) error {
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	limit := q.Limit
	q.Limit = min(limit, syncPieceEntries)
	page, err := a.nextPage(ctx, actor, q, patience)
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, ndjson)
	header.Set("X-Accel-Buffering", "no") // nginx: do not collect
	header.Set(positionHeader, strconv.FormatInt(page.UpTo, 10))
	c.Response().WriteHeader(http.StatusOK)
	out := newLineWriter(c.Response())
	for {
		limit -= len(page.Entries)
		more := limit > 0 && page.More()
		next := func() (models.SyncPage, error) { return models.SyncPage{}, nil }
		if more {
			q.After, q.UpTo, q.Floor, q.Rows, q.Limit = page.Reached, page.UpTo, page.Floor, page.Rows, min(limit, syncPieceEntries)
			next = a.readAhead(ctx, actor, q)
		}
		written := out.entries(page.Entries)
		if written != nil {
			cancel()
		}
		page, err = next() // in any case: what it reads with is this call's
		if err := cmp.Or(written, err); err != nil {
			return a.brokenOff(c, err)
		}
		if !more {
			return out.control.SetWriteDeadline(time.Now().Add(answerPieceTimeout)) // for the last chunk
		}
		select {
		case <-a.Node.Stopping():
			return a.brokenOff(c, errors.New("this node is stopping"))
		default:
		}
	}
}

// readAhead begins to read a page; what it returns waits for it.
func (a *API) readAhead(ctx context.Context, actor models.Actor, q models.SyncQuery) func() (models.SyncPage, error) {
	var page models.SyncPage
	var err error
	read := make(chan struct{})
	go func() {
		defer close(read)
		page, err = a.readPage(ctx, actor, q)
	}()
	return func() (models.SyncPage, error) {
		<-read
		return page, err
	}
}

// brokenOff ends an answer that has begun so that its reader does not take it for whole.
func (a *API) brokenOff(c echo.Context, err error) error {
	if c.Request().Context().Err() == nil && !errors.Is(err, context.Canceled) {
		a.Logger.Info("a stream of the log has broken off", "requestId", c.Response().Header().Get(echo.HeaderXRequestID), "error", err)
	}
	panic(http.ErrAbortHandler)
}

// lineOf is what a line shows of an entry.
func lineOf(e models.Entry) any {
	if e.Message != nil {
		return e.Message
	}
	return syncEvent(e.Event)
}

// lineWriter writes newline-delimited JSON in chunks, each flushed and under a deadline.
type lineWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buffer  bytes.Buffer
	encoder *jsontext.Encoder
}

func newLineWriter(w http.ResponseWriter) *lineWriter {
	out := &lineWriter{w: w, control: http.NewResponseController(w)}
	out.encoder = jsontext.NewEncoder(&out.buffer) // it ends each value with a line break, and writes none inside
	return out
}

// entries writes a line for each.
func (out *lineWriter) entries(entries []models.Entry) error {
	for _, e := range entries {
		if err := json.MarshalEncode(out.encoder, lineOf(e)); err != nil {
			return err
		}
		if out.buffer.Len() < answerPiece {
			continue
		}
		if err := out.flush(); err != nil {
			return err
		}
	}
	return out.flush()
}

func (out *lineWriter) flush() error {
	for out.buffer.Len() > 0 {
		if err := out.control.SetWriteDeadline(time.Now().Add(answerPieceTimeout)); err != nil {
			return err
		}
		if _, err := out.w.Write(out.buffer.Next(answerPiece)); err != nil {
			return err
		}
		if err := out.control.Flush(); err != nil {
			return err
		}
	}
	return nil
}
