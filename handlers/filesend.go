package handlers

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"parley/models"
	"parley/models/blobs"
)

const (
	// A file is sent in pieces, each under a deadline, so that a reader that has stalled is cut and a slow one is not: a
	// phone at the edge of its network does 8 KB/s. A piece is large, because the system sends it without our help.
	sendPiece    = 256 << 10
	pieceTimeout = 32 * time.Second
)

// serveContent answers with a file's bytes, as far as the request's conditions and range want them (RFC 9110).
func (a *API) serveContent(c echo.Context, file *models.File, content blobs.Content) error {
	request := c.Request()
	if strings.Contains(request.Header.Get("Range"), ",") {
		request.Header.Del("Range") // several: no player asks so, and a server may send the whole
	}
	w := &contentWriter{Response: c.Response(), content: content, isHead: request.Method == http.MethodHead}
	http.ServeContent(w, request, "", file.CreatedAt.Time(), content)
	if w.failure == nil && w.refused == 0 {
		return nil
	}
	header := c.Response().Header()
	for _, name := range []string{echo.HeaderContentLength, echo.HeaderContentDisposition, "ETag", echo.HeaderLastModified, "Accept-Ranges"} {
		header.Del(name)
	}
	if w.failure != nil {
		header.Del("Content-Range")
		return a.Store.FileFailure(w.failure)
	}
	return echo.NewHTTPError(w.refused)
}

// contentWriter stands between http.ServeContent and the connection: it holds back refusals, which are answered as
// problems, asks whether the bytes can be had before it promises them, and gives every piece its time.
type contentWriter struct {
	*echo.Response
	content blobs.Content
	isHead  bool
	refused int   // the status of a refusal
	failure error // of the store
}

// WriteHeader sends the header of an answer that is none of the refusals.
func (w *contentWriter) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		w.refused = status
		return
	}
	if status != http.StatusNotModified && !w.isHead {
		if w.failure = w.content.Ready(); w.failure != nil {
			return
		}
	}
	w.Response.WriteHeader(status)
}

// Write takes the text of a refusal, which is not ours; the bytes of a file come by ReadFrom.
func (w *contentWriter) Write(p []byte) (int, error) { return len(p), nil }

// ReadFrom sends what ServeContent gives it: a limited reader of the content.
func (w *contentWriter) ReadFrom(source io.Reader) (sent int64, err error) {
	if w.failure != nil || w.refused != 0 {
		return 0, w.failure
	}
	left, control := int64(0), http.NewResponseController(w.Response)
	if limited, ok := source.(*io.LimitedReader); ok {
		source, left = limited.R, limited.N // the system can send a file without a copy, if it sees that it is one
	}
	for left > 0 && err == nil {
		if err = control.SetWriteDeadline(time.Now().Add(pieceTimeout)); err != nil {
			break
		}
		var n int64
		n, err = io.Copy(w.Response.Writer, &io.LimitedReader{R: source, N: min(left, sendPiece)})
		if n == 0 && err == nil {
			err = io.ErrUnexpectedEOF
		}
		sent, left = sent+n, left-n
	}
	w.Response.Size += sent
	return sent, err
}
