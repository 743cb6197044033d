package faults

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	. "parley/tests/harness"
)

// TestProxyFates: the proxy does to a statement what the other tests build on.
func TestProxyFates(t *testing.T) {
	db := NeedMySQL(t)
	direct := OpenSQL(t, db)
	if _, err := direct.Exec("CREATE TABLE fates (fate VARCHAR(20), padding MEDIUMTEXT)"); err != nil {
		t.Fatal(err)
	}
	there := func(name string) bool {
		var n int
		if err := direct.QueryRow("SELECT COUNT(*) FROM fates WHERE fate = ?", name).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 1
	}
	for name, test := range map[string]struct {
		fate                Fate
		answered            bool // before Thaw, with an error
		thereThen, thereNow bool // when answered or held, and in the end
	}{
		"cut before":   {CutBefore, true, false, false},
		"cut after":    {CutAfter, true, true, true},
		"cut late":     {CutLate, true, false, true},
		"freeze":       {FreezeIt, false, false, true},
		"freeze half":  {FreezeHalf, false, false, true},
		"freeze after": {FreezeAfter, false, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			proxy, through := NewProxy(t, db)
			conn, err := OpenSQL(t, through).Conn(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			met := make(chan struct{})
			proxy.OnStatement(func(s Statement) Fate {
				if !strings.HasPrefix(s.SQL, "INSERT") {
					return Pass
				}
				close(met)
				return test.fate
			})
			answer := make(chan error, 1)
			go func() {
				_, err := conn.ExecContext(context.Background(), "INSERT INTO fates VALUES ('"+name+"', '"+strings.Repeat("x", 500_000)+"')")
				answer <- err
			}()
			<-met
			if test.answered {
				if err := <-answer; err == nil {
					t.Fatal("the client got its answer")
				}
				if test.fate != CutLate && there(name) != test.thereThen { // the late one may be there by now
					t.Errorf("the statement has taken effect: %v", !test.thereThen)
				}
			} else {
				if test.thereThen {
					Eventually(t, "the statement has taken effect", func() bool { return there(name) })
				}
				select {
				case err := <-answer:
					t.Fatalf("the client was answered: %v", err)
				case <-time.After(100 * time.Millisecond): // what is not held comes in one
				}
				if there(name) != test.thereThen {
					t.Errorf("the statement has taken effect: %v", !test.thereThen)
				}
				proxy.Thaw()
				if err := <-answer; err != nil {
					t.Errorf("after Thaw: %v", err)
				}
			}
			if test.thereNow {
				Eventually(t, "the statement has taken effect", func() bool { return there(name) })
			}
		})
	}
}

// TestProxyDelay: a round trip takes as much longer as it should.
func TestProxyDelay(t *testing.T) {
	const delay = 100 * time.Millisecond
	proxy, through := NewProxy(t, NeedMySQL(t))
	db := OpenSQL(t, through)
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	proxy.Delay(delay)
	for range 3 {
		begun := time.Now()
		if err := db.Ping(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < delay {
			t.Errorf("a round trip took %v", took)
		}
	}
}

// TestProxyFreeze: while frozen, the database does not learn that its client has gone.
func TestProxyFreeze(t *testing.T) {
	db := NeedMySQL(t)
	direct := OpenSQL(t, db)
	proxy, through := NewProxy(t, db)
	client := OpenSQL(t, through)
	var id int64
	if err := client.QueryRow("SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	isOpen := func() bool {
		return slices.ContainsFunc(Sessions(t, direct), func(s Session) bool { return s.ID == id })
	}
	proxy.Freeze()
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	<-time.After(100 * time.Millisecond) // what is not held comes in one
	if !isOpen() {
		t.Error("the database has learned of the end")
	}
	proxy.Thaw()
	Eventually(t, "the database learns of the end", func() bool { return !isOpen() })
}
