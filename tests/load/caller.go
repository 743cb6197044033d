//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"parley/tests/rig"
)

// caller is one keep-alive connection on which requests are made, one at a time.
type caller struct {
	fd     int
	status []byte // how every answer must begin
	busy   bool
	begun  time.Time // of the request that is under way
	rest   []byte    // an incomplete answer
	// answered is handed every whole answer, header and all; the bytes are the connection's.
	answered func(c *caller, answer []byte, now time.Time) error
}

func (c *caller) String() string { return "a caller" }

// statusLine is how an answer with a status begins.
func statusLine(status int) []byte { return fmt.Appendf(nil, "HTTP/1.1 %d ", status) }

// dialCallers opens connections, each to its address, whose requests are to be answered with one status.
func dialCallers(l *rig.Loop, addrOf func(i int) string, n, status int, answered func(c *caller, answer []byte, now time.Time) error) ([]*caller, error) {
	callers := make([]*caller, n)
	for i := range callers {
		callers[i] = &caller{status: statusLine(status), answered: answered}
		if err := l.Dial(addrOf(i), func(fd int) rig.Conn { callers[i].fd = fd; return callers[i] }); err != nil {
			return nil, err
		}
	}
	return callers, nil
}

func (c *caller) send(request []byte) error {
	c.busy, c.begun = true, time.Now()
	return rig.WriteAll(c.fd, request)
}

// Received reads one answer.
func (c *caller) Received(data []byte, now time.Time) error {
	if !c.busy {
		return fmt.Errorf("an answer without a request: %.300q", data)
	}
	if len(c.rest) > 0 {
		c.rest = append(c.rest, data...)
		data = c.rest
	}
	length, err := answerLength(data)
	if err != nil {
		return fmt.Errorf("%w: %.1000q", err, data)
	}
	if length == 0 || length > len(data) {
		if len(c.rest) == 0 {
			c.rest = append(c.rest, data...)
		}
		return nil
	}
	if length < len(data) || !bytes.HasPrefix(data, c.status) {
		return fmt.Errorf("not one answer that begins with %q: %.1000q", c.status, data)
	}
	c.busy, c.rest = false, c.rest[:0]
	return c.answered(c, data, now)
}

var (
	headerEnd     = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
	chunked       = []byte("\r\nTransfer-Encoding: chunked")
	lastChunk     = []byte("\r\n0\r\n\r\n") // no JSON has it: line ends are escaped there
)

// answerLength gives the length of an answer with its header, 0 while that is not known.
func answerLength(data []byte) (int, error) {
	end := bytes.Index(data, headerEnd)
	if end < 0 {
		return 0, nil
	}
	if at := bytes.Index(data[:end], contentLength); at >= 0 {
		value, _, _ := bytes.Cut(data[at+len(contentLength):end], []byte("\r\n"))
		n, err := strconv.Atoi(string(value))
		return end + len(headerEnd) + n, err
	}
	if !bytes.Contains(data[:end], chunked) {
		return 0, errors.New("an answer of unknown length")
	}
	if bytes.HasSuffix(data[end:], lastChunk) {
		return len(data), nil
	}
	return 0, nil
}
