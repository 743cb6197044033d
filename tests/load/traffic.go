//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"parley/tests/rig"
)

// room is a conversation under load: what is sent to it must reach each of its streams once.
type room struct {
	id      string
	streams []*stream
	sent    int
}

// post is a message that is sent again and again, each time with the time of its sending at the beginning of its text.
type post struct {
	room    *room
	request []byte
	stampAt int // where the time stands in request
}

// stampDigits is the length of a time in nanoseconds since 1970.
const stampDigits = 19

var textField = []byte(`"text":"`)

// newPost prepares a message of a number of bytes.
func newPost(t *target, r *room, client string, size int) (*post, error) {
	text := bytes.Repeat([]byte("x"), size)
	request, err := t.message(client, r.id, string(text))
	return &post{room: r, request: request, stampAt: bytes.LastIndex(request, textField) + len(textField)}, err
}

func (p *post) stamp(at time.Time) {
	strconv.AppendInt(p.request[p.stampAt:p.stampAt], at.UnixNano(), 10)
}

// sentAt reads the time out of a message's block.
func sentAt(block []byte) (time.Time, bool) {
	at := bytes.Index(block, textField)
	if at < 0 || len(block) < at+len(textField)+stampDigits {
		return time.Time{}, false
	}
	at += len(textField)
	n, err := strconv.ParseInt(string(block[at:at+stampDigits]), 10, 64)
	return time.Unix(0, n), err == nil
}

// traffic sends posts in turn and follows each to every stream it is due at.
type traffic struct {
	target *target
	loop   *rig.Loop
	rooms  []*room
	posts  []*post
	window int           // messages sent and not yet at all their streams; 0: any number
	every  time.Duration // between sends, answered or not; 0: as soon as a connection is free

	free      []*caller
	senders   int
	turnTo    int
	due       time.Time
	sent      int64
	stored    int64 // answered 201
	owed      int64 // deliveries that what was sent amounts to
	delivered int64
	unstamped int64
	// The latencies of what was sent, or due, in the measured time: to the reading of a delivery, however late that is.
	from, until time.Time
	latencies   []time.Duration
}

// drainTimeout: what has been sent must arrive within this; far more than it takes.
const drainTimeout = 15 * time.Second

// start opens connections, or some more; the streams must be open.
func (t *traffic) start(connections int) error {
	for _, r := range t.rooms {
		for _, s := range r.streams {
			s.message = t.deliver
		}
	}
	senders, err := dialCallers(t.loop, t.target.addrOf, connections, http.StatusCreated, func(s *caller, _ []byte, _ time.Time) error {
		t.stored++
		t.free = append(t.free, s)
		return nil
	})
	t.free, t.senders = append(t.free, senders...), t.senders+connections
	return err
}

func (t *traffic) deliver(block []byte, now time.Time) {
	t.delivered++
	if t.from.IsZero() {
		return
	}
	at, ok := sentAt(block)
	if !ok {
		t.unstamped++
	} else if !at.Before(t.from) && (t.until.IsZero() || at.Before(t.until)) {
		t.latencies = append(t.latencies, now.Sub(at))
	}
}

// dispatch sends what may be sent now.
func (t *traffic) dispatch() error {
	now := time.Now()
	for len(t.free) > 0 {
		at := now
		if t.every > 0 {
			if t.due.After(now) {
				return nil
			}
			at = t.due // the time that a message waits for a free connection counts
			t.due = t.due.Add(t.every)
		}
		p := t.posts[t.turnTo]
		if t.window > 0 && t.owed-t.delivered > int64(t.window-1)*int64(len(p.room.streams)) {
			return nil
		}
		t.turnTo = (t.turnTo + 1) % len(t.posts)
		s := t.free[len(t.free)-1]
		t.free = t.free[:len(t.free)-1]
		p.stamp(at)
		if err := s.send(p.request); err != nil {
			return err
		}
		p.room.sent++
		t.sent++
		t.owed += int64(len(p.room.streams))
	}
	return nil
}

// run keeps up the load until a moment.
func (t *traffic) run(ctx context.Context, until time.Time) error {
	for time.Now().Before(until) {
		if err := t.dispatch(); err != nil {
			return err
		}
		next := until
		if t.every > 0 && t.due.Before(until) && len(t.free) > 0 {
			next = t.due
		}
		if err := t.loop.Turn(ctx, next); err != nil {
			return err
		}
	}
	return nil
}

// measured is what happened in the measured time.
type measured struct {
	stored, delivered float64
	seconds           float64
	before, after     usage
	latency           func(percent float64) float64
}

// measure loads the target, for a while without looking and then for the measured time, and checks that everything
// that was sent came, once.
func (t *traffic) measure(ctx context.Context, warmUp, duration time.Duration, profile string) (m measured, err error) {
	t.due, t.from, t.until, t.latencies = time.Now(), time.Time{}, time.Time{}, nil
	if err := t.run(ctx, time.Now().Add(warmUp)); err != nil {
		return m, err
	}
	profiled := t.target.profileDuring(ctx, duration, profile)
	if m.before, err = t.target.usage(); err != nil {
		return m, err
	}
	t.from = time.Now()
	stored, delivered := t.stored, t.delivered
	if err := t.run(ctx, t.from.Add(duration)); err != nil {
		return m, err
	}
	t.until = time.Now()
	m.stored, m.delivered, m.seconds = float64(t.stored-stored), float64(t.delivered-delivered), t.until.Sub(t.from).Seconds()
	if m.after, err = t.target.usage(); err != nil {
		return m, err
	}
	if err := t.drain(ctx, drainTimeout); err != nil {
		return m, err
	}
	m.latency = percentiles(t.latencies)
	return m, profiled()
}

// pace has the messages sent at a rate, answered or not, from the next measurement on.
func (t *traffic) pace(rate float64) {
	t.every, t.window = time.Duration(float64(time.Second)/rate), 0
}

// strayTime is how long is listened for a second copy of the last messages.
const strayTime = 200 * time.Millisecond

// drain waits until all that was sent has arrived, and says what was lost or came twice.
func (t *traffic) drain(ctx context.Context, patience time.Duration) error {
	_, err := t.loop.Until(ctx, time.Now().Add(patience), func() bool { return t.stored == t.sent && t.delivered >= t.owed })
	if err != nil {
		return err
	}
	if _, err := t.loop.Until(ctx, time.Now().Add(strayTime), func() bool { return false }); err != nil {
		return err
	}
	if t.stored != t.sent {
		return fmt.Errorf("%d of %d sends were not answered in %v", t.sent-t.stored, t.sent, patience)
	}
	if t.unstamped > 0 {
		return fmt.Errorf("%d messages came without the text they were sent with", t.unstamped)
	}
	for _, r := range t.rooms {
		for _, s := range r.streams {
			// Ids grow on a stream, so as many as were sent means each of them once.
			if s.messages != r.sent {
				return fmt.Errorf("%v has %d messages of the %d that were sent: lost or doubled", s, s.messages, r.sent)
			}
		}
	}
	return nil
}
