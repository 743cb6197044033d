package tests

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// inStore keeps a server's files somewhere.
func inStore(files FileStore) func(*app.Config) {
	return func(c *app.Config) { c.FilesURL = files.URL }
}

// picture is a real PNG.
func picture(t testing.TB, width, height int) []byte {
	t.Helper()
	made := image.NewRGBA(image.Rect(0, 0, width, height))
	made.Set(1, 1, color.RGBA{R: 200, A: 255})
	var b bytes.Buffer
	if err := png.Encode(&b, made); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sound is a WAV of a second and a half: 8,000 samples of one byte a second.
func sound() []byte {
	const rate, samples = 8000, 12000
	b := []byte("RIFF")
	b = binary.LittleEndian.AppendUint32(b, 36+samples)
	b = append(b, "WAVEfmt "...)
	for _, v := range []uint32{16, 1 | 1<<16, rate, rate, 1 | 8<<16} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, samples)
	return append(b, bytes.Repeat([]byte{128}, samples)...)
}

func TestFileIsMeasuredKeptAndSentBack(t *testing.T) {
	EveryFileStore(t, func(t *testing.T, db string, files FileStore) {
		s := Start(t, db, inStore(files))
		tom := s.Login(t, "Tom", "")
		for _, try := range []struct {
			name     string
			data     []byte
			metadata string
			mimeType string
			want     JSON
		}{
			{"cheese.png", picture(t, 64, 48), "", "image/png", JSON{"format": "png", "width": 64.0, "height": 48.0}},
			// What is measured is not a matter of opinion; what is not, the client says.
			{"cheese.txt", picture(t, 3, 2), `{"width":9000,"format":"gif","album":"cats","duration":1.5}`, "image/png",
				JSON{"format": "png", "width": 3.0, "height": 2.0, "album": "cats", "duration": 1.5}},
			{"squeak.wav", sound(), `{"size":1}`, "audio/wav", JSON{"format": "wav", "duration": 1.5}},
			{"note.txt", []byte("Jerry, get up!"), "null", "text/plain", JSON{}},
			{"起床 🧀.bin", RandomBytes(300_000), `{}`, "application/octet-stream", JSON{}},
			{"empty", nil, "", "", JSON{}},
		} {
			var fields []string
			if try.metadata != "" {
				fields = []string{"metadata", try.metadata}
			}
			record := tom.Keep(t, try.name, try.data, fields...)
			try.want["size"] = float64(len(try.data))
			if record["name"] != try.name || record["size"] != try.want["size"] || fmt.Sprint(record["metadata"]) != fmt.Sprint(try.want) {
				t.Errorf("%s became %v, its metadata should be %v", try.name, record, try.want)
			}
			if got := record["mimeType"]; try.mimeType != "" && got != try.mimeType {
				t.Errorf("%s is a %v", try.name, got)
			}
			if _, err := time.Parse("2006-01-02T15:04:05.000Z", record["createdAt"].(string)); err != nil {
				t.Error(err)
			}
			if again := tom.Do(t, "GET", "/v1/files/"+record["id"].(string), nil).Want(200).Object(); fmt.Sprint(again) != fmt.Sprint(record) {
				t.Errorf("the record is read as %v", again)
			}
			bytesAre(t, s.Fetch(t, record["url"]).Want(200), try.data)
			bytesAre(t, tom.Do(t, "GET", "/v1/files/"+record["id"].(string)+"/content", nil).Want(200), try.data)
		}
	})
}

func bytesAre(t testing.TB, a *Answer, want []byte) {
	t.Helper()
	if !bytes.Equal(a.Body, want) {
		t.Errorf("%d bytes came back, not the %d that were sent", len(a.Body), len(want))
	}
	if got := a.Header.Get("Content-Length"); got != fmt.Sprint(len(want)) {
		t.Errorf("Content-Length is %q", got)
	}
}

func TestContentByRangesAndConditions(t *testing.T) {
	EveryFileStore(t, func(t *testing.T, db string, files FileStore) {
		s := Start(t, db, inStore(files))
		data := RandomBytes(1 << 20)
		record := s.Login(t, "Tom", "").Keep(t, "a.bin", data)
		url, size := record["url"].(string), len(data)
		whole := s.Fetch(t, url).Want(200)
		etag, modified := whole.Header.Get("ETag"), whole.Header.Get("Last-Modified")
		if whole.Header.Get("Accept-Ranges") != "bytes" || !strings.HasPrefix(etag, `"`) || modified == "" {
			t.Fatalf("the headers are %v", whole.Header)
		}
		for asked, want := range map[string][2]int{"0-0": {0, 1}, "0-1023": {0, 1024}, "500000-600000": {500_000, 600_001}, "-10": {size - 10, size},
			fmt.Sprint(size-1, "-"): {size - 1, size}, "1000000-99999999": {1_000_000, size}} {
			part := s.Fetch(t, url, "Range", "bytes="+strings.ReplaceAll(asked, " ", "")).Want(206)
			bytesAre(t, part, data[want[0]:want[1]])
			if got := part.Header.Get("Content-Range"); got != fmt.Sprintf("bytes %d-%d/%d", want[0], want[1]-1, size) {
				t.Errorf("%s is answered with Content-Range %q", asked, got)
			}
		}
		outside := s.Fetch(t, url, "Range", fmt.Sprintf("bytes=%d-", size)).WantProblem(416, "range_not_satisfiable", "")
		if got := outside.Header.Get("Content-Range"); got != fmt.Sprintf("bytes */%d", size) {
			t.Errorf("outside of the file Content-Range is %q", got)
		}
		bytesAre(t, s.Fetch(t, url, "Range", "bytes=0-1,5-9").Want(200), data) // several ranges: the whole
		bytesAre(t, s.Fetch(t, url, "Range", "bytes=0-4", "If-Range", etag).Want(206), data[:5])
		bytesAre(t, s.Fetch(t, url, "Range", "bytes=0-4", "If-Range", `"another"`).Want(200), data)
		for header, value := range map[string]string{"If-None-Match": `"x", ` + etag, "If-Modified-Since": modified} {
			if a := s.Fetch(t, url, header, value).Want(304); len(a.Body) > 0 || a.Header.Get("ETag") != etag {
				t.Errorf("%s: %d bytes, %v", header, len(a.Body), a.Header)
			}
		}
		s.Fetch(t, url, "If-None-Match", `"another"`).Want(200)
		s.Fetch(t, url, "If-Match", `"another"`).WantProblem(412, "precondition_failed", "")
		path := strings.TrimPrefix(url, s.URL)
		head := s.Nobody(t).Do(t, "HEAD", path, nil).Want(200)
		for _, name := range []string{"Content-Length", "Content-Type", "ETag", "Content-Disposition", "Last-Modified", "Accept-Ranges"} {
			if head.Header.Get(name) != whole.Header.Get(name) {
				t.Errorf("HEAD says %s: %q, GET %q", name, head.Header.Get(name), whole.Header.Get(name))
			}
		}
		s.Nobody(t).Do(t, "HEAD", path, nil, "If-None-Match", etag).Want(304)
		s.Nobody(t).Do(t, "HEAD", path, nil, "Range", "bytes=0-9").Want(206)
	})
}

func TestLinkToAFileThatLivesElsewhere(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		const link = "http://pic2.example.org/6c10e6053c.gif?size=b"
		asJSON := tom.Do(t, "POST", "/v1/files", JSON{"name": "萌妹子", "url": link, "metadata": JSON{"size": 17, "who": "guide"}}).Want(201).Object()
		asForm := tom.Upload(t, "", nil, "name", "萌妹子", "url", link, "metadata", `{"size":17,"who":"guide"}`).Want(201).Object()
		for _, record := range []JSON{asJSON, asForm} {
			if record["url"] != link || record["name"] != "萌妹子" || record["mimeType"] != "image/gif" || record["size"] != 17.0 ||
				fmt.Sprint(record["metadata"]) != "map[size:17 who:guide]" {
				t.Errorf("the record is %v", record)
			}
			path := "/v1/files/" + record["id"].(string)
			if again := tom.Do(t, "GET", path, nil).Want(200).Object(); fmt.Sprint(again) != fmt.Sprint(record) {
				t.Errorf("read as %v", again)
			}
			tom.Do(t, "GET", path+"/content", nil).WantProblem(404, "file_elsewhere", "")
		}
		bare := tom.Do(t, "POST", "/v1/files", JSON{"url": "https://example.org"}).Want(201).Object()
		if bare["name"] != "example.org" || bare["mimeType"] != "application/octet-stream" || bare["size"] != nil || fmt.Sprint(bare["metadata"]) != "map[]" {
			t.Errorf("with nothing but a url: %v", bare)
		}
	})
}

func TestUploadsThatAreRefused(t *testing.T) {
	FileStores(t, func(t *testing.T, db string, files FileStore) {
		s := Start(t, db, inStore(files), func(c *app.Config) { c.MaxFileBytes = 10_000 })
		tom := s.Login(t, "Tom", "")
		for _, try := range []struct {
			field string
			form  Form
		}{
			{"file", FileForm(t, "", nil)},
			{"file", FileForm(t, "", nil, "name", "x")},
			{"url", FileForm(t, "a.txt", []byte("x"), "url", "https://example.org/x")},
			{"url", FileForm(t, "", nil, "url", "ftp://example.org/x")},
			{"url", FileForm(t, "", nil, "url", "javascript:alert(1)")},
			{"url", FileForm(t, "", nil, "url", "https://example.org/"+strings.Repeat("x", 2048))},
			{"url", FileForm(t, "", nil, "url", "https://example.org/"+strings.Repeat("x", 20_000))},
			{"metadata", FileForm(t, "a.txt", []byte("x"), "metadata", "[]")},
			{"metadata.a", FileForm(t, "a.txt", []byte("x"), "metadata", `{"a":`)},
			{"metadata.a", FileForm(t, "a.txt", []byte("x"), "metadata", `{"a":1,"a":2}`)},
			{"metadata", FileForm(t, "a.txt", []byte("x"), "metadata", `{"a":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`)},
			{"metadata.a", FileForm(t, "a.txt", []byte("x"), "metadata", "{\"a\":\"\xff\"}")},
			{"metadata", FileForm(t, "a.txt", []byte("x"), "metadata", `{"a":"`+strings.Repeat("x", 8192)+`"}`)},
			{"metadata", FileForm(t, "a.txt", []byte("x"), "metadata", "{}", "metadata", "{}")},
			{"name", FileForm(t, "a.txt", []byte("x"), "name", strings.Repeat("x", 256))},
			{"name", FileForm(t, strings.Repeat("ü", 256), []byte("x"))},
			{"owner", FileForm(t, "a.txt", []byte("x"), "owner", "Jerry")},
			{"body", Form{Body: []byte("nonsense"), ContentType: "multipart/form-data; boundary=x"}},
			{"body", Form{Body: nil, ContentType: "multipart/form-data; boundary=x"}},
			{"body", Form{Body: []byte("--x\r\n\r\n"), ContentType: "multipart/form-data"}},
			{"body", Form{Body: []byte("--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nhalf"), ContentType: "multipart/form-data; boundary=x"}},
			{"body", Form{Body: []byte("--x\r\n\r\na part without a name\r\n--x--\r\n"), ContentType: "multipart/form-data; boundary=x"}},
			{"url", Form{Body: []byte(`{"name":"x"}`), ContentType: "application/json"}},
			{"url", Form{Body: []byte(`{"url":"/relative"}`), ContentType: "application/json"}},
			{"size", Form{Body: []byte(`{"url":"https://example.org/x","size":1}`), ContentType: "application/json"}},
			{"metadata", Form{Body: []byte(`{"url":"https://example.org/x","metadata":7}`), ContentType: "application/json"}},
		} {
			tom.Do(t, "POST", "/v1/files", try.form.Body, "Content-Type", try.form.ContentType).WantProblem(400, "validation_failed", try.field)
		}
		twice := FileForm(t, "a.txt", []byte("x"))
		twice.Body = append(bytes.TrimSuffix(twice.Body, []byte("--\r\n")), "\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--"+strings.Split(twice.ContentType, "boundary=")[1]+"--\r\n"...)
		tom.Do(t, "POST", "/v1/files", twice.Body, "Content-Type", twice.ContentType).WantProblem(400, "validation_failed", "file")
		for _, contentType := range []string{"", "text/plain", "multipart/mixed; boundary=x", "application/x-www-form-urlencoded"} {
			tom.Do(t, "POST", "/v1/files", "x", "Content-Type", contentType).WantProblem(415, "unsupported_media_type", "")
		}
		tom.Upload(t, "a.bin", RandomBytes(10_001)).WantProblem(413, "body_too_large", "")
		tom.Upload(t, "a.bin", RandomBytes(5<<20)).WantProblem(413, "body_too_large", "")
		huge := "--x\r\nX-Header: " + strings.Repeat("x", 1<<20) + "\r\n\r\n\r\n--x--\r\n"
		tom.Do(t, "POST", "/v1/files", huge, "Content-Type", "multipart/form-data; boundary=x").WantProblem(413, "body_too_large", "")
		s.Nobody(t).Upload(t, "a.txt", []byte("x")).WantProblem(401, "credentials_missing", "")
		s.AppKeyHolder(t).Upload(t, "a.txt", []byte("x")).WantProblem(403, "session_required", "")
		tom.Keep(t, "a.bin", RandomBytes(10_000)) // as large as one may be
		files.WantStored(t, db, 1)
	})
}

func TestUploadReportsAFullForm(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	tom := s.Login(t, "Tom", "")
	// A name beside the file wins, in whatever order the fields come.
	record := tom.Keep(t, "IMG_0001.PNG", picture(t, 2, 2), "name", "cheese.png", "metadata", `{"album":"cats"}`)
	if record["name"] != "cheese.png" || record["metadata"].(JSON)["album"] != "cats" {
		t.Errorf("the record is %v", record)
	}
	answer := tom.Upload(t, "x", []byte("x")).Want(http.StatusCreated)
	if answer.Header.Get("Location") != "/v1/files/"+answer.Object()["id"].(string) {
		t.Errorf("Location is %q", answer.Header.Get("Location"))
	}
	if token := strings.Split(record["url"].(string), "token=")[1]; len(token) != base64.RawURLEncoding.EncodedLen(24) {
		t.Errorf("the token is %q", token)
	}
}
