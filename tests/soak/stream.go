//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"parley/tests/rig"
)

// phase is where a stream is.
type phase int

const (
	away    phase = iota // no connection; it comes back at until
	opening              // asked for, and nothing has come yet
	live
	held    // live, and left unread until until: a slow reader
	leaving // its session is being logged out; the server will end it
)

// stream is one event stream over all its connections.
type stream struct {
	readers *readers
	track   *track
	owner   int
	slow    bool
	narrow  bool // its connection has a small buffer
	device  int  // which session of the client; a new one after each log-out

	phase phase
	until time.Time
	begun time.Time // of opening
	fd    int

	events rig.Events
	last   int64  // the id to resume from; 0: none has come
	bye    string // the reason that the server gave for its end
}

func (s *stream) String() string {
	return fmt.Sprintf("the stream of %s, device %d", s.track.client, s.device)
}

// Received takes what has been read. What is wrong about a stream is a finding and ends that stream.
func (s *stream) Received(data []byte, _ time.Time) error {
	if err := s.events.Take(data, s.block); err != nil {
		return s.Ended(err)
	}
	return nil
}

// block takes one event or heartbeat in.
func (s *stream) block(block []byte) error {
	var id int64
	var event, data []byte
	for line := range bytes.Lines(block) {
		field, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(": "))
		switch string(field) {
		case "id":
			var err error
			if id, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return err
			}
		case "event":
			event = value
		case "data":
			data = value
		}
	}
	s.event(string(event), id, data)
	if s.phase == opening {
		s.phase = live // on a resume what was missed comes before the greeting
	}
	if id > 0 {
		s.last = max(s.last, id)
	}
	return nil
}

func (s *stream) event(event string, id int64, data []byte) {
	l, r := s.readers.ledger, s.readers
	switch event {
	case "", "schedule", "offline":
	case "online", "reconnect":
		if id == 0 {
			break // another session of the client
		}
		if event == "online" {
			l.began(s.track, id)
		} else {
			r.resumes++
		}
	case "resync":
		// Of a chat room it says that this alone has lost something, which chat rooms may.
		if !bytes.Contains(data, []byte(`"conversationId":`)) {
			r.findings.add("%v: resync where nothing is too old: %s", s, data)
		}
	case "disconnect":
		s.bye = between(data, `"reason":"`)
	case "message":
		if id == 0 {
			r.transient++
			break
		}
		number, _ := numberOf(between(data, `"text":"`)) // one that has none is not equal to what is due
		l.came(s.track, between(data, `"conversationId":"`), entry{id, number})
	default:
		l.came(s.track, between(data, `"conversationId":"`), entry{id, eventNumber})
	}
}

// between gives what stands between a beginning and the next quotation mark: ids, names and texts here need no escapes.
func between(data []byte, beginning string) string {
	_, after, _ := bytes.Cut(data, []byte(beginning))
	value, _, _ := bytes.Cut(after, []byte(`"`))
	return string(value)
}

// Ended is called when the server has ended the connection, or it broke. It has to have been asked for, or to be a slow reader's.
func (s *stream) Ended(err error) error {
	switch {
	case s.phase == leaving && s.bye == "logged_out":
		s.device++
		s.readers.logouts++
	case s.slow && (s.bye == "" || s.bye == "slow_consumer"):
		s.readers.stalls++
	default:
		s.readers.findings.add("%v ended in its phase %d, reason %q: %v", s, s.phase, s.bye, err)
	}
	return s.readers.hangUp(s, false)
}
