package models

import (
	"context"
	"path/filepath"
	"testing"
	"time"
)

// archive is a store with a retention of 180 days, whose clock a test sets.
type archive struct {
	*Store
	app   *App
	now   time.Time
	swept map[uint32]swept
}

func openArchive(t *testing.T) *archive {
	t.Helper()
	a := &archive{now: time.Now(), swept: map[uint32]swept{}}
	s, err := Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "p.db"),
		Options{Retention: 180 * 24 * time.Hour, RetentionEvery: time.Hour, Clock: func() time.Time { return a.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	a.Store = s
	if a.app, _, err = s.Bootstrap(t.Context(), Credentials{}); err != nil {
		t.Fatal(err)
	}
	return a
}

// tom is a member of the conversations that he makes.
func (a *archive) tom() Actor { return Actor{App: a.app, ClientID: "Tom"} }

func (a *archive) conversation(t *testing.T, members ...string) string {
	t.Helper()
	c, _, err := a.CreateConversation(t.Context(), a.tom(), NewConversation{Members: members})
	if err != nil {
		t.Fatal(err)
	}
	return c.ID
}

func (a *archive) say(t *testing.T, conversation string, times int) {
	t.Helper()
	text := "hello"
	for range times {
		if _, _, err := a.SendMessage(t.Context(), a.tom(), conversation, Draft{Type: "text", Text: &text}, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// pass lets days go by and sweeps.
func (a *archive) pass(t *testing.T, days int) {
	t.Helper()
	a.now = a.now.Add(time.Duration(days) * 24 * time.Hour)
	if err := a.expire(t.Context(), a.swept); err != nil {
		t.Fatal(err)
	}
}

func (a *archive) wantRows(t *testing.T, messages, events, floor int64) {
	t.Helper()
	var m, e int64
	if err := a.read.Table("messages").Count(&m).Error; err != nil {
		t.Fatal(err)
	}
	if err := a.read.Table("events").Count(&e).Error; err != nil {
		t.Fatal(err)
	}
	head, err := a.Head(t.Context(), a.app.ID)
	if err != nil || m != messages || e != events || head.Floor != floor {
		t.Errorf("there are %d messages and %d events above %d (%v), not %d and %d above %d", m, e, head.Floor, err, messages, events, floor)
	}
}

// TestYoungMessagesWentWithAnOldEvent: where the oldest event that is left is younger than messages, these stay.
func TestYoungMessagesWentWithAnOldEvent(t *testing.T) {
	a := openArchive(t)
	c := a.conversation(t) // 1
	a.pass(t, 100)
	a.say(t, c, 3) // 2 to 4
	a.pass(t, 50)
	a.conversation(t) // 5
	a.wantRows(t, 3, 2, 0)
	a.pass(t, 40) // the first event is 190 days old, the messages are 90
	a.wantRows(t, 3, 1, 1)
	a.pass(t, 1)
	a.wantRows(t, 3, 1, 1)
	a.pass(t, 100) // now they are
	a.wantRows(t, 0, 1, 4)
}

// TestYoungEventsWentBelowTheFirstMessage: they are younger than what is kept, and nobody has to fetch anew.
func TestYoungEventsWentBelowTheFirstMessage(t *testing.T) {
	a := openArchive(t)
	a.say(t, a.conversation(t, "Jerry"), 1)
	a.pass(t, 1)
	a.wantRows(t, 1, 1, 0)
}

// TestRestoredHistoryWentWithTheFirstSweep: after a restore the floor is above all that there is, so that clients fetch
// anew. What is young is there for them.
func TestRestoredHistoryWentWithTheFirstSweep(t *testing.T) {
	a := openArchive(t)
	c := a.conversation(t)
	a.say(t, c, 3)
	moved, err := a.AfterRestore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.pass(t, 1)
	a.wantRows(t, 3, 1, moved[0].After)
	a.pass(t, 180)
	a.wantRows(t, 0, 0, moved[0].After)
}

// TestConversationToBeKeptWasRemovedByTheSweepUnderWay: a sweep of much goes on for hours, and who has said meanwhile that a
// conversation is to be kept has been answered 200.
func TestConversationToBeKeptWasRemovedByTheSweepUnderWay(t *testing.T) {
	a := openArchive(t)
	c := a.conversation(t)
	a.say(t, c, 3)
	a.now = a.now.Add(181 * 24 * time.Hour)
	server, days := Actor{App: a.app, Master: true}, 0
	_, err := a.UpdateConversation(t.Context(), server, c, ConversationChange{Retention: &Retention{Days: &days}})
	if err != nil {
		t.Fatal(err)
	}
	head, err := a.Head(t.Context(), a.app.ID)
	if err == nil {
		err = a.expireApp(t.Context(), head, a.Now(), a.swept) // as when it looked before
	}
	if err != nil {
		t.Fatal(err)
	}
	a.wantRows(t, 3, 1, 4)
}

// TestConversationToBeKeptForLongerWentByItsFormerDays: where many conversations have days of their own, it may be some time
// until the turn of one comes.
func TestConversationToBeKeptForLongerWentByItsFormerDays(t *testing.T) {
	a := openArchive(t)
	c := a.conversation(t)
	a.say(t, c, 3)
	keep := func(days int) {
		t.Helper()
		change := ConversationChange{Retention: &Retention{Days: &days}}
		if _, err := a.UpdateConversation(t.Context(), Actor{App: a.app, Master: true}, c, change); err != nil {
			t.Fatal(err)
		}
	}
	keep(7)
	a.now = a.now.Add(8 * 24 * time.Hour)
	own, err := a.ownRetentions(t.Context(), a.app.ID)
	if err != nil || len(own) != 1 {
		t.Fatal(own, err)
	}
	keep(30)
	if err := a.expireOwn(t.Context(), a.app.ID, own, a.Now()); err != nil {
		t.Fatal(err)
	}
	a.wantRows(t, 3, 3, 0)
	keep(7)
	a.pass(t, 0)
	a.wantRows(t, 0, 4, 0)
}

// TestClockThatJumpedAheadTookTheHistoryAlong: one node's clock alone is not believed when it comes to removing.
func TestClockThatJumpedAheadTookTheHistoryAlong(t *testing.T) {
	a := openArchive(t)
	made := TimestampOf(a.now)
	a.secondClock = func(context.Context) (Timestamp, error) { return made, nil }
	a.say(t, a.conversation(t), 3)
	a.pass(t, 1000)
	a.wantRows(t, 3, 1, 0)
	a.secondClock = func(context.Context) (Timestamp, error) { return TimestampOf(a.now), nil }
	a.pass(t, 1)
	a.wantRows(t, 0, 0, 4)
}
