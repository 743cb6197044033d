package verify

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// blockMost bounds a block: the server's largest message is far below it, and a stream without an end of a line must
// not fill the memory.
const blockMost = 4 << 20

var errBlockTooLarge = errors.New("a block of the stream is larger than 4 MB")

// block is one block of an event stream (WHATWG HTML, "Server-sent events"). A heartbeat has an id alone.
type block struct {
	id       string
	hasID    bool
	event    string
	data     string
	lines    int           // of data
	retry    time.Duration // when hasRetry
	hasRetry bool
}

// blocks reads an event stream. A block that is cut off is not given out.
type blocks struct {
	from    *bufio.Reader
	begun   bool // the first line, which may have a byte order mark, is past
	afterCR bool // a line feed next belongs to the line end before
	line    []byte
}

func newBlocks(from io.Reader) *blocks { return &blocks{from: bufio.NewReaderSize(from, 16<<10)} }

// next waits for the next block.
func (b *blocks) next() (block, error) {
	var next fields
	for size, some := 0, false; ; {
		line, err := b.readLine(blockMost - size)
		if err != nil {
			return block{}, err
		}
		size += len(line) + 1
		if line != "" {
			some = true
			next.take(line)
		} else if some {
			return next.whole(), nil
		}
	}
}

// readLine reads to the end of a line: LF, CR or both.
func (b *blocks) readLine(most int) (string, error) {
	b.line = b.line[:0]
	for {
		c, err := b.from.ReadByte()
		if err != nil {
			return "", err
		}
		afterCR := b.afterCR
		b.afterCR = c == '\r'
		if c == '\n' && afterCR {
			continue
		}
		if c == '\n' || c == '\r' {
			break
		}
		if len(b.line) >= most {
			return "", errBlockTooLarge
		}
		b.line = append(b.line, c)
	}
	line := string(b.line)
	if !b.begun {
		b.begun = true
		line = strings.TrimPrefix(line, "\uFEFF")
	}
	return line, nil
}

// fields is a block that is still being read.
type fields struct {
	block
	text []byte // the data
}

func (f *fields) take(line string) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch name {
	case "id":
		if !strings.Contains(value, "\x00") {
			f.id, f.hasID = value, true
		}
	case "event":
		f.event = value
	case "data":
		if f.lines > 0 {
			f.text = append(f.text, '\n')
		}
		f.text = append(f.text, value...)
		f.lines++
	case "retry":
		if ms, err := strconv.ParseUint(value, 10, 31); err == nil {
			f.retry, f.hasRetry = time.Duration(ms)*time.Millisecond, true
		}
	}
}

func (f *fields) whole() block {
	f.data = string(f.text)
	return f.block
}
