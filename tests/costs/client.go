package costs

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"testing"
)

// Client is a connection that allocates nothing: what is counted is the server's.
type Client struct {
	t      testing.TB
	conn   net.Conn
	buffer []byte
}

// bufferBytes holds the largest answer, a page of history sync.
const bufferBytes = 2 << 20

// Dial connects to a server.
func Dial(t testing.TB, addr string) *Client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the server may have closed it
	return &Client{t, conn, make([]byte, bufferBytes)}
}

// Request puts an HTTP/1.1 request together.
func Request(method, path, token, body string) []byte {
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\n", method, path, token)
	if body != "" {
		text += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return []byte(text + "\r\n" + body)
}

// Do makes a request and gives the answer, header and all, until the next call.
func (c *Client) Do(request, statusLine []byte) []byte {
	answer, err := c.Try(request, statusLine)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer
}

// Try is Do for other goroutines than the test's.
func (c *Client) Try(request, statusLine []byte) ([]byte, error) {
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	for n := 0; ; {
		read, err := c.conn.Read(c.buffer[n:])
		if err != nil {
			return nil, err
		}
		n += read
		if !whole(c.buffer[:n]) {
			continue
		}
		if !bytes.HasPrefix(c.buffer[:n], statusLine) {
			return nil, fmt.Errorf("%.300q was answered %.1000q", request, c.buffer[:n])
		}
		return c.buffer[:n], nil
	}
}

var (
	headerEnd     = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
	lastChunk     = []byte("\r\n0\r\n\r\n")
)

// whole tells whether an answer has come to its end.
func whole(answer []byte) bool {
	end := bytes.Index(answer, headerEnd)
	if end < 0 {
		return false
	}
	at := bytes.Index(answer[:end], contentLength)
	if at < 0 {
		return bytes.HasSuffix(answer, lastChunk)
	}
	digits := answer[at+len(contentLength):]
	n, err := strconv.Atoi(string(digits[:bytes.IndexByte(digits, '\r')]))
	return err == nil && len(answer) == end+len(headerEnd)+n
}
