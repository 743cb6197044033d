package tests

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// nowhere is an id that nothing has.
const nowhere = "c00000000000000000g0"

// household is what an app has.
type household struct {
	of                  *Server
	master, tom, jerry  *Client
	atToms, atJerrys    *Stream
	conversations       map[string]string // one of every type
	message, file, text string
}

// build makes one of everything, under the same client ids and names in every app.
func build(t *testing.T, s *Server) *household {
	t.Helper()
	e := &household{of: s, master: s.Master(t, ""), tom: s.Login(t, "Tom", "Mobile"), jerry: s.Login(t, "Jerry", "")}
	e.atToms, e.atJerrys = listen(t, e.tom), listen(t, e.jerry)
	made := func(c *Client, body JSON) string {
		return c.Do(t, "POST", "/v1/conversations", body).Want(201).Object()["id"].(string)
	}
	e.text = "of " + s.Keys.AppID
	e.conversations = map[string]string{
		"unique": made(e.tom, JSON{"members": []string{"Jerry"}, "unique": true, "name": e.text}), "chatroom": made(e.tom, JSON{"type": "chatroom"}),
		"system": made(e.master, JSON{"type": "system"}), "temporary": made(e.tom, JSON{"type": "temporary", "members": []string{"Jerry"}}),
	}
	join(t, e.tom, e.conversations["chatroom"])
	join(t, e.tom, e.conversations["system"])
	e.file = e.tom.Keep(t, "a", []byte(e.text))["id"].(string)
	e.message = e.tom.Do(t, "POST", "/v1/conversations/"+e.conversations["unique"]+"/messages", JSON{"type": "file", "file": JSON{"id": e.file}}, "Idempotency-Key", "one").
		Want(201).Object()["id"].(string)
	e.master.Do(t, "PATCH", "/v1/conversations/"+e.conversations["unique"], JSON{"attributes": JSON{"built": true}}).Want(200)
	for _, stream := range []*Stream{e.atToms, e.atJerrys} {
		for stream.Next().Name != "conversation_updated" {
		}
	}
	return e
}

// state is all of an app that its own server can see.
func (e *household) state(t *testing.T) string {
	t.Helper()
	all := []string{string(e.master.Do(t, "GET", "/v1/messages?after=0&include=events&limit=1000", nil).Want(200).Body)}
	for _, id := range e.conversations {
		for _, path := range []string{"", "/members", "/members/count"} {
			all = append(all, string(e.master.Do(t, "GET", "/v1/conversations/"+id+path, nil).Want(200).Body))
		}
	}
	for _, c := range []*Client{e.tom, e.jerry} {
		all = append(all, string(c.Do(t, "GET", "/v1/sessions/current", nil).Want(200).Body))
	}
	slices.Sort(all)
	return regexp.MustCompile(`\?token=[\w-]+`).ReplaceAllString(strings.Join(all, "\n"), "") // urls of files are made anew from time to time
}

// bodiesFor are bodies that the operations with an id would take.
func bodiesFor(e *household) map[operation]any {
	return map[operation]any{
		{"PATCH", "/v1/conversations/{id}"}: JSON{"name": "taken over"}, {"POST", "/v1/conversations/{id}/members"}: JSON{"members": []string{"Mary"}},
		{"POST", "/v1/conversations/{id}/messages"}:  JSON{"type": "text", "text": "from elsewhere"},
		{"POST", "/v1/conversations/{id}/broadcast"}: JSON{"to": "everyone", "message": JSON{"type": "text", "text": "from elsewhere"}},
	}
}

// TestAppsReachNothingOfOneAnother: every operation answers an id of another app as it answers one that nothing has, whoever
// asks; and nothing has become of it.
func TestAppsReachNothingOfOneAnother(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db, func(c *app.Config) { c.FilesURL = "mem://" })
		mine, theirs := build(t, s.NewApp(t, "--id", "mine")), build(t, s.NewApp(t, "--id", "theirs"))
		before := theirs.state(t)
		callers := map[string]*Client{"a client": mine.tom, "the app's server": mine.master, "it as Tom": mine.of.Master(t, "Tom")}
		bodies := bodiesFor(mine)
		for o := range operationsOf(document(t)) {
			ids := map[string]string{}
			switch {
			case strings.HasPrefix(o.path, "/v1/conversations/{id}"):
				ids = theirs.conversations
			case strings.HasPrefix(o.path, "/v1/files/{id}"):
				ids = map[string]string{"file": theirs.file}
			}
			path := o.path
			if o.method == "DELETE" && strings.HasSuffix(path, "/members") {
				path += "?clientId=Jerry"
			}
			for what, id := range ids {
				for who, caller := range callers {
					answer := caller.Do(t, o.method, at(path, id, theirs.message), bodies[o])
					unknown := caller.Do(t, o.method, at(path, nowhere, theirs.message), bodies[o])
					if answer.Status < 400 || alike(answer) != alike(unknown) {
						t.Errorf("%v of another app's %s by %s is answered %d %s, and of nothing %d %s", o, what, who, answer.Status, answer.Body, unknown.Status, unknown.Body)
					}
				}
			}
		}
		wantNamedNowhere(t, mine, theirs)
		if after := theirs.state(t); after != before {
			t.Errorf("the other app was\n%s\nand is\n%s", before, after)
		}
		for _, stream := range []*Stream{theirs.atToms, theirs.atJerrys} {
			stream.WantNothingBefore(func() {
				theirs.master.Do(t, "PATCH", "/v1/conversations/"+theirs.conversations["unique"], JSON{"name": "end"}).Want(200)
			},
				func(e Event) bool {
					return e.Name == "conversation_updated" && e.Data["changes"].(JSON)["name"] == "end"
				})
		}
	})
}

func at(path, id, message string) string {
	return strings.NewReplacer("{id}", id, "{messageId}", message).Replace(path)
}

// alike is an answer but for what each has of its own.
func alike(a *Answer) string {
	if len(a.Body) == 0 {
		return fmt.Sprint(a.Status)
	}
	object := a.Object()
	delete(object, "requestId")
	return fmt.Sprint(a.Status, object)
}

// wantNamedNowhere: what an app has is not found by what is searched, listed, named or counted in another.
func wantNamedNowhere(t *testing.T, mine, theirs *household) {
	t.Helper()
	for _, where := range []string{`{"members":{"$all":["Tom","Jerry"]}}`, `{"name":` + quoted(theirs.text) + `}`, `{"id":` + quoted(theirs.conversations["unique"]) + `}`, `{}`} {
		for _, c := range []*Client{mine.tom, mine.master} {
			for _, found := range foundIDs(t, c, where) {
				for what, id := range theirs.conversations {
					if found == id {
						t.Errorf("%s finds another app's %s", where, what)
					}
				}
			}
		}
	}
	// A file in a message, by an id of theirs, is as good as none.
	send := func(file string) string {
		return alike(mine.tom.Do(t, "POST", "/v1/conversations/"+mine.conversations["unique"]+"/messages", JSON{"type": "file", "file": JSON{"id": file}}))
	}
	if got, want := send(theirs.file), send(nowhere); got != want || strings.HasPrefix(got, "2") {
		t.Errorf("a message with another app's file is answered %s, and with none %s", got, want)
	}
	// Unique conversations, tags, idempotency keys and clients are an app's own, as are who is online and who is kicked.
	again := mine.tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{"Jerry"}, "unique": true}).Want(200).Object()["id"]
	if again != mine.conversations["unique"] {
		t.Errorf("the unique conversation of Tom and Jerry is %v", again)
	}
	mine.of.Login(t, "Tom", "Mobile")
	theirs.tom.Do(t, "GET", "/v1/sessions/current", nil).Want(200)
	mine.master.Do(t, "POST", "/v1/clients/Tom/kick", nil).Want(204)
	mine.master.Do(t, "POST", "/v1/clients/Jerry/kick", nil).Want(204)
	theirs.tom.Do(t, "GET", "/v1/sessions/current", nil).Want(200)
	Eventually(t, "nobody of the first app is online", func() bool { return len(online(t, mine.master, "Tom", "Jerry")) == 0 })
	if there := online(t, theirs.master, "Tom", "Jerry"); len(there) != 2 {
		t.Errorf("of the other app %v are online", there)
	}
}

// TestLogsOfAppsAreIndependent: each has its own numbers, by which another's log cannot be read, and nothing of it is in a
// stream, a log or a list of another.
func TestLogsOfAppsAreIndependent(t *testing.T) {
	nats := NATS(t)
	Databases(t, func(t *testing.T, db string) {
		withBroker := func(c *app.Config) { c.BrokerURL = nats }
		one, two := Start(t, db, withBroker), Start(t, db, withBroker)
		quiet, busy := one.NewApp(t, "--id", "quiet"), one.NewApp(t, "--id", "busy")
		for _, keys := range []Keys{quiet.Keys, busy.Keys} {
			two.As(keys).WaitForApp(t)
		}
		type side struct {
			tom, jerry   *Client
			conversation string
			room         string
			stream       *Stream
		}
		sides := map[string]*side{}
		for name, s := range map[string]*Server{"quiet": quiet, "busy": busy} {
			sd := &side{tom: s.Login(t, "Tom", ""), jerry: s.Login(t, "Jerry", "").On(two.As(s.Keys))}
			sd.stream = listen(t, sd.jerry)
			sd.conversation, sd.room = sd.tom.Create(t, "Jerry"), openRoom(t, sd.tom)
			sd.stream.Want("invited")
			join(t, sd.jerry, sd.room)
			sides[name] = sd
		}
		for i := range 30 {
			sides["busy"].tom.Say(t, sides["busy"].conversation, fmt.Sprint("busy ", i))
			if i%10 == 0 {
				sides["quiet"].tom.Say(t, sides["quiet"].conversation, fmt.Sprint("quiet ", i))
			}
		}
		for name, sd := range sides {
			path := "/v1/conversations/" + sd.conversation + "/messages"
			sd.tom.Do(t, "POST", path, JSON{"type": "typing", "payload": name, "transient": true}).Want(202)
			sd.tom.Say(t, sd.conversation, name+" end")
		}
		positions := map[string]int64{}
		for name, sd := range sides {
			last := int64(0)
			for text := ""; text != name+" end"; {
				event := sd.stream.Want("message")
				if text, _ = event.Data["text"].(string); text == "" {
					text, _ = event.Data["payload"].(string)
				} else if last != 0 && number(t, event.ID) != last+1 {
					t.Errorf("in the app %s %s follows %d", name, event.ID, last)
				}
				if event.ID != "" {
					last = number(t, event.ID)
				}
				if !strings.HasPrefix(text, name) {
					t.Fatalf("a stream of the app %s shows %s", name, event.Raw)
				}
			}
			positions[name] = last
			for _, m := range sd.tom.History(t, sd.conversation) {
				if text := m["text"].(string); !strings.HasPrefix(text, name) {
					t.Errorf("the history in the app %s has %q", name, text)
				}
			}
		}
		if positions["quiet"] >= positions["busy"] || positions["quiet"] > 20 {
			t.Errorf("the logs have come to %v", positions)
		}
		// A position of another app's log is one of the future, or stands for something of one's own.
		master := quiet.Master(t, "")
		master.Do(t, "GET", fmt.Sprintf("/v1/messages?after=%d", positions["busy"]), nil).WantProblem(409, "future_position", "after")
		resumed := sides["quiet"].jerry.Listen(t, fmt.Sprint(positions["busy"]))
		if event := resumed.Want("resync"); event.Data["reason"] != "future_position" {
			t.Errorf("got %s", event.Raw)
		}
		messages, _, _ := syncAll(t, master, "0", "")
		for _, m := range messages {
			if text, _ := m["text"].(string); !strings.HasPrefix(text, "quiet") {
				t.Errorf("the log of the app has %v", m)
			}
		}
		wantBesideTheLogApart(t, quiet, sides["quiet"].stream, sides["busy"].stream, busy, sides["quiet"].tom, sides["busy"].tom)
	})
}

// wantBesideTheLogApart: what is not in the log, and what is for everyone, reaches its own app alone.
func wantBesideTheLogApart(t *testing.T, quiet *Server, atQuiet, atBusy *Stream, busy *Server, quietTom, busyTom *Client) {
	t.Helper()
	system := openSystem(t, busy.Master(t, ""))
	broadcast(t, busy.Master(t, ""), system, "everyone", "busy to everyone")
	wantTexts(t, atBusy, "busy to everyone")
	second := busyTom.Server.Login(t, "Jerry", "second")
	came := listen(t, second)
	if event := atBusy.Want("online"); event.Data["sessionId"] != second.SessionID {
		t.Errorf("got %s", event.Raw)
	}
	came.Cut()
	atBusy.Want("offline")
	atQuiet.WantNothingBefore(func() { quietTom.Create(t, "Jerry") }, func(e Event) bool { return e.Name == "invited" })
	if waiting := listen(t, quiet.Master(t, "Mary")); waiting != nil { // a broadcast that waits for everyone waits for those of its app
		waiting.WantNothingBefore(func() { quietTom.Create(t, "Mary") }, func(e Event) bool { return e.Name == "invited" })
	}
}
