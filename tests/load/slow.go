//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"parley/tests/rig"
)

const (
	// Sends beside the slow connections: so few that they wait for nothing but what is measured.
	slowCallers  = 8
	slowInterval = 50 * time.Millisecond // of each caller
	// A header is cut after 10 s, so the measured time has to have some of that.
	slowTimes = 4 // × -time
	// Slow connections write in turns, so many a second each; that is what makes them slow.
	slowRounds = 100
)

// slow: many connections that send a byte a second, half of them in the header of a request and half in its body, each opened
// anew when it is cut. What others wait for their sends, beside the same without them.
func (b *bench) slow() *workload {
	w := &workload{
		title: fmt.Sprintf("slow: %d connections of 1 byte/s, half in a header and half in a body, each opened anew when it is cut; beside them %d senders, %.0f messages/s together, for %v",
			b.options.slow, slowCallers, slowCallers/slowInterval.Seconds(), slowTimes*b.duration),
		columns: []column{{name: "p50 ms", decimals: 3}, {name: "p99 ms", decimals: 3}, {name: "server MiB", decimals: 1}, {name: "cut", noRatio: true}},
	}
	measure := func(connections int) func(context.Context, int) ([]float64, error) {
		return func(ctx context.Context, _ int) ([]float64, error) {
			return against(ctx, b.startServer, func(ctx context.Context, t *target, _ *rig.Loop) ([]float64, error) {
				return b.measureBeside(ctx, t, connections)
			})
		}
	}
	w.subjects = []subject{{"server", measure(b.options.slow)}, {"no slow connections", measure(0)}}
	return w
}

func (b *bench) measureBeside(ctx context.Context, t *target, connections int) ([]float64, error) {
	ids, err := t.converse(ctx, [][]string{{"sender", "slow"}})
	if err != nil {
		return nil, err
	}
	crowd, err := newCrowd(t, ids[0], connections)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	writing := make(chan error, 1)
	go func() { writing <- crowd.write(ctx) }()
	took, err := b.sendBeside(ctx, t, ids[0])
	resident, residentErr := rig.ResidentOf(t.PID())
	cancel()
	if err = errors.Join(err, residentErr, <-writing, crowd.close()); err != nil {
		return nil, err
	}
	latency, cut := percentiles(took), math.NaN()
	if connections > 0 {
		cut = float64(crowd.cut)
	}
	return []float64{latency(50), latency(99), resident / 1024, cut}, nil
}

// sendBeside sends at a steady rate, whatever the answers take, and gives how long after it was due each send was answered.
func (b *bench) sendBeside(ctx context.Context, t *target, conversation string) ([]time.Duration, error) {
	request, err := t.message("sender", conversation, strings.Repeat("x", b.bytes))
	if err != nil {
		return nil, err
	}
	var callers sync.WaitGroup
	took, failures := make([][]time.Duration, slowCallers), make([]error, slowCallers)
	for i := range slowCallers {
		callers.Go(func() {
			begun := time.Now().Add(slowInterval * time.Duration(i) / slowCallers)
			took[i], failures[i] = sendSteadily(ctx, t.Addr, request, begun, begun.Add(slowTimes*b.duration))
		})
	}
	callers.Wait()
	var all []time.Duration
	for _, some := range took {
		all = append(all, some...)
	}
	return all, errors.Join(failures...)
}

func sendSteadily(ctx context.Context, addr string, request []byte, due, until time.Time) (took []time.Duration, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for ; due.Before(until); due = due.Add(slowInterval) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Until(due)):
		}
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(answer.Body)
		if err == nil && answer.StatusCode != http.StatusCreated {
			err = fmt.Errorf("a send was answered %s: %.300s", answer.Status, body)
		}
		if err != nil {
			return nil, err
		}
		took = append(took, time.Since(due))
	}
	return took, nil
}

// crowd is the slow connections.
type crowd struct {
	addr       string
	beginnings [2][]byte // sent at once; what follows comes byte by byte
	conns      []net.Conn
	cut        int
}

// newCrowd opens the connections.
func newCrowd(t *target, conversation string, n int) (*crowd, error) {
	whole, err := t.message("slow", conversation, strings.Repeat("x", maxText))
	if err != nil {
		return nil, err
	}
	header := bytes.Index(whole, headerEnd)
	c := &crowd{addr: t.Addr, beginnings: [2][]byte{append(whole[:header:header], "\r\nX-Slow: "...), whole[:header+len(headerEnd)+1]},
		conns: make([]net.Conn, n)}
	for i := range c.conns {
		if err := c.open(i); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

func (c *crowd) open(i int) (err error) {
	if c.conns[i], err = net.Dial("tcp", c.addr); err != nil {
		return err
	}
	_, err = c.conns[i].Write(c.beginnings[i%len(c.beginnings)])
	return err
}

// write has every connection send a byte a second, until ctx ends.
func (c *crowd) write(ctx context.Context) error {
	tick := time.NewTicker(time.Second / slowRounds)
	defer tick.Stop()
	for round := 0; len(c.conns) > 0; round++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for i := round % slowRounds; i < len(c.conns); i += slowRounds {
			if _, err := c.conns[i].Write([]byte("x")); err == nil {
				continue
			}
			c.cut++
			_ = c.conns[i].Close() // it has been cut
			if err := c.open(i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *crowd) close() (err error) {
	for _, conn := range c.conns {
		if conn != nil {
			err = errors.Join(err, conn.Close())
		}
	}
	return err
}
