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
	// What is left of a form that was refused is read for this long, so that its sender may see why.
	formRest = 5 * time.Second
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

// fileForm is a form as it comes in.
type fileForm struct {
	body     *formBody
	maxFile  int64
	begin    func() (io.Writer, error) // where the bytes of the file go; asked for when they come
	hasFile  bool
	fileName string
	fields   map[string]string
	metadata models.JSON
}

// upload reads a form and keeps its file, or its link.
func (a *API) upload(c echo.Context, actor models.Actor, boundary string) (*models.File, error) {
	if length := c.Request().ContentLength; length > a.MaxFile+formOverhead {
		return nil, &models.Error{Kind: models.TooLarge, Code: "body_too_large", Detail: fmt.Sprintf("a file may have at most %d bytes", a.MaxFile)}
	}
	ctx, control := c.Request().Context(), http.NewResponseController(c.Response())
	// The one of an earlier request on this connection would pass while the body comes in.
	_ = control.SetWriteDeadline(time.Time{})
	var upload *models.Upload
	form := &fileForm{body: &formBody{body: c.Request().Body, control: control, begun: time.Now()}, maxFile: a.MaxFile,
		fields: map[string]string{}, begin: func() (_ io.Writer, err error) {
			upload, err = a.Store.BeginUpload(ctx, actor)
			return upload, err
		}}
	err := form.readAll(boundary)
	if err == nil && time.Since(form.body.begun) > bodyAtOnce {
		err = a.stillStands(c)
	}
	rest := time.Time{} // a deadline would cut the waiting for the store short
	if err != nil {
		rest = time.Now().Add(formRest)
	}
	_ = control.SetReadDeadline(rest)
	defer func() { _ = control.SetWriteDeadline(time.Now().Add(uploadAnswer)) }()
	switch {
	case err != nil && upload != nil:
		upload.Discard(err)
		return nil, err
	case err != nil:
		return nil, err
	case upload == nil:
		return a.Store.CreateLink(ctx, actor, form.fields["url"], form.fields["name"], form.metadata)
	}
	name, named := form.fields["name"]
	if !named {
		name = form.fileName
	}
	return upload.Finish(ctx, name, form.metadata)
}

// readAll takes the parts of the form as they come.
func (f *fileForm) readAll(boundary string) error {
	if boundary == "" {
		return models.Invalidf("body", "has a Content-Type without a boundary")
	}
	reader := multipart.NewReader(bufio.NewReaderSize(f.body, formPiece), boundary)
	for {
		f.body.allow(0)
		part, err := reader.NextRawPart()
		if err == io.EOF {
			return f.check()
		}
		if err != nil {
			return f.body.problem()
		}
		switch name := part.FormName(); name {
		case "file":
			err = f.takeFile(part)
		case "name", "url", "metadata":
			err = f.takeField(name, part)
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

// problem says why a form could not be read on.
func (b *formBody) problem() error {
	if b.err != nil {
		return b.err
	}
	return models.Invalidf("body", "is not a whole form (multipart/form-data)")
}

// takeFile hands a part on while it comes in.
func (f *fileForm) takeFile(part *multipart.Part) error {
	if f.hasFile {
		return models.Invalidf("file", "is there twice")
	}
	f.hasFile, f.fileName = true, part.FileName()
	into, err := f.begin()
	if err != nil {
		return err
	}
	f.body.allow(f.maxFile)
	piece := make([]byte, formPiece)
	for {
		n, err := fill(part, piece)
		if n > 0 {
			if _, err := into.Write(piece[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return f.body.problem()
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
func (f *fileForm) takeField(name string, part *multipart.Part) error {
	if _, twice := f.fields[name]; twice {
		return models.Invalidf(name, "is there twice")
	}
	f.body.allow(maxFormField)
	value, err := io.ReadAll(io.LimitReader(part, maxFormField+1))
	if err != nil {
		return f.body.problem()
	}
	if len(value) > maxFormField {
		return models.Invalidf(name, "is too long")
	}
	f.fields[name] = string(value)
	if name == "metadata" && len(value) > 0 {
		return unmarshalIn("metadata", value, &f.metadata)
	}
	return nil
}

// check tells what is wrong with a form that has come in whole.
func (f *fileForm) check() error {
	_, link := f.fields["url"]
	switch {
	case link && f.hasFile:
		return models.Invalidf("url", "belongs to a file that lives elsewhere; send a file or a url")
	case !link && !f.hasFile:
		return models.Invalidf("file", "is required, or a url")
	}
	return nil
}
