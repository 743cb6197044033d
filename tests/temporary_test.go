package tests

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/models"
	. "parley/tests/harness"
)

// temporary makes a conversation that lives for so many seconds.
func temporary(t testing.TB, c *Client, ttl int, members ...string) JSON {
	t.Helper()
	return c.Do(t, "POST", "/v1/conversations", JSON{"type": "temporary", "members": members, "ttl": ttl}).Want(201).Object()
}

// gone waits until a conversation's time is over.
func gone(t testing.TB, c *Client, id string) {
	t.Helper()
	Eventually(t, "the conversation is gone", func() bool { return c.Do(t, "GET", "/v1/conversations/"+id, nil).Status == 404 })
}

// sweep is a node that comes only to sweep.
func sweep(t testing.TB, db string) {
	t.Helper()
	node, err := models.Open(t.Context(), db, models.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(node.Sweep(t.Context()), node.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestTemporaryConversation: its members stay the same, and the same members have one at a time.
func TestTemporaryConversation(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		one, two := Start(t, db), Start(t, db)
		tom, jerry, mary := one.Login(t, "Tom", ""), two.Login(t, "Jerry", ""), two.Login(t, "Mary", "")
		atJerrys := listen(t, jerry)
		made := temporary(t, tom, 3600, "Jerry", "Tom", "Jerry")
		id := made["id"].(string)
		created, _ := time.Parse(time.RFC3339, made["createdAt"].(string))
		expires, _ := time.Parse(time.RFC3339, made["expiresAt"].(string))
		if life := expires.Sub(created); made["ttl"] != 3600.0 || made["type"] != "temporary" || made["unique"] != true || life < 59*time.Minute || life > 61*time.Minute {
			t.Fatalf("it was made as %v", made)
		}
		if event := atJerrys.Want("invited"); event.Data["conversation"].(JSON)["type"] != "temporary" {
			t.Fatalf("Jerry was told %s", event.Raw)
		}
		again := jerry.Do(t, "POST", "/v1/conversations", JSON{"type": "temporary", "members": []string{"Tom"}, "ttl": 5}).Want(200).Object()
		if again["id"] != id || again["ttl"] != 3600.0 || again["expiresAt"] != made["expiresAt"] {
			t.Fatalf("the same members got %v", again)
		}
		if other := tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{"Jerry"}, "unique": true}).Want(201).Object(); other["ttl"] != nil || other["expiresAt"] != nil {
			t.Fatalf("a normal one is %v", other)
		}

		tom.Say(t, id, "for an hour")
		if event := atJerrys.Want("invited"); event.Data["conversationId"] == id { // the normal one
			t.Fatalf("invited twice: %s", event.Raw)
		}
		if event := atJerrys.Want("message"); event.Data["text"] != "for an hour" {
			t.Fatalf("Jerry got %s", event.Raw)
		}
		path := "/v1/conversations/" + id
		for _, by := range []*Client{tom, jerry, one.Master(t, ""), two.Master(t, "Tom")} {
			by.Do(t, "GET", path, nil).Want(200)
			by.Do(t, "POST", path+"/members", JSON{"members": []string{"Mary"}}).WantProblem(409, "members_fixed", "")
			by.Do(t, "DELETE", path+"/members?clientId=Jerry", nil).WantProblem(409, "members_fixed", "")
			if by.ID != "" {
				by.Do(t, "POST", path+"/join", nil).WantProblem(409, "members_fixed", "")
				by.Do(t, "POST", path+"/quit", nil).WantProblem(409, "members_fixed", "")
			}
		}
		wantUnknown(t, mary, id)
		tom.Do(t, "PATCH", path, JSON{"name": "soon over"}).Want(200)
		if ids := foundIDs(t, mary, `{"type":"temporary"}`); len(ids) != 0 {
			t.Errorf("Mary finds %v", ids)
		}
		if ids := foundIDs(t, jerry, `{"type":"temporary"}`); !slices.Equal(ids, []string{id}) {
			t.Errorf("Jerry finds %v", ids)
		}
		one.Master(t, "").Do(t, "DELETE", path, nil).Want(204)
		wantUnknown(t, tom, id)
		if temporary(t, jerry, 60, "Tom")["id"] == id {
			t.Error("the one that was deleted was given again")
		}
	})
}

// foundIDs gives the ids of the conversations that a client finds.
func foundIDs(t testing.TB, c *Client, where string) (ids []string) {
	t.Helper()
	for _, one := range c.Do(t, "POST", "/v1/conversations/query", `{"where":`+where+`}`).Want(200).Object()["conversations"].([]any) {
		ids = append(ids, one.(JSON)["id"].(string))
	}
	return ids
}

// wantUnknown fails unless every call about a conversation answers a client that there is none.
func wantUnknown(t testing.TB, c *Client, id string) {
	t.Helper()
	path, text := "/v1/conversations/"+id, JSON{"type": "text", "text": "x"}
	for _, call := range []struct {
		method, path string
		body         any
	}{
		{"GET", path, nil}, {"PATCH", path, JSON{"name": "x"}}, {"GET", path + "/members", nil}, {"GET", path + "/members/count", nil},
		{"POST", path + "/members", JSON{"members": []string{"Bob"}}}, {"DELETE", path + "/members?clientId=Tom", nil},
		{"POST", path + "/join", nil}, {"POST", path + "/quit", nil}, {"GET", path + "/messages", nil}, {"GET", path + "/messages/2", nil},
		{"POST", path + "/messages", text}, {"POST", path + "/messages", JSON{"type": "text", "text": "x", "transient": true}},
	} {
		c.Do(t, call.method, call.path, call.body).WantProblem(404, "conversation_not_found", "")
	}
	c.Do(t, "POST", path+"/messages", text, "Idempotency-Key", "first").WantProblem(404, "conversation_not_found", "")
}

func TestTemporaryConversationIsChecked(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, master := s.Login(t, "Tom", ""), s.Master(t, "")
		many := strings.Split("a b c d e f g h i", " ")
		for _, test := range []struct {
			body  JSON
			field string
		}{
			{JSON{"type": "normal", "ttl": 60}, "ttl"}, {JSON{"ttl": 60}, "ttl"}, {JSON{"type": "chatroom", "ttl": 60}, "ttl"},
			{JSON{"type": "temporary", "ttl": 0}, "ttl"}, {JSON{"type": "temporary", "ttl": -1}, "ttl"}, {JSON{"type": "temporary", "ttl": 2592001}, "ttl"},
			{JSON{"type": "temporary", "ttl": "60"}, "ttl"}, {JSON{"type": "temporary", "ttl": 1.5}, "ttl"},
			{JSON{"type": "temporary", "members": append(many, "j")}, "members"},
		} {
			tom.Do(t, "POST", "/v1/conversations", test.body).WantProblem(400, "validation_failed", test.field)
		}
		master.Do(t, "POST", "/v1/conversations", JSON{"type": "temporary"}).WantProblem(400, "validation_failed", "members")
		full := tom.Do(t, "POST", "/v1/conversations", JSON{"type": "temporary", "members": many, "unique": false, "ttl": 2592000}).Want(201).Object()
		if full["memberCount"] != 10.0 {
			t.Errorf("with ten: %v", full)
		}
		alone := tom.Do(t, "POST", "/v1/conversations", JSON{"type": "temporary"}).Want(201).Object()
		if alone["ttl"] != 86400.0 || alone["memberCount"] != 1.0 {
			t.Errorf("with nothing said: %v", alone)
		}
	})
}

// TestTemporaryConversationExpires: at its time it is gone for everybody on every node, though nothing has been swept;
// then it is, and nobody notices.
func TestTemporaryConversationExpires(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		one, two := Start(t, db), Start(t, db)
		tom, jerry := one.Login(t, "Tom", ""), two.Login(t, "Jerry", "")
		away := jerry.Listen(t, "")
		start := away.Want("online").ID
		away.Cut()
		id := temporary(t, tom, 1, "Jerry")["id"].(string)
		// As if it were to live for long: what is done with it here takes its time.
		live := func(seconds int) {
			for _, table := range []string{"conversations WHERE id = ?", "members WHERE conversation_id = ?"} {
				end := time.Now().Add(time.Duration(seconds) * time.Second).UnixMilli()
				if _, err := OpenSQL(t, db).Exec("UPDATE "+strings.Replace(table, " ", fmt.Sprintf(" SET expires_at = %d ", end), 1), id); err != nil {
					t.Fatal(err)
				}
			}
		}
		live(3600)
		tom.Do(t, "POST", "/v1/conversations/"+id+"/messages", JSON{"type": "text", "text": "x"}, "Idempotency-Key", "first").Want(201)
		for i := range 20 {
			tom.Say(t, id, fmt.Sprint(i))
		}
		normal := tom.Create(t, "Jerry")
		atToms := listen(t, tom)
		live(0)
		for _, c := range []*Client{tom.On(two), jerry, tom, jerry.On(one), two.Master(t, "Tom")} {
			wantUnknown(t, c, id)
			if ids := foundIDs(t, c, `{"type":"temporary"}`); len(ids) != 0 {
				t.Errorf("%v is found", ids)
			}
			for _, query := range []string{"", "?member=Tom", "?limit=1"} {
				for _, listed := range c.Do(t, "GET", "/v1/conversations"+query, nil).Want(200).Object()["conversations"].([]any) {
					if listed.(JSON)["id"] == id {
						t.Errorf("it is listed for %q", query)
					}
				}
			}
		}
		one.Master(t, "").Do(t, "DELETE", "/v1/conversations/"+id, nil).WantProblem(404, "conversation_not_found", "")
		resumed := func() {
			t.Helper()
			stream := jerry.Listen(t, start)
			if event := stream.Next(); event.Name != "invited" || event.Data["conversationId"] != normal {
				t.Errorf("who was away is shown %s", event.Raw)
			}
			if event := stream.Want("reconnect"); event.Data["missed"] != 1.0 {
				t.Errorf("and %s", event.Raw)
			}
			stream.Cut()
		}
		resumed()
		next := temporary(t, jerry, 3600, "Tom")["id"].(string)
		if next == id {
			t.Fatal("the one that has expired was given again")
		}
		if event := atToms.Want("invited"); event.Data["conversationId"] != next {
			t.Fatalf("Tom was told %s", event.Raw)
		}

		sweep(t, db)
		for _, table := range []string{"conversations WHERE id = ?", "members WHERE conversation_id = ?", "messages WHERE conversation_id = ?",
			"former_members WHERE conversation_id = ?", "removed_conversations WHERE conversation_id = ?",
			"events WHERE conversation_id = ? AND kind <> 'conversation_removed'"} {
			var rows int
			if err := OpenSQL(t, db).QueryRow("SELECT COUNT(*) FROM "+table, id).Scan(&rows); err != nil || rows != 0 {
				t.Errorf("%d rows in %s, %v", rows, table, err)
			}
		}
		var floor int
		if err := OpenSQL(t, db).QueryRow("SELECT floor FROM counters").Scan(&floor); err != nil || floor != 0 {
			t.Errorf("the floor is %d, %v", floor, err)
		}
		wantUnknown(t, tom, id)
		jerry.Do(t, "GET", "/v1/conversations/"+next, nil).Want(200)
		jerry.Say(t, normal, "after the sweep")
		if event := atToms.Next(); event.Name != "message" || event.Data["text"] != "after the sweep" {
			t.Errorf("the sweep was shown as %s", event.Raw)
		}
		seen := removals(t, one)
		if !slices.Equal(seen, []string{id}) {
			t.Errorf("history sync shows the removal of %v", seen)
		}
		sweep(t, db) // nothing is left to do
		if again := removals(t, two); len(again) != 1 {
			t.Errorf("swept twice: %v", again)
		}
	})
}

// removals gives the conversations whose removal history sync shows.
func removals(t testing.TB, s *Server) (ids []string) {
	t.Helper()
	for _, one := range s.Master(t, "").Do(t, "GET", "/v1/messages?after=0&include=events", nil).Want(200).Object()["events"].([]any) {
		if event := one.(JSON); event["kind"] == "conversation_removed" {
			ids = append(ids, event["conversationId"].(string))
		}
	}
	return ids
}

// TestTemporaryConversationByTheClock: nothing but time passes.
func TestTemporaryConversationByTheClock(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		begun := time.Now()
		made := temporary(t, tom, 1, "Jerry")
		gone(t, tom, made["id"].(string))
		if lived := time.Since(begun); lived < time.Second {
			t.Errorf("it lived for %v", lived)
		}
		if temporary(t, tom, 1, "Jerry")["id"] == made["id"] {
			t.Error("it was given again")
		}
	})
}

// TestTemporaryConversationOfRacingCreators: there is one, whoever comes first, also where another one has just expired.
func TestTemporaryConversationOfRacingCreators(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		servers := []*Server{Start(t, db), Start(t, db)}
		clients := []*Client{servers[0].Login(t, "Tom", ""), servers[1].Login(t, "Jerry", "")}
		before := ""
		for range 3 {
			ids := make([]string, 8)
			statuses := make([]int, len(ids))
			parallel(len(ids), func(i int) {
				answer := clients[i%2].Do(t, "POST", "/v1/conversations", JSON{"type": "temporary", "members": []string{"Tom", "Jerry"}, "ttl": 2})
				statuses[i], ids[i] = answer.Status, answer.Object()["id"].(string)
			})
			slices.Sort(statuses)
			if ids = slices.Compact(ids); len(ids) != 1 || ids[0] == before || statuses[1] != 200 || statuses[0] != 200 || statuses[len(statuses)-1] != 201 {
				t.Fatalf("made %v with %v, after %s", ids, statuses, before)
			}
			before = ids[0]
			gone(t, clients[0], before)
		}
	})
}

// TestFilesOfExpiredConversationsAreSwept: a day after the sweep of their conversation.
func TestFilesOfExpiredConversationsAreSwept(t *testing.T) {
	FileStores(t, func(t *testing.T, db string, files FileStore) {
		s := Start(t, db, inStore(files))
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		made := temporary(t, tom, 1, "Jerry")
		record := tom.Keep(t, "cheese", []byte("x"))
		path := "/v1/files/" + record["id"].(string)
		tom.Do(t, "POST", "/v1/conversations/"+made["id"].(string)+"/messages", JSON{"type": "file", "file": JSON{"id": record["id"]}})
		gone(t, jerry, made["id"].(string))
		jerry.Do(t, "GET", path, nil).WantProblem(403, "file_not_readable", "")
		files.SweepAt(t, db, time.Now())
		files.SweepAt(t, db, time.Now().Add(23*time.Hour))
		tom.Do(t, "GET", path, nil).Want(200)
		files.SweepAt(t, db, time.Now().Add(25*time.Hour))
		tom.Do(t, "GET", path, nil).WantProblem(404, "file_not_found", "")
		files.WantStored(t, db, 0)
	})
}
