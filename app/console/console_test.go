package console

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

// The browser client is to be read in one sitting.
func TestBrowserClientStaysSmall(t *testing.T) {
	const most = 700
	text, err := os.ReadFile("parley.js")
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(text, []byte("\n")); lines > most {
		t.Errorf("parley.js has %d lines, more than %d", lines, most)
	}
}

func serve(f File, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, f.Path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

func TestFilesAreServedPlainCompressedAndUnchanged(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	for _, f := range files {
		paths[f.Path] = true
		plain := serve(f)
		if plain.Code != http.StatusOK || plain.Header().Get("Content-Encoding") != "" || plain.Header().Get("Content-Security-Policy") != Policy {
			t.Errorf("%s: %d %v", f.Path, plain.Code, plain.Header())
		}
		compressed := serve(f, "Accept-Encoding", "br, gzip")
		reader, err := gzip.NewReader(compressed.Body)
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		unpacked, err := io.ReadAll(reader)
		if err != nil || !bytes.Equal(unpacked, plain.Body.Bytes()) {
			t.Errorf("%s is another one compressed: %v", f.Path, err)
		}
		for _, first := range []*httptest.ResponseRecorder{plain, compressed} {
			tag, encoding := first.Header().Get("ETag"), first.Header().Get("Content-Encoding")
			if again := serve(f, "If-None-Match", tag, "Accept-Encoding", encoding); again.Code != http.StatusNotModified {
				t.Errorf("%s with its ETag %s: %d", f.Path, tag, again.Code)
			}
		}
		if plain.Header().Get("ETag") == compressed.Header().Get("ETag") {
			t.Errorf("%s: both forms have one ETag", f.Path)
		}
	}
	for _, path := range []string{"/", "/parley.js", "/parley.d.ts"} {
		if !paths[path] {
			t.Errorf("%s is not served", path)
		}
	}
}
