//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"syscall"
	"time"

	"parley/tests/rig"
)

const (
	// Streams that are being opened at once: a burst of all would be a test of storms, which tests/faults has.
	openAtOnce = 64
	// So long a stream may take to open, on a busy machine and with a slow database.
	openTimeout = 30 * time.Second
	// Each stream is cut every so often on average: 5,000 of them lose 50 connections a second, as in a train full of phones.
	cutEvery = 100 * time.Second
	// And its session is logged out, to come back as another one, every so often. What the server remembers of sessions and tokens has a
	// bound (100,000, and 50,000), which half an hour of this does not reach: so few that what it grows by is within what is allowed.
	logoutEvery = 80 * time.Minute
	// A connection that was cut stays away for up to so long: long enough to miss messages, short enough that few are away.
	awayMost = 4 * time.Second
	// A slow reader reads, and then does not read, for up to so long. More than the 10 s after which the server gives up a stalled one.
	heldMost = 13 * time.Second
	// The receive buffer of a slow reader, so that it is the server's queue that fills, and that it catches up nevertheless: with a
	// third of it, TCP's delayed acknowledgements alone make it slower than its conversation.
	narrowBuffer = 12 << 10
	// How often who is to be cut, held or opened is looked for.
	tick = 20 * time.Millisecond
)

// readers are all streams, in one thread; nothing of them is touched by another.
type readers struct {
	loop     *rig.Loop
	town     *town
	caller   *caller
	ledger   *ledger
	findings *findings
	addr     string
	streams  []*stream

	disturb bool // cut, hold and log out
	calm    bool // the end is near: nobody reads slowly any more
	opening int  // the streams in that phase
	round   int  // where the search for those to be opened goes on

	cuts, resumes, logouts, stalls, holds, transient int
}

func newReaders(t *town, c *caller, l *ledger, f *findings, addr string, streams int) (*readers, error) {
	loop, err := rig.NewLoop()
	if err != nil {
		return nil, err
	}
	r := &readers{loop: loop, town: t, caller: c, ledger: l, findings: f, addr: addr}
	for i := range streams {
		owner := t.owner(i)
		// Second devices are told apart by their number's sign.
		r.streams = append(r.streams, &stream{readers: r, track: l.follow(clientName(owner)), owner: owner, slow: t.isSlow(i), device: 1_000_000 * (i / t.clients)})
	}
	return r, nil
}

// token is that of the stream's session.
func (s *stream) token() (string, error) {
	return rig.SignedToken(s.track.client, fmt.Sprintf("listening-%d", s.device), s.readers.town.expires)
}

// run keeps the streams open until ctx ends or done says so.
func (r *readers) run(ctx context.Context, done func() bool) error {
	for last := time.Now(); !done(); {
		if err := r.loop.Turn(ctx, last.Add(tick)); err != nil {
			return err
		}
		now := time.Now()
		if since := now.Sub(last); since >= tick {
			last = now
			if err := r.look(now, since); err != nil {
				return err
			}
		}
	}
	return nil
}

// look opens, releases, cuts and holds whose time has come.
func (r *readers) look(now time.Time, since time.Duration) error {
	r.opening = 0
	for _, s := range r.streams {
		switch {
		case s.phase == opening && now.Sub(s.begun) > openTimeout:
			r.findings.add("%v did not open in %v", s, openTimeout)
			if err := r.hangUp(s, true); err != nil {
				return err
			}
		case s.phase == opening:
			r.opening++
		case r.calm && s.narrow && s.phase != away:
			// Through its small buffer it would need a minute for what it has missed.
			r.cuts++
			if err := r.hangUp(s, true); err != nil {
				return err
			}
		case s.phase == held && now.After(s.until):
			s.phase, s.until = live, now.Add(rand.N(heldMost))
			if err := r.loop.Listen(s.fd, true); err != nil {
				return err
			}
		case s.phase == live && s.slow && r.disturb && now.After(s.until):
			r.holds++
			s.phase, s.until = held, now.Add(rand.N(heldMost))
			if err := r.loop.Listen(s.fd, false); err != nil {
				return err
			}
		}
	}
	if err := r.openSome(now); err != nil {
		return err
	}
	if !r.disturb {
		return nil
	}
	return r.disturbSome(since)
}

// openSome opens those that are away and due, in turn.
func (r *readers) openSome(now time.Time) error {
	for range r.streams {
		if r.opening >= openAtOnce {
			return nil
		}
		s := r.streams[r.round]
		r.round = (r.round + 1) % len(r.streams)
		if s.phase == away && now.After(s.until) {
			r.opening++
			if err := r.open(s, now); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *readers) open(s *stream, now time.Time) error {
	token, err := s.token()
	if err != nil {
		return err
	}
	headers := []string{"Authorization", "Bearer " + token}
	if s.last > 0 {
		headers = append(headers, "Last-Event-ID", fmt.Sprint(s.last))
	}
	if err := r.loop.Dial(r.addr, func(fd int) rig.Conn { s.fd = fd; return s }); err != nil {
		return err
	}
	s.phase, s.begun, s.events, s.bye = opening, now, rig.Events{}, ""
	if s.narrow = s.slow && !r.calm; s.narrow {
		if err := syscall.SetsockoptInt(s.fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, narrowBuffer); err != nil {
			return err
		}
	}
	return rig.WriteAll(s.fd, rig.Request(http.MethodGet, "/v1/stream", "", headers...))
}

// hangUp closes a stream's connection, with a reset or in order, and has it come back a little later.
func (r *readers) hangUp(s *stream, reset bool) error {
	s.phase, s.until = away, time.Now().Add(rand.N(awayMost))
	var err error
	if reset { // what has not been read is thrown away, and the server is told by an error
		err = syscall.SetsockoptLinger(s.fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	}
	return errors.Join(err, r.loop.HangUp(s.fd))
}

// disturbSome cuts and logs out as many as the time since the last look asks for.
func (r *readers) disturbSome(since time.Duration) error {
	for range r.share(since, cutEvery) {
		s := r.streams[rand.IntN(len(r.streams))]
		if s.phase == live || s.phase == held || s.phase == opening {
			r.cuts++
			if err := r.hangUp(s, rand.IntN(2) == 0); err != nil {
				return err
			}
		}
	}
	for range r.share(since, logoutEvery) {
		if s := r.streams[rand.IntN(len(r.streams))]; s.phase == live && !s.slow {
			if err := r.logOut(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// share is how many of the streams are due in a time, each being due once in every; the rest of the division is left to chance.
func (r *readers) share(since, every time.Duration) int {
	return int(float64(len(r.streams))*float64(since)/float64(every) + rand.Float64())
}

// logOut ends the stream's session by a call beside the thread of the readers.
func (r *readers) logOut(s *stream) error {
	token, err := s.token()
	if err != nil {
		return err
	}
	s.phase = leaving
	go func() { // counted, or a finding, by the caller
		_, _, _ = r.caller.do(context.Background(), call{kind: "log out", method: http.MethodDelete, path: "/v1/sessions/current", token: token, want: http.StatusNoContent})
	}()
	return nil
}

// settled tells whether every stream is live.
func (r *readers) settled() bool {
	for _, s := range r.streams {
		if s.phase != live {
			return false
		}
	}
	return true
}

// closeAll ends every stream for good.
func (r *readers) closeAll() error { return r.loop.Close() }
