package tests

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// transfer runs a sub-command on a database and gives what it says.
func transfer(t testing.TB, run func(context.Context, []string, []string, *bytes.Buffer, *bytes.Buffer) int, db string, code int, arguments ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	got := run(t.Context(), arguments, append(FixedKeys(), "PARLEY_DATABASE_URL="+db), &stdout, &stderr)
	if got != code || code == 0 && strings.TrimSpace(progressLine.ReplaceAllString(stderr.String(), "")) != "" {
		t.Fatalf("%q: the exit code is %d, not %d: %s%s", arguments, got, code, &stdout, &stderr)
	}
	return stdout.String() + stderr.String()
}

// What is written on a slow machine.
var progressLine = regexp.MustCompile(`(?m)^\w+: \d+ of \d+ \(\d+%\)$`)

func exportOf(ctx context.Context, args, environ []string, stdout, stderr *bytes.Buffer) int {
	return app.Export(ctx, args, environ, stdout, stderr)
}

func importOf(ctx context.Context, args, environ []string, stdout, stderr *bytes.Buffer) int {
	return app.Import(ctx, args, environ, stdout, stderr)
}

// export writes a new export of a database and gives its file.
func export(t testing.TB, db string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app.ndjson")
	transfer(t, exportOf, db, 0, file)
	return file
}

// content is what an export says, without its header.
func content(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	return rest
}

// wantSame fails unless two exports say the same.
func wantSame(t testing.TB, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	a, b := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("line %d is %.400s instead of %.400s", i+2, a[i], b[i])
		}
	}
	t.Fatalf("%d lines instead of %d", len(a), len(b))
}

// pairs runs a test for each kind of database that is moved from, and each to which it is moved.
func pairs(t *testing.T, test func(t *testing.T, from, to string)) {
	kinds := []struct {
		name string
		make func(testing.TB) string
	}{{"sqlite", SQLite}, {"mysql", NeedMySQL}}
	for _, from := range kinds {
		for _, to := range kinds {
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				t.Parallel()
				test(t, from.make(t), to.make(t))
			})
		}
	}
}

// estate is what an app may have, made by its API.
type estate struct {
	tom, jerry, mary       *Client
	group, pair, room      string // conversations
	system                 string
	first, rival           string // unique ones with the same members; the first has the key
	key                    string // with which the message replay was sent
	replay, position, file string
}

// settleSystem makes a system conversation that has spoken to all and to some.
func (e *estate) settleSystem(t *testing.T, s *Server) {
	t.Helper()
	master := s.Master(t, "")
	e.system = master.Do(t, "POST", "/v1/conversations", JSON{"type": "system", "name": "News"}).Want(201).Object()["id"].(string)
	path := "/v1/conversations/" + e.system
	e.tom.Do(t, "POST", path+"/join", nil).Want(200)
	e.mary.Do(t, "POST", path+"/join", nil).Want(200)
	for to, text := range map[any]string{"subscribers": "to subscribers", "everyone": "to everyone"} {
		master.Do(t, "POST", path+"/broadcast", JSON{"to": to, "message": JSON{"type": "text", "text": text}}).Want(201)
	}
	master.Do(t, "POST", path+"/broadcast", JSON{"to": []string{"Mary", odd}, "message": JSON{"type": "text", "text": "to some"}}).Want(201)
	e.tom.Send(t, e.system, JSON{"type": "file", "file": JSON{"id": e.file}})
	atToms := e.tom.Listen(t, "")
	atToms.Want("online")
	for range 2 {
		atToms.Want("message")
	}
	atToms.Cut()
	Eventually(t, "it is known that Tom has seen the broadcasts", func() bool {
		var seen int
		if err := OpenSQL(t, s.DatabaseURL).QueryRow("SELECT COUNT(*) FROM delivered_broadcasts").Scan(&seen); err != nil {
			t.Fatal(err)
		}
		return seen == 1
	})
	e.mary.Do(t, "POST", path+"/quit", nil).Want(200)
	removed := master.Do(t, "POST", "/v1/conversations", JSON{"type": "system", "name": "Old news"}).Want(201).Object()["id"].(string)
	e.tom.Do(t, "POST", "/v1/conversations/"+removed+"/join", nil).Want(200)
	master.Do(t, "DELETE", "/v1/conversations/"+removed, nil).Want(204)
}

const odd = "Jérôme \"起床了\" \u2028 \\u0041 <&> 🙂 Tom "

func settle(t *testing.T, db string, files FileStore) *estate {
	t.Helper()
	s := Start(t, db, inStore(files))
	defer s.Stop(t)
	e := &estate{tom: s.Login(t, "Tom", "phone"), jerry: s.Login(t, odd, ""), mary: s.Login(t, "Mary", ""), key: "k 1"}
	master := s.Master(t, "")
	e.group = e.tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{odd, "Mary"}, "name": odd,
		"attributes": JSON{"topic": odd, "n": 1e30, "deep": []any{nil, true, JSON{"": 0.1}}}}).Want(201).Object()["id"].(string)
	path := "/v1/conversations/" + e.group
	e.position = e.tom.Say(t, e.group, odd)
	e.replay = e.tom.Do(t, "POST", path+"/messages", JSON{"type": "text", "text": "once"}, "Idempotency-Key", e.key).Want(201).Object()["id"].(string)
	e.tom.Do(t, "POST", path+"/messages", `{"type":"odd.word","payload":{"a":"\u0041\/","n":1.10e+2},"attributes":{"x":"\u00e9"}}`).Want(201)
	e.tom.Do(t, "POST", path+"/messages", `{"type":"odd.word","payload":null}`).Want(201)
	e.tom.Do(t, "POST", path+"/messages", JSON{"type": "location", "location": JSON{"latitude": 37.7749, "longitude": -122.4194}}).Want(201)
	e.file = e.tom.Keep(t, "cheese.txt", []byte("cheese"), "metadata", `{"album":"cats"}`)["id"].(string)
	e.tom.Keep(t, "unused.txt", []byte("unused"))
	for range 2 {
		e.tom.Send(t, e.group, JSON{"type": "file", "file": JSON{"id": e.file}})
	}
	e.tom.Send(t, e.group, JSON{"type": "image", "file": JSON{"url": "https://example.org/x.png", "metadata": JSON{"width": 3}}})
	link := e.tom.Do(t, "POST", "/v1/files", JSON{"url": "https://example.org/y", "name": odd}).Want(201).Object()["id"]
	e.tom.Send(t, e.group, JSON{"type": "file", "file": JSON{"id": link}})
	e.tom.Do(t, "PATCH", path, JSON{"name": nil, "attributes": JSON{"topic": "cheese"}}).Want(200)
	master.Do(t, "PATCH", path, JSON{"retentionDays": 400}).Want(200)

	e.tom.Do(t, "DELETE", path+"/members?clientId=Mary", nil).Want(200)
	e.mary.Do(t, "POST", path+"/join", nil).Want(200)
	e.mary.Do(t, "POST", path+"/quit", nil).Want(200)
	e.pair = e.tom.Create(t, "Mary")
	e.mary.Say(t, e.pair, "hi")
	e.first = e.tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{odd}, "unique": true}).Want(201).Object()["id"].(string)
	e.rival = e.tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{odd, "Mary"}, "unique": true}).Want(201).Object()["id"].(string)
	e.mary.Do(t, "POST", "/v1/conversations/"+e.rival+"/quit", nil).Want(200) // and goes without a key

	e.room = openRoom(t, e.tom)
	stream := enter(t, e.tom, e.room)
	sayAs(t, e.tom, e.room, "Goal!", "high")
	stream.Cut()
	temporary(t, e.tom, 3600, "Mary")
	e.settleSystem(t, s)
	removed := e.tom.Create(t, "Mary", odd)
	e.tom.Say(t, removed, "not for long")
	master.Do(t, "DELETE", "/v1/conversations/"+removed, nil).Want(204)
	s.Login(t, "Tom", "phone") // ends the session before, which is an entry shown to nobody
	return e
}

// TestExportAndImport: what is moved to another database, whatever its kind, is there as it was: a second export says the same.
func TestExportAndImport(t *testing.T) {
	t.Parallel()
	pairs(t, func(t *testing.T, from, to string) {
		files := Folder(t)
		e := settle(t, from, files)
		file := export(t, from)
		if said := transfer(t, importOf, to, 0, file); !strings.Contains(said, "imported what lies between the positions 0 and") {
			t.Errorf("it says %q", said)
		}
		wantSame(t, content(t, export(t, to)), content(t, file))
		again := transfer(t, importOf, to, 0, file) // nothing doubles
		if !strings.Contains(again, "its log has all of the export") {
			t.Errorf("and again %q", again)
		}
		wantSame(t, content(t, export(t, to)), content(t, file))
		e.wantServed(t, from, to, files)
	})
}

// wantServed fails unless a server on the imported database answers as one on the original.
func (e *estate) wantServed(t *testing.T, from, to string, files FileStore) {
	t.Helper()
	before, after := Start(t, from, inStore(files)), Start(t, to, inStore(files))
	for _, ask := range []func(*Server) string{
		func(s *Server) string {
			return string(s.Master(t, "").Do(t, "GET", "/v1/messages?after=0&include=events&limit=1000", nil).Want(200).Body)
		},
		func(s *Server) string {
			return fmt.Sprint(s.Master(t, "").Do(t, "GET", "/v1/conversations?limit=100", nil).Want(200).Object())
		},
		func(s *Server) string {
			return fmt.Sprint(foundIDs(t, s.Master(t, ""), `{"attributes.topic":"cheese"}`), foundIDs(t, s.Login(t, "Mary", ""), `{"type":"temporary"}`))
		},
		func(s *Server) string {
			return string(s.Login(t, odd, "").Do(t, "GET", "/v1/conversations/"+e.group+"/members", nil).Want(200).Body)
		},
		func(s *Server) string { return fmt.Sprint(len(s.Login(t, odd, "").History(t, e.group))) },
	} {
		got, want := withoutLinks(ask(after), after), withoutLinks(ask(before), before)
		if got != want {
			t.Errorf("answered %.2000s\ninstead of %.2000s", got, want)
		}
	}
	for client, want := range map[string]string{"Newcomer": "[to everyone]", "Mary": "[to everyone to some]"} {
		stream := after.Login(t, client, "").Listen(t, "")
		stream.Want("online")
		var got []string
		for range strings.Count(want, "to ") {
			got = append(got, stream.Want("message").Data["text"].(string))
		}
		slices.Sort(got)
		if fmt.Sprint(got) != want {
			t.Errorf("%s is brought %v", client, got)
		}
		stream.Cut()
	}
	texts := func(s *Server) string { return fmt.Sprint(len(s.Login(t, "Tom", "").History(t, e.system))) }
	if texts(after) != texts(before) || texts(after) != "3" {
		t.Errorf("Tom sees %s messages of the system conversation instead of %s", texts(after), texts(before))
	}
	jerry, mary, tom := after.Login(t, odd, ""), after.Login(t, "Mary", ""), after.Login(t, "Tom", "")
	mary.Do(t, "GET", "/v1/conversations/"+e.group+"/messages", nil).WantProblem(403, "not_a_member", "")
	answer := tom.Do(t, "POST", "/v1/conversations/"+e.group+"/messages", JSON{"type": "text", "text": "once"}, "Idempotency-Key", e.key).Want(200)
	if answer.Object()["id"] != e.replay {
		t.Errorf("the repeat is %s", answer.Body)
	}
	same := tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{odd}, "unique": true}).Want(200).Object()
	if same["id"] != e.first {
		t.Errorf("the unique conversation is %v", same["id"])
	}
	if got := after.Fetch(t, jerry.Do(t, "GET", "/v1/files/"+e.file, nil).Want(200).Object()["url"]).Want(200); string(got.Body) != "cheese" {
		t.Errorf("the file is %q", got.Body)
	}
	atJerrys := jerry.Listen(t, e.position)
	atJerrys.Want("message")
	resumed := 1
	for event := atJerrys.Next(); event.Name != "reconnect"; event = atJerrys.Next() {
		if event.Name == "resync" {
			t.Fatalf("a position of before is answered %s", event.Raw)
		}
		resumed++
	}
	if resumed < 10 {
		t.Errorf("%d events after a resume", resumed)
	}
	newest := tom.Say(t, e.group, "in the new house")
	if event := atJerrys.Want("message"); event.Data["text"] != "in the new house" || len(newest) < len(e.replay) || newest <= e.replay && len(newest) == len(e.replay) {
		t.Errorf("after the move %s", event.Raw)
	}
	tom.Do(t, "DELETE", "/v1/conversations/"+e.group+"/members?clientId="+url.QueryEscape(odd), nil).Want(200)
	atJerrys.Want("kicked")
	var names [2]string
	for i, db := range []string{from, to} {
		if err := OpenSQL(t, db).QueryRow("SELECT log_id FROM counters").Scan(&names[i]); err != nil {
			t.Fatal(err)
		}
	}
	if names[0] == names[1] {
		t.Error("both logs have the same name on a broker")
	}
	before.Stop(t)
	after.Stop(t)
}

// withoutLinks cuts what is made anew for every answer.
func withoutLinks(text string, s *Server) string {
	var kept strings.Builder
	for i, part := range strings.Split(text, s.URL) {
		if i > 0 {
			part = strings.TrimLeft(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=?./%:")
		}
		kept.WriteString(part)
	}
	return kept.String()
}

// goOn lives on in an app of which there is an export already.
func (e *estate) goOn(t *testing.T, db string, files FileStore) {
	t.Helper()
	s := Start(t, db, inStore(files))
	defer s.Stop(t)
	tom, jerry, mary, master := s.Login(t, "Tom", ""), s.Login(t, odd, ""), s.Login(t, "Mary", ""), s.Master(t, "")
	tom.Say(t, e.group, "later")
	jerry.Do(t, "POST", "/v1/conversations/"+e.group+"/quit", nil).Want(200)
	jerry.Do(t, "POST", "/v1/conversations/"+e.group+"/join", nil).Want(200)
	mary.Do(t, "POST", "/v1/conversations/"+e.group+"/join", nil).Want(200)
	tom.Do(t, "PATCH", "/v1/conversations/"+e.group, JSON{"attributes": JSON{"topic": nil, "new": 1}}).Want(200)
	master.Do(t, "DELETE", "/v1/conversations/"+e.pair, nil).Want(204)
	master.Do(t, "DELETE", "/v1/conversations/"+e.first, nil).Want(204) // the rival has its key now
	made := tom.Create(t, "Mary")
	mary.Do(t, "POST", "/v1/conversations/"+made+"/quit", nil).Want(200)
	tom.Keep(t, "another.txt", []byte("another"))
	tom.Send(t, made, JSON{"type": "file", "file": JSON{"id": e.file}})
	jerry.Do(t, "GET", "/v1/conversations", nil).Want(200)
}

// TestExportGoesOn: a file that is there already gets what is missing, and so does an app into which it was imported; as
// well by a new export of the same app, when what was deleted has been swept.
func TestExportGoesOn(t *testing.T) {
	t.Parallel()
	pairs(t, func(t *testing.T, from, to string) {
		files := Folder(t)
		e := settle(t, from, files)
		file := export(t, from)
		old := content(t, file)
		other := SQLite(t)
		for _, db := range []string{to, other} {
			transfer(t, importOf, db, 0, file)
		}
		if said := transfer(t, exportOf, from, 0, file); !strings.Contains(said, "nothing has come since") || content(t, file) != old {
			t.Fatalf("with nothing new it says %q", said)
		}
		e.goOn(t, from, files)
		transfer(t, exportOf, from, 0, file)
		if !strings.HasPrefix(content(t, file), old) {
			t.Fatal("what was there has been changed")
		}
		wantSame(t, content(t, export(t, to)), old)
		transfer(t, importOf, to, 0, file)
		fresh := export(t, from)
		// What has been removed waits to be swept in both, or in neither.
		sweep(t, from)
		sweep(t, to)
		swept := export(t, from)
		wantSame(t, content(t, export(t, to)), content(t, swept))
		if content(t, swept) == content(t, fresh) {
			t.Error("nothing was swept")
		}
		if other != to {
			transfer(t, importOf, other, 0, swept)
			sweep(t, other)
			wantSame(t, content(t, export(t, other)), content(t, swept))
		}
		transfer(t, importOf, EmptySQLite(t), 0, file) // both sections at once
		s := Start(t, to, inStore(files))
		same := s.Login(t, "Tom", "").Do(t, "POST", "/v1/conversations", JSON{"members": []string{odd}, "unique": true}).Want(200).Object()
		if same["id"] != e.rival {
			t.Errorf("the unique conversation is %v", same["id"])
		}
		if gone := foundIDs(t, s.Master(t, ""), `{"attributes.topic":"cheese"}`); len(gone) != 0 {
			t.Errorf("attributes of before are found in %v", gone)
		}
	})
}
