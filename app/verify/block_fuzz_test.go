package verify

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// readBlocks reads all whole blocks.
func readBlocks(t *testing.T, from io.Reader) (all []block) {
	t.Helper()
	reader := newBlocks(from)
	for {
		b, err := reader.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return all
		}
		all = append(all, b)
	}
}

// plainly reads the same in the plainest way: all line ends made alike, and what follows the last one dropped.
func plainly(text string) (all []block) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(text, "\n")
	lines[0] = strings.TrimPrefix(lines[0], "\uFEFF")
	var f fields
	some := false
	for _, line := range lines[:len(lines)-1] {
		if line != "" {
			f.take(line)
			some = true
			continue
		}
		if some {
			all = append(all, f.whole())
		}
		f, some = fields{}, false
	}
	return all
}

// A stream is read alike in whatever pieces it comes, and no input breaks the reader. What the server writes is read
// back as it was.
func FuzzBlocks(f *testing.F) {
	f.Add("retry: 1915\nid: 0\nevent: online\ndata: {}\n\n", "1", "message", "{}")
	f.Add("id: 7\n\nid: 8\n\n", "", "", "")
	f.Add("\uFEFFid: 1\r\rdata: a\r\ndata: b\r\n\r\n: comment\n\n", "x", "y", "\u2028")
	f.Add("id: 1\nevent: message\ndata: cut off", "1", "message", "cut")
	f.Add("retry: 99999999999999999999\nid: a\x00b\ndata\ndata:\n\n\n\n", "00", ":", ": ")
	f.Add("\r\n\n\r\r\r\n", " 1", " ", "")
	f.Fuzz(func(t *testing.T, text, id, event, data string) {
		if len(text) > blockMost/2 {
			return
		}
		want := plainly(text)
		for name, reader := range map[string]io.Reader{
			"at once": strings.NewReader(text), "by the byte": iotest.OneByteReader(strings.NewReader(text)),
			"in halves": iotest.HalfReader(strings.NewReader(text)), "to the end": iotest.DataErrReader(strings.NewReader(text)),
		} {
			if got := readBlocks(t, reader); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s %q is read as %+v, not %+v", name, text, got, want)
			}
		}
		if strings.ContainsAny(id+event+data, "\r\n\x00") {
			return
		}
		written := "id: " + id + "\nevent: " + event + "\ndata: " + data + "\n\n"
		if got := readBlocks(t, strings.NewReader(written+written[:len(written)-1])); len(got) != 1 ||
			got[0] != (block{id: id, hasID: true, event: event, data: data, lines: 1}) {
			t.Fatalf("%q is read as %+v", written, got)
		}
	})
}

func TestBlockWithoutEndIsRefused(t *testing.T) {
	for name, endless := range map[string]string{"a line": "x", "lines": "data: x\n", "comments": ":\n"} {
		reader := newBlocks(endlessly(endless))
		if _, err := reader.next(); !errors.Is(err, errBlockTooLarge) {
			t.Errorf("%s without an end: %v", name, err)
		}
	}
}

// endlessly repeats a text.
type endlessly string

func (e endlessly) Read(p []byte) (n int, err error) {
	for n+len(e) <= len(p) {
		n += copy(p[n:], e)
	}
	return n, nil
}

func TestRetryIsDigitsAlone(t *testing.T) {
	for text, want := range map[string]time.Duration{"1500": 1500 * time.Millisecond, "0": 0, "-1": -1, "1.5": -1, "x": -1, "": -1, "+1": -1, "1e3": -1} {
		got := readBlocks(t, strings.NewReader("retry: "+text+"\n\n"))
		if len(got) != 1 || got[0].hasRetry != (want >= 0) || got[0].hasRetry && got[0].retry != want {
			t.Errorf("retry: %q is read as %+v", text, got)
		}
	}
}
