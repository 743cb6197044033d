//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"parley/tests/rig"
)

// course is one run, from the first conversation to the last stream's end.
type course struct {
	*options
	begun    time.Time
	process  *rig.Process
	stderr   io.Writer
	town     *town
	caller   *caller
	ledger   *ledger
	findings *findings
	sampler  *sampler
	readers  *readers
	senders  *senders

	before, after reading // the streams
	files, visits atomic.Int64
	moves         int
	inHistory     int
}

func newCourse(o *options, p *rig.Process, stderr io.Writer) *course {
	f := &findings{}
	c := &course{options: o, begun: time.Now(), process: p, stderr: stderr, town: newTown(o.streams), findings: f, ledger: newLedger(f), caller: newCaller(p.Addr, f), sampler: &sampler{process: p}}
	c.senders = &senders{town: c.town, caller: c.caller, ledger: c.ledger, rate: o.rate}
	return c
}

const (
	// What was under way at the end of the load has so long to arrive: a stream that is away for awayMost, then a catch-up.
	drainTime = 60 * time.Second
	strayTime = time.Second
	// Streams that are to be opened, all together: 5,000 take 10 s on two cores, with a session stored for each.
	openAllTime = 3 * time.Minute
	// What the streams held has to be given back within this once they are closed: a stream's end is noticed at its next heartbeat at the latest.
	returnTime = 45 * time.Second
	// What is warming up is not judged: a third of a short run, and no more of a long one than caches take.
	warmUpPart, warmUpMost = 3, 5 * time.Minute
)

func (o *options) warmUp() time.Duration { return min(o.duration/warmUpPart, warmUpMost) }

// run is the whole run; the report is printed whatever happens after the load.
func (c *course) run(ctx context.Context, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.prepare(ctx); err != nil {
		return errors.Join(err, c.findings.err())
	}
	err := c.load(ctx)
	if err == nil {
		err = c.check(ctx)
	}
	if err = errors.Join(err, c.readers.closeAll()); err == nil {
		err = c.giveBack(ctx)
	}
	c.report(stdout)
	return errors.Join(err, c.findings.err())
}

// tell says how far the run has come.
func (c *course) tell(format string, args ...any) {
	fmt.Fprintf(c.stderr, "soak: %3.0f s: %s\n", time.Since(c.begun).Seconds(), fmt.Sprintf(format, args...))
}

// prepare makes the conversations and notes what the server holds without streams.
func (c *course) prepare(ctx context.Context) (err error) {
	c.tell("making %d conversations", len(c.town.groups)+1+roomCount)
	if err := c.town.build(ctx, c.caller); err != nil {
		return err
	}
	// Everything has been done once, so that what is made at its first use is there.
	if err := c.warm(ctx); err != nil {
		return err
	}
	c.caller.hangUp()
	if err := c.until(ctx, returnTime, func(r reading) bool { c.before = r; return r.metrics["parley_connections"] == 0 }); err != nil {
		return err
	}
	c.readers, err = newReaders(c.town, c.caller, c.ledger, c.findings, c.process.Addr, c.streams)
	return err
}

func (c *course) warm(ctx context.Context) error {
	for _, w := range c.works() {
		if err := w.doWith(ctx, 0); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}

// until samples until something holds.
func (c *course) until(ctx context.Context, patience time.Duration, holds func(reading) bool) error {
	for deadline := time.Now().Add(patience); ; {
		r, err := c.sampler.once(ctx)
		if err != nil {
			return err
		}
		if holds(r) || time.Now().After(deadline) {
			return nil
		}
		if err := sleep(ctx, sampleEvery/4); err != nil {
			return err
		}
	}
}

// load opens the streams and does everything at once for the time that was asked for.
func (c *course) load(ctx context.Context) error {
	reading, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer stop()
	beside.Go(func() {
		if err := readLog(reading, c.caller, c.ledger); err != nil && reading.Err() == nil {
			c.findings.add("reading the log: %v", err)
		}
	})
	c.tell("opening %d streams", c.streams)
	if err := c.readUntil(ctx, openAllTime, c.readers.settled, "not all streams have opened"); err != nil {
		return err
	}
	if err := c.enterRooms(ctx); err != nil {
		return err
	}
	c.tell("%v of load, the first %v as warm-up", c.duration, c.warmUp())
	if err := c.loadFor(ctx); err != nil {
		return err
	}
	c.readers.disturb, c.readers.calm = false, true
	c.tell("waiting for what is under way")
	settled := func() bool {
		open, _ := c.ledger.open()
		_, past := c.ledger.readUpTo()
		return open == 0 && past && c.readers.settled()
	}
	if err := c.readUntil(ctx, drainTime, settled, "not everything has arrived"); err != nil {
		return err
	}
	// And a little longer, for what comes a second time.
	over := time.Now().Add(strayTime)
	return c.readers.run(ctx, func() bool { return time.Now().After(over) })
}

// readUntil keeps the streams until something holds.
func (c *course) readUntil(ctx context.Context, patience time.Duration, holds func() bool, otherwise string) error {
	deadline := time.Now().Add(patience)
	late := func() bool { return time.Now().After(deadline) }
	// Looked at a few times a second: it walks through all streams.
	next, held := time.Time{}, false
	err := c.readers.run(ctx, func() bool {
		if now := time.Now(); now.After(next) {
			next, held = now.Add(sampleEvery/4), holds()
		}
		return held || late()
	})
	if err == nil && !held {
		c.findings.add("%s in %v", otherwise, patience)
	}
	return err
}

// loadFor is the load itself.
func (c *course) loadFor(ctx context.Context) error {
	load, end := context.WithTimeout(ctx, c.duration)
	defer end()
	var working sync.WaitGroup
	working.Go(func() { c.sampler.run(load, c.findings) })
	working.Go(func() { c.senders.run(ctx, load) })
	working.Go(func() { c.keepBusy(ctx, load) })
	working.Go(func() { c.profileAt(ctx, load) })
	c.readers.disturb = true
	done := make(chan struct{})
	go func() { working.Wait(); close(done) }()
	err := c.readers.run(ctx, func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	end()
	<-done
	return err
}

// enterRooms has some streams' sessions enter a chat room, where they see what visitors say.
func (c *course) enterRooms(ctx context.Context) error {
	for i := range roomCount * roomStreams {
		s := c.readers.streams[(1+i)%len(c.readers.streams)]
		token, err := s.token()
		if err != nil {
			return err
		}
		if _, _, err := c.caller.do(ctx, call{kind: "enter a room", method: http.MethodPost, path: "/v1/conversations/" + c.town.rooms[i%roomCount] + "/join", token: token}); err != nil {
			return err
		}
	}
	return nil
}

// profileAt writes the heap after the warm-up and at the end of the load.
func (c *course) profileAt(ctx, load context.Context) {
	if c.profiles == "" {
		return
	}
	_ = sleep(load, c.warmUp())
	c.profile(ctx, "first")
	<-load.Done()
	c.profile(ctx, "last")
}

func (c *course) profile(ctx context.Context, name string) {
	for _, kind := range []string{"heap", "goroutine"} {
		data, err := c.process.Fetch(ctx, "/debug/pprof/"+kind+"?gc=1")
		if err == nil {
			err = os.WriteFile(filepath.Join(c.profiles, kind+"-"+name+".pprof"), data, 0o600)
		}
		if err != nil {
			c.findings.add("a profile: %v", err)
		}
	}
}

// check compares what is stored with what was done.
func (c *course) check(ctx context.Context) error {
	c.tell("reading all history")
	c.ledger.conclude()
	if err := c.checkMembers(ctx); err != nil {
		return err
	}
	return c.checkHistory(ctx)
}

// giveBack waits until the server holds no more than before the streams.
func (c *course) giveBack(ctx context.Context) error {
	c.tell("waiting until what the streams held is given back")
	c.caller.hangUp()
	back := func(r reading) bool {
		c.after = r
		for _, g := range gauges() {
			if g.returns && g.value(r) > g.value(c.before)+g.slack {
				return false
			}
		}
		return true
	}
	if err := c.until(ctx, returnTime, back); err != nil {
		return err
	}
	for _, g := range gauges() {
		if before, after := g.value(c.before), g.value(c.after); g.returns && after > before+g.slack {
			c.findings.add("%s: %v before the streams, and %v %v after their end", g.name, before, after, returnTime)
		}
	}
	return nil
}
