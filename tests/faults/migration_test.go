package faults

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/models"
	. "parley/tests/harness"
)

// TestFirstStartCutAtEveryStatement: a first start dies at one statement that changes the database after the other,
// before or after it took effect. The next start makes the tables whole.
func TestFirstStartCutAtEveryStatement(t *testing.T) {
	step := pick[int64](5, 1)
	for i, fate := range []Fate{CutBefore, CutAfter} {
		for at := 1 + int64(i)*step/2; startIsCut(t, fate, at); at += step {
			if at > 300 {
				t.Fatal("the start never comes to its end")
			}
		}
	}
}

// startIsCut cuts the first start of a fresh database at one of its statements, and starts again; false when the start
// had fewer.
func startIsCut(t *testing.T, fate Fate, at int64) (cut bool) {
	t.Run(fmt.Sprint(fate, " ", at), func(t *testing.T) {
		db := NeedEmptyMySQL(t)
		proxy, byProxy := NewProxy(t, db)
		var statements atomic.Int64
		proxy.OnStatement(func(s Statement) Fate {
			if changes(s.SQL) && statements.Add(1) == at {
				return fate
			}
			return Pass
		})
		store, err := models.Open(t.Context(), byProxy, models.Options{})
		if cut = err != nil; !cut {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
			if statements.Load() >= at {
				t.Errorf("the start went on after its statement %d was cut", at)
			}
		}
		use(t, db)
	})
	return cut
}

func changes(sql string) bool {
	first, _, _ := strings.Cut(strings.TrimSpace(sql), " ")
	return strings.Contains("CREATE INSERT UPDATE DELETE ALTER DROP EXECUTE COMMIT", strings.ToUpper(first))
}

// use starts a server and stores a message, which takes most tables.
func use(t *testing.T, db string) {
	t.Helper()
	s := Start(t, db)
	tom, jerry := s.Login(t, "Tom", "phone"), s.Login(t, "Jerry", "")
	conversation := tom.Create(t, "Jerry")
	tom.Say(t, conversation, "x")
	jerry.Do(t, "POST", "/v1/conversations/"+conversation+"/quit", nil).Want(200)
	s.Master(t, "").Do(t, "DELETE", "/v1/conversations/"+conversation, nil).Want(204)
}

// TestNodeThatWaitedForAnothersMigrationGaveUp: another node migrates for longer than any other statement may take.
func TestNodeThatWaitedForAnothersMigrationGaveUp(t *testing.T) {
	t.Parallel() // it waits, most of the time
	db := NeedEmptyMySQL(t)
	migrating, err := OpenSQL(t, db).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer migrating.Close()
	if _, err := migrating.ExecContext(t.Context(), "DO GET_LOCK(CONCAT('parley.', DATABASE()), 0)"); err != nil {
		t.Fatal(err)
	}
	const migration = 12 * time.Second // more than the 10 s that the server gives a statement
	over := time.AfterFunc(migration, func() {
		if _, err := migrating.ExecContext(t.Context(), "DO RELEASE_LOCK(CONCAT('parley.', DATABASE()))"); err != nil {
			t.Error(err)
		}
	})
	defer over.Stop()
	begun := time.Now()
	use(t, db)
	if took := time.Since(begun); took < migration {
		t.Errorf("the node was up after %v, while the other still migrated", took)
	}
}
