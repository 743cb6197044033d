//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"parley/tests/rig"
)

// calls makes requests on some connections, each after the answer to the last, and takes the time of each.
type calls struct {
	loop  *rig.Loop
	next  func(i int) []byte        // the i-th request
	check func(answer []byte) error // what every answer must hold

	free      []*caller
	callers   int
	asked     int
	recording bool
	took      []time.Duration
}

// newCalls opens the connections.
func newCalls(l *rig.Loop, addr string, callers, status int, next func(i int) []byte, check func(answer []byte) error) (*calls, error) {
	c := &calls{loop: l, next: next, check: check, callers: callers}
	made, err := dialCallers(l, func(int) string { return addr }, callers, status, func(by *caller, answer []byte, now time.Time) error {
		if c.recording {
			c.took = append(c.took, now.Sub(by.begun))
		}
		c.free = append(c.free, by)
		return c.check(answer)
	})
	c.free = append(c.free, made...)
	return c, err
}

// run makes requests as long as there is to be another, and waits for the answers to all.
func (c *calls) run(ctx context.Context, another func() bool) error {
	for going := true; going || len(c.free) < c.callers; {
		for going && len(c.free) > 0 {
			if going = another(); !going {
				break
			}
			by := c.free[len(c.free)-1]
			c.free = c.free[:len(c.free)-1]
			if err := by.send(c.next(c.asked)); err != nil {
				return err
			}
			c.asked++
		}
		if len(c.free) == c.callers {
			continue
		}
		if err := c.loop.Turn(ctx, time.Now().Add(rig.TurnTime)); err != nil {
			return err
		}
	}
	return nil
}

// times makes n requests, of which nothing is noted or all.
func (c *calls) times(ctx context.Context, n int, noted bool) error {
	c.recording = noted
	left := n
	return c.run(ctx, func() bool { left--; return left >= 0 })
}

// during makes requests for a time, and gives how long that was until the last answer.
func (c *calls) during(ctx context.Context, duration time.Duration) (time.Duration, error) {
	c.recording = true
	begun := time.Now()
	err := c.run(ctx, func() bool { return time.Since(begun) < duration })
	return time.Since(begun), err
}

// hangUp closes the connections, none of which is in use.
func (c *calls) hangUp() error {
	var err error
	for _, by := range c.free {
		err = errors.Join(err, c.loop.HangUp(by.fd))
	}
	return err
}

// has checks that an answer has a part so many times.
func has(part string, times int) func(answer []byte) error {
	return func(answer []byte) error {
		if n := bytes.Count(answer, []byte(part)); n != times {
			return fmt.Errorf("an answer has %s %d times, not %d: %.500q", part, n, times, answer)
		}
		return nil
	}
}
