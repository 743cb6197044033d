package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	. "parley/tests/harness"
)

// page asks for a page and gives its texts and the whole answer.
func page(t *testing.T, c *Client, conversation, query string) ([]string, JSON) {
	t.Helper()
	answer := c.Do(t, "GET", "/v1/conversations/"+conversation+"/messages?"+query, nil).Want(200).Object()
	texts := []string{}
	for _, m := range answer["messages"].([]any) {
		if text, ok := m.(JSON)["text"].(string); ok {
			texts = append(texts, text)
		}
	}
	return texts, answer
}

func TestHistoryPages(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation, other := tom.Create(t, "Jerry"), tom.Create(t, "Jerry")
		var ids, texts []string
		for i := range 25 {
			texts = append(texts, fmt.Sprint("m", i))
			ids = append(ids, tom.Say(t, conversation, texts[i]))
			jerry.Say(t, other, "elsewhere")
		}
		expect := func(query string, from, to int, next string) {
			t.Helper()
			got, answer := page(t, jerry, conversation, query)
			want := texts[from:to]
			if strings.Contains(query, "order=desc") {
				want = slices.Clone(want)
				slices.Reverse(want)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("?%s gave %v, not %v", query, got, want)
			}
			if gotNext, _ := answer["next"].(string); gotNext != next {
				t.Fatalf("?%s has next %q, not %q", query, gotNext, next)
			}
		}
		expect("", 5, 25, ids[5])
		expect("limit=10", 15, 25, ids[15])
		expect("limit=10&order=desc", 15, 25, ids[15])
		expect("limit=10&before="+ids[15], 5, 15, ids[5])
		expect("limit=10&before="+ids[5], 0, 5, "")
		expect("limit=25", 0, 25, "")
		expect("limit=10&after=0", 0, 10, ids[9])
		expect("limit=10&after="+ids[9], 10, 20, ids[19])
		expect("limit=10&after="+ids[9]+"&order=desc", 10, 20, ids[19])
		expect("limit=10&after="+ids[19], 20, 25, "")
		expect("limit=3&after="+ids[4]+"&before="+ids[10], 5, 8, ids[7])
		expect("after="+ids[24], 0, 0, "")
		expect("before="+ids[0], 0, 0, "")
		expect("before=9223372036854775807", 5, 25, ids[5])
		// The guide's iterator: from the newest to the oldest, ten at a time.
		var all []string
		for query := "limit=10"; ; {
			got, answer := page(t, tom, conversation, query)
			all = append(slices.Clone(got), all...)
			next, more := answer["next"].(string)
			if !more {
				break
			}
			query = "limit=10&before=" + next
		}
		if !slices.Equal(all, texts) {
			t.Fatalf("the iterator gave %v", all)
		}
	})
}

func TestHistoryByTypeAndTime(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t, "Jerry")
		path := "/v1/conversations/" + conversation + "/messages"
		type sent struct {
			text string
			at   time.Time
		}
		var all []sent
		for i := range 12 {
			kind := []string{"text", "note"}[i%2]
			m := tom.Do(t, "POST", path, JSON{"type": kind, "text": fmt.Sprint(kind, i)}).Want(201).Object()
			at, err := time.Parse(time.RFC3339, m["timestamp"].(string))
			if err != nil {
				t.Fatal(err)
			}
			if len(all) > 0 && at.Before(all[len(all)-1].at) {
				t.Fatal("a timestamp ran backwards")
			}
			all = append(all, sent{fmt.Sprint(kind, i), at})
		}
		if got, answer := page(t, tom, conversation, "type=note&limit=4"); !slices.Equal(got, []string{"note5", "note7", "note9", "note11"}) || answer["next"] == nil {
			t.Fatalf("by type: %v", got)
		}
		if got, _ := page(t, tom, conversation, "type=none"); len(got) != 0 {
			t.Fatalf("of no type: %v", got)
		}
		// Every bound, between every two messages, against the plain definition.
		for i := range all {
			for _, shift := range []time.Duration{-time.Millisecond, 0, time.Millisecond} {
				bound := all[i].at.Add(shift)
				var since, until []string
				for _, m := range all {
					if m.at.Before(bound) {
						until = append(until, m.text)
					} else {
						since = append(since, m.text)
					}
				}
				stamp := bound.Format("2006-01-02T15:04:05.000Z")
				gotSince, _ := page(t, tom, conversation, "since="+stamp)
				gotUntil, _ := page(t, tom, conversation, "until="+stamp)
				if !slices.Equal(gotSince, append([]string{}, since...)) || !slices.Equal(gotUntil, append([]string{}, until...)) {
					t.Fatalf("since %v: %v, not %v; until: %v, not %v", stamp, gotSince, since, gotUntil, until)
				}
			}
		}
		empty := tom.Create(t)
		if got, _ := page(t, tom, empty, "since=2020-01-01T00:00:00Z&until=2040-01-01T00:00:00%2B08:00"); len(got) != 0 {
			t.Fatalf("an empty history has %v", got)
		}
	})
}

func TestHistoryIsWholeForMembersAndClosedToOthers(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, mary := s.Login(t, "Tom", ""), s.Login(t, "Mary", "")
		conversation := tom.Create(t, "Jerry")
		path := "/v1/conversations/" + conversation
		early := tom.Say(t, conversation, "before Mary")
		mary.Do(t, "GET", path+"/messages", nil).WantProblem(403, "not_a_member", "")
		mary.Do(t, "GET", path+"/messages/"+early, nil).WantProblem(403, "not_a_member", "")
		mary.Do(t, "POST", path+"/join", nil).Want(200)
		if got := mary.Texts(t, conversation); !slices.Equal(got, []string{"before Mary"}) {
			t.Fatalf("a new member reads %v", got)
		}
		mary.Do(t, "POST", path+"/quit", nil).Want(200)
		tom.Say(t, conversation, "while Mary was away")
		mary.Do(t, "GET", path+"/messages", nil).WantProblem(403, "not_a_member", "")
		mary.Do(t, "POST", path+"/join", nil).Want(200)
		if got := mary.Texts(t, conversation); !slices.Equal(got, []string{"before Mary", "while Mary was away"}) {
			t.Fatalf("back inside, Mary reads %v", got)
		}
		other := tom.Create(t)
		for _, id := range []string{"0", "1", "-1", "x", "99999999999999999999", early + "0"} {
			tom.Do(t, "GET", path+"/messages/"+id, nil).WantProblem(404, "message_not_found", "")
		}
		tom.Do(t, "GET", "/v1/conversations/"+other+"/messages/"+early, nil).WantProblem(404, "message_not_found", "")
	})
}

func TestHistoryQueriesThatAreRefused(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	tom := s.Login(t, "Tom", "")
	path := "/v1/conversations/" + tom.Create(t) + "/messages?"
	for query, field := range map[string]string{"limit=0": "limit", "limit=1001": "limit", "limit=-1": "limit", "limit=x": "limit", "limit=1e2": "limit",
		"before=x": "before", "before=-1": "before", "after=": "after", "after=1.5": "after", "after=99999999999999999999": "after",
		"since=yesterday": "since", "until=2026-11-23": "until", "order=up": "order", "type=a%20b": "type", "type=": "type", "limt=5": "limt", "before=1&before=2": "before"} {
		tom.Do(t, "GET", path+query, nil).WantProblem(400, "validation_failed", field)
	}
	for _, id := range []string{"none", "%20", "%00", strings.Repeat("x", 300), "..%2F..", "%ff"} {
		tom.Do(t, "GET", "/v1/conversations/"+id, nil).WantProblem(404, "conversation_not_found", "")
	}
}
