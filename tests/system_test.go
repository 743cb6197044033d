package tests

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"parley/models"
	. "parley/tests/harness"
)

// openSystem makes a system conversation.
func openSystem(t testing.TB, master *Client) string {
	t.Helper()
	created := master.Do(t, "POST", "/v1/conversations", JSON{"type": "system", "name": "News"}).Want(http.StatusCreated).Object()
	return created["id"].(string)
}

// broadcast sends a text to subscribers, everyone, or some clients, and gives the message's id.
func broadcast(t testing.TB, master *Client, system string, to any, text string) string {
	t.Helper()
	return broadcastUntil(t, master, system, to, text, time.Time{})
}

func broadcastUntil(t testing.TB, master *Client, system string, to any, text string, until time.Time) string {
	t.Helper()
	body := JSON{"to": to, "message": JSON{"type": "text", "text": text}}
	if !until.IsZero() {
		body["validUntil"] = until.UTC().Format(time.RFC3339Nano)
	}
	return master.Do(t, "POST", "/v1/conversations/"+system+"/broadcast", body).Want(http.StatusCreated).Object()["id"].(string)
}

// subscribe joins a system conversation with no stream open.
func subscribe(t testing.TB, system string, clients ...*Client) {
	t.Helper()
	for _, c := range clients {
		join(t, c, system)
	}
}

// wantTexts waits for exactly these messages, one after the other.
func wantTexts(t testing.TB, s *Stream, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if got := s.Want("message").Data["text"]; got != text {
			t.Fatalf("got %q, not %q", got, text)
		}
	}
}

// count counts rows in the server's database.
func count(t testing.TB, db *sql.DB, query string, args ...any) (n int) {
	t.Helper()
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// sweepAt sweeps as a node would whose clock stands there.
func sweepAt(t testing.TB, databaseURL string, at time.Time) {
	t.Helper()
	store, err := models.Open(t.Context(), databaseURL, models.Options{Clock: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(store.Sweep(t.Context()), store.Close()); err != nil {
		t.Fatal(err)
	}
}

// audience is one kind of message in a system conversation, and who may see it.
type audience struct {
	name  string
	send  func(t testing.TB, text string) string
	shown []string
}

// stage is a system conversation to which Sub and Named are subscribed, and Out is not.
type stage struct {
	system  string
	master  *Client
	clients map[string]*Client
}

var systemClients = []string{"Sub", "Named", "Out"}

func newStage(t testing.TB, s *Server) *stage {
	t.Helper()
	master := s.Master(t, "")
	st := &stage{system: openSystem(t, master), master: master, clients: map[string]*Client{}}
	for _, id := range systemClients {
		st.clients[id] = s.Login(t, id, "")
	}
	subscribe(t, st.system, st.clients["Sub"], st.clients["Named"])
	return st
}

func (st *stage) audiences() []audience {
	to := func(to any) func(testing.TB, string) string {
		return func(t testing.TB, text string) string { return broadcast(t, st.master, st.system, to, text) }
	}
	return []audience{
		{"subscribers", to("subscribers"), []string{"Sub", "Named"}},
		{"everyone", to("everyone"), systemClients},
		{"named", to([]string{"Named", "Out"}), []string{"Named", "Out"}},
		{"server", func(t testing.TB, text string) string { return st.clients["Sub"].Say(t, st.system, text) }, []string{"Sub"}},
	}
}

// seenIn says whether a client may read a message, by list and by its id, and fails when the two differ.
func seenIn(t testing.TB, c *Client, system, id string) bool {
	t.Helper()
	listed := slices.ContainsFunc(c.History(t, system), func(m JSON) bool { return m["id"] == id })
	one := c.Do(t, "GET", "/v1/conversations/"+system+"/messages/"+id, nil)
	if listed != (one.Status == http.StatusOK) {
		t.Errorf("%s: the list says %v and the message alone answers %d", c.ID, listed, one.Status)
	}
	if !listed {
		one.WantProblem(http.StatusNotFound, "message_not_found", "")
	}
	return listed
}

func TestWhoSeesWhatInASystemConversation(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		st := newStage(t, s)
		live, before := map[string]*Stream{}, map[string]string{}
		for id := range st.clients {
			live[id] = listen(t, s.Login(t, id, "")) // another session of the same client
			before[id] = live[id].LastID()
		}
		want, ids := map[string][]string{}, map[string]string{}
		for _, a := range st.audiences() {
			ids[a.name] = a.send(t, a.name)
			for _, id := range a.shown {
				want[id] = append(want[id], a.name)
			}
		}
		for id, c := range st.clients {
			end := broadcast(t, st.master, st.system, []string{id}, "end")
			wantTexts(t, live[id], append(slices.Clone(want[id]), "end")...)
			resumed := c.Listen(t, before[id])
			wantTexts(t, resumed, own(want[id], id)...)
			wantTexts(t, resumed, "end")
			if got := resumed.Want("reconnect").Data["missed"]; got != float64(len(own(want[id], id))+1) {
				t.Errorf("%s missed %v", id, got)
			}
			for _, a := range st.audiences() {
				if got := seenIn(t, c, st.system, ids[a.name]); got != slices.Contains(a.shown, id) {
					t.Errorf("%s may read what is for %s: %v", id, a.name, got)
				}
				as := s.Master(t, id)
				if got := seenIn(t, as, st.system, ids[a.name]); got != slices.Contains(a.shown, id) {
					t.Errorf("the app's server as %s may read what is for %s: %v", id, a.name, got)
				}
			}
			if !seenIn(t, c, st.system, end) || !seenIn(t, st.master, st.system, end) {
				t.Errorf("what is for %s is not shown", id)
			}
		}
		var synced []string
		for _, m := range st.master.Do(t, "GET", "/v1/messages?after=0&conversationId="+st.system, nil).Want(http.StatusOK).Object()["messages"].([]any) {
			if m.(JSON)["conversationId"] != st.system {
				t.Errorf("sync names the conversation %v", m.(JSON)["conversationId"])
			}
			synced = append(synced, m.(JSON)["text"].(string))
		}
		if fmt.Sprint(synced) != "[subscribers everyone named server end end end]" {
			t.Errorf("sync shows %v", synced)
		}
		if got := st.master.Texts(t, st.system); fmt.Sprint(got) != fmt.Sprint(synced) {
			t.Errorf("the app's server reads %v", got)
		}
	})
}

// own leaves out what the resuming session has sent itself.
func own(texts []string, id string) []string {
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return id == "Sub" && text == "server" })
}

func TestSystemConversationIsTheServers(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		master, tom := s.Master(t, ""), s.Login(t, "Tom", "")
		tom.Do(t, "POST", "/v1/conversations", JSON{"type": "system"}).WantProblem(http.StatusForbidden, "master_key_required", "")
		master.Do(t, "POST", "/v1/conversations", JSON{"type": "system", "unique": true, "members": []string{"Tom"}}).
			WantProblem(http.StatusBadRequest, "validation_failed", "unique")
		system := openSystem(t, master)
		path := "/v1/conversations/" + system
		news := JSON{"to": "subscribers", "message": JSON{"type": "text", "text": "news"}}
		tom.Do(t, "POST", path+"/broadcast", news).WantProblem(http.StatusForbidden, "master_key_required", "")
		tom.Do(t, "POST", path+"/messages", JSON{"type": "text", "text": "hello"}).WantProblem(http.StatusForbidden, "not_a_member", "")
		subscribe(t, system, tom)
		for range 2 {
			if got := join(t, tom, system); got["memberCount"] != 1.0 || len(got["members"].([]any)) != 0 || got["lastMessage"] != nil {
				t.Errorf("a subscriber is shown %v", got)
			}
		}
		tom.Do(t, "PATCH", path, JSON{"name": "Mine"}).WantProblem(http.StatusForbidden, "master_key_required", "")
		tom.Do(t, "POST", path+"/members", JSON{"members": []string{"Jerry"}}).WantProblem(http.StatusForbidden, "master_key_required", "")
		tom.Do(t, "GET", path+"/members", nil).WantProblem(http.StatusForbidden, "master_key_required", "")
		tom.Do(t, "POST", path+"/messages", JSON{"type": "text", "text": "hello", "transient": true}).
			WantProblem(http.StatusBadRequest, "validation_failed", "transient")
		if n := tom.Do(t, "GET", "/v1/conversations?where="+url.QueryEscape(`{"type":"system"}`), nil).Want(http.StatusOK).Object()["conversations"].([]any); len(n) != 1 {
			t.Errorf("a query finds %v", n)
		}
		normal := tom.Create(t, "Jerry")
		master.Do(t, "POST", "/v1/conversations/"+normal+"/broadcast", news).WantProblem(http.StatusConflict, "not_a_system_conversation", "")
		master.Do(t, "POST", "/v1/conversations/none/broadcast", news).WantProblem(http.StatusNotFound, "conversation_not_found", "")
		for field, body := range map[string]JSON{
			"to":           {"message": JSON{"type": "text", "text": "news"}},
			"to[1]":        {"to": []string{"Tom", ""}, "message": JSON{"type": "text", "text": "news"}},
			"message.text": {"to": "everyone", "message": JSON{"type": "text"}},
			"message.type": {"to": "everyone"},
			"validUntil":   {"to": "everyone", "message": JSON{"type": "text", "text": "news"}, "validUntil": "2001-01-01T00:00:00Z"},
		} {
			master.Do(t, "POST", path+"/broadcast", body).WantProblem(http.StatusBadRequest, "validation_failed", field)
		}
		master.Do(t, "POST", path+"/broadcast", JSON{"to": "all", "message": JSON{"type": "text", "text": "news"}}).
			WantProblem(http.StatusBadRequest, "validation_failed", "to")
		if got := master.Texts(t, system); len(got) != 0 {
			t.Errorf("refused broadcasts have left %v", got)
		}
		for range 2 {
			tom.Do(t, "POST", path+"/quit", nil).Want(http.StatusOK)
		}
		tom.Do(t, "POST", path+"/messages", JSON{"type": "text", "text": "hello"}).WantProblem(http.StatusForbidden, "not_a_member", "")
	})
}

func TestSubscriptionsAreTheSubscribersOwn(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		master, tom, jerry := s.Master(t, ""), s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		system := openSystem(t, master)
		subscribe(t, system, jerry)
		atTom, atJerry := listen(t, tom), listen(t, jerry)
		from := atTom.LastID()
		join(t, tom, system)
		if e := atTom.Want("members_joined").Data; e["conversationId"] != system || e["invitedBy"] != "Tom" {
			t.Errorf("a subscriber is told %v", e)
		}
		broadcast(t, master, system, "subscribers", "one")
		wantTexts(t, atTom, "one")
		tom.Do(t, "POST", "/v1/conversations/"+system+"/quit", nil).Want(http.StatusOK)
		atTom.Want("members_left")
		broadcast(t, master, system, "subscribers", "two")
		master.Do(t, "POST", "/v1/conversations/"+system+"/members", JSON{"members": []string{"Tom"}}).Want(http.StatusOK)
		if e := atTom.Want("invited").Data; e["conversationId"] != system || e["invitedBy"] != nil {
			t.Errorf("who was subscribed by the app's server is told %v", e)
		}
		master.Do(t, "PATCH", "/v1/conversations/"+system, JSON{"name": "Newer"}).Want(http.StatusOK)
		atTom.Want("conversation_updated")
		master.Do(t, "DELETE", "/v1/conversations/"+system+"/members?clientId=Tom", nil).Want(http.StatusOK)
		atTom.Want("kicked")
		wantTexts(t, atJerry, "one", "two") // and nothing of who came and went
		atJerry.Want("conversation_updated")
		resumed := tom.Listen(t, from)
		for _, name := range []string{"members_joined", "message", "members_left", "invited", "conversation_updated", "kicked", "reconnect"} {
			if e := resumed.Want(name).Data; name != "reconnect" && name != "invited" && e["conversationId"] != system {
				t.Errorf("%s names %v", name, e["conversationId"])
			}
		}
		var kinds []any
		for _, e := range master.Do(t, "GET", "/v1/messages?after=0&include=events&conversationId="+system, nil).Want(http.StatusOK).Object()["events"].([]any) {
			if e.(JSON)["conversationId"] != system {
				t.Errorf("sync shows %v", e)
			}
			kinds = append(kinds, e.(JSON)["kind"])
		}
		if fmt.Sprint(kinds) != "[conversation_created members_joined members_joined members_left members_joined conversation_updated members_left]" {
			t.Errorf("sync shows %v", kinds)
		}
	})
}

func TestRemovedSystemConversationIsGone(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		st := newStage(t, s)
		var ids []string
		for _, a := range st.audiences() {
			ids = append(ids, a.send(t, a.name))
		}
		atSub := listen(t, s.Login(t, "Sub", ""))
		wantTexts(t, atSub, "subscribers", "everyone")
		st.master.Do(t, "DELETE", "/v1/conversations/"+st.system, nil).Want(http.StatusNoContent)
		if e := atSub.Want("kicked").Data; e["conversationId"] != st.system || e["kickedBy"] != nil {
			t.Errorf("a subscriber is told %v", e)
		}
		sub := st.clients["Sub"]
		for _, id := range ids {
			sub.Do(t, "GET", "/v1/conversations/"+st.system+"/messages/"+id, nil).WantProblem(http.StatusNotFound, "conversation_not_found", "")
		}
		sub.Do(t, "POST", "/v1/conversations/"+st.system+"/messages", JSON{"type": "text", "text": "hello"}).
			WantProblem(http.StatusNotFound, "conversation_not_found", "")
		// What it had broadcast waits for nobody any more.
		other := openSystem(t, st.master)
		broadcast(t, st.master, other, "everyone", "end")
		wantTexts(t, listen(t, s.Login(t, "Out", "")), "end")
		wantTexts(t, atSub, "end")
		sweep(t, db)
		rows := OpenSQL(t, db)
		for table, left := range map[string]int{"members": 0, "former_members": 0, "messages": 1, "personal_messages": 0, "removed_conversations": 0} {
			if got := count(t, rows, "SELECT COUNT(*) FROM "+table); got != left {
				t.Errorf("%d rows of %s are left", got, table)
			}
		}
	})
}
