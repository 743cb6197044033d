package tests

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// finds fails the test unless a query finds exactly these, in any order.
func finds(t *testing.T, c *Client, where string, want ...string) {
	t.Helper()
	got := idsOf(c.Do(t, "POST", "/v1/conversations/query", JSON{"where": json.RawMessage(where), "limit": 100}).Want(200).Object())
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s finds %v, not %v", where, got, want)
	}
}

// TestQueriesFollowChangesOfAttributes: a value is found once it is there, and not once it is gone; also in a conversation
// with more values than the index takes.
func TestQueriesFollowChangesOfAttributes(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		id := named(t, tom, "changes", JSON{"topic": "sports", "tags": []string{"a", "b"}})
		patch := func(attributes string) {
			tom.Do(t, "PATCH", "/v1/conversations/"+id, `{"attributes":`+attributes+`}`).Want(200)
		}
		patch(`{"topic":"news","tags":["b","c"],"deep":{"er":1}}`)
		finds(t, tom, `{"attributes.topic":"sports"}`)
		finds(t, tom, `{"attributes.topic":"news","attributes.deep.er":1}`, id)
		finds(t, tom, `{"attributes.tags":"a"}`)
		finds(t, tom, `{"attributes.tags":{"$all":["c","b"]}}`, id)
		finds(t, tom, `{"attributes.deep":{"er":1.0}}`, id)
		patch(`{"deep":null}`)
		finds(t, tom, `{"attributes.deep.er":1}`)
		finds(t, tom, `{"attributes.deep":{"$exists":false}}`, id)
		var numbers []string
		for i := range 300 {
			numbers = append(numbers, fmt.Sprint(i))
		}
		patch(`{"many":[` + strings.Join(numbers, ",") + `]}`)
		finds(t, tom, `{"attributes.many":299}`, id)
		finds(t, tom, `{"attributes.many":300}`)
		finds(t, tom, `{"attributes.topic":"news"}`, id)
		patch(`{"many":[1],"topic":"late"}`)
		finds(t, tom, `{"attributes.many":299}`)
		finds(t, tom, `{"attributes.many":1,"attributes.topic":"late"}`, id)
		patch(`{"many":null,"topic":null,"tags":null}`)
		finds(t, tom, `{"attributes.many":1}`)
		finds(t, tom, `{"attributes.many":{"$ne":1}}`, id)
		patch(`{"topic":"last"}`)
		s.Master(t, "").Do(t, "DELETE", "/v1/conversations/"+id, nil).Want(204)
		finds(t, tom, `{"attributes.topic":"last"}`)
		var left int
		if err := OpenSQL(t, db).QueryRow("SELECT COUNT(*) FROM conversation_attributes").Scan(&left); err != nil || left != 0 {
			t.Errorf("%d entries are left of a conversation that is gone, %v", left, err)
		}
	})
}

// TestAttributesOfBeforeQueriesAreFound: conversations that a version without queries has stored are found after the first
// start of one with them, with as many nodes as there are starting at once.
func TestAttributesOfBeforeQueriesAreFound(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		old := named(t, tom, "old", JSON{"topic": "sports", "n": []int{1, 2}})
		named(t, tom, "old and bare", JSON{})
		s.Stop(t)
		tables := OpenSQL(t, db)
		for _, statement := range []string{"UPDATE conversations SET flat_attributes = NULL", "DELETE FROM conversation_attributes", "INSERT INTO unflattened_apps (app_id) SELECT id FROM apps"} {
			if _, err := tables.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		nodes := make([]*Server, 3)
		parallel(len(nodes), func(i int) { nodes[i] = Start(t, db) })
		for _, node := range nodes {
			finds(t, tom.On(node), `{"attributes.topic":"sports"}`, old)
			finds(t, tom.On(node), `{"attributes.n":{"$all":[1,2],"$size":2},"$or":[{"attributes.topic":{"$startsWith":"sp"}}]}`, old)
		}
		var waiting int
		if err := tables.QueryRow("SELECT COUNT(*) FROM unflattened_apps").Scan(&waiting); err != nil || waiting != 0 {
			t.Errorf("%d apps still wait, %v", waiting, err)
		}
	})
}

// TestOwnListByAnAttribute: the limits of what looks at much leave it as it was.
func TestOwnListByAnAttribute(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		var want []string
		for i := range 7 {
			want = append(want, named(t, tom, fmt.Sprint(i), JSON{"rank": i, "same": "x"}))
		}
		named(t, s.Login(t, "Jerry", ""), "another's", JSON{"rank": 3})
		var got []string
		for skip := "0"; skip != ""; {
			page := tom.Do(t, "GET", "/v1/conversations?sort=attributes.same,attributes.rank&limit=3&skip="+skip, nil).Want(200).Object()
			got = append(got, idsOf(page)...)
			skip, _ = page["next"].(string)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v, not %v", got, want)
		}
	})
}

// fillChats writes conversations with a name and one attribute straight into the tables; the newest have the lowest numbers.
func fillChats(t *testing.T, db string, n int) {
	t.Helper()
	tables := OpenSQL(t, db)
	const rows = 500
	for first := 0; first < n; first += rows {
		var values []string
		for i := first; i < first+rows; i++ {
			values = append(values, fmt.Sprintf("(1, 'c%06d', 'normal', 'chat %d', 0, '{}', 0, %d, %d, %d, 0)", i, i, n-i, n-i, n-i))
		}
		_, err := tables.ExecContext(t.Context(), "INSERT INTO conversations (app_id, id, type, name, is_unique, attributes, member_count, created_at, updated_at, active_at, last_seq) VALUES "+
			strings.Join(values, ","))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestExpensiveQueriesAreRefused: what has to look at too much is ended and says so; what need not is answered.
func TestExpensiveQueriesAreRefused(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		// What is refused here is refused for the rows that it looks at, not for the time that they take a busy machine.
		s := Start(t, db, func(c *app.Config) { c.QueryTimeLimit, c.QueryRows = Deadline, 2000 })
		tom := s.Login(t, "Tom", "")
		fillChats(t, db, 12_000)
		hasty := Start(t, db, func(c *app.Config) { c.QueryTimeLimit = time.Millisecond })
		var alternatives []string
		for i := range 45 {
			alternatives = append(alternatives, fmt.Sprintf(`{"name":{"$contains":"nothing %d"}}`, i))
		}
		none := `{"$or":[` + strings.Join(alternatives, ",") + `]}`
		refusedInTheEnd(t, tom.On(hasty), "POST", "/v1/conversations/query", `{"where":`+none+`}`)
		finds(t, tom, `{"name":"chat 17","$or":[{"name":{"$contains":"17"}}]}`, "c000017")
		// A regular expression looks at no more than so many: a page that is full before is answered.
		tom.Do(t, "POST", "/v1/conversations/query", `{"where":{"name":{"$regex":"^chat .*x"}}}`).WantProblem(400, "query_too_expensive", "")
		for where, want := range map[string][]string{
			`{"name":{"$regex":"[0]$"}}`:                                                  {"c000000", "c000010"},
			`{"name":{"$regex":"[0-9]{4}"}}`:                                              {"c001000", "c001001"},
			`{"name":{"$regex":"^chat 1999$"}}`:                                           {"c001999"},
			`{"name":{"$regex":"^chat 1199[89]$"},"$or":[{"id":"c011999"},{"type":"x"}]}`: {"c011999"},
		} {
			found := idsOf(tom.Do(t, "POST", "/v1/conversations/query", JSON{"where": json.RawMessage(where), "limit": 2}).Want(200).Object())
			if !slices.Equal(found, want) {
				t.Errorf("%s finds %v, not %v", where, found, want)
			}
		}
		// The order of an attribute is looked up in every one of them.
		master := s.Master(t, "").On(hasty)
		refusedInTheEnd(t, master, "GET", "/v1/conversations?sort=attributes.a,attributes.b,attributes.c", nil)
		// One's own list has no limit of time, and nothing to be bounded.
		if got := idsOf(master.Do(t, "GET", "/v1/conversations?skip=10000&limit=1", nil).Want(200).Object()); !slices.Equal(got, []string{"c010000"}) {
			t.Errorf("without a condition: %v", got)
		}
	})
}

// refusedInTheEnd asks until a query takes too long. The first time is the rule, but the clock that ends it may be late on a busy
// machine: by more than the tens of milliseconds that the query takes.
func refusedInTheEnd(t *testing.T, c *Client, method, path string, body any) {
	t.Helper()
	Eventually(t, "it takes too long", func() bool {
		answer := c.Do(t, method, path, body)
		if answer.Status == 200 {
			return false
		}
		answer.WantProblem(400, "query_too_expensive", "")
		return true
	})
}
