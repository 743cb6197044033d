package tests

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"mime"
	"net/http"
	"strings"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// TestNothingThatIsUploadedRuns: what a browser could run comes as an attachment, whatever it calls itself, and what is
// shown can do nothing.
func TestNothingThatIsUploadedRuns(t *testing.T) {
	EveryFileStore(t, func(t *testing.T, db string, files FileStore) {
		s := Start(t, db, inStore(files))
		tom := s.Login(t, "Tom", "")
		const script = "<script>alert(document.domain)</script>"
		for name, try := range map[string]struct {
			data   []byte
			inline bool
		}{
			"page.html": {[]byte("<!DOCTYPE html><html><body>" + script), false}, "cat.png": {[]byte("<html>" + script), false},
			"cat.jpg":     {[]byte("<svg xmlns=\"http://www.w3.org/2000/svg\">" + script + "</svg>"), false},
			"drawing.svg": {[]byte("<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>"), false},
			"feed.xml":    {[]byte("<?xml version=\"1.0\"?><?xml-stylesheet href=\"x.xsl\"?><a/>"), false},
			"paper.pdf":   {[]byte("%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>"), false},
			"app.exe":     {append([]byte("MZ"), make([]byte, 200)...), false}, "run.sh": {[]byte("#!/bin/sh\nrm -rf /\n"), false},
			"page.xhtml": {[]byte("<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\">" + script + "</html>"), false},
			"real.png":   {picture(t, 2, 2), true}, "picture.html": {picture(t, 2, 2), true},
			"polyglot.png": {append(picture(t, 2, 2), script...), true}, "squeak.wav": {sound(), true}, "note.txt": {[]byte("get up"), true},
		} {
			record := tom.Keep(t, name, try.data)
			answer := s.Fetch(t, record["url"]).Want(200)
			header := answer.Header
			kind, parameters, err := mime.ParseMediaType(header.Get("Content-Disposition"))
			if err != nil || (kind == "inline") != try.inline || !try.inline && kind != "attachment" || parameters["filename"] != name {
				t.Errorf("%s (%v) comes as %q", name, record["mimeType"], header.Get("Content-Disposition"))
			}
			if header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(header.Get("Content-Security-Policy"), "sandbox; default-src 'none'") {
				t.Errorf("%s comes with %v", name, header)
			}
			if got := header.Get("Content-Type"); got != record["mimeType"] {
				t.Errorf("%s comes as %q, and is a %v", name, got, record["mimeType"])
			}
			if header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
				t.Errorf("%s: a page of another origin cannot show it: %v", name, header)
			}
		}
	})
}

// TestNamesOfFiles: of paths only the end is left, and nothing that a terminal, a header or a reader's eye falls for.
func TestNamesOfFiles(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	tom := s.Login(t, "Tom", "")
	for name, want := range map[string]string{
		"../../etc/passwd": "passwd", `C:\Users\Tom\cat.png`: "cat.png", "/": "file", "..": "file", ".": "file", "": "file", "  ": "file", `a\`: "file",
		"a\r\nSet-Cookie: x=y": "aSet-Cookie: x=y", "a\x00b\x1b[31m.png": "ab[31m.png", "photo\u202egnp.exe": "photognp.exe", "a\u2028b\u0085c": "abc",
		"旧金山 🌁.png": "旧金山 🌁.png", `a"b;c%20d'e.txt`: `a"b;c%20d'e.txt`, " .hidden ": ".hidden", "\xff\xfe.png": "\uFFFD.png", "שלום.txt": "שלום.txt",
		strings.Repeat("茶", 255): strings.Repeat("茶", 255),
	} {
		record := tom.Keep(t, "upload", []byte("x"), "name", name)
		if record["name"] != want {
			t.Errorf("%q became %q, not %q", name, record["name"], want)
		}
		header := s.Fetch(t, record["url"]).Want(200).Header.Get("Content-Disposition")
		_, parameters, err := mime.ParseMediaType(header)
		if err != nil {
			t.Errorf("%q: %v in %q", name, err, header)
			continue
		}
		// Go's parser prefers filename*, where there is one, as browsers do.
		if got := parameters["filename"]; got != want {
			t.Errorf("%q is saved as %q: %s", name, got, header)
		}
		if strings.ContainsFunc(header, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("the header of %q is not plain ASCII: %q", name, header)
		}
	}
	// The name in the header of the part, which a browser sends.
	if record := tom.Keep(t, `..\..\evil.html`, []byte("x")); record["name"] != "evil.html" {
		t.Errorf("the name is %v", record["name"])
	}
}

// TestPictureThatClaimsToBeHuge: its size is told by its header alone, and costs nothing.
func TestPictureThatClaimsToBeHuge(t *testing.T) {
	t.Parallel()
	process := BuildFastProgram(t).Start(t, FixedKeys()...)
	s := process.Server(t)
	tom := s.Login(t, "Tom", "")
	bomb := bombOf(50_000, 50_000)
	tom.Keep(t, "warm up.png", bomb)
	before := process.Memory(t)
	for range 50 {
		record := tom.Keep(t, "bomb.png", bomb)
		if m := record["metadata"].(JSON); m["width"] != 50_000.0 || m["height"] != 50_000.0 {
			t.Fatalf("measured %v", m)
		}
	}
	if grown := process.Memory(t) - before; grown > 5<<20 {
		t.Errorf("50 of them took %d bytes of memory", grown)
	}
}

// bombOf makes a PNG of about a kilobyte whose header says what one likes.
func bombOf(width, height uint32) []byte {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(data))))
		b.WriteString(kind)
		b.Write(data)
		b.Write(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(append([]byte(kind), data...))))
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	chunk("IHDR", append(header, 8, 6, 0, 0, 0))
	chunk("IDAT", make([]byte, 1000))
	chunk("IEND", nil)
	return b.Bytes()
}

// TestPageOfAnotherOrigin: with CORS its script may upload, read ranges and see the headers that go with them.
func TestPageOfAnotherOriginReadsAFile(t *testing.T) {
	t.Parallel()
	const origin = "https://chat.example.org"
	s := Start(t, SQLite(t), func(c *app.Config) { c.AllowedOrigins = []string{origin} })
	record := s.Login(t, "Tom", "").Keep(t, "a.bin", RandomBytes(100))
	answer := s.Fetch(t, record["url"], "Origin", origin, "Range", "bytes=0-9").Want(http.StatusPartialContent)
	if answer.Header.Get("Access-Control-Allow-Origin") != origin {
		t.Errorf("the headers are %v", answer.Header)
	}
	for _, name := range []string{"Content-Range", "ETag", "Accept-Ranges"} {
		if !strings.Contains(answer.Header.Get("Access-Control-Expose-Headers"), name) {
			t.Errorf("%s is not shown to a script: %v", name, answer.Header)
		}
	}
	preflight := s.Nobody(t).Do(t, "OPTIONS", "/v1/files", nil, "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type").Want(204)
	if got := fmt.Sprint(preflight.Header["Access-Control-Allow-Headers"]); !strings.Contains(got, "Range") {
		t.Errorf("allowed are %s", got)
	}
}

// TestHostileBodiesLeaveMemoryLevel: bombs, depth, endless bodies and forms of nothing but headers cost what they are long, and only
// while they are read.
func TestHostileBodiesLeaveMemoryLevel(t *testing.T) {
	process := BuildFastProgram(t).Start(t, FixedKeys()...)
	s := process.Server(t)
	tom := s.Login(t, "Tom", "")
	messages := "/v1/conversations/" + tom.Create(t, "Jerry") + "/messages"
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write(make([]byte, 20<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	const form = "multipart/form-data; boundary=x"
	var names, parts strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&names, `"%d":0,`, i)
		fmt.Fprintf(&parts, "--x\r\nContent-Disposition: form-data; name=\"%d\"\r\n\r\n\r\n", i)
	}
	tries := []struct {
		path, body, kind, coding string
		status                   int
	}{
		{messages, zipped.String(), "application/json", "gzip", 415}, {"/v1/files", zipped.String(), form, "gzip", 415},
		{messages, `{"type":"x","payload":` + strings.Repeat("[", 15_000) + strings.Repeat("]", 15_000) + "}", "application/json", "", 400},
		{messages, `{"type":"x","payload":{` + names.String()[:32_000], "application/json", "", 400}, {messages, strings.Repeat(" ", 3<<20), "application/json", "", 413},
		{messages, `{"type":"text","text":"` + strings.Repeat(`\u0041`, 5000), "application/json", "", 400},
		{"/v1/files", "--x\r\nX: " + strings.Repeat("x", 3<<20), form, "", 413}, {"/v1/files", "--x\r\n" + strings.Repeat("X: y\r\n", 1<<18), form, "", 400},
		{"/v1/files", parts.String(), form, "", 400}, {"/v1/files", "--x\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n" + strings.Repeat("[", 1<<20), form, "", 400},
	}
	attack := func() { // at once: the server holds a connection whose body it has not read for half a second
		parallel(len(tries), func(i int) {
			try := tries[i]
			answer, err := tom.Try(t, "POST", try.path, try.body, "Content-Type", try.kind, "Content-Encoding", try.coding)
			if err != nil || answer.Status != try.status {
				t.Errorf("%.60q is answered %+v, not %d: %v", try.body, answer, try.status, err)
			}
		})
	}
	attack() // what is made once
	grown := process.GrowthDuring(t, func() {
		for range 5 {
			attack()
		}
	})
	// 50 MB were sent, and 200 MB more were packed in them. What is held between two collections of garbage is some megabytes.
	if grown > 32<<20 {
		t.Errorf("50 hostile bodies took %d bytes of memory", grown)
	}
}

// TestDoubleFieldInAFormWasNotNamed: metadata in a form is read as strictly as in a body, and what is wrong is named likewise.
func TestDoubleFieldInAFormWasNotNamed(t *testing.T) {
	t.Parallel()
	tom := Start(t, SQLite(t)).Login(t, "Tom", "")
	for metadata, field := range map[string]string{
		`{"a":[{"b":1,"b":2}]}`: "metadata.a[0].b", `{"a":1,"\u0061":2}`: "metadata.a", `{"a":"\ud800"}`: "metadata.a", "{\"a\":\"\xff\"}": "metadata.a", `{"a":1}{}`: "metadata",
		"\ufeff{}": "metadata", `{"a":` + strings.Repeat("[", 7000): "metadata.a" + strings.Repeat("[0]", 82) + "…", `[]`: "metadata", `"x"`: "metadata", `{"a":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "}": "metadata",
	} {
		tom.Upload(t, "a.txt", []byte("x"), "metadata", metadata).WantProblem(http.StatusBadRequest, "validation_failed", field)
	}
}
