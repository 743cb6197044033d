package query

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// words is every word that the SQL of this package is made of.
var words = strings.Fields(`SELECT FROM WHERE ORDER BY DESC AND OR IN IS NOT NULL TRUE EXISTS COUNT CAST AS BLOB BINARY INSTR SUBSTR NULLIF
	CROSS JOIN STRAIGHT_JOIN ON conversations members one app_id id conversation_id client_id type name is_unique creator created_at updated_at
	last_message_at active_at member_count expires_at flat_attributes conversation_attributes entry LIMIT few found 0 1`)

// checkText fails unless the SQL is of known words and marks alone, with a bound value for each question mark.
func checkText(t *testing.T, s Select) {
	t.Helper()
	text := s.SQL
	for _, d := range []Dialect{SQLite, MySQL} { // the clock has words of its own
		text = strings.Replace(text, d.Now(), "0", 1)
	}
	for _, word := range regexp.MustCompile(`[^ (),.?*<>=+-]+`).FindAllString(text, -1) {
		if !slices.Contains(words, word) {
			t.Fatalf("%q stands in %s", word, s.SQL)
		}
	}
	if n := strings.Count(s.SQL, "?"); n != len(s.Args) {
		t.Fatalf("%d values for %d places in %s", len(s.Args), n, s.SQL)
	}
	if strings.Count(s.SQL, "(") != strings.Count(s.SQL, ")") || strings.Contains(s.SQL, "--") {
		t.Fatalf("brackets or a comment: %s", s.SQL)
	}
	for _, arg := range s.Args {
		switch arg.(type) {
		case string, []byte, int, int64, uint32:
		default:
			t.Fatalf("a %T is bound in %s", arg, s.SQL)
		}
	}
}

// FuzzQuery: whatever is sent as `where` and `sort`, it is refused with its place, or becomes SQL in which nothing of it
// is text.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		`{"name":{"$contains":"NBA"},"attributes.topic":"sports","members":{"$all":["Tom","Jerry"]}}`,
		`{"$or":[{"attributes.a.b":{"$gte":1.5,"$lt":1e3}},{"$and":[{"name":{"$regex":"^a.*b$","$options":"i"}},{"unique":true}]}]}`,
		`{"createdAt":{"$gt":"2026-11-23T08:33:00.1234Z"},"lastMessageAt":null,"creator":{"$nin":["x",null]},"id":{"$startsWith":"a","$endsWith":"b"}}`,
		`{"members":["Tom"],"type":{"$in":["normal",1]},"attributes.v\\.w":{"$exists":false,"$size":2,"$ne":{"a":[1,{}]}}}`,
		`{"attributes.x":{"$all":[[],null,true]}}`, `{"name":{"$regex":"(a|b)*c{2,5}"}}`, `{}`, `{"$and":[]}`,
	} {
		f.Add(seed, "-lastMessageAt,name", uint8(7))
	}
	f.Add(`{"members":{"$size":1}}`, "attributes.a.b,-id", uint8(0))
	f.Fuzz(func(t *testing.T, where, sort string, how uint8) {
		q := Query{Dialect: Dialect(how % 3), AppID: 1, Viewer: "Tom", SeesAll: how&4 != 0, HideMembers: how&8 != 0}
		if how&16 != 0 {
			q.Member = "Jerry"
		}
		var err error
		if q.Where, err = Parse(where); err == nil {
			q.Sort, err = ParseSort(strings.Split(sort, ","))
		}
		if e, ok := errors.AsType[*Error](err); err != nil && (!ok || !strings.HasPrefix(e.Place, "where") && e.Place != "sort" || e.Detail == "") {
			t.Fatalf("%q is refused with %v", where, err)
		}
		if err != nil {
			return
		}
		plan := q.Plan()
		checkText(t, Select{SQL: plan.SQL, Args: plan.Args})
		q.Choose(make([]int, plan.Ways)) // the first way is the shortest
		checkText(t, q.Build())
		q.Choose(nil)
		built := q.Build()
		checkText(t, built)
		if built.Verdict != nil {
			if _, err := built.Verdict.Wanted(); err != nil { // of a row in which nothing is there
				t.Fatal(err)
			}
			if len(built.Verdict.Row()) == 0 {
				t.Fatalf("a verdict looks at nothing: %s", where)
			}
		}
	})
}

func TestStatementsAreTheSameButForAFewWords(t *testing.T) {
	where, err := Parse(`{"name":"x","attributes.a":{"$contains":"y"},"members":"Tom"}`)
	if err != nil {
		t.Fatal(err)
	}
	text := func(d Dialect) string {
		q := Query{Dialect: d, AppID: 1, SeesAll: true, Where: where}
		return strings.NewReplacer(d.Now(), "now", "STRAIGHT_JOIN", "CROSS JOIN", "AS BINARY", "AS BLOB").Replace(q.Build().SQL)
	}
	if text(SQLite) != text(MySQL) || text(MySQL) != text(MariaDB) {
		t.Fatalf("%s\n%s\n%s", text(SQLite), text(MySQL), text(MariaDB))
	}
}
