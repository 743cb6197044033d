package rights

import (
	"fmt"
	"strings"
	"testing"

	. "parley/tests/harness"
)

// TestRights makes every call of table.txt as every caller. Who is refused changes nothing; who is allowed to gets what it
// asked for.
func TestRights(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		w, rows, calls := newWorld(t, db), readTable(t), acts()
		before := w.snapshot(t)
		for _, r := range rows {
			t.Run(r.key(), func(t *testing.T) {
				w.tryWhatChangesNothing(t, r, calls[r.key()])
				after := w.snapshot(t)
				wantSame(t, before, after)
				before = after
			})
		}
		t.Run("another app", func(t *testing.T) { w.tryToReach(t, rows, calls) })
		t.Run("fields of the server's", func(t *testing.T) { w.tryOwnFields(t, calls) })
		wantSame(t, before, w.snapshot(t))
		w.wantNothingSaidByTheRefused(t)
		t.Run("another app otherwise", w.tryOtherWays)
		t.Run("changes", func(t *testing.T) { // returns when all have ended
			for _, r := range rows {
				w.tryChanges(t, r, calls[r.key()])
			}
		})
	})
}

// tryWhatChangesNothing makes the calls that are refused, and those that read.
func (w *world) tryWhatChangesNothing(t *testing.T, r row, a act) {
	for _, as := range callers() {
		want := r.cells[as]
		if want.status == 0 || want.allowed() && a.changes {
			continue
		}
		for _, c := range w.clients[as] {
			t.Run(string(as), func(t *testing.T) {
				to, ok := w.shared[a.kind()]
				if !ok {
					to = w.shared["normal"]
				}
				w.try(call{TB: t, w: w, as: as, c: c, to: to, kind: a.kind(), name: w.another("Refused")}, a, want)
			})
		}
	}
}

// tryChanges makes the calls that are allowed and change something, each about things of its own.
func (w *world) tryChanges(t *testing.T, r row, a act) {
	for _, as := range callers() {
		if want := r.cells[as]; want.allowed() && a.changes {
			t.Run(r.key()+"/"+string(as), func(t *testing.T) {
				t.Parallel()
				c := call{TB: t, w: w, as: as, c: w.as(as), kind: a.kind(), name: w.another("Allowed")}
				if a.ownSession {
					c.c = c.c.Server.Login(t, c.c.ID, "")
				}
				switch {
				case a.prepare != nil:
					c.to = a.prepare(c)
				case c.kind != "":
					c.to = w.prepare(t, c.kind, as)
				}
				w.try(c, a, want)
			})
		}
	}
}

// try makes a call and compares the answer with the table.
func (w *world) try(c call, a act, want cell) {
	c.Helper()
	answer := a.make(c)
	if got := cellOf(c, answer); got.status != want.status || got.code != want.code && !strings.HasPrefix(a.operation, "HEAD ") { // which has no body
		c.Fatalf("is answered %d %s and by the table %d %s: %.300s", got.status, got.code, want.status, want.code, answer.Body)
	}
	if want.allowed() && a.effect != nil {
		a.effect(c, answer)
	}
}

// cellOf is what an answer is in the table.
func cellOf(t testing.TB, answer *Answer) cell {
	t.Helper()
	if answer.Status < 400 || len(answer.Body) == 0 {
		return cell{status: answer.Status}
	}
	return cell{answer.Status, fmt.Sprint(problem(t, answer)["code"])}
}

// wantNothingSaidByTheRefused: nor did what they would have sent beside the log reach anybody.
func (w *world) wantNothingSaidByTheRefused(t *testing.T) {
	t.Helper()
	last := w.another("Last")
	w.as(creator).Say(t, w.shared["normal"].conversation, last)
	for text := ""; text != last; {
		if text, _ = w.bobs.Next().Data["text"].(string); strings.HasPrefix(text, "Refused") {
			t.Errorf("%s has reached Bob", text)
		}
	}
}
