package models

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	drv "github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"
)

// TestPatience tries how long work is repeated, by the kind of trouble and the time that an attempt takes.
func TestPatience(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	deadlock := &drv.MySQLError{Number: 1213}
	for name, c := range map[string]struct {
		err         error
		takes       time.Duration
		least, most time.Duration // when the caller is told
	}{
		"nobody listens":                  {refused, 0, time.Second, patienceLost},
		"the address is dead":             {refused, mysqlDialTimeout, 2 * time.Second, 2 * time.Second},
		"connections die at once":         {driver.ErrBadConn, 0, time.Second, patienceLost},
		"connections die on a slow link":  {driver.ErrBadConn, 2 * time.Second, 5 * time.Second, 6500 * time.Millisecond},
		"the database hangs":              {context.DeadlineExceeded, 10 * time.Second, 10 * time.Second, 10 * time.Second},
		"read-only":                       {&drv.MySQLError{Number: 1290}, 0, time.Second, patienceLost},
		"deadlock after deadlock":         {deadlock, time.Second, 8 * time.Second, patienceContended + time.Second},
		"a statement that is wrong":       {&drv.MySQLError{Number: 1064}, 0, 0, 0},
		"an answer that is no database's": {errNotAMember(), 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := idleStore()
				begun := time.Now()
				err := s.persist(func(context.Context, int) error {
					time.Sleep(c.takes)
					return c.err
				})
				if took := time.Since(begun); took < c.least || took > c.most {
					t.Errorf("told after %v with %v", took, err)
				}
				if kind := faultOf(c.err); (kind == faultPermanent) == HasCode(err, "database_unavailable") {
					t.Errorf("told %v", err)
				}
			})
		})
	}
}

// TestCallersThatQueueWaitedTwiceForALostDatabase: the patience counts from the first failure over all batches.
func TestCallersThatQueueWaitedTwiceForALostDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := idleStore()
		gone := func(context.Context, int) error {
			return &net.OpError{Op: "dial", Err: errors.New("connection refused")}
		}
		begun := time.Now()
		for range 10 { // batch after batch
			if err := s.persist(gone); !HasCode(err, "database_unavailable") {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took > patienceLost {
			t.Errorf("the last of them was told after %v", took)
		}
		if err := s.persist(func(context.Context, int) error { return nil }); err != nil {
			t.Fatal(err)
		}
		begun = time.Now() // it came back, and is lost again: a new trouble
		if err := s.persist(gone); err == nil || time.Since(begun) < time.Second {
			t.Errorf("given up after %v: %v", time.Since(begun), err)
		}
		time.Sleep(time.Hour) // nobody has tried meanwhile
		begun = time.Now()
		if err := s.persist(gone); err == nil || time.Since(begun) < time.Second {
			t.Errorf("given up after %v: %v", time.Since(begun), err)
		}
	})
}

// TestWorkWasTriedForEverWhileOtherWorkSucceeded: a table that is full, say, beside tables that are not.
func TestWorkWasTriedForEverWhileOtherWorkSucceeded(t *testing.T) {
	for name, failure := range map[string]error{"its table is full": &drv.MySQLError{Number: 1114}, "its connections die": driver.ErrBadConn} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := idleStore()
				others, stop := context.WithCancel(t.Context())
				var wait sync.WaitGroup
				wait.Go(func() {
					for others.Err() == nil {
						_ = s.persist(func(context.Context, int) error { return nil })
						time.Sleep(50 * time.Millisecond)
					}
				})
				begun := time.Now()
				giveUp := begun.Add(time.Minute)
				err := s.persist(func(context.Context, int) error {
					if time.Now().After(giveUp) {
						return errors.New("the test ends it")
					}
					return failure
				})
				if took := time.Since(begun); !HasCode(err, "database_unavailable") || took > patienceLost {
					t.Errorf("told after %v: %v", took, err)
				}
				stop()
				wait.Wait()
			})
		})
	}
}

// TestAnAttemptThatHungMadeOthersGiveUpAtOnce: the database was well for everybody else meanwhile.
func TestAnAttemptThatHungMadeOthersGiveUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := idleStore()
		hung := make(chan error)
		go func() {
			hung <- s.persist(func(context.Context, int) error {
				time.Sleep(10 * time.Second)
				return context.DeadlineExceeded
			})
		}()
		time.Sleep(9900 * time.Millisecond)
		if err := s.persist(func(context.Context, int) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if err := <-hung; !HasCode(err, "database_unavailable") {
			t.Fatal(err)
		}
		failures := 0
		err := s.persist(func(context.Context, int) error {
			if failures++; failures < 5 {
				return driver.ErrBadConn
			}
			return nil
		})
		if err != nil {
			t.Errorf("given up after %d attempts: %v", failures, err)
		}
	})
}

// TestCallersThatQueuedForADeadAddressWaitedTooLong: each change is a transaction of its own, and each dial takes 2 s.
func TestCallersThatQueuedForADeadAddressWaitedTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := idleStore()
		c := newCommitter(s, 1)
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for batch := c.take(); batch != nil; batch = c.take() {
				err := s.persist(func(context.Context, int) error {
					time.Sleep(mysqlDialTimeout)
					return &net.OpError{Op: "dial", Err: errors.New("i/o timeout")}
				})
				for _, w := range batch {
					w.done <- err
				}
			}
		}()
		const callers = 30 // one more every 200 ms
		told := make(chan time.Duration, callers)
		for range callers {
			go func() {
				begun := time.Now()
				if err := c.do(t.Context(), &work{change: func(*logTx) error { return nil }}); !HasCode(err, "database_unavailable") {
					t.Errorf("told %v", err)
				}
				told <- time.Since(begun)
			}()
			time.Sleep(200 * time.Millisecond)
		}
		for range callers {
			if took := <-told; took > maxWaitInTrouble+mysqlDialTimeout {
				t.Errorf("a caller was told after %v", took)
			}
		}
		c.close()
		<-stopped
	})
}

// idleStore is a store without a database.
func idleStore() *Store {
	return &Store{working: context.Background(), metrics: newMetrics(prometheus.NewRegistry())}
}
