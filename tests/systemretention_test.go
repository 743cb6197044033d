package tests

import (
	"fmt"
	"testing"
	"time"

	. "parley/tests/harness"
)

// TestRetentionOfASystemConversation: what is too old goes whoever it was for, by the server's retention and by one of its
// own, and leaves nothing that led to it.
func TestRetentionOfASystemConversation(t *testing.T) {
	t.Parallel()
	for _, days := range []any{nil, 30} {
		t.Run(fmt.Sprint("own ", days), func(t *testing.T) {
			Databases(t, func(t *testing.T, db string) {
				s, clock := startKeeping(t, db, 180*day)
				st := newStage(t, s)
				after := 181 * day
				if days != nil {
					st.master.Do(t, "PATCH", "/v1/conversations/"+st.system, JSON{"retentionDays": days}).Want(200)
					after = 31 * day
				}
				for _, a := range st.audiences() {
					a.send(t, a.name)
				}
				clock.pass(after)
				for _, a := range st.audiences() {
					a.send(t, "new "+a.name)
				}
				rows := OpenSQL(t, db)
				Eventually(t, "the old messages are gone", func() bool {
					return count(t, rows, "SELECT COUNT(*) FROM messages") == 4 && count(t, rows, "SELECT COUNT(*) FROM personal_messages") == 3
				})
				if got := st.clients["Named"].Texts(t, st.system); fmt.Sprint(got) != "[new subscribers new everyone new named]" {
					t.Errorf("the history has %v", got)
				}
				wantTexts(t, listen(t, s.Master(t, "Named")), "new subscribers", "new everyone", "new named")
				if got := st.master.Texts(t, st.system); len(got) != 4 {
					t.Errorf("the app's server reads %v", got)
				}
			})
		})
	}
}

// TestHistoryOfASystemConversationInPages: pages over what is for all and what is for one client alone neither repeat nor skip,
// in either direction, and stop at times.
func TestHistoryOfASystemConversationInPages(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		st := newStage(t, s)
		named := st.clients["Named"]
		var want []string
		for i := range 12 {
			to, shown := any("everyone"), true
			switch i % 3 {
			case 1:
				to = []string{"Named", "Sub"}
			case 2:
				to, shown = []string{"Out"}, false
			}
			if id := broadcast(t, st.master, st.system, to, fmt.Sprint(i)); shown {
				want = append(want, id)
			}
		}
		path := "/v1/conversations/" + st.system + "/messages?limit=3"
		var back, forth []string
		for next, first := "", true; first || next != ""; first = false {
			query := ""
			if next != "" {
				query = "&before=" + next
			}
			page := named.Do(t, "GET", path+query, nil).Want(200).Object()
			var ids []string
			for _, m := range page["messages"].([]any) {
				ids = append(ids, m.(JSON)["id"].(string))
			}
			back = append(ids, back...)
			next, _ = page["next"].(string)
		}
		for next := "0"; next != ""; {
			page := named.Do(t, "GET", path+"&after="+next, nil).Want(200).Object()
			for _, m := range page["messages"].([]any) {
				forth = append(forth, m.(JSON)["id"].(string))
			}
			next, _ = page["next"].(string)
		}
		if fmt.Sprint(back) != fmt.Sprint(want) || fmt.Sprint(forth) != fmt.Sprint(want) {
			t.Errorf("backwards %v, forwards %v, and there are %v", back, forth, want)
		}
		until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		if got := named.Do(t, "GET", path+"&until="+until, nil).Want(200).Object()["messages"].([]any); len(got) != 3 {
			t.Errorf("up to now there are %v", got)
		}
		if got := named.Do(t, "GET", path+"&since="+until, nil).Want(200).Object()["messages"].([]any); len(got) != 0 {
			t.Errorf("from tomorrow there are %v", got)
		}
	})
}
