package handlers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"parley/models"
)

const (
	// What a form has beside its file: headers of its parts and its other fields. A form that says to be longer than this
	// and the largest file is refused before it is read.
	formOverhead = 64 << 10
	// Pieces in which a body is read and a file is written. Parts of a form come in pieces of 4 KB by themselves, and an
	// upload then takes twice as long; more than this brings nothing more.
	formPiece = 64 << 10
	// A body that brings nothing for bodyIdle, or after its first bodyIdle less than bodyRate bytes a second, is cut off.
	// A phone at the edge of its network does 8 KB/s.
	bodyIdle = 30 * time.Second
	bodyRate = 8 << 10
	// The time for the answer, after the body.
	uploadAnswer = 30 * time.Second
	// Fields of a form that are no file. A url has 2048 bytes and metadata 8192; what is longer than this is not even read
	// to be refused.
	maxFormField = 16 << 10
)

// formBody is the body of a form on its way in: bounded in time by its own progress, and in bytes by what may come next.
type formBody struct {
	body    io.Reader
	control *http.ResponseController
	begun   time.Time
	read    int64
	left    int64 // how much may come before the next allow
	err     error // why it ended
}

// allow says how much may come next: a part's headers, which the parser would take 10 MB of, or a part of this size.
func (b *formBody) allow(part int64) { b.left = part + formOverhead + formPiece }

// Read reads on.
func (b *formBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.err = &models.Error{Kind: models.TooLarge, Code: "body_too_large", Detail: "a part of the form is too large, or its headers are"}
		return 0, b.err
	}
	now := time.Now()
	deadline := b.begun.Add(bodyIdle + time.Duration(b.read/bodyRate)*time.Second)
	if idle := now.Add(bodyIdle); idle.Before(deadline) {
		deadline = idle
	}
	// Not every server under Echo has deadlines; without one a slow body only takes longer.
	_ = b.control.SetReadDeadline(deadline)
	n, err := b.body.Read(p[:min(int64(len(p)), b.left)])
	b.read += int64(n)
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = &models.Error{Kind: models.Invalid, Code: "body_incomplete", Detail: "the body ended early or came too slowly"}
	}
	return n, err
}

// fileForm is a form as it comes in. Its upload must end with Finish or Discard.
type fileForm struct {
	upload   *models.Upload // nil: no file so far
	fileName string
	fields   map[string]string
	metadata models.JSON
}

// upload reads a form and keeps its file, or its link.
func (a *API) upload(c echo.Context, actor models.Actor, boundary string) (*models.File, error) {
	if length := c.Request().ContentLength; length > a.MaxFile+formOverhead {
		return nil, &models.Error{Kind: models.TooLarge, Code: "body_too_large", Detail: fmt.Sprintf("a file may have at most %d bytes", a.MaxFile)}
	}
	control := http.NewResponseController(c.Response())
	// The one of an earlier request on this connection would pass while the body comes in.
	_ = control.SetWriteDeadline(time.Time{})
	body := &formBody{body: c.Request().Body, control: control, begun: time.Now()}
	form := &fileForm{fields: map[string]string{}}
	err := a.readForm(c, actor, form, body, boundary)
	_ = control.SetReadDeadline(time.Time{}) // it would cut the waiting for the store short
	_ = control.SetWriteDeadline(time.Now().Add(uploadAnswer))
	if err != nil {
		if form.upload != nil {
			form.upload.Discard()
		}
		return nil, err
	}
	name, named := form.fields["name"]
	if form.upload == nil {
		return a.Store.CreateLink(c.Request().Context(), actor, form.fields["url"], name, form.metadata)
	}
	if !named {
		name = form.fileName
	}
	file, err := form.upload.Finish(c.Request().Context(), name, form.metadata)
	_ = control.SetWriteDeadline(time.Now().Add(uploadAnswer)) // from here: the store may have taken its time
	return file, err
}

// readForm takes the parts of a form as they come.
func (a *API) readForm(c echo.Context, actor models.Actor, form *fileForm, body *formBody, boundary string) error {
	if boundary == "" {
		return models.Invalidf("body", "has a Content-Type without a boundary")
	}
	reader := multipart.NewReader(bufio.NewReaderSize(body, formPiece), boundary)
	for {
		body.allow(0)
		part, err := reader.NextRawPart()
		if err == io.EOF {
			return form.check()
		}
		if err != nil {
			return body.problem(err)
		}
		switch name := part.FormName(); name {
		case "file":
			err = a.takeFile(c, actor, form, body, part)
		case "name", "url", "metadata":
			err = form.takeField(name, body, part)
		case "":
			err = models.Invalidf("body", "has a part without a name")
		default:
			err = models.Invalidf(strings.ToValidUTF8(name, "\uFFFD"), "is not a known field")
		}
		if err != nil {
			return err
		}
	}
}

// problem says what is wrong with a form that could not be read on.
func (b *formBody) problem(err error) error {
	if b.err != nil {
		return b.err
	}
	if e, told := errors.AsType[*models.Error](err); told {
		return e
	}
	return models.Invalidf("body", "is not a whole form (multipart/form-data)")
}

// takeFile writes a part to the store while it comes in.
func (a *API) takeFile(c echo.Context, actor models.Actor, form *fileForm, body *formBody, part *multipart.Part) (err error) {
	if form.upload != nil {
		return models.Invalidf("file", "is there twice")
	}
	form.fileName = part.FileName()
	if form.upload, err = a.Store.BeginUpload(c.Request().Context(), actor); err != nil {
		return err
	}
	body.allow(a.MaxFile)
	piece := make([]byte, formPiece)
	for {
		n, err := fill(part, piece)
		if n > 0 {
			if _, err := form.upload.Write(piece[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return body.problem(err)
		}
	}
}

// fill reads until a piece is full or there is no more; unlike io.ReadFull, it tells an end from a part that was cut off.
func fill(r io.Reader, piece []byte) (n int, err error) {
	for n < len(piece) && err == nil {
		var more int
		more, err = r.Read(piece[n:])
		n += more
	}
	return n, err
}

// takeField reads a part that is no file.
func (form *fileForm) takeField(name string, body *formBody, part *multipart.Part) error {
	if _, twice := form.fields[name]; twice {
		return models.Invalidf(name, "is there twice")
	}
	body.allow(maxFormField)
	value, err := io.ReadAll(io.LimitReader(part, maxFormField+1))
	if err != nil {
		return body.problem(err)
	}
	if len(value) > maxFormField {
		return models.Invalidf(name, "is too long")
	}
	form.fields[name] = string(value)
	if name == "metadata" && len(value) > 0 && Unmarshal(value, &form.metadata) != nil {
		return models.Invalidf(name, "must be a JSON object, and not nested too deeply")
	}
	return nil
}

// check tells what is wrong with a form that has come in whole.
func (form *fileForm) check() error {
	_, link := form.fields["url"]
	switch {
	case link && form.upload != nil:
		return models.Invalidf("url", "belongs to a file that lives elsewhere; send a file or a url")
	case !link && form.upload == nil:
		return models.Invalidf("file", "is required, or a url")
	}
	return nil
}
