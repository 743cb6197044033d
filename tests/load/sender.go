//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// sender is one keep-alive connection on which messages are sent, one at a time.
type sender struct {
	fd       int
	busy     bool
	rest     []byte // an incomplete answer
	answered func(s *sender, now time.Time)
}

func (s *sender) String() string { return "a sender" }

// dialSenders opens connections for sends.
func dialSenders(l *loop, addr string, n int, answered func(s *sender, now time.Time)) ([]*sender, error) {
	senders := make([]*sender, n)
	for i := range senders {
		senders[i] = &sender{answered: answered}
		if err := l.dial(addr, func(fd int) conn { senders[i].fd = fd; return senders[i] }); err != nil {
			return nil, err
		}
	}
	return senders, nil
}

func (s *sender) send(request []byte) error {
	s.busy = true
	return writeAll(s.fd, request)
}

// received reads one answer; every send must be answered 201.
func (s *sender) received(data []byte, now time.Time) error {
	if !s.busy {
		return fmt.Errorf("an answer without a request: %.300q", data)
	}
	if len(s.rest) > 0 {
		s.rest = append(s.rest, data...)
		data = s.rest
	}
	length, err := answerLength(data)
	if err != nil {
		return fmt.Errorf("%w: %.1000q", err, data)
	}
	if length == 0 || length > len(data) {
		if len(s.rest) == 0 {
			s.rest = append(s.rest, data...)
		}
		return nil
	}
	if length < len(data) || !bytes.HasPrefix(data, []byte("HTTP/1.1 201 ")) {
		return fmt.Errorf("a send was not answered 201, once: %.1000q", data)
	}
	s.busy, s.rest = false, s.rest[:0]
	s.answered(s, now)
	return nil
}

var (
	headerEnd     = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
)

// answerLength gives the length of an answer with its header, 0 while the header is not complete.
func answerLength(data []byte) (int, error) {
	end := bytes.Index(data, headerEnd)
	if end < 0 {
		return 0, nil
	}
	at := bytes.Index(data[:end], contentLength)
	if at < 0 {
		return 0, errors.New("an answer without Content-Length")
	}
	value, _, _ := bytes.Cut(data[at+len(contentLength):end], []byte("\r\n"))
	n, err := strconv.Atoi(string(value))
	return end + len(headerEnd) + n, err
}
