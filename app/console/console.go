// Package console holds the page at / and the browser client, embedded as they are in the repository: there is no build
// step.
package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed *.html *.css *.js *.ts *.svg
var embedded embed.FS

// Policy is the Content-Security-Policy of the page. Messages may carry pictures, sound and video from anywhere; scripts,
// styles and calls are this server's own. Trusted Types take from every script the means to make markup out of text.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' data: blob: https: http:; media-src 'self' data: blob: https: http:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// pageName is what is served at /.
const pageName = "index.html"

// File is one embedded file, ready to be served.
type File struct {
	Path       string // where it is served: /parley.js; the page at /
	Module     bool   // part of the browser client, which is served also where the page is switched off
	mediaType  string
	etag       string
	plain      []byte
	compressed func() []byte // by gzip, at the first call: a start need not wait for what nobody may ask for
}

// Files reads the embedded files. An error is a mistake of the build: a type that is not known.
func Files() ([]File, error) {
	entries, err := embedded.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var files []File
	for _, entry := range entries {
		f, err := newFile(entry.Name())
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func newFile(name string) (File, error) {
	f := File{Path: "/" + name, Module: name == "parley.js" || name == "parley.d.ts"}
	if name == pageName {
		f.Path = "/"
	}
	// Not the table of the machine it runs on: there, .ts may be a film.
	types := map[string]string{".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".ts": "text/typescript", ".svg": "image/svg+xml"}
	if f.mediaType = types[path.Ext(name)]; f.mediaType == "" {
		return f, fmt.Errorf("%s: the type is not known", name)
	}
	f.mediaType += "; charset=utf-8"
	var err error
	if f.plain, err = embedded.ReadFile(name); err != nil {
		return f, err
	}
	sum := sha256.Sum256(f.plain)
	f.etag = hex.EncodeToString(sum[:8])
	f.compressed = sync.OnceValue(func() []byte { return compress(f.plain) })
	return f, nil
}

func compress(text []byte) []byte {
	var compressed bytes.Buffer
	w, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // the level is one of gzip's, and a buffer takes all that is written
	}
	return compressed.Bytes()
}

// ServeHTTP answers with the file. A browser asks each time whether it has changed, so that an upgrade shows at once.
func (f File) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", f.mediaType)
	header.Set("Cache-Control", "no-cache")
	header.Set("Content-Security-Policy", Policy)
	header.Add("Vary", "Accept-Encoding")
	body, etag := f.plain, f.etag
	// A range is of the plain file; a weight of 0 is not worth a parser: whoever writes one gets what it asked against.
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && r.Header.Get("Range") == "" {
		header.Set("Content-Encoding", "gzip")
		body, etag = f.compressed(), f.etag+"-gzip"
	}
	header.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
