package harness

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"
)

// RawStream is an event stream on a bare connection: for the exact bytes, for cuts in the middle of a block, and for
// readers that do not read.
type RawStream struct {
	Conn net.Conn
	Body *bufio.Reader
}

// smallSegment is the least that every network carries. Linux sizes the buffer of the sending side by it: on the loopback
// device, whose segments are of 64 KB, that is 2.7 MB otherwise.
const smallSegment = 536

// DialSmall opens a bare connection. A receive buffer over 0 makes the kernel hold little, on the server's side too.
func (s *Server) DialSmall(t testing.TB, receiveBuffer int) (net.Conn, error) {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	dialer := net.Dialer{Timeout: Deadline, Control: func(_, _ string, raw syscall.RawConn) error {
		if receiveBuffer == 0 {
			return nil
		}
		var failed error
		err := raw.Control(func(fd uintptr) {
			failed = errors.Join(syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer),
				syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, smallSegment))
		})
		return errors.Join(err, failed)
	}}
	conn, err := dialer.Dial("tcp", u.Host)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(3 * Deadline))
}

// OpenRaw opens a stream and reads the answer's header. With atMost over 0 the connection gives only so many bytes and
// then ends, wherever that is; the error is then not a failure. The receive buffer is as for DialSmall.
// The error is a Refused when the stream was answered with another status than 200.
func (c *Client) OpenRaw(t testing.TB, lastEventID string, atMost int64, receiveBuffer int) (*RawStream, error) {
	t.Helper()
	conn, err := c.Server.DialSmall(t, receiveBuffer)
	if err != nil {
		return nil, err
	}
	request := fmt.Sprintf("GET /v1/stream HTTP/1.1\r\nHost: parley\r\nAuthorization: %s\r\n", c.Headers["Authorization"])
	if lastEventID != "" {
		request += "Last-Event-ID: " + lastEventID + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	var from io.Reader = conn
	if atMost > 0 {
		from = io.LimitReader(conn, atMost)
	}
	response, err := http.ReadResponse(bufio.NewReader(from), nil)
	if err != nil {
		return &RawStream{Conn: conn}, err
	}
	if response.StatusCode != http.StatusOK {
		body, err := io.ReadAll(response.Body)
		return nil, errors.Join(&Refused{Status: response.StatusCode, Header: response.Header, Body: body}, err, conn.Close())
	}
	return &RawStream{Conn: conn, Body: bufio.NewReader(response.Body)}, nil
}

// Block reads one block as it came, without the empty line that ends it.
func (r *RawStream) Block() (string, error) {
	var block strings.Builder
	for {
		line, err := r.Body.ReadString('\n')
		if err != nil {
			return "", err
		}
		if line == "\n" {
			return block.String(), nil
		}
		block.WriteString(line)
	}
}

// ParseBlock takes a block apart.
func ParseBlock(block string) (id, name, data string) {
	for line := range strings.Lines(block) {
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			data = value
		}
	}
	return id, name, data
}
