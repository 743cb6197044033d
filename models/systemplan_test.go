package models

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gorm.io/gorm"
)

// wholeTables is a step of SQLite's that reads all of an app's rows, or all messages of a conversation.
var wholeTables = regexp.MustCompile(`^SCAN (m|p|c|f|members|messages|events|broadcasts|personal_messages)\b|\(app_id=\?\)$|messages USING .*\(app_id=\? AND conversation_id=\?\)$|messages_seq \(app_id=\? AND seq>\? AND seq<\?\)$`)

// TestNothingReadsAllSubscribersOrAllMessages: SQLite plans without knowing how much there is in a table; what a stream, a send and a
// broadcast ask must not leave it the choice.
func TestNothingReadsAllSubscribersOrAllMessages(t *testing.T) {
	ctx := t.Context()
	s, err := Open(ctx, "sqlite://"+filepath.Join(t.TempDir(), "p.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	app, _, err := s.Bootstrap(ctx, Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	tom, server, text := Actor{App: app, ClientID: "Tom"}, Actor{App: app, Master: true}, "news"
	c, _, err := s.CreateConversation(ctx, server, NewConversation{Type: System})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Join(ctx, tom, c.ID); err != nil {
		t.Fatal(err)
	}
	type statement struct {
		sql  string
		vars []any
	}
	var asked []statement
	note := func(db *gorm.DB) {
		asked = append(asked, statement{db.Statement.SQL.String(), append([]any{}, db.Statement.Vars...)})
	}
	for _, db := range []*gorm.DB{s.read, s.write} {
		for _, register := range []func(string, func(*gorm.DB)) error{db.Callback().Query().After("gorm:query").Register,
			db.Callback().Row().After("gorm:row").Register, db.Callback().Raw().After("gorm:raw").Register} {
			if err := register("note", note); err != nil {
				t.Fatal(err)
			}
		}
	}
	var last int64
	for i, to := range []Broadcast{{To: ToSubscribers}, {To: ToEveryone}, {To: ToNamed, Named: []string{"Tom"}}} {
		to.Draft = Draft{Type: "text", Text: &text}
		m, _, err := s.Broadcast(ctx, server, c.ID, to, string(rune('a'+i)))
		if err != nil {
			t.Fatal(err)
		}
		last = m.Seq
	}
	if _, _, err := s.SendMessage(ctx, tom, c.ID, Draft{Type: "text", Text: &text}, "key"); err != nil {
		t.Fatal(err)
	}
	spans, err := s.Spans(ctx, app.ID, "Tom", 0)
	if err != nil {
		t.Fatal(err)
	}
	if entries, _, err := s.Waiting(ctx, app.ID, "Tom", spans, 0, last, 10); err != nil || len(entries) != 3 {
		t.Fatalf("%d broadcasts wait, %v", len(entries), err)
	}
	if _, err := s.Delivered(ctx, app.ID, "Tom"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetDelivered(ctx, app.ID, last, []string{"Tom", "Jerry"}); err != nil {
		t.Fatal(err)
	}
	noted := asked // what is asked from here on is about the plans
	if len(noted) < 15 {
		t.Fatalf("only %d statements were seen", len(noted))
	}
	for _, st := range noted {
		if strings.HasPrefix(st.sql, "INSERT") {
			continue
		}
		rows, err := s.read.ConnPool.QueryContext(ctx, "EXPLAIN QUERY PLAN "+st.sql, st.vars...)
		if err != nil {
			t.Fatalf("%v: %s", err, st.sql)
		}
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			if wholeTables.MatchString(step) && !strings.Contains(step, " counters ") {
				t.Errorf("%s\n\tin %s", step, st.sql)
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
