//go:build linux

package rig

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Request puts an HTTP/1.1 request together.
func Request(method, path, body string, headers ...string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", method, path)
	for i := 0; i+1 < len(headers); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.WriteString(body)
	return []byte(b.String())
}

// chunks takes the chunked transfer coding apart (RFC 9112, section 7.1).
type chunks struct {
	left int    // bytes of the current chunk still to come, its CR LF included
	size []byte // an incomplete line with a chunk's size
}

const chunkEnd = len("\r\n")

// each hands on what is inside the chunks of what has come.
func (c *chunks) each(data []byte, payload func([]byte) error) error {
	for len(data) > 0 {
		if c.left == 0 {
			end := bytes.IndexByte(data, '\n')
			if end < 0 {
				c.size = append(c.size, data...)
				return nil
			}
			c.size = append(c.size, data[:end]...)
			data = data[end+1:]
			n, err := strconv.ParseInt(string(bytes.TrimSuffix(c.size, []byte("\r"))), 16, 32)
			if err != nil {
				return err
			}
			if n == 0 {
				return errors.New("the server ended the stream")
			}
			c.left, c.size = int(n)+chunkEnd, c.size[:0]
			continue
		}
		part := data[:min(len(data), c.left)]
		data = data[len(part):]
		inside := min(len(part), max(c.left-chunkEnd, 0))
		c.left -= len(part)
		if inside == 0 {
			continue
		}
		if err := payload(part[:inside]); err != nil {
			return err
		}
	}
	return nil
}
