//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"parley/tests/rig"
)

// stream is an event stream read for its blocks alone: it counts them, and sees by their ids whether one came twice.
type stream struct {
	name string
	fd   int

	events rig.Events

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

func (s *stream) Received(data []byte, now time.Time) error {
	return s.events.Take(data, func(block []byte) error { return s.block(block, now) })
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

// openAtOnce bounds the streams that are being opened: a burst of them would be measured as a queue.
const openAtOnce = 64

// openTimeout is for all streams together; 10,000 take some seconds, with a session stored for each.
const openTimeout = 90 * time.Second

// openStreams opens streams, each at its address, and waits for the first block of each.
func openStreams(ctx context.Context, l *rig.Loop, addrOf func(i int) string, streams []*stream, request func(i int) ([]byte, error)) error {
	opened, asked := 0, 0
	open := func(s *stream, request []byte) error {
		if err := l.Dial(addrOf(asked), func(fd int) rig.Conn { s.fd = fd; return s }); err != nil {
			return err
		}
		return rig.WriteAll(s.fd, request)
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
		done, err := l.Until(ctx, deadline, func() bool { return streams[opened].blocks > 0 })
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
