package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"parley/models"
)

// fileLookup bounds what is asked of the database before a file's bytes are sent.
const fileLookup = 10 * time.Second

// errNotHere is the failure of asking for bytes that are elsewhere.
func errNotHere() *models.Error {
	return &models.Error{Kind: models.NotFound, Code: "file_elsewhere", Detail: "this file is a link; its bytes are at the url of its record"}
}

// GetFileContent sends a file's bytes.
//
//	@Summary		Read a file's bytes
//	@Description	For whoever may read the record, with the usual credentials or with `access_token`, and for whoever holds the record's `url`, whose `token` is good for this file alone and expires. `Range` (one), `If-Range`, `ETag`, `If-None-Match` and `HEAD` are understood. Pictures, audio, video and plain text are sent to be shown, everything else as an attachment; nothing of it can run in a browser. A link's bytes are not here: 404 `file_elsewhere`.
//	@Tags			files
//	@ID				getFileContent
//	@Produce		*/*,application/problem+json
//	@Param			id				path		string	true	"the file"											example(dc26fs9ksducs2s136s0)
//	@Param			token			query		string	false	"of the record's url"								example(AAAAAWlxAAAAAAAAAAAAAAAAAAAAAAAA)
//	@Param			Range			header		string	false	"one range of bytes"								example(bytes=0-1023)
//	@Param			If-Range		header		string	false	"the ETag that the range is of"						example("dc26fs9ksducs2s136s0")
//	@Param			If-None-Match	header		string	false	"an ETag: 304 when the bytes are those already"		example("dc26fs9ksducs2s136s0")
//	@Param			X-Client-Id		header		string	false	"with the master key: the client as whom to act"
//	@Success		200				{file}		file	"the bytes"
//	@Success		206				{file}		file	"the range"
//	@Success		304				"they are those already"
//	@Failure		400				{object}	Problem	"a parameter is wrong"
//	@Failure		401				{object}	Problem	"no credentials, or not valid ones; or the url has expired"
//	@Failure		403				{object}	Problem	"the file is not for this client"
//	@Failure		404				{object}	Problem	"there is no such file, or its bytes are elsewhere"
//	@Failure		412				{object}	Problem	"a condition (If-Match, If-Unmodified-Since) does not hold"
//	@Failure		416				{object}	Problem	"the range is not one of the file's"
//	@Failure		429				{object}	Problem	"too many calls; come back after Retry-After"
//	@Failure		500				{object}	Problem	"a fault of the server; the request id finds it in its log"
//	@Failure		503				{object}	Problem	"the database or the store of the files cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		StreamToken
//	@Security		AppCredentials
//	@Router			/v1/files/{id}/content [get]
func (a *API) GetFileContent(c echo.Context) error { return a.fileContent(c) }

// HeadFileContent tells about a file's bytes.
//
//	@Summary		Ask about a file's bytes
//	@Description	The headers of GET, without the bytes.
//	@Tags			files
//	@ID				headFileContent
//	@Produce		*/*,application/problem+json
//	@Param			id			path		string	true	"the file"				example(dc26fs9ksducs2s136s0)
//	@Param			token		query		string	false	"of the record's url"	example(AAAAAWlxAAAAAAAAAAAAAAAAAAAAAAAA)
//	@Param			X-Client-Id	header		string	false	"with the master key: the client as whom to act"
//	@Success		200			{file}		file	"the headers"
//	@Success		206			{file}		file	"the headers of the range"
//	@Success		304			"they are those already"
//	@Failure		400			{object}	Problem	"a parameter is wrong"
//	@Failure		401			{object}	Problem	"no credentials, or not valid ones; or the url has expired"
//	@Failure		403			{object}	Problem	"the file is not for this client"
//	@Failure		404			{object}	Problem	"there is no such file, or its bytes are elsewhere"
//	@Failure		412			{object}	Problem	"a condition (If-Match, If-Unmodified-Since) does not hold"
//	@Failure		416			{object}	Problem	"the range is not one of the file's"
//	@Failure		429			{object}	Problem	"too many calls; come back after Retry-After"
//	@Failure		500			{object}	Problem	"a fault of the server; the request id finds it in its log"
//	@Failure		503			{object}	Problem	"the database or the store of the files cannot be reached; come back after Retry-After"
//	@Security		BearerToken
//	@Security		StreamToken
//	@Security		AppCredentials
//	@Router			/v1/files/{id}/content [head]
func (a *API) HeadFileContent(c echo.Context) error { return a.fileContent(c) }

func (a *API) fileContent(c echo.Context) error {
	// The one of an earlier request on this connection; from the first byte on, each piece has its own.
	_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(fileLookup + pieceTimeout))
	header := c.Response().Header()
	// <img src> on a page of another origin, where a refusal is to be seen as what it is; reading it needs CORS.
	header.Set("Cross-Origin-Resource-Policy", "cross-origin")
	file, cache, err := a.fileToRead(c)
	if err != nil {
		return err
	}
	if file.Link != nil {
		return errNotHere()
	}
	content, err := a.Store.ReadFile(c.Request().Context(), file)
	if err != nil {
		return err
	}
	defer content.Close()
	header.Set(echo.HeaderContentType, file.MimeType)
	header.Set(echo.HeaderContentDisposition, disposition(file))
	// The bytes under an id never change, so the id is as good a validator as a hash of them, and costs nothing.
	header.Set("ETag", `"`+file.ID+`"`)
	header.Set(echo.HeaderCacheControl, cache)
	// Whatever it is, nothing of it runs, and it loads nothing but itself where a browser shows it by itself.
	header.Set(echo.HeaderContentSecurityPolicy, "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'")
	return a.serveContent(c, file, content)
}

// fileToRead finds the file whose bytes the caller may read, and how a browser may keep them.
func (a *API) fileToRead(c echo.Context) (*models.File, string, error) {
	whole := c.Request()
	ctx, cancel := context.WithTimeout(whole.Context(), fileLookup)
	defer cancel()
	c.SetRequest(whole.WithContext(ctx))
	defer func() { c.SetRequest(whole) }()
	token := c.QueryParam("token")
	hasCredentials := c.QueryParam("access_token") != "" || whole.Header.Get(echo.HeaderAuthorization) != ""
	if token != "" {
		if err := a.Limits.From(address(c)); err != nil {
			return nil, "", err
		}
		file, left, err := a.Store.FileByToken(ctx, c.Param("id"), token)
		if err == nil {
			// Until the url dies; it is another one then.
			return file, fmt.Sprintf("private, max-age=%d, immutable", int(left.Seconds())), checkQuery(c, "token", "access_token")
		}
		if e, told := errors.AsType[*models.Error](err); !told || e.Kind != models.Unauthorized || !hasCredentials {
			return nil, "", a.wrongToken(c, err)
		}
	}
	actor, _, err := a.streamActor(c)
	if err != nil {
		return nil, "", err
	}
	if err := checkQuery(c, "token", "access_token"); err != nil {
		return nil, "", err
	}
	file, err := a.Store.File(ctx, actor, c.Param("id"))
	return file, "private, no-cache", err // who may read it today may not tomorrow, so a browser has to ask
}

// disposition says whether a browser may show a file, and its name (RFC 6266): in ASCII for old ones, and as it is
// (RFC 8187).
func disposition(file *models.File) string {
	kind := "attachment"
	if isShown(file.MimeType) {
		kind = "inline"
	}
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\%;`, r) {
			return '_'
		}
		return r
	}, file.Name)
	header := kind + `; filename="` + plain + `"`
	if plain != file.Name {
		header += "; filename*=UTF-8''" + extended(file.Name)
	}
	return header
}

// extended writes a name as an extended value of RFC 8187.
func extended(name string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`|~"
	var b strings.Builder
	for _, c := range []byte(name) {
		if strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// isShown tells whether files of a type are sent to be shown: those that a browser draws or plays and that cannot hold
// anything that runs. SVG, HTML, XML and PDF can.
func isShown(mimeType string) bool {
	switch mimeType {
	case "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif", "image/heic", "image/heif",
		"audio/mpeg", "audio/mp4", "audio/x-m4a", "audio/aac", "audio/wav", "audio/ogg", "audio/webm", "audio/flac",
		"video/mp4", "video/webm", "video/ogg", "video/quicktime", "video/x-m4v", "video/3gpp",
		"text/plain":
		return true
	}
	return false
}
