package media

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestTypeByContentAndName(t *testing.T) {
	mp3 := strings.Repeat("\xff\xfb\x90\x00"+strings.Repeat("\x00", 413), 8)
	for _, c := range []struct{ name, data, want string }{
		{"a.txt", "hello", "text/plain"},
		{"empty.txt", "", "text/plain"},
		{"a.pdf", "%PDF-1.7\n", "application/pdf"},
		{"a.zip", "PK\x03\x04\x14\x00\x00\x00", "application/zip"},
		{"报告.DOCX", "PK\x03\x04\x14\x00\x00\x00", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		{"a.csv", "nothing that looks like columns", "text/csv"},
		{"readme.md", "# hello", "text/markdown"},
		{"a", "\x00\x01\x02\x03", "application/octet-stream"},

		// A name makes no picture, and a text of the wrong name is no picture.
		{"a.png", "hello", "text/plain"},
		{"a.mp4", "\x00\x01\x02\x03", "application/octet-stream"},
		{"a.html", string(encoded(encodePNG, 3, 3)), "image/png"},

		// Whatever a browser could run is said to be that.
		{"a.png", "<!DOCTYPE html><script>alert(1)</script>", "text/html"},
		{"a.txt", "\xef\xbb\xbf \r\n<html>", "text/html"},
		{"a.txt", "\xff\xfe<\x00s\x00c\x00r\x00i\x00p\x00t\x00>\x00", "text/html"},
		{"a.txt", "<img src=x onerror=alert(1)>", "text/html"},
		{"a.txt", "<unknown-element onclick=alert(1)>", "text/html"},
		{"a.jpg", "<?php echo 1 ?>", "text/html"},
		{"a.html", "hello", "text/html"},
		{"a.svg", "hello", "image/svg+xml"},
		{"a.js", "alert(1)", "text/javascript"},
		{"a.png", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, "image/svg+xml"},
		{"a.png", `<!-- --><svg onload="alert(1)"/>`, "text/html"},
		{"a.svg", `<!-- --><svg onload="alert(1)"/>`, "image/svg+xml"},
		{"a.png", `<?xml version="1.0"?><!DOCTYPE svg><!-- --><svg xmlns="http://www.w3.org/2000/svg"/>`, "image/svg+xml"},
		{"a.mp3", "<script>alert(1)</script><!--" + mp3, "text/html"},
		{"a.mp3", "<x>" + mp3, "text/html"},

		// And what is no markup is not said to be: the box has 60 bytes, which is "<".
		{"a.mp4", "\x00\x00\x00<ftypisom" + strings.Repeat("\x00", 48), "video/mp4"},
	} {
		got := measure(t, []byte(c.data), c.name)
		if got.MIMEType != c.want {
			t.Errorf("%s, %.40q: %s, want %s", c.name, c.data, got.MIMEType, c.want)
		}
		kind, _, _ := strings.Cut(c.want, "/")
		if media := kind == "image" || kind == "audio" || kind == "video"; media != (got.Format != "") {
			t.Errorf("%s, %.40q: the format is %q", c.name, c.data, got.Format)
		}
	}
}

// failing is a store that fails, from the nth read on.
type failing struct {
	r io.ReaderAt
	n int
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if f.n--; f.n < 0 {
		return 0, errors.New("the store is away")
	}
	return f.r.ReadAt(p, off)
}

func TestStoreThatFails(t *testing.T) {
	if got := Measure(&failing{r: strings.NewReader("hello")}, 5, "a.html"); got != (Info{MIMEType: "application/octet-stream"}) {
		t.Errorf("measured %+v of a store that fails", got)
	}
}

// liar says that it has read more, or less, than it can have.
type liar int

func (l liar) ReadAt(p []byte, _ int64) (int, error) {
	copy(p, "\x89PNG\r\n\x1a\n")
	return len(p) + int(l), nil
}

func TestSourceThatLies(t *testing.T) {
	for _, l := range []liar{-1, 1, -1 << 40, 1 << 40} {
		checkSane(t, "liar", Measure(l, 1000, "a.png"))
	}
	data := encoded(encodePNG, 3, 3)
	for _, size := range []int64{-1, 0, 1, 20, 1 << 62} {
		checkSane(t, "wrong size", Measure(bytes.NewReader(data), size, "a.png"))
	}
}

func FuzzMeasure(f *testing.F) {
	for _, samples := range [][]sample{referenceSamples(), imageSamples(), heifSamples(), movieSamples(), fragmentSamples(), webmSamples(),
		mp3Samples(), adtsSamples(), amrSamples(), wavSamples(), oggSamples()} {
		for _, s := range samples {
			if len(s.data) <= 12<<10 { // the fuzzer is slow on long inputs
				f.Add(s.data, s.name)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		got := measure(t, data, name)
		if startsAsMarkup(data) && !isMarkup(got.MIMEType) {
			t.Errorf("markup was taken for %s", got.MIMEType)
		}
	})
}
