//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
)

// mostFile: small files, as the soak is about what is left behind and not about throughput.
const mostFile = 8 << 10

// upload uploads a file, reads its record and its bytes back, and sends it to a group.
func (c *course) upload(ctx context.Context, turn int) error {
	g := c.group()
	from := g.member()
	token, err := c.town.sending(from)
	if err != nil {
		return err
	}
	content := bytes.Repeat(fmt.Appendf(nil, "file %d\n", turn), 1+rand.IntN(mostFile/16))
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", fmt.Sprintf("%d.txt", turn))
	if err == nil {
		_, err = part.Write(content)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	var file struct{ ID, URL string }
	q := call{kind: "upload", method: http.MethodPost, path: "/v1/files", token: token, body: form.Bytes(), contentType: w.FormDataContentType(), want: http.StatusCreated}
	if err := c.caller.ask(ctx, q, &file); err != nil {
		return err
	}
	if err := c.readFile(ctx, token, file.ID, file.URL, content); err != nil {
		return err
	}
	return say(ctx, c.town, c.caller, c.ledger, g, from, object{"id": file.ID})
}

func (c *course) readFile(ctx context.Context, token, id, at string, content []byte) error {
	_, record, err := c.caller.do(ctx, call{kind: "read a file's record", path: "/v1/files/" + id, token: token})
	if err != nil {
		return err
	}
	var answer struct{ Size int }
	if err := json.Unmarshal(record, &answer); err != nil || answer.Size != len(content) {
		return fmt.Errorf("a file of %d bytes has the record %.300s, %w", len(content), record, err)
	}
	u, err := url.Parse(at)
	if err != nil {
		return err
	}
	_, have, err := c.caller.do(ctx, call{kind: "read a file", path: u.RequestURI(), token: token})
	if err == nil && !bytes.Equal(have, content) {
		err = fmt.Errorf("a file of %d bytes came back as %d others", len(content), len(have))
	}
	c.files.Add(1)
	return err
}
