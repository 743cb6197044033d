package tests

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// list asks by GET and gives the answer.
func list(t *testing.T, c *Client, parameters ...string) *Answer {
	t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		values.Set(parameters[i], parameters[i+1])
	}
	return c.Do(t, "GET", "/v1/conversations?"+values.Encode(), nil)
}

// idsOf gives the ids of a page in order.
func idsOf(page JSON) []string {
	ids := []string{}
	for _, c := range page["conversations"].([]any) {
		ids = append(ids, c.(JSON)["id"].(string))
	}
	return ids
}

func named(t *testing.T, c *Client, name string, attributes any, members ...string) string {
	t.Helper()
	return c.Do(t, "POST", "/v1/conversations", JSON{"members": members, "name": name, "attributes": attributes}).Want(201).Object()["id"].(string)
}

// TestQueryByGetAndByPost: both forms give the same; a condition turns the default of one's own conversations off.
func TestQueryByGetAndByPost(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, mary := s.Login(t, "Tom", ""), s.Login(t, "Mary", "")
		sports := named(t, tom, "NBA tonight", JSON{"topic": "sports"}, "Jerry")
		news := named(t, tom, "NBA news", JSON{"topic": "news"}, "Jerry")
		hers := named(t, mary, "knitting", JSON{"topic": "sports"})
		for where, want := range map[string][]string{
			`{"name":{"$contains":"NBA"}}`:                                 {news, sports},
			`{"attributes.topic":"sports"}`:                                {hers, sports},
			`{"members":{"$all":["Tom","Jerry"]}}`:                         {news, sports},
			`{"name":{"$contains":"NBA"},"attributes.topic":"sports"}`:     {sports},
			`{"$or":[{"name":"knitting"},{"attributes.topic":"news"}]}`:    {hers, news},
			`{"name":{"$regex":"^nba","$options":"i"},"creator":"Tom"}`:    {news, sports},
			`{"id":{"$in":["` + hers + `","` + news + `","x"]}}`:           {hers, news},
			`{"lastMessageAt":{"$exists":true}}`:                           {},
			`{"$and":[{"members":"Tom"},{"members":{"$ne":"Jerry"}}]}`:     {},
			` { "name" : { "$startsWith" : "kn" , "$endsWith" : "ing" } }`: {hers},
		} {
			byGet := list(t, mary, "where", where).Want(200).Object()
			byPost := mary.Do(t, "POST", "/v1/conversations/query", `{"where":`+where+`}`).Want(200).Object()
			if got := idsOf(byGet); !slices.Equal(got, want) || !slices.Equal(got, idsOf(byPost)) {
				t.Errorf("%s finds %v by GET and %v by POST, not %v", where, got, idsOf(byPost), want)
			}
		}
		for _, none := range []string{`{}`, `{"where":{}}`, `{"where":null,"sort":null,"limit":null,"skip":null,"member":null}`} {
			if got := idsOf(mary.Do(t, "POST", "/v1/conversations/query", none).Want(200).Object()); !slices.Equal(got, []string{hers}) {
				t.Errorf("%s finds %v, not Mary's own", none, got)
			}
		}
		if got := idsOf(list(t, mary, "member", "Jerry", "where", `{"attributes.topic":"sports"}`).Want(200).Object()); !slices.Equal(got, []string{sports}) {
			t.Errorf("of Jerry's about sports: %v", got)
		}
		if got := idsOf(s.Master(t, "").Do(t, "POST", "/v1/conversations/query", JSON{}).Want(200).Object()); len(got) != 3 {
			t.Errorf("the app's own server sees %v", got)
		}
		// Who is outside finds the record, and not what is said inside.
		tom.Say(t, sports, "up!")
		for client, shown := range map[*Client]bool{tom: true, mary: false, s.Master(t, ""): true} {
			found := list(t, client, "where", `{"name":"NBA tonight"}`).Want(200).Object()["conversations"].([]any)[0].(JSON)
			if _, there := found["lastMessage"]; there != shown || fmt.Sprint(found["members"]) != "[Tom Jerry]" || found["lastMessageAt"] == nil {
				t.Errorf("%s is shown %v", client.ID, found)
			}
		}
	})
}

// TestQueryPagesNeitherRepeatNorSkip: many conversations with the same name and topic, in every direction, page by page.
func TestQueryPagesNeitherRepeatNorSkip(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		tom := Start(t, db).Login(t, "Tom", "")
		var all []string
		for i := range 25 {
			all = append(all, named(t, tom, "same", JSON{"n": i % 3}))
		}
		slices.Sort(all)
		for _, sort := range []string{"", "name", "-name", "attributes.n,-name", "-attributes.n", "-type,attributes.n", "unique,creator", "id", "-id", "-updatedAt", "lastMessageAt"} {
			for _, where := range []string{`{"name":"same"}`, `{"attributes.n":{"$in":[0,1,2]}}`, `{"name":{"$regex":"^s.me$"}}`, `{"members":"Tom"}`} {
				var seen []string
				for skip := 0; ; {
					query := JSON{"where": json.RawMessage(where), "limit": 7, "skip": skip}
					if sort != "" {
						query["sort"] = sort
					}
					page := tom.Do(t, "POST", "/v1/conversations/query", query).Want(200).Object()
					seen = append(seen, idsOf(page)...)
					next, more := page["next"].(string)
					if !more {
						break
					}
					if _, err := fmt.Sscan(next, &skip); err != nil {
						t.Fatal(err)
					}
				}
				if slices.Sort(seen); !slices.Equal(seen, all) {
					t.Errorf("%s sorted by %s: the pages show %d, not all %d once", where, sort, len(seen), len(all))
				}
			}
		}
		if page := list(t, tom, "where", `{"name":"same"}`, "limit", "5", "skip", "20").Want(200).Object(); len(idsOf(page)) != 5 || page["next"] != nil {
			t.Errorf("the last page, full, has next %v", page["next"])
		}
		if page := list(t, tom, "where", `{"name":{"$regex":"same"}}`, "skip", "30").Want(200).Object(); len(idsOf(page)) != 0 || page["next"] != nil {
			t.Errorf("behind the end is %v", page)
		}
	})
}

// TestQueryDates: RFC 3339 in any zone; what lies between two milliseconds is compared as it stands.
func TestQueryDates(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		tom := Start(t, db).Login(t, "Tom", "")
		id := named(t, tom, "dated", JSON{})
		tables := OpenSQL(t, db)
		if _, err := tables.Exec("UPDATE conversations SET created_at = 1795422780123"); err != nil { // 2026-11-23T08:33:00.123Z
			t.Fatal(err)
		}
		for condition, want := range map[string]bool{
			`"2026-11-23T08:33:00.123Z"`:                                  true,
			`"2026-11-23T09:33:00.123+01:00"`:                             true,
			`"2026-11-23T08:33:00.1230Z"`:                                 true,
			`"2026-11-23T08:33:00.1231Z"`:                                 false,
			`{"$gte":"2026-11-23T08:33:00.123Z"}`:                         true,
			`{"$gt":"2026-11-23T08:33:00.123Z"}`:                          false,
			`{"$gte":"2026-11-23T08:33:00.1231Z"}`:                        false,
			`{"$gt":"2026-11-23T08:33:00.1231Z"}`:                         false,
			`{"$gt":"2026-11-23T08:33:00.1229Z"}`:                         true,
			`{"$gte":"2026-11-23T08:33:00.1229Z"}`:                        true,
			`{"$lt":"2026-11-23T08:33:00.1231Z"}`:                         true,
			`{"$lte":"2026-11-23T08:33:00.1231Z"}`:                        true,
			`{"$lt":"2026-11-23T08:33:00.123Z"}`:                          false,
			`{"$lte":"2026-11-23T08:33:00.123Z"}`:                         true,
			`{"$lt":"2026-11-23T08:33:00.1229Z"}`:                         false,
			`{"$in":["2026-11-23T08:33:00.123Z",null]}`:                   true,
			`{"$nin":["2026-11-23T08:33:00.123Z",null]}`:                  false,
			`{"$ne":"2026-11-23T08:33:00.1231Z"}`:                         true,
			`1795422780123`:                                               false,
			`{"$gt":0}`:                                                   false,
			`{"$gt":"0001-01-01T00:00:00Z","$lt":"9999-12-31T23:59:59Z"}`: true,
		} {
			got := idsOf(list(t, tom, "where", `{"createdAt":`+condition+`}`).Want(200).Object())
			if slices.Contains(got, id) != want {
				t.Errorf("createdAt %s: %t, not %t", condition, !want, want)
			}
		}
	})
}

// TestWrongQueriesNameThePlace: what is wrong is refused with its place, by GET and by POST.
func TestWrongQueriesNameThePlace(t *testing.T) {
	t.Parallel()
	tom := Start(t, SQLite(t)).Login(t, "Tom", "")
	deep := func(n int) string {
		return strings.Repeat(`{"$and":[`, n) + `{"name":"x"}` + strings.Repeat(`]}`, n)
	}
	many := func(n int) string { return strings.TrimSuffix(strings.Repeat(`{"name":"x"},`, n), ",") }
	numbers := func(n int) string { return strings.TrimSuffix(strings.Repeat("1,", n), ",") }
	for where, place := range map[string]string{
		`{"foo":1}`:                            "where.foo",
		`{"attributes":{"topic":"x"}}`:         "where.attributes",
		`{"attributes.":1}`:                    "where.attributes.",
		`{"attributes.a..b":1}`:                "where.attributes.a..b",
		`{"attributes.a.":1}`:                  "where.attributes.a.",
		`{"attributes.a\\":1}`:                 `where.attributes.a\`,
		`{"attributes.a\\b":1}`:                `where.attributes.a\b`,
		`{"attributes.topic":{"$foo":1}}`:      "where.attributes.topic.$foo",
		`{"attributes.topic":{"$ne":1,"x":1}}`: "where.attributes.topic.x",
		`{"name":{"contains":"x"}}`:            "where.name.contains",
		`{"name":{"$eq":"x"}}`:                 "where.name.$eq",
		`{"name":{}}`:                          "where.name",
		`{"memberCount":1}`:                    "where.memberCount",
		`{"lastMessage":1}`:                    "where.lastMessage",
		`{"uniqueKey":1}`:                      "where.uniqueKey",
		`{"appId":1}`:                          "where.appId",
		`{"Name":"x"}`:                         "where.Name",
		`{"$nor":[]}`:                          "where.$nor",
		`{"$ne":1}`:                            "where.$ne",
		`{"$or":[]}`:                           "where.$or",
		`{"$or":{}}`:                           "where.$or",
		`{"$or":[{}]}`:                         "where.$or[0]",
		`{"$or":[{"name":"x"},5]}`:             "where.$or[1]",
		`{"$or":[{"name":"x"},{"$and":[{"name":{"$x":1}}]}]}`: "where.$or[1].$and[0].name.$x",
		`{"name":{"$in":"x"}}`:                                "where.name.$in",
		`{"name":{"$all":"x"}}`:                               "where.name.$all",
		`{"name":{"$exists":1}}`:                              "where.name.$exists",
		`{"name":{"$contains":1}}`:                            "where.name.$contains",
		`{"name":{"$startsWith":null}}`:                       "where.name.$startsWith",
		`{"name":{"$gt":null}}`:                               "where.name.$gt",
		`{"attributes.a":{"$lt":[1]}}`:                        "where.attributes.a.$lt",
		`{"members":{"$size":-1}}`:                            "where.members.$size",
		`{"members":{"$size":1.5}}`:                           "where.members.$size",
		`{"members":{"$size":"1"}}`:                           "where.members.$size",
		`{"name":{"$regex":"("}}`:                             "where.name.$regex",
		`{"name":{"$regex":"(?=x)"}}`:                         "where.name.$regex",
		`{"name":{"$regex":5}}`:                               "where.name.$regex",
		`{"name":{"$regex":"x","$options":"x"}}`:              "where.name.$options",
		`{"name":{"$options":"i"}}`:                           "where.name.$options",
		`{"createdAt":"yesterday"}`:                           "where.createdAt",
		`{"createdAt":{"$in":["2026-11-23T08:33:00Z","x"]}}`:  "where.createdAt.$in",
		`[]`:                      "where",
		`"x"`:                     "where",
		`{"name":"a","name":"b"}`: "where.name",
		`{"$or":[{"name":{"$ne":"a","$ne":"b"}}]}`: "where.$or[0].name.$ne",
		`{"name":`:          "where.name",
		`{"name":"\ud800"}`: "where.name",
	} {
		list(t, tom, "where", where).WantProblem(400, "validation_failed", place)
		if strings.HasSuffix(where, ":") {
			continue // the whole body would be cut off
		}
		tom.Do(t, "POST", "/v1/conversations/query", `{"where":`+where+`}`).WantProblem(400, "validation_failed", place)
	}
	for where, place := range map[string]string{
		deep(9):                      "where" + strings.Repeat(".$and[0]", 8) + ".$and",
		`{"$or":[` + many(51) + `]}`: "where.$or[50].name",
		`{"name":{"$in":[` + numbers(501) + `]}}`: "where.name.$in",
		`{"$and":[{"name":{"$in":[` + numbers(500) + `]}},{"name":{"$nin":[` + numbers(500) + `]}},{"type":"x"}]}`: "where.$and[2].type",
		`{"name":{"$regex":"` + strings.Repeat("x", 501) + `"}}`:                                                   "where.name.$regex",
		`{"name":{"$regex":"x{600}y{600}"}}`:                                                                       "where.name.$regex",
		`{"$or":[` + strings.ReplaceAll(many(6), `"x"`, `{"$regex":"x"}`) + `]}`:                                   "where.$or[5].name.$regex",
	} {
		tom.Do(t, "POST", "/v1/conversations/query", `{"where":`+where+`}`).WantProblem(400, "query_too_expensive", place)
	}
	for _, fine := range []string{deep(8), `{"$or":[` + many(50) + `]}`, `{"attributes.a":{"$in":[` + numbers(500) + `]}}`, `{"name":{"$in":[` + numbers(500) + `]}}`} {
		tom.Do(t, "POST", "/v1/conversations/query", `{"where":`+fine+`}`).Want(200)
	}
	for body, place := range map[string]string{
		`{"sort":"foo"}`: "sort", `{"sort":"members"}`: "sort", `{"sort":""}`: "sort", `{"sort":"name,"}`: "sort", `{"sort":"name,-name"}`: "sort", `{"sort":"--name"}`: "sort",
		`{"sort":["name",5]}`: "sort[1]", `{"sort":5}`: "sort", `{"sort":{}}`: "sort", `{"sort":"attributes"}`: "sort", `{"sort":"attributes..a"}`: "sort", `{"sort":"id desc"}`: "sort",
		`{"limit":0}`: "limit", `{"limit":101}`: "limit", `{"limit":"5"}`: "limit", `{"limit":1.5}`: "limit", `{"skip":-1}`: "skip", `{"skip":10001}`: "skip",
		`{"member":""}`: "member", `{"member":5}`: "member", `{"filter":{}}`: "filter", `{"where":{},"where":{}}`: "where",
	} {
		tom.Do(t, "POST", "/v1/conversations/query", body).WantProblem(400, "validation_failed", place)
	}
	tom.Do(t, "POST", "/v1/conversations/query", `{"sort":"a,b,c,d,e,f"}`).WantProblem(400, "query_too_expensive", "sort")
	tom.Do(t, "POST", "/v1/conversations/query?limit=1", `{}`).WantProblem(400, "validation_failed", "limit")
	list(t, tom, "where", "").WantProblem(400, "validation_failed", "where")
	list(t, tom, "sort", "").WantProblem(400, "validation_failed", "sort")
	list(t, tom, "order", "name").WantProblem(400, "validation_failed", "order")
}

// TestInjectionStaysData puts SQL and what has a meaning to SQL in every place of a query.
func TestInjectionStaysData(t *testing.T) {
	nasty := []string{`'`, `"`, "`", `\`, `\'`, `' OR '1'='1`, `" OR "1"="1`, `x') OR 1=1 --`, `x"; DROP TABLE conversations; --`, `/**/`, `%`, `_`, `?`, `??`, `@p`, `:x`, `$1`,
		"\x00", "a\x00' OR 1=1 #", `*/ OR 1=1 /*`, `) UNION SELECT signing_secret FROM apps --`, "\xc2\xa0", `SLEEP(5)`, `0x27`, `{"$gt":""}`, `CAST(1 AS BLOB)`, "id DESC, (SELECT 1)", "\n;\n", "é' --"}
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		var ids []string
		for _, text := range nasty {
			ids = append(ids, named(t, tom, text, JSON{"k": text, text: JSON{"in": text}}))
		}
		for i, text := range nasty {
			key := strings.NewReplacer(`\`, `\\`, `.`, `\.`).Replace(text)
			for _, where := range []JSON{
				{"name": text}, {"attributes.k": text}, {"attributes." + key + ".in": text}, {"attributes." + key: JSON{"in": text}},
				{"name": JSON{"$in": []string{text}}}, {"name": JSON{"$startsWith": text, "$endsWith": text, "$gte": text, "$lte": text}},
				{"attributes." + key + ".in": JSON{"$exists": true}, "attributes.k": JSON{"$contains": text}},
			} {
				answer := tom.Do(t, "POST", "/v1/conversations/query", JSON{"where": where, "sort": []string{"attributes." + key, "-attributes.k"}, "limit": 100}).Want(200)
				// Another text may contain this one; with an object or an equality nothing else does.
				if got := idsOf(answer.Object()); !slices.Equal(got, ids[i:i+1]) {
					t.Errorf("%q finds %d of %d", where, len(got), len(ids))
				}
			}
			for _, where := range []JSON{
				{"id": text}, {"type": text}, {"creator": text}, {"members": text}, {"members": JSON{"$all": []string{text, "Tom"}}},
				{"creator": JSON{"$contains": text + text}}, {"id": JSON{"$nin": []string{text}}, "name": text + "x"},
			} {
				if got := idsOf(tom.Do(t, "POST", "/v1/conversations/query", JSON{"where": where}).Want(200).Object()); len(got) != 0 {
					t.Errorf("%q finds %v", where, got)
				}
			}
			refused := []JSON{{text: 1}, {"name": JSON{text: 1}}, {"name": JSON{"$" + text: 1}}, {"$" + text: []JSON{{}}}, {"createdAt": text}, {"name": JSON{"$size": text}}}
			for _, where := range refused {
				tom.Do(t, "POST", "/v1/conversations/query", JSON{"where": where}).WantProblem(400, "validation_failed", "")
			}
			for _, sort := range []string{text, "-" + text, "name" + text, "name " + text} {
				tom.Do(t, "POST", "/v1/conversations/query", JSON{"sort": []string{sort}}).WantProblem(400, "validation_failed", "sort")
			}
			list(t, tom, "limit", text).WantProblem(400, "validation_failed", "limit")
			list(t, tom, "skip", "0"+text).WantProblem(400, "validation_failed", "skip")
			if answer := list(t, tom, "member", text); answer.Status != 400 && len(idsOf(answer.Want(200).Object())) != 0 {
				t.Errorf("%q as a member finds %s", text, answer.Body)
			}
		}
		if got := idsOf(list(t, tom, "limit", "100").Want(200).Object()); len(got) != len(nasty) {
			t.Errorf("%d of %d conversations are left", len(got), len(nasty))
		}
	})
}

// TestHiddenMembersDoNotLeak: with PARLEY_HIDE_MEMBERS, nothing that somebody outside can ask tells who is inside.
func TestHiddenMembersDoNotLeak(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db, func(c *app.Config) { c.HideMembers = true })
		tom, william, server := s.Login(t, "Tom", ""), s.Login(t, "William", ""), s.Master(t, "")
		hers := named(t, tom, "with Jerry", JSON{}, "Jerry")
		both := named(t, tom, "with William", JSON{}, "William")
		for where, want := range map[string]int{ // of two, for William: the first he is not in
			`{"members":"Jerry"}`:                  0,
			`{"members":{"$in":["Jerry","Mary"]}}`: 0,
			`{"members":"Tom"}`:                    1,
			`{"members":{"$all":["Tom","Jerry"]}}`: 0,
			`{"members":["Jerry","Tom"]}`:          0,
			`{"members":{"$size":2}}`:              1,
			`{"members":{"$exists":true}}`:         1,
			`{"members":{"$exists":false}}`:        1,
			`{"members":{"$ne":"Jerry"}}`:          2,
			`{"members":{"$ne":"Tom"}}`:            1,
			`{"members":{"$nin":["Jerry"]}}`:       2,
			`{"name":{"$contains":"with"}}`:        2,
			`{"$or":[{"members":"Jerry"},{"name":{"$regex":"Jerry"},"members":"Jerry"}]}`: 0,
		} {
			if got := idsOf(list(t, william, "where", where).Want(200).Object()); len(got) != want {
				t.Errorf("%s finds %d, not %d", where, len(got), want)
			}
		}
		if got := idsOf(list(t, william, "member", "Jerry").Want(200).Object()); len(got) != 0 {
			t.Errorf("William finds Jerry's %v", got)
		}
		if got := idsOf(list(t, william, "member", "Tom").Want(200).Object()); !slices.Equal(got, []string{both}) {
			t.Errorf("William finds Tom's %v", got)
		}
		if got := idsOf(list(t, server, "where", `{"members":"Jerry"}`).Want(200).Object()); !slices.Equal(got, []string{hers}) {
			t.Errorf("the app's own server finds %v", got)
		}
		for client, shown := range map[*Client]bool{tom: true, william: false, server: true} {
			c := client.Do(t, "GET", "/v1/conversations/"+hers, nil).Want(200).Object()
			found := list(t, client, "where", `{"id":"`+hers+`"}`).Want(200).Object()["conversations"].([]any)[0].(JSON)
			_, read := c["members"]
			_, queried := found["members"]
			if read != shown || queried != shown || c["memberCount"] != 2.0 {
				t.Errorf("%s reads %v and finds %v", client.ID, c, found)
			}
		}
		// Inside now: shown; outside again: not.
		if c := william.Do(t, "POST", "/v1/conversations/"+hers+"/join", nil).Want(200).Object(); fmt.Sprint(c["members"]) != "[Tom Jerry William]" {
			t.Errorf("who joined is shown %v", c)
		}
		if c := william.Do(t, "POST", "/v1/conversations/"+hers+"/quit", nil).Want(200).Object(); c["members"] != nil {
			t.Errorf("who quit is shown %v", c)
		}
	})
}

// TestTemporaryConversationsAreFoundByTheirMembersAlone looks at rows as the server would store them.
func TestTemporaryConversationsAreFoundByTheirMembersAlone(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry, mary := s.Login(t, "Tom", ""), s.Login(t, "Jerry", ""), s.Login(t, "Mary", "")
		id := named(t, tom, "for an hour", JSON{}, "Jerry")
		if _, err := OpenSQL(t, db).Exec("UPDATE conversations SET type = 'temporary'"); err != nil {
			t.Fatal(err)
		}
		for client, finds := range map[*Client]bool{tom: true, jerry: true, mary: false, s.Master(t, ""): true, s.Master(t, "Mary"): true} {
			for _, parameters := range [][]string{{"where", `{"name":"for an hour"}`}, {"where", `{"type":"temporary"}`}, {"member", "Tom"}, {"where", `{"name":{"$regex":"hour"}}`},
				{"where", `{"$or":[{"type":{"$ne":"x"}},{"members":"Tom"}]}`}} {
				if got := slices.Contains(idsOf(list(t, client, parameters...).Want(200).Object()), id); got != finds {
					t.Errorf("%q by %v: %t", client.ID, parameters, got)
				}
			}
		}
	})
}

// TestQueriesOfTheDocumentWork sends every condition that docs/queries.md shows.
func TestQueriesOfTheDocumentWork(t *testing.T) {
	document, err := os.ReadFile("../docs/queries.md")
	if err != nil {
		t.Fatal(err)
	}
	Databases(t, func(t *testing.T, db string) {
		tom := Start(t, db).Login(t, "Tom", "")
		shown := regexp.MustCompile("[`=](\\{\"(?:[$]|name|attributes|members|createdAt|lastMessageAt)[^`]*?\\})[`']").FindAllSubmatch(document, -1)
		if len(shown) < 25 {
			t.Fatalf("the document shows %d conditions", len(shown))
		}
		for _, where := range shown {
			if answer := list(t, tom, "where", string(where[1])); answer.Status != 200 {
				t.Errorf("%s is answered %d: %s", where[1], answer.Status, answer.Body)
			}
		}
	})
}
