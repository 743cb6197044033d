package tests

import (
	"strings"
	"testing"

	. "parley/tests/harness"
)

// newerSchema is what the next version's migration could do: it only adds (CONTRIBUTING.md). The last statement makes
// the database newer than this version knows.
func newerSchema(databaseURL string) []string {
	integer := "BIGINT"
	if strings.HasPrefix(databaseURL, "sqlite:") {
		integer = "INTEGER"
	}
	var statements []string
	for _, table := range []string{"apps", "counters", "sessions", "conversations", "removed_conversations", "members", "former_members", "messages", "events",
		"node_leases", "presences", "clients", "room_sessions", "stream_tickets"} {
		statements = append(statements, "ALTER TABLE "+table+" ADD COLUMN added_null "+integer+" NULL",
			"ALTER TABLE "+table+" ADD COLUMN added_default VARCHAR(20) NOT NULL DEFAULT 'x'")
	}
	return append(statements, "CREATE TABLE later_files (app_id "+integer+" NOT NULL, id "+integer+" NOT NULL, PRIMARY KEY (app_id, id))",
		"CREATE INDEX messages_added ON messages (app_id, conversation_id, added_null, seq)",
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)")
}

// TestNodeBesideANewerVersion: while nodes are replaced, one of this version runs on a database that the next version
// has migrated, whether it was running then or is started afterwards.
func TestNodeBesideANewerVersion(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		running := Start(t, db)
		tom, jerry := running.Login(t, "Tom", "phone"), running.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		before := tom.Say(t, conversation, "before")
		stream := jerry.Listen(t, "0")
		for _, name := range []string{"invited", "message", "reconnect"} {
			stream.Want(name)
		}
		tables := OpenSQL(t, db)
		for _, statement := range newerSchema(db) {
			if _, err := tables.Exec(statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		everythingWorks(t, running, tom, jerry, stream, conversation, before)
		later := Start(t, db)
		tom, jerry = later.Login(t, "Tom", "phone"), jerry.On(later) // a log-in that ends an older session
		onLater := jerry.Listen(t, "")
		onLater.Want("online")
		everythingWorks(t, later, tom, jerry, onLater, conversation, before)
		for range 8 { // the same reaches the node that was there before
			stream.Next()
		}
	})
}

// TestEntryOfANewerVersionIsShownToNobody: a kind of entry that this version does not know passes, live and on a
// resume, and what comes after it is shown.
func TestEntryOfANewerVersionIsShownToNobody(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		before := tom.Say(t, conversation, "before")
		stream := jerry.Listen(t, "")
		stream.Want("online")
		tx, err := OpenSQL(t, db).Begin()
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{
			"UPDATE counters SET seq = seq + 1",
			"UPDATE conversations SET last_seq = last_seq + 1",
			"INSERT INTO events (app_id, conversation_id, seq, kind, actor, body, created_at) SELECT app_id, '" + conversation +
				"', seq, 'added_kind', 'Tom', '{\"addedField\":{\"a\":1}}', newest_at FROM counters",
		} {
			if _, err := tx.Exec(statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		after := tom.Say(t, conversation, "after")
		if number(t, after) != number(t, before)+2 {
			t.Fatalf("between %s and %s there is no entry", before, after)
		}
		resumed := jerry.Listen(t, before)
		for _, at := range []*Stream{stream, resumed} {
			if event := at.Want("message"); event.ID != after {
				t.Errorf("got %s, not %s", event.Raw, after)
			}
		}
		if end := resumed.Want("reconnect"); end.Data["missed"] != 1.0 {
			t.Errorf("after one message that was missed: %s", end.Raw)
		}
	})
}

// everythingWorks uses each table in each way that the API has; stream is Jerry's on the same node.
func everythingWorks(t *testing.T, s *Server, tom, jerry *Client, stream *Stream, conversation, before string) {
	t.Helper()
	path := "/v1/conversations/" + conversation
	again := JSON{"type": "note", "payload": JSON{"a": 1}, "attributes": JSON{"from": s.URL}}
	said := tom.Do(t, "POST", path+"/messages", again, "Idempotency-Key", s.URL).Want(201).Object()["id"]
	if repeated := tom.Do(t, "POST", path+"/messages", again, "Idempotency-Key", s.URL).Want(200).Object(); repeated["id"] != said {
		t.Errorf("the repeat of %v was answered %v", said, repeated)
	}
	if event := stream.Want("message"); event.ID != said {
		t.Errorf("got %s, not %v", event.Raw, said)
	}
	tom.Do(t, "PATCH", path, JSON{"name": s.URL, "attributes": JSON{"a": JSON{"b": 1}}}).Want(200)
	stream.Want("conversation_updated")
	tom.Do(t, "POST", path+"/members", JSON{"members": []string{"Mary", "William"}}).Want(200)
	stream.Want("members_joined")
	tom.Do(t, "DELETE", path+"/members?clientId=Mary", nil).Want(200)
	stream.Want("members_left")
	tom.Do(t, "GET", path+"/members", nil).Want(200)
	for _, method := range []string{"quit", "join"} {
		tom.Do(t, "POST", path+"/"+method, nil).Want(200)
		stream.Next()
	}
	page := jerry.Do(t, "GET", path+"/messages?limit=1&after=0", nil).Want(200).Object()["messages"].([]any)
	if len(page) != 1 || page[0].(JSON)["id"] != before {
		t.Errorf("the history begins with %v", page)
	}
	jerry.Do(t, "GET", path+"/messages?type=note", nil).Want(200)
	jerry.Do(t, "GET", path+"/messages/"+before, nil).Want(200)
	if list := jerry.Do(t, "GET", "/v1/conversations", nil).Want(200).Object()["conversations"].([]any); len(list) != 1 ||
		list[0].(JSON)["name"] != s.URL || list[0].(JSON)["lastMessage"].(JSON)["id"] != said {
		t.Errorf("Jerry's conversations are %v", list)
	}
	resumed := jerry.Listen(t, before)
	for name := ""; name != "reconnect"; {
		name = resumed.Next().Name
	}
	unique := JSON{"members": []string{"Jerry"}, "unique": true, "name": "unique"}
	other := tom.Do(t, "POST", "/v1/conversations", unique).Want(201).Object()["id"].(string)
	tom.Do(t, "POST", "/v1/conversations", unique).Want(200)
	for _, at := range []*Stream{stream, resumed} {
		at.Want("invited")
	}
	s.Master(t, "").Do(t, "DELETE", "/v1/conversations/"+other, nil).Want(204)
	for _, at := range []*Stream{stream, resumed} {
		at.Want("kicked")
	}
	tom.Do(t, "POST", "/v1/sessions/current/refresh", nil).Want(200)
	mary := s.Login(t, "Mary", "")
	mary.Do(t, "DELETE", "/v1/sessions/current", nil).Want(204)
	mary.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "session_ended", "")
}
