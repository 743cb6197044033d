//go:build linux

package main

import (
	"strings"
	"testing"
)

// scene is a ledger over one conversation of Tom and Jerry, whose streams began at 1, with two messages: 2 and 4. Mary came at 3.
func scene(t *testing.T) (l *ledger, tom, mary *track) {
	t.Helper()
	l = newLedger(&findings{})
	tom, mary = l.follow("Tom"), l.follow("Mary")
	l.logged([]logEntry{{ID: 1, Kind: "conversation_created", ConversationID: "c", Members: []string{"Tom", "Jerry"}}}, 1)
	l.began(tom, 1)
	l.began(mary, 1)
	l.answered(l.next(), 2)
	l.answered(l.next(), 4)
	l.logged([]logEntry{{ID: 2, ConversationID: "c", Text: textOf(0, 20)}, {ID: 3, Kind: "members_joined", ConversationID: "c", Members: []string{"Mary"}},
		{ID: 4, ConversationID: "c", Text: textOf(1, 20)}}, 4)
	return l, tom, mary
}

// TestLedgerFinds has streams bring what they should not, and leave out what they should.
func TestLedgerFinds(t *testing.T) {
	first, joined, second := entry{2, 0}, entry{3, eventNumber}, entry{4, 1}
	for _, c := range []struct {
		what, finding string
		tom, mary     []entry
	}{
		{"nothing", "", []entry{first, joined, second}, []entry{joined, second}},
		{"the last is lost", "1 entries have not come", []entry{first, joined}, []entry{joined, second}},
		{"the first is lost", "lost, or not meant for it", []entry{joined, second}, []entry{joined, second}},
		{"an event is lost", "lost, or not meant for it", []entry{first, second}, []entry{joined, second}},
		{"one is doubled", "doubled, or out of order", []entry{first, first, joined, second}, []entry{joined, second}},
		{"two have changed places", "lost, or not meant for it", []entry{joined, first, second}, []entry{joined, second}},
		{"one from before joining", "lost, or not meant for it", []entry{first, joined, second}, []entry{first, joined, second}},
		{"one is another", "lost, or not meant for it", []entry{{2, 1}, joined, second}, []entry{joined, second}},
		{"one that is not in the log", "are not in the log", []entry{first, joined, second, {5, 1}}, []entry{joined, second}},
	} {
		t.Run(c.what, func(t *testing.T) {
			l, tom, mary := scene(t)
			for _, e := range c.tom {
				l.came(tom, "c", e)
			}
			for _, e := range c.mary {
				l.came(mary, "c", e)
			}
			l.conclude()
			wantFinding(t, l, c.finding)
			if open, _ := l.open(); c.finding == "" && (open != 0 || l.compared != 5) {
				t.Errorf("%d entries are open, %d were compared", open, l.compared)
			}
		})
	}
}

func wantFinding(t *testing.T, l *ledger, want string) {
	t.Helper()
	err := l.findings.err()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("found %v, not %q", err, want)
	}
}

func TestLedgerComparesTheLogWithTheAnswers(t *testing.T) {
	for what, tell := range map[string]func(l *ledger){
		"is in the log as 0":    func(l *ledger) { l.answered(l.next(), 5) },
		"is in the log as 6":    func(l *ledger) { l.answered(l.next(), 5); l.logged([]logEntry{{ID: 6, Text: textOf(2, 9)}}, 6) },
		"is in the log twice":   func(l *ledger) { l.logged([]logEntry{{ID: 5, Text: textOf(1, 9)}}, 5) },
		"is none that was sent": func(l *ledger) { l.logged([]logEntry{{ID: 5, Text: textOf(77, 9)}}, 5) },
	} {
		t.Run(what, func(t *testing.T) {
			l, _, _ := scene(t)
			tell(l)
			l.conclude()
			wantFinding(t, l, what)
		})
	}
}

// TestLedgerDoesNotMindWhoIsFirst: the stream may bring an entry before the log has been read, and its beginning may be known late.
func TestLedgerDoesNotMindWhoIsFirst(t *testing.T) {
	l := newLedger(&findings{})
	tom := l.follow("Tom")
	l.logged([]logEntry{{ID: 1, Kind: "conversation_created", ConversationID: "c", Members: []string{"Tom"}}}, 1)
	number := l.next()
	l.began(tom, 1)
	l.came(tom, "c", entry{2, number})
	l.came(tom, "room", entry{3, 0})
	l.passing["room"] = true
	l.came(tom, "room", entry{2, 0})
	if open, _ := l.open(); open != 2 {
		t.Errorf("%d entries are open", open)
	}
	l.logged([]logEntry{{ID: 2, ConversationID: "c", Text: textOf(number, 9)}}, 2)
	l.answered(number, 2)
	if open, _ := l.open(); open != 1 {
		t.Errorf("%d entries are open", open)
	}
}
