package handlers

import (
	"bufio"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"parley/handlers/limits"
)

const (
	// An answer goes out in pieces, each under a deadline: a reader of 8 KB/s passes, and one that does not read is cut.
	answerPiece        = 64 << 10
	answerPieceTimeout = 10 * time.Second
)

// respond writes a JSON answer.
func respond(c echo.Context, status int, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	if len(data) <= answerPiece {
		return c.JSONBlob(status, data)
	}
	startJSON(c, status)
	_, err = newPacedWriter(c.Response()).Write(data)
	return err
}

// respondPage writes a page of messages; a large one while it is being encoded, so that it is not in memory twice. One that
// breaks off does so that its reader does not take it for whole.
func (a *API) respondPage(c echo.Context, body any, large *limits.LargePage) error {
	if !large.Taken() {
		return respond(c, http.StatusOK, body)
	}
	startJSON(c, http.StatusOK)
	paced := newPacedWriter(c.Response())
	out := bufio.NewWriterSize(paced, answerPiece)
	err := json.MarshalWrite(out, body)
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		return nil
	}
	if paced.failed == nil { // otherwise the reader has gone, or does not read
		a.Logger.Error("an answer could not be encoded", "requestId", c.Response().Header().Get(echo.HeaderXRequestID), "error", err)
	}
	panic(http.ErrAbortHandler)
}

func startJSON(c echo.Context, status int) {
	c.Response().Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	c.Response().WriteHeader(status)
}

// pacedWriter gives each piece of an answer its own time.
type pacedWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	failed  error
}

func newPacedWriter(w http.ResponseWriter) *pacedWriter {
	return &pacedWriter{w: w, control: http.NewResponseController(w)}
}

// Write writes all, piece by piece.
func (p *pacedWriter) Write(b []byte) (written int, err error) {
	for written < len(b) && err == nil {
		if err = p.control.SetWriteDeadline(time.Now().Add(answerPieceTimeout)); err != nil {
			break
		}
		var n int
		n, err = p.w.Write(b[written:min(len(b), written+answerPiece)])
		written += n
	}
	p.failed = err
	return written, err
}
