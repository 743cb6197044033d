package costs

import (
	"bytes"
	"net"
	"testing"
)

// Stream is an event stream that is read without allocating.
type Stream struct {
	t      testing.TB
	conn   net.Conn
	buffer []byte
	have   int // unread bytes in buffer
}

// streamBytes: more than what waits for a stream here at any time.
const streamBytes = 16 << 10

// OpenStream opens a stream, and returns when it is live.
func OpenStream(t testing.TB, addr, token string) *Stream {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the server may have closed it
	s := &Stream{t: t, conn: conn, buffer: make([]byte, streamBytes)}
	if _, err := conn.Write(Request("GET", "/v1/stream", token, "")); err != nil {
		t.Fatal(err)
	}
	s.until([]byte("event: online\n"))
	return s
}

var messageEvent = []byte("event: message\n")

// Next waits for a message.
func (s *Stream) Next() { s.until(messageEvent) }

// until reads up to the end of the block in which something stands; other blocks, such as heartbeats and the news of other
// streams, are passed over.
func (s *Stream) until(what []byte) {
	for {
		if at := bytes.Index(s.buffer[:s.have], what); at >= 0 {
			if end := bytes.Index(s.buffer[at:s.have], []byte("\n\n")); end >= 0 {
				s.have = copy(s.buffer, s.buffer[at+end+2:s.have])
				return
			}
		} else if s.have > len(s.buffer)/2 {
			keep := len(what)
			s.have = copy(s.buffer, s.buffer[s.have-keep:s.have])
		}
		n, err := s.conn.Read(s.buffer[s.have:])
		if err != nil {
			s.t.Fatal(err)
		}
		s.have += n
	}
}
