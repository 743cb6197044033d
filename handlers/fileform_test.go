package handlers

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"parley/models"
)

// timed is a connection that only knows until when it may be read.
type timed struct {
	http.ResponseWriter
	until time.Time
}

func (t *timed) SetReadDeadline(until time.Time) error {
	t.until = until
	return nil
}

// dripping gives so many bytes every interval.
type dripping struct {
	piece    int
	interval time.Duration
	left     int
	now      int // of this piece
}

func (d *dripping) Read(p []byte) (int, error) {
	if d.now == 0 {
		time.Sleep(d.interval)
		d.now = min(d.piece, d.left)
	}
	if d.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), d.now)
	d.now, d.left = d.now-n, d.left-n
	return n, nil
}

// TestSlowUploadMayTakeItsTimeAndAStalledOneNot: a phone that does 8 KB/s uploads 32 MB in over an hour, and whoever sends a
// byte now and then to hold a connection is cut off.
func TestSlowUploadMayTakeItsTimeAndAStalledOneNot(t *testing.T) {
	for name, try := range map[string]struct {
		from dripping
		cut  bool
	}{
		"a slow network":      {dripping{piece: 9 << 10, interval: time.Second, left: 32 << 20}, false},
		"with pauses":         {dripping{piece: 280 << 10, interval: 29 * time.Second, left: 8 << 20}, false},
		"a silent one":        {dripping{piece: 1 << 20, interval: 31 * time.Second, left: 8 << 20}, true},
		"a byte now and then": {dripping{piece: 1, interval: 5 * time.Second, left: 1000}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := &timed{ResponseWriter: httptest.NewRecorder()}
				body := &formBody{body: &try.from, control: http.NewResponseController(conn), begun: time.Now(), left: 1 << 40}
				piece := make([]byte, formPiece)
				for {
					_, err := body.Read(piece)
					if time.Now().After(conn.until) { // the connection would have failed the read
						if !try.cut {
							t.Errorf("cut off after %v with %d bytes", time.Since(body.begun), body.read)
						}
						return
					}
					if err != nil {
						if try.cut {
							t.Error("it was not cut off")
						}
						return
					}
				}
			})
		})
	}
}

// FuzzFileForm: whatever comes, it is a problem of the caller's or a form with all that it has; and no more is taken than
// a file may have, with what surrounds it.
func FuzzFileForm(f *testing.F) {
	part := func(header, body string) string {
		return "--x\r\nContent-Disposition: form-data; " + header + "\r\n\r\n" + body + "\r\n"
	}
	for _, seed := range []string{"", "--x--", part(`name="file"; filename="a.png"`, "bytes") + "--x--\r\n", part(`name="file"`, "") + part(`name="metadata"`, `{"a":1}`) + "--x--",
		part(`name="url"`, "https://example.org/a") + part(`name="name"`, "a") + "--x--\r\n", part(`name="file"; filename*=UTF-8''%e2%82%ac`, "\r\n--x-\r\n--y") + "--x--",
		part(`name="file"`, "a") + part(`name="file"`, "b") + "--x--", "preamble\r\n" + part(`name=""`, "a"), "--x\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=file\r\n\r\nYQ==\r\n--x--",
		strings.Repeat("--x\r\n", 20), part(`name="metadata"`, strings.Repeat("[", 100))} {
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, whole bool) {
		const maxFile = 100
		var kept bytes.Buffer
		var from io.Reader = bytes.NewReader(data)
		if !whole {
			from = io.MultiReader(from, failing{})
		}
		form := &fileForm{body: &formBody{body: from, control: http.NewResponseController(&timed{ResponseWriter: httptest.NewRecorder()}), begun: time.Now()},
			maxFile: maxFile, fields: map[string]string{}, begin: func() (io.Writer, error) { return limited{&kept, maxFile}, nil }}
		err := form.readAll("x")
		if kept.Len() > maxFile {
			t.Errorf("%d bytes were kept", kept.Len())
		}
		if err != nil {
			if e, told := errors.AsType[*models.Error](err); !told || e.Kind != models.Invalid && e.Kind != models.TooLarge {
				t.Errorf("the caller is told %v", err)
			}
			return
		}
		if _, link := form.fields["url"]; form.hasFile == link {
			t.Errorf("a form with file %v and url %v passed", form.hasFile, link)
		}
		for name, value := range form.fields {
			if len(value) > maxFormField {
				t.Errorf("%s has %d bytes", name, len(value))
			}
		}
	})
}

// failing is a connection that is cut off.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// limited keeps what a file may have, as models.Upload does.
type limited struct {
	kept *bytes.Buffer
	most int
}

func (l limited) Write(p []byte) (int, error) {
	if l.kept.Len()+len(p) > l.most {
		return 0, &models.Error{Kind: models.TooLarge, Code: "body_too_large"}
	}
	return l.kept.Write(p)
}

// FuzzDisposition: any name comes back from the header as it is, and the header is one line of ASCII.
func FuzzDisposition(f *testing.F) {
	for _, seed := range []string{"cheese.png", "旧金山 🌁.png", `a"b\c%20d;e'f`, "", " ", "a\u00a0b", "=?UTF-8?Q?x?="} {
		f.Add(seed, "image/png")
	}
	f.Fuzz(func(t *testing.T, name, mimeType string) {
		if !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return // models.cleanFileName has removed them
		}
		header := disposition(&models.File{Name: name, MimeType: mimeType})
		if strings.ContainsFunc(header, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("not a line of ASCII: %q", header)
		}
		kind, parameters, err := mime.ParseMediaType(header)
		if err != nil || parameters["filename"] != name || kind != "inline" && kind != "attachment" {
			t.Errorf("%q is sent as %q: %v", name, header, err)
		}
	})
}
