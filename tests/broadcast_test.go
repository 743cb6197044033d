package tests

import (
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// wantNothing fails the test when a stream has had anything since; everyone then gets a text.
func wantNothing(t testing.TB, master *Client, system string, streams ...*Stream) {
	t.Helper()
	broadcast(t, master, system, "everyone", "end")
	for _, s := range streams {
		wantTexts(t, s, "end")
	}
}

func TestBroadcastWaitsForTheFirstStream(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		master, tom := s.Master(t, ""), s.Master(t, "Tom")
		system := openSystem(t, master)
		subscribe(t, system, tom)
		for text, to := range map[string]any{"a": "subscribers", "b": "everyone", "c": []string{"Tom"}} {
			broadcast(t, master, system, to, text)
		}
		texts := tom.Texts(t, system) // in the order in which the map had them
		first := tom.Listen(t, "")
		online := first.Want("online")
		position, _ := strconv.Atoi(online.Data["position"].(string))
		if id, _ := strconv.Atoi(online.ID); id >= position {
			t.Errorf("what waits comes after the id %s, and the stream begins at %d", online.ID, position)
		}
		wantTexts(t, first, texts[0])
		afterOne := first.LastID()
		wantTexts(t, first, texts[1:]...)
		if block, _ := first.NextBlock(); block.Name != "" || block.ID != online.Data["position"] {
			t.Errorf("after what waited comes %+v", block)
		}
		first.Cut()

		second := listen(t, tom)
		for from, missed := range map[string][]string{online.ID: texts, afterOne: texts[1:], fmt.Sprint(position): nil} {
			resumed := tom.Listen(t, from)
			wantTexts(t, resumed, missed...)
			resumed.Want("reconnect")
			resumed.Cut()
		}
		mary := listen(t, s.Master(t, "Mary"))
		wantTexts(t, mary, "b") // everyone, who is not known yet too
		wantNothing(t, master, system, second, mary)
	})
}

func TestBroadcastWaitsForAStreamThatCannotResume(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		master, tom := s.Master(t, ""), s.Master(t, "Tom")
		system := openSystem(t, master)
		broadcast(t, master, system, "everyone", "news")
		stream := tom.Listen(t, "4711")
		stream.Want("resync")
		wantTexts(t, stream, "news")
		stream.Want("reconnect")
		again := tom.Listen(t, "4711")
		again.Want("resync")
		again.Want("reconnect")
		wantNothing(t, master, system, stream, again)
	})
}

func TestDeliveredBroadcastIsNotForLaterDevices(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		master, tom := s.Master(t, ""), s.Master(t, "Tom")
		system := openSystem(t, master)
		subscribe(t, system, tom)
		live := listen(t, tom)
		broadcast(t, master, system, "subscribers", "one")
		broadcast(t, master, system, []string{"Tom"}, "two")
		wantTexts(t, live, "one", "two")
		later := listen(t, tom)
		wantNothing(t, master, system, live, later)
		live.Cut()
		later.Cut()
		s.Stop(t)
		s = Start(t, db) // what the streams had brought was written down
		wantNothing(t, s.Master(t, ""), system, listen(t, s.Master(t, "Tom")))
	})
}

func TestOnlySubscribersOfThatTimeAreBroughtABroadcast(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		master, before, after, gone := s.Master(t, ""), s.Master(t, "Before"), s.Master(t, "After"), s.Master(t, "Gone")
		system := openSystem(t, master)
		subscribe(t, system, before, gone)
		broadcast(t, master, system, "subscribers", "news")
		subscribe(t, system, after)
		gone.Do(t, "POST", "/v1/conversations/"+system+"/quit", nil).Want(http.StatusOK)
		wantTexts(t, listen(t, before), "news")
		wantNothing(t, master, system, listen(t, after), listen(t, gone))
		if got := after.Texts(t, system); fmt.Sprint(got) != "[news end]" {
			t.Errorf("a subscriber of today reads %v", got)
		}
		if got := gone.Texts(t, system); fmt.Sprint(got) != "[end]" {
			t.Errorf("a subscriber of yesterday reads %v", got)
		}
	})
}

func TestExpiredBroadcastIsHistory(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		var ahead atomic.Int64
		clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		s := Start(t, db, func(c *app.Config) { c.Clock = clock })
		master, tom := s.Master(t, ""), s.Master(t, "Tom")
		system := openSystem(t, master)
		subscribe(t, system, tom)
		start := listen(t, tom)
		from := start.LastID()
		start.Cut()
		for text, to := range map[string]any{"a": "subscribers", "b": "everyone", "c": []string{"Tom"}} {
			broadcastUntil(t, master, system, to, text, clock().Add(time.Hour))
		}
		ahead.Store(int64(2 * time.Hour))
		broadcast(t, master, system, "subscribers", "valid")
		wantTexts(t, listen(t, tom), "valid")
		resumed := tom.Listen(t, from)
		wantTexts(t, resumed, "valid")
		resumed.Want("reconnect")
		if got := tom.Texts(t, system); len(got) != 4 {
			t.Errorf("the history has %v", got)
		}
		sweepAt(t, db, clock())
		rows := OpenSQL(t, db)
		if n := count(t, rows, "SELECT COUNT(*) FROM broadcasts"); n != 1 {
			t.Errorf("%d broadcasts can still be found as valid", n)
		}
		if got := tom.Texts(t, system); len(got) != 4 {
			t.Errorf("after a sweep the history has %v", got)
		}
	})
}

func TestBroadcastIsOneRowHoweverManySubscribe(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		master := s.Master(t, "")
		system := openSystem(t, master)
		path := "/v1/conversations/" + system
		const subscribers, a = 10_000, 500
		for i := range subscribers / a {
			var some []string
			for k := range a {
				some = append(some, fmt.Sprintf("c%05d", i*a+k))
			}
			if failed := master.Do(t, "POST", path+"/members", JSON{"members": some}).Want(http.StatusOK).Object()["failed"].([]any); len(failed) != 0 {
				t.Fatalf("not subscribed: %v", failed)
			}
		}
		rows := OpenSQL(t, db)
		tables := []string{"messages", "events", "members", "former_members", "broadcasts", "personal_messages", "delivered_broadcasts"}
		before := map[string]int{}
		for _, table := range tables {
			before[table] = count(t, rows, "SELECT COUNT(*) FROM "+table)
		}
		broadcast(t, master, system, "subscribers", "news")
		for _, table := range tables {
			want := before[table]
			if table == "messages" || table == "broadcasts" {
				want++
			}
			if got := count(t, rows, "SELECT COUNT(*) FROM "+table); got != want {
				t.Errorf("%s went from %d rows to %d", table, before[table], got)
			}
		}
		wantTexts(t, listen(t, s.Master(t, "c04711")), "news")
		if got := master.Do(t, "GET", path, nil).Want(http.StatusOK).Object(); got["memberCount"] != float64(subscribers) || len(got["members"].([]any)) != 0 {
			t.Errorf("the conversation is shown as %v", got)
		}
		listed, pages := 0, 0
		for after := ""; pages == 0 || after != ""; pages++ {
			page := master.Do(t, "GET", path+"/members?limit=1000&after="+after, nil).Want(http.StatusOK).Object()
			listed += len(page["members"].([]any))
			after, _ = page["next"].(string)
		}
		if listed != subscribers || pages != subscribers/1000 {
			t.Errorf("%d pages list %d subscribers", pages, listed)
		}
	})
}

func TestBroadcastWithAKeyIsSentOnce(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		master, tom := s.Master(t, ""), s.Master(t, "Tom")
		system := openSystem(t, master)
		subscribe(t, system, tom)
		path := "/v1/conversations/" + system + "/broadcast"
		for _, to := range []any{"subscribers", []string{"Tom"}} {
			key := fmt.Sprint("key ", to)
			body := JSON{"to": to, "message": JSON{"type": "text", "text": "news"}}
			answers := make([]*Answer, 8)
			parallel(len(answers), func(i int) { answers[i] = master.Do(t, "POST", path, body, "Idempotency-Key", key) })
			created, ids := 0, map[any]bool{}
			for _, a := range answers {
				ids[a.Object()["id"]] = true
				switch {
				case a.Status == http.StatusCreated:
					created++
				case a.Status != http.StatusOK || a.Header.Get("Idempotency-Replayed") != "true":
					t.Errorf("answered %d: %s", a.Status, a.Body)
				}
			}
			if created != 1 || len(ids) != 1 {
				t.Errorf("%d were created, with the ids %v", created, ids)
			}
			for _, other := range []JSON{
				{"to": to, "message": JSON{"type": "text", "text": "other news"}},
				{"to": "everyone", "message": JSON{"type": "text", "text": "news"}},
				{"to": to, "message": JSON{"type": "text", "text": "news"}, "validUntil": time.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano)},
			} {
				master.Do(t, "POST", path, other, "Idempotency-Key", key).WantProblem(http.StatusUnprocessableEntity, "idempotency_key_reused", "Idempotency-Key")
			}
		}
		for range 2 { // what a subscriber sends has keys as any message
			answer := tom.Do(t, "POST", "/v1/conversations/"+system+"/messages", JSON{"type": "text", "text": "thanks"}, "Idempotency-Key", "k")
			if from := answer.Object()["from"]; answer.Status >= 300 || from != "Tom" {
				t.Errorf("answered %d: %s", answer.Status, answer.Body)
			}
		}
		if got := tom.Texts(t, system); fmt.Sprint(got) != "[news news thanks]" {
			t.Errorf("the history has %v", got)
		}
		for by, want := range map[*Client]any{master: system, s.Master(t, "Anna"): "Anna"} {
			sent := by.Do(t, "POST", path, JSON{"to": "everyone", "message": JSON{"type": "text", "text": "from"}}).Want(http.StatusCreated).Object()
			if sent["from"] != want || sent["conversationId"] != system {
				t.Errorf("sent as %v", sent)
			}
		}
	})
}

func TestFileInABroadcastIsForWhoSeesIt(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		st := newStage(t, s)
		for _, a := range st.audiences() {
			file := st.master.Keep(t, a.name+".bin", RandomBytes(100))
			message := JSON{"type": "file", "file": JSON{"id": file["id"]}}
			switch a.name {
			case "named":
				st.master.Do(t, "POST", "/v1/conversations/"+st.system+"/broadcast", JSON{"to": a.shown, "message": message}).Want(http.StatusCreated)
			case "server":
				s.Master(t, "Sub").Send(t, st.system, message)
			default:
				st.master.Do(t, "POST", "/v1/conversations/"+st.system+"/broadcast", JSON{"to": a.name, "message": message}).Want(http.StatusCreated)
			}
			for id, c := range st.clients {
				want := http.StatusForbidden
				for _, shown := range a.shown {
					if shown == id {
						want = http.StatusOK
					}
				}
				if got := c.Do(t, "GET", fmt.Sprint("/v1/files/", file["id"]), nil).Status; got != want {
					t.Errorf("%s is answered %d for a file sent to %s", id, got, a.name)
				}
			}
		}
	})
}
