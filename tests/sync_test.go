package tests

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	. "parley/tests/harness"
)

// syncAll reads the log of the app from a position by pages, and gives what was in them and the last page.
func syncAll(t *testing.T, master *Client, after, query string) (messages, events []JSON, last JSON) {
	t.Helper()
	for after != "" {
		last = master.Do(t, "GET", "/v1/messages?after="+after+query, nil).Want(200).Object()
		for _, m := range last["messages"].([]any) {
			messages = append(messages, m.(JSON))
		}
		list, _ := last["events"].([]any)
		for _, e := range list {
			events = append(events, e.(JSON))
		}
		after, _ = last["next"].(string)
	}
	return messages, events, last
}

// syncLines reads the log of the app as lines.
func syncLines(t *testing.T, master *Client, query string) []JSON {
	t.Helper()
	answer := master.Do(t, "GET", "/v1/messages?"+query, nil, "Accept", "application/x-ndjson").Want(200)
	if got := answer.Header.Get("Content-Type"); got != "application/x-ndjson" {
		t.Fatalf("lines came as %q", got)
	}
	var lines []JSON
	for line := range strings.Lines(string(answer.Body)) {
		lines = append(lines, decode(t, line))
	}
	return lines
}

// textsOf gives the texts of messages.
func textsOf(messages []JSON) []string {
	texts := []string{}
	for _, m := range messages {
		if text, ok := m["text"].(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

func TestSyncReadsEveryMessageOfTheApp(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry, master := s.Login(t, "Tom", ""), s.Login(t, "Jerry", ""), s.Master(t, "")
		if messages, _, last := syncAll(t, master, "0", ""); len(messages) != 0 || last["position"] != "0" {
			t.Fatalf("an empty log is read as %v", last)
		}
		one, two := tom.Create(t, "Jerry"), tom.Create(t, "Mary")
		var texts, ids, ofJerry, inTwo, notes []string
		for i := range 30 {
			text, sender, conversation, kind := fmt.Sprint("m", i), tom, one, "text"
			if i%3 == 0 {
				sender = jerry
				ofJerry = append(ofJerry, text)
			} else if i%3 == 1 {
				conversation = two
				inTwo = append(inTwo, text)
			}
			if i%5 == 0 {
				kind = "note"
				notes = append(notes, text)
			}
			m := sender.Do(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": kind, "text": text}).Want(201).Object()
			texts, ids = append(texts, text), append(ids, m["id"].(string))
		}
		for _, limit := range []string{"", "&limit=1", "&limit=7", "&limit=30", "&limit=1000"} {
			messages, events, last := syncAll(t, master, "0", limit)
			if got := textsOf(messages); !slices.Equal(got, texts) || events != nil {
				t.Fatalf("with %q: %v", limit, got)
			}
			if last["position"] != ids[29] || last["next"] != nil {
				t.Fatalf("with %q the last page is %v", limit, last)
			}
		}
		if got := textsOf(syncLines(t, master, "after=0")); !slices.Equal(got, texts) {
			t.Fatalf("as lines: %v", got)
		}
		if got := textsOf(syncLines(t, master, "after="+ids[9]+"&limit=3")); !slices.Equal(got, texts[10:13]) {
			t.Fatalf("three lines: %v", got)
		}
		jerrysTwo := []string{} // Jerry is not inside
		for query, want := range map[string][]string{
			"&from=Jerry": ofJerry, "&conversationId=" + two: inTwo, "&type=note": notes, "&from=Jerry&conversationId=" + two: jerrysTwo,
			"&from=Nobody": {}, "&conversationId=none": {}, "&from=&conversationId=&type=": texts,
			"&type=text&conversationId=" + two: without(inTwo, notes), "&type=note&from=Tom": without(notes, ofJerry),
			"&type=note&from=Tom&conversationId=" + one: without(notes, ofJerry, inTwo),
		} {
			for _, limit := range []string{"", "&limit=2"} {
				if messages, _, _ := syncAll(t, master, "0", query+limit); !slices.Equal(textsOf(messages), want) {
					t.Errorf("%s%s gave %v, not %v", query, limit, textsOf(messages), want)
				}
			}
			if got := textsOf(syncLines(t, master, "after=0"+query)); !slices.Equal(got, want) {
				t.Errorf("%s gave the lines %v, not %v", query, got, want)
			}
		}
		// Polling with the last id seen.
		said := jerry.Say(t, one, "the latest")
		if messages, _, last := syncAll(t, master, ids[29], ""); len(messages) != 1 || messages[0]["id"] != said || last["position"] != said {
			t.Fatalf("the poll gave %v", last)
		}
		if messages, _, last := syncAll(t, master, said, ""); len(messages) != 0 || last["position"] != said {
			t.Fatalf("a poll at the end gave %v", last)
		}
	})
}

// without gives what is in none of the others.
func without(all []string, others ...[]string) []string {
	left := []string{}
	for _, text := range all {
		if !slices.Contains(slices.Concat(others...), text) {
			left = append(left, text)
		}
	}
	return left
}

func TestSyncIsForTheAppsOwnServer(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, master := s.Login(t, "Tom", ""), s.Master(t, "")
		said := tom.Say(t, tom.Create(t), "x")
		for _, accept := range []string{"application/json", "application/x-ndjson"} {
			tom.Do(t, "GET", "/v1/messages?after=0", nil, "Accept", accept).WantProblem(403, "master_key_required", "")
			s.AppKeyHolder(t).Do(t, "GET", "/v1/messages?after=0", nil, "Accept", accept).WantProblem(403, "session_required", "")
			s.Nobody(t).Do(t, "GET", "/v1/messages?after=0", nil, "Accept", accept).WantProblem(401, "credentials_missing", "")
			for query, field := range map[string]string{
				"after=x": "after", "after=-1": "after", "after=01": "after", "limit=0": "limit", "limit=x": "limit", "wait=51": "wait",
				"wait=-1": "wait", "include=members": "include", "type=a%20b": "type", "from=" + strings.Repeat("x", 65): "from", "order=asc": "order",
				"after=0&after=1": "after",
			} {
				master.Do(t, "GET", "/v1/messages?"+query, nil, "Accept", accept).WantProblem(400, "validation_failed", field)
			}
			master.Do(t, "GET", "/v1/messages?after="+strconv.FormatInt(number(t, said)+1, 10), nil, "Accept", accept).WantProblem(409, "future_position", "after")
		}
		master.Do(t, "GET", "/v1/messages?limit=1001", nil).WantProblem(400, "validation_failed", "limit")
		s.Master(t, "Tom").Do(t, "GET", "/v1/messages", nil).Want(200)
		if accept := "application/x-ndjson;q=0"; !strings.HasPrefix(string(master.Do(t, "GET", "/v1/messages", nil, "Accept", accept).Want(200).Body), `{"messages":[`) {
			t.Errorf("Accept: %s gave lines", accept)
		}
		if accept := "text/plain, application/x-ndjson;q=0.9"; !strings.HasPrefix(string(master.Do(t, "GET", "/v1/messages", nil, "Accept", accept).Want(200).Body), `{"id":`) {
			t.Errorf("Accept: %s gave no lines", accept)
		}
	})
}

// A position that retention has passed is told, never silently skipped; after=0 begins with what is kept.
func TestSyncBelowWhatIsKept(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, master := s.Login(t, "Tom", ""), s.Master(t, "")
		conversation := tom.Create(t)
		var ids, texts []string
		for i := range 6 {
			texts = append(texts, fmt.Sprint("m", i))
			ids = append(ids, tom.Say(t, conversation, texts[i]))
		}
		tables := OpenSQL(t, db)
		for _, statement := range []string{"UPDATE counters SET floor = ", "DELETE FROM messages WHERE seq <= "} {
			if _, err := tables.Exec(statement + ids[2]); err != nil {
				t.Fatal(err)
			}
		}
		for _, accept := range []string{"application/json", "application/x-ndjson"} {
			for _, after := range []string{"1", ids[0], ids[1]} {
				master.Do(t, "GET", "/v1/messages?after="+after, nil, "Accept", accept).WantProblem(410, "position_expired", "")
			}
		}
		for _, after := range []string{"0", ids[2]} {
			if messages, _, _ := syncAll(t, master, after, "&limit=2"); !slices.Equal(textsOf(messages), texts[3:]) {
				t.Errorf("after=%s gave %v", after, textsOf(messages))
			}
			if got := textsOf(syncLines(t, master, "after="+after)); !slices.Equal(got, texts[3:]) {
				t.Errorf("after=%s gave the lines %v", after, got)
			}
		}
	})
}

// A walk from 0 below the floor, where a conversation keeps its history for longer, or which a restore has put above all
// that there is, was sent back to its beginning by every page.
func TestSyncFromTheBeginningBelowTheFloor(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, master := s.Login(t, "Tom", ""), s.Master(t, "")
		conversation := tom.Create(t)
		var ids, texts []string
		for i := range 6 {
			texts = append(texts, fmt.Sprint("m", i))
			ids = append(ids, tom.Say(t, conversation, texts[i]))
		}
		if _, err := OpenSQL(t, db).Exec("UPDATE counters SET floor = " + ids[3]); err != nil {
			t.Fatal(err)
		}
		messages, _, _ := syncAll(t, master, "0", "&limit=2")
		if !slices.Equal(textsOf(messages), texts) {
			t.Errorf("the walk gave %v", textsOf(messages))
		}
		// By positions, as a mirror does that keeps them.
		var polled []string
		for position, polls := "0", 0; polls < 4; polls++ {
			page := master.Do(t, "GET", "/v1/messages?limit=2&after="+position, nil).Want(200).Object()
			for _, m := range page["messages"].([]any) {
				polled = append(polled, m.(JSON)["text"].(string))
			}
			position = page["position"].(string)
		}
		if !slices.Equal(polled, texts) {
			t.Errorf("the polls gave %v", polled)
		}
		// A position of before what has gone since is told so, also one of an earlier walk.
		for _, after := range []string{ids[1], ids[1] + "~" + ids[2]} {
			master.Do(t, "GET", "/v1/messages?after="+after, nil).WantProblem(410, "position_expired", "")
		}
		for _, after := range []string{"~", ids[1] + "~", "~" + ids[1], ids[1] + "~x", ids[1] + "~" + ids[2] + "~" + ids[3]} {
			master.Do(t, "GET", "/v1/messages?after="+after, nil).WantProblem(400, "validation_failed", "after")
		}
	})
}

// TestSyncWaitsForSomethingToCome: a long poll is answered by what comes, also from another node, and what a filter does
// not want leaves it waiting.
func TestSyncWaitsForSomethingToCome(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		one, two := Start(t, db), Start(t, db)
		tom, master := one.Login(t, "Tom", ""), two.Master(t, "")
		conversation, other := tom.Create(t), tom.Create(t)
		position := tom.Say(t, other, "before")
		type answered struct {
			lines []string
			at    JSON
		}
		poll := func(accept, query string) chan answered {
			done := make(chan answered, 1)
			go func() {
				answer := master.Do(t, "GET", "/v1/messages?wait=50&after="+position+query, nil, "Accept", accept).Want(200)
				a := answered{}
				if accept == "application/x-ndjson" {
					for line := range strings.Lines(string(answer.Body)) {
						a.lines = append(a.lines, line)
					}
				} else {
					a.at = answer.Object()
				}
				done <- a
			}()
			return done
		}
		all, lines, filtered := poll("application/json", ""), poll("application/x-ndjson", "&conversationId="+conversation), poll("application/json", "&from=Tom&type=note")
		withEvents := poll("application/json", "&include=events&conversationId="+conversation)
		Eventually(t, "all four wait", func() bool { return metric(t, two, "parley_sync_waiting") == 4 })
		first := tom.Say(t, other, "not wanted by two of them")
		if a := <-all; a.at["position"] != first {
			t.Fatalf("got %v", a.at)
		}
		tom.On(two).Do(t, "POST", "/v1/conversations/"+conversation+"/members", JSON{"members": []string{"Jerry"}}).Want(200)
		if a := <-withEvents; len(a.at["messages"].([]any)) != 0 || len(a.at["events"].([]any)) != 1 {
			t.Fatalf("got %v", a.at)
		}
		second := tom.Say(t, conversation, "wanted by the lines")
		if a := <-lines; len(a.lines) != 1 || decode(t, a.lines[0])["id"] != second {
			t.Fatalf("got %v", a.lines)
		}
		note := tom.Do(t, "POST", "/v1/conversations/"+other+"/messages", JSON{"type": "note", "text": "n"}).Want(201).Object()["id"]
		if a := <-filtered; len(a.at["messages"].([]any)) != 1 || a.at["position"] != note {
			t.Fatalf("got %v", a.at)
		}
		position = note.(string)
		begun := time.Now()
		empty := master.Do(t, "GET", "/v1/messages?wait=1&after="+position, nil).Want(200).Object()
		if len(empty["messages"].([]any)) != 0 || empty["position"] != position || time.Since(begun) < time.Second {
			t.Fatalf("after %v: %v", time.Since(begun), empty)
		}
		// A node that stops answers its waiters.
		last := poll("application/json", "")
		Eventually(t, "it waits", func() bool { return metric(t, two, "parley_sync_waiting") == 1 })
		two.Stop(t)
		if a := <-last; a.at["position"] != position {
			t.Fatalf("at the stop: %v", a.at)
		}
	})
}

func TestSyncIsCompressedWhereAsked(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, master := s.Login(t, "Tom", ""), s.Master(t, "")
		conversation := tom.Create(t)
		var texts []string
		for i := range 40 {
			texts = append(texts, strings.Repeat("all work and no play ", 20)+strconv.Itoa(i))
			tom.Say(t, conversation, texts[i])
		}
		for _, accept := range []string{"application/json", "application/x-ndjson"} {
			plain := master.Do(t, "GET", "/v1/messages", nil, "Accept", accept, "Accept-Encoding", "identity").Want(200)
			if plain.Header.Get("Content-Encoding") != "" {
				t.Errorf("%s came as %s, unasked", accept, plain.Header.Get("Content-Encoding"))
			}
			request, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/v1/messages", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", Basic(AppID, MasterKey))
			request.Header.Set("Accept", accept)
			request.Header.Set("Accept-Encoding", "gzip")
			response, err := http.DefaultTransport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			packed, err := io.ReadAll(response.Body)
			if err != nil || response.Body.Close() != nil || response.Header.Get("Content-Encoding") != "gzip" || !slices.Contains(response.Header.Values("Vary"), "Accept-Encoding") {
				t.Fatalf("%v, header %v", err, response.Header)
			}
			reader, err := gzip.NewReader(strings.NewReader(string(packed)))
			if err != nil {
				t.Fatal(err)
			}
			unpacked, err := io.ReadAll(reader)
			if err != nil || string(unpacked) != string(plain.Body) || len(packed)*4 > len(unpacked) {
				t.Errorf("%s: %d bytes came as %d: %v", accept, len(unpacked), len(packed), err)
			}
			http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		}
	})
}

// TestSyncByASenderWhoIsRare: a page looks at a bounded stretch, and says how far it has come.
func TestSyncByASenderWhoIsRare(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry, master := s.Login(t, "Tom", ""), s.Login(t, "Jerry", ""), s.Master(t, "")
		conversation := tom.Create(t, "Jerry")
		first := jerry.Say(t, conversation, "first")
		const many = 25_000
		fill(t, db, number(t, first)+1, many)
		last := jerry.Say(t, conversation, "last")
		for _, query := range []string{"&from=Jerry", "&from=Jerry&conversationId=" + conversation, "&type=note", "&type=text&from=Jerry"} {
			pages := 0
			var ids []any
			for after := "0"; after != ""; pages++ {
				page := master.Do(t, "GET", "/v1/messages?after="+after+query, nil).Want(200).Object()
				for _, m := range page["messages"].([]any) {
					ids = append(ids, m.(JSON)["id"])
				}
				after, _ = page["next"].(string)
			}
			if want := []any{first, last}; query != "&type=note" && !slices.Equal(ids, want) || query == "&type=note" && ids != nil || pages != 3 {
				t.Errorf("%s gave %v in %d pages", query, ids, pages)
			}
		}
		if got := textsOf(syncLines(t, master, "after=0&from=Jerry")); !slices.Equal(got, []string{"first", "last"}) {
			t.Errorf("as lines: %v", got)
		}
		// A poll that waits passes over all that it does not want.
		if page := master.Do(t, "GET", "/v1/messages?wait=50&from=Jerry&after="+first, nil).Want(200).Object(); len(page["messages"].([]any)) != 1 {
			t.Errorf("the poll gave %v", page)
		}
		if n := len(syncLines(t, master, "after=0&from=Tom")); n != many {
			t.Errorf("%d of %d messages came as lines", n, many)
		}
	})
}

// fill stores messages of Tom in the only conversation of a database, from a number on, as fast as it goes.
func fill(t *testing.T, db string, from int64, n int) {
	t.Helper()
	tables := OpenSQL(t, db)
	tx, err := tables.Begin()
	if err != nil {
		t.Fatal(err)
	}
	const rows = 500
	for at := 0; at < n; at += rows {
		var values []string
		for i := at; i < min(at+rows, n); i++ {
			seq := from + int64(i)
			values = append(values, fmt.Sprintf("((SELECT app_id FROM counters), (SELECT id FROM conversations), %d, 'Tom', '', 's:%d', 'text', 'filled %d', '{}', NULL, 1700000000000)", seq, seq, i))
		}
		if _, err := tx.Exec("INSERT INTO messages (app_id, conversation_id, seq, sender, session_id, idempotency_key, type, text, attributes, payload, created_at) VALUES " + strings.Join(values, ", ")); err != nil {
			t.Fatal(err)
		}
	}
	for _, statement := range []string{"UPDATE counters SET seq = ", "UPDATE conversations SET last_seq = "} {
		if _, err := tx.Exec(statement + strconv.FormatInt(from+int64(n)-1, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// Large texts end a page, and not the walk.
func TestSyncPageOfLargeTexts(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	tom, master := s.Login(t, "Tom", ""), s.Master(t, "")
	conversation := tom.Create(t)
	const many = 300
	parallel(8, func(i int) {
		for range many / 8 {
			tom.Say(t, conversation, strings.Repeat("x", 30<<10))
		}
	})
	stored := many / 8 * 8
	first := master.Do(t, "GET", "/v1/messages?after=0", nil).Want(200)
	if page := first.Object(); len(first.Body) > 10<<20 || page["next"] == nil {
		t.Errorf("a page of %d messages has %d bytes", len(page["messages"].([]any)), len(first.Body))
	}
	messages, _, _ := syncAll(t, master, "0", "")
	if lines := syncLines(t, master, "after=0"); len(messages) != stored || len(lines) != stored {
		t.Errorf("%d messages by pages and %d as lines, of %d", len(messages), len(lines), stored)
	}
}
