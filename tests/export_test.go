package tests

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/app"
	"parley/models"
	. "parley/tests/harness"
)

// transfer runs a sub-command on a database and gives what it says.
func transfer(t testing.TB, run func(context.Context, []string, []string, *bytes.Buffer, *bytes.Buffer) int, db string, code int, arguments ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	got := run(t.Context(), arguments, append(FixedKeys(), "PARLEY_DATABASE_URL="+db), &stdout, &stderr)
	if got != code || code == 0 && stderr.Len() > 0 {
		t.Fatalf("%q: the exit code is %d, not %d: %s%s", arguments, got, code, &stdout, &stderr)
	}
	return stdout.String() + stderr.String()
}

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
	}{{"sqlite", SQLite}, {"mysql", MySQL}}
	for _, from := range kinds {
		for _, to := range kinds {
			t.Run(from.name+" to "+to.name, func(t *testing.T) { test(t, from.make(t), to.make(t)) })
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
		transfer(t, importOf, SQLite(t), 0, file) // both sections at once
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

// TestImportIntoAnotherLogIsRefused: with a line that says so, and nothing is changed.
func TestImportIntoAnotherLogIsRefused(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		from := SQLite(t)
		s := Start(t, from)
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t, "Jerry")
		tom.Say(t, conversation, "one")
		file := export(t, from)
		tom.Say(t, conversation, "two")
		longer := export(t, from)

		own := Start(t, db)
		mine := own.Login(t, "Tom", "")
		mine.Say(t, mine.Create(t, "Jerry"), "mine")
		own.Stop(t)
		before := content(t, export(t, db))
		if said := transfer(t, importOf, db, 1, longer); !strings.Contains(said, "entry 1 (line 2) is another one there; nothing has been changed") || strings.Count(said, "\n") != 1 {
			t.Errorf("it says %q", said)
		}
		wantSame(t, content(t, export(t, db)), before)

		to := SQLite(t)
		transfer(t, importOf, to, 0, longer)
		if said := transfer(t, importOf, to, 1, file); !strings.Contains(said, "it has come to 3, and the export ends at 2") {
			t.Errorf("a shorter one is answered %q", said)
		}
		// It has gone on by itself.
		grown := Start(t, to)
		hers := grown.Login(t, "Tom", "")
		hers.Say(t, conversation, "its own")
		grown.Stop(t)
		before = content(t, export(t, to))
		tom.Say(t, conversation, "three")
		tom.Say(t, conversation, "four")
		longest := export(t, from)
		if said := transfer(t, importOf, to, 1, longest); !strings.Contains(said, "entry 4 (line 5) is another one there") {
			t.Errorf("one that has gone on is answered %q", said)
		}
		wantSame(t, content(t, export(t, to)), before)
		if said := transfer(t, exportOf, db, 1, longest); !strings.Contains(said, "it is not an export of this log") {
			t.Errorf("an export of another log is gone on with: %q", said)
		}
	})
}

// TestDamagedExportIsRefused: with the number of the line, and nothing is imported.
func TestDamagedExportIsRefused(t *testing.T) {
	from := SQLite(t)
	s := Start(t, from)
	tom := s.Login(t, "Tom", "")
	conversation := tom.Create(t, "Jerry")
	for _, text := range []string{"one", "two", "three"} {
		tom.Say(t, conversation, text)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(readAll(t, export(t, from)), ""), "\n")
	lines = lines[:len(lines)-1]
	changed := func(line int, text string) []string {
		return append(append(slices.Clone(lines[:line-1]), text), lines[line:]...)
	}
	for name, test := range map[string]struct {
		lines []string
		says  string
	}{
		"empty":            {nil, "the file is empty"},
		"no header":        {lines[1:], "line 1: this is no export"},
		"cut in a line":    {append(slices.Clone(lines[:3]), lines[3][:20]), "line 4: the line is cut off"},
		"cut after a line": {lines[:4], "the export is not complete: after line 4"},
		"a changed text":   {changed(4, strings.Replace(lines[3], "two", "2.0", 1)), "the checksum is not that of the lines before"},
		"a missing line":   {append(slices.Clone(lines[:3]), lines[4:]...), "the checksum is not that of the lines before"},
		"a swapped line":   {append(append(slices.Clone(lines[:2]), lines[3], lines[2]), lines[4:]...), "line 4: entry 2 comes after entry 3"},
		"a doubled line":   {append(append(slices.Clone(lines[:3]), lines[2]), lines[3:]...), "line 4: entry 2 comes after entry 2"},
		"not JSON":         {changed(3, "{\"message\":\n"), "line 3: "},
		"unknown":          {changed(3, "{\"massage\":{}}\n"), "line 3: "},
		"a later version":  {changed(1, strings.Replace(lines[0], `"version":1`, `"version":2`, 1)), "line 1: version"},
	} {
		t.Run(name, func(t *testing.T) {
			Databases(t, func(t *testing.T, db string) {
				file := filepath.Join(t.TempDir(), "damaged")
				if err := os.WriteFile(file, []byte(strings.Join(test.lines, "")), 0o600); err != nil {
					t.Fatal(err)
				}
				if said := transfer(t, importOf, db, 1, file); !strings.Contains(said, test.says) || strings.Count(said, "\n") != 1 {
					t.Errorf("it says %q", said)
				}
				var rows int
				for _, table := range []string{"apps", "messages", "events", "conversations"} {
					if err := OpenSQL(t, db).QueryRow("SELECT COUNT(*) FROM " + table).Scan(&rows); err != nil || rows != 0 {
						t.Errorf("%d rows in %s, %v", rows, table, err)
					}
				}
			})
		})
	}
}

func readAll(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestExportThatWasCutOffGoesOn: at whatever byte.
func TestExportThatWasCutOffGoesOn(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		files := Folder(t)
		e := settle(t, db, files)
		file := export(t, db)
		e.goOn(t, db, files)
		transfer(t, exportOf, db, 0, file)
		whole := readAll(t, file)
		header := strings.Index(whole, "\n") + 1
		middle := strings.Index(whole, `{"end"`) // the end of the first section: cut before it, one section comes of it
		one := content(t, export(t, db))
		for at := header; at < len(whole); at += 1 + at%499 {
			if err := os.WriteFile(file, []byte(whole[:at]), 0o600); err != nil {
				t.Fatal(err)
			}
			transfer(t, exportOf, db, 0, file)
			got := readAll(t, file)
			switch {
			case at > middle+strings.Index(whole[middle:], "\n"):
				wantSame(t, got, whole)
			default:
				wantSame(t, got[header:], one)
			}
		}
	})
}

var errStop = errors.New("stopped by the test")

// TestImportThatWasCutOffGoesOn: after whatever line.
func TestImportThatWasCutOffGoesOn(t *testing.T) {
	from, files := SQLite(t), Folder(t)
	e := settle(t, from, files)
	file := export(t, from)
	e.goOn(t, from, files)
	transfer(t, exportOf, from, 0, file)
	lines := strings.Count(readAll(t, file), "\n")
	once := SQLite(t)
	transfer(t, importOf, once, 0, file)
	want := content(t, export(t, once))
	Databases(t, func(t *testing.T, db string) {
		cuts := 0
		for cut := 1; cut < lines; cut += 1 + lines/8 {
			to := db
			if cut > 1 {
				to = sameKind(t, db)
			}
			for again := 0; again < 2; again++ {
				if importUpTo(t, to, file, cut+again) {
					cuts++
				}
			}
			transfer(t, importOf, to, 0, file)
			wantSame(t, content(t, export(t, to)), want)
		}
		if cuts < 6 {
			t.Errorf("cut off %d times", cuts)
		}
	})
}

func sameKind(t testing.TB, db string) string {
	if strings.HasPrefix(db, "sqlite") {
		return SQLite(t)
	}
	return MySQL(t)
}

// importUpTo imports up to a line and tells whether it was stopped there.
func importUpTo(t *testing.T, db, path string, line int) bool {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	store, err := models.Open(t.Context(), db, models.Options{Still: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	taken := 0
	known, err := store.OnlyApp(ctx, AppID)
	if err != nil {
		t.Fatal(err)
	}
	load, err := store.OpenImport(ctx, known, file, func(what string, _, _ int64) {
		if what != "importing" {
			return
		}
		if taken++; taken == line {
			stop(errStop)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	made, _, err := store.Bootstrap(ctx, models.Credentials{AppID: AppID, AppKey: AppKey, MasterKey: MasterKey, SigningSecret: SigningSecret})
	if err != nil {
		t.Fatal(err)
	}
	_, err = load.Run(ctx, made)
	if err != nil && !errors.Is(context.Cause(ctx), errStop) {
		t.Fatal(err)
	}
	return err != nil
}

// TestExportBesideSends: an export made while others write is of one moment.
func TestExportBesideSends(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t, "Jerry")
		stop, said := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(said)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				answer, err := tom.Try(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": fmt.Sprint(i)})
				if err != nil || answer.Status != 201 {
					t.Errorf("%v, %v", answer, err)
					return
				}
				if i%10 == 0 {
					tom.Try(t, "POST", "/v1/conversations/"+conversation+"/members", JSON{"members": []string{fmt.Sprint("c", i)}})
				}
			}
		}()
		file := filepath.Join(t.TempDir(), "app.ndjson")
		to := sameKind(t, db)
		for range 8 {
			transfer(t, exportOf, db, 0, file)
			transfer(t, importOf, to, 0, file)
			copied := OpenSQL(t, to)
			var head, last, messages, newest int64
			var count, inside int
			for query, into := range map[string][]any{
				"SELECT seq FROM counters":                             {&head},
				"SELECT last_seq, member_count FROM conversations":     {&last, &count},
				"SELECT COUNT(*), COALESCE(MAX(seq), 0) FROM messages": {&messages, &newest},
				"SELECT COUNT(*) FROM members":                         {&inside},
			} {
				if err := copied.QueryRow(query).Scan(into...); err != nil {
					t.Fatal(err)
				}
			}
			if last != head || inside != count || newest > head {
				t.Errorf("at %d: the conversation says %d, and %d members of %d", head, last, inside, count)
			}
		}
		close(stop)
		<-said
		transfer(t, exportOf, db, 0, file)
		transfer(t, importOf, to, 0, file)
		wantSame(t, content(t, export(t, to)), content(t, export(t, db)))
	})
}

// TestExportKnowsEveryColumn: whoever adds one says here what an export does with it.
func TestExportKnowsEveryColumn(t *testing.T) {
	known := map[string]string{
		"messages":      "app_id conversation_id seq sender session_id idempotency_key type text attributes payload created_at file location priority audience recipients valid_until",
		"events":        "app_id conversation_id seq kind actor body created_at",
		"files":         "app_id id state uploader name mime_type size link metadata created_at unused_since",
		"message_files": "app_id file_id conversation_id seq",
		"conversations": "app_id id type name is_unique unique_key creator attributes member_count created_at updated_at active_at last_seq last_message_seq last_message_at " +
			"flat_attributes retention_days floor_seq ttl expires_at",
		"members":              "app_id conversation_id client_id joined_seq joined_at ordinal invited_by expires_at kind",
		"delivered_broadcasts": "app_id client_id seq",
		"former_members":       "app_id client_id left_seq conversation_id joined_seq",
		"counters":             "app_id seq newest_at floor log_id own_floor swept_at",
	}
	// What has no part in it: keys, sessions and streams, and what is made anew.
	apart := "apps sessions removed_conversations conversation_attributes unflattened_apps node_leases presences clients room_sessions broadcasts personal_messages goose_db_version"
	db := SQLite(t)
	Start(t, db).Stop(t)
	for table, columns := range columnsOf(t, OpenSQL(t, db)) {
		if slices.Contains(strings.Fields(apart), table) {
			continue
		}
		if wanted := strings.Fields(known[table]); !slices.Equal(slices.Sorted(slices.Values(columns)), slices.Sorted(slices.Values(wanted))) {
			t.Errorf("%s has %v; the export knows %v", table, columns, wanted)
		}
	}
}

func columnsOf(t testing.TB, db *sql.DB) map[string][]string {
	t.Helper()
	rows, err := db.Query("SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string][]string{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		found[table] = append(found[table], column)
	}
	return found
}

func TestTransferIsCalledWrongly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x")
	for name, c := range map[string]struct {
		run       func(context.Context, []string, []string, *bytes.Buffer, *bytes.Buffer) int
		code      int
		says      string
		arguments []string
	}{
		"export without a file": {exportOf, 2, "Usage: parley export", nil}, "import without a file": {importOf, 2, "Usage: parley import", nil},
		"help": {exportOf, 0, "", []string{"-h"}}, "two files": {importOf, 2, "Usage", []string{file, file}},
		"no such app": {exportOf, 1, "there is no such app in this database", []string{file}},
		"not an id":   {exportOf, 1, "--app must be", []string{"--app", "a b", file}},
		"no file":     {importOf, 1, "no such file", []string{file + "y"}},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := c.run(t.Context(), c.arguments, []string{"PARLEY_DATABASE_URL=" + SQLite(t)}, &stdout, &stderr)
			if said := stderr.String(); code != c.code || !strings.Contains(said, c.says) || code == 1 && strings.Count(said, "\n") != 1 {
				t.Errorf("%d, and it says %q", code, said)
			}
		})
	}
}
