//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// stream is an event stream read for its blocks alone: it counts them, and sees by their ids whether one came twice.
type stream struct {
	name string
	fd   int

	headed bool // the response's header has been read
	chunk  chunks
	rest   []byte // an incomplete header or block

	blocks     int
	messages   int
	heartbeats int
	lastID     int64
	// reconnected: what was missed is there.
	reconnected bool
	// message is called for every message with its block.
	message func(block []byte, now time.Time)
}

func (s *stream) String() string { return "the stream of " + s.name }

func (s *stream) received(data []byte, now time.Time) error {
	if !s.headed {
		s.rest = append(s.rest, data...)
		header, body, whole := bytes.Cut(s.rest, []byte("\r\n\r\n"))
		if !whole {
			return nil
		}
		if !bytes.HasPrefix(header, []byte("HTTP/1.1 200 ")) || !bytes.Contains(header, []byte("\r\nTransfer-Encoding: chunked")) {
			return fmt.Errorf("the answer is not a stream: %.1000q", s.rest)
		}
		s.headed, s.rest, data = true, nil, bytes.Clone(body)
	}
	return s.chunk.each(data, func(payload []byte) error { return s.payload(payload, now) })
}

var blockEnd = []byte("\n\n")

// payload cuts what has come into blocks. It nearly always ends with one, because the server flushes whole blocks.
func (s *stream) payload(data []byte, now time.Time) error {
	if len(s.rest) > 0 {
		s.rest = append(s.rest, data...)
		data = s.rest
	}
	for {
		end := bytes.Index(data, blockEnd)
		if end < 0 {
			break
		}
		if err := s.block(data[:end+1], now); err != nil {
			return err
		}
		data = data[end+len(blockEnd):]
	}
	if len(data) == 0 {
		s.rest = nil
		return nil
	}
	s.rest = append(s.rest[:0], data...)
	return nil
}

var (
	fieldID      = []byte("id: ")
	fieldRetry   = []byte("retry: ")
	eventMessage = []byte("event: message\n")
)

// The events beside messages that an undisturbed stream has.
var (
	eventOnline    = []byte("event: online\n")
	eventReconnect = []byte("event: reconnect\n")
)

func (s *stream) block(block []byte, now time.Time) error {
	s.blocks++
	if bytes.HasPrefix(block, fieldRetry) {
		_, block, _ = bytes.Cut(block, []byte("\n"))
	}
	id := int64(0)
	if bytes.HasPrefix(block, fieldID) {
		line, fields, _ := bytes.Cut(block[len(fieldID):], []byte("\n"))
		var err error
		if id, err = strconv.ParseInt(string(line), 10, 64); err != nil {
			return err
		}
		block = fields
	}
	switch {
	case bytes.HasPrefix(block, eventMessage):
		if id <= s.lastID {
			return fmt.Errorf("message %d came after %d: doubled, or out of order", id, s.lastID)
		}
		s.lastID = id
		s.messages++
		if s.message != nil {
			s.message(block, now)
		}
		return nil
	case len(block) == 0:
		s.heartbeats++
		return nil
	case bytes.HasPrefix(block, eventReconnect):
		s.reconnected = true
		return nil
	case bytes.HasPrefix(block, eventOnline):
		return nil
	}
	return fmt.Errorf("unexpected: %.300q", block)
}

// chunks takes the chunked transfer coding apart (RFC 9112, section 7.1).
type chunks struct {
	left int    // bytes of the current chunk still to come, its CR LF included
	size []byte // an incomplete line with a chunk's size
}

const chunkEnd = len("\r\n")

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

// openAtOnce bounds the streams that are being opened: a burst of them would be measured as a queue.
const openAtOnce = 64

// openTimeout is for all streams together; 10,000 take some seconds, with a session stored for each.
const openTimeout = 90 * time.Second

// openStreams opens streams, each at its address, and waits for the first block of each.
func openStreams(ctx context.Context, l *loop, addrOf func(i int) string, streams []*stream, request func(i int) ([]byte, error)) error {
	opened, asked := 0, 0
	open := func(s *stream, request []byte) error {
		if err := l.dial(addrOf(asked), func(fd int) conn { s.fd = fd; return s }); err != nil {
			return err
		}
		return writeAll(s.fd, request)
	}
	for deadline := time.Now().Add(openTimeout); opened < len(streams); {
		for asked < len(streams) && asked-opened < openAtOnce {
			r, err := request(asked)
			if err != nil {
				return err
			}
			if err := open(streams[asked], r); err != nil {
				return err
			}
			asked++
		}
		// They open about in the order they were asked for, so looking at the oldest is enough.
		done, err := l.until(ctx, deadline, func() bool { return streams[opened].blocks > 0 })
		if err != nil {
			return err
		}
		if !done {
			return fmt.Errorf("%d of %d streams opened in %v", opened, len(streams), openTimeout)
		}
		for opened < asked && streams[opened].blocks > 0 {
			opened++
		}
	}
	return nil
}
