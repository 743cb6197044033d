package tests

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// bodied is an operation with a body: who calls it, where, with what, and where in it anything may stand.
type bodied struct {
	c          *Client
	path, body string
	free       string // with %s where any JSON value may stand; empty: nowhere
	place      string // the name of that place in a problem, and
	whole      string // of the value that it is part of, whose depth counts
}

// operationsWithBodies has all of the document, ready to be called.
func operationsWithBodies(t *testing.T, s *Server) map[operation]bodied {
	t.Helper()
	tom, master := s.Login(t, "Tom", ""), s.Master(t, "")
	conversation := tom.Create(t, "Jerry")
	system := master.Do(t, "POST", "/v1/conversations", JSON{"type": "system", "name": "news"}).Want(http.StatusCreated).Object()["id"].(string)
	all := map[operation]bodied{
		{"POST", "/v1/sessions"}:            {c: s.AppKeyHolder(t), body: `{"clientId":"Mary","tag":"Web"}`},
		{"POST", "/v1/clients/online"}:      {c: tom, body: `{"clientIds":["Tom"]}`},
		{"POST", "/v1/conversations"}:       {c: tom, body: `{"members":["Jerry"],"name":"n","attributes":{},"unique":false,"type":"normal"}`, free: `{"members":["Jerry"],"attributes":{"v":%s}}`, place: "attributes.v", whole: "attributes"},
		{"POST", "/v1/conversations/query"}: {c: tom, body: `{"where":{"name":"n"},"limit":1,"skip":0,"sort":"name","member":"Tom"}`, free: `{"where":{"attributes.v":%s}}`, place: "where.attributes.v", whole: "where"},
		{"PATCH", "/v1/conversations/{id}"}: {c: tom, path: "/v1/conversations/" + conversation, body: `{"name":"n","attributes":{}}`, free: `{"attributes":{"v":%s}}`, place: "attributes.v", whole: "attributes"},
		{"POST", "/v1/conversations/{id}/broadcast"}: {c: master, path: "/v1/conversations/" + system + "/broadcast",
			body: `{"to":"subscribers","message":{"type":"x","payload":1},"validUntil":null}`, free: `{"to":"subscribers","message":{"type":"x","payload":%s}}`, place: "message.payload", whole: "message.payload"},
		{"POST", "/v1/conversations/{id}/members"}:  {c: tom, path: "/v1/conversations/" + conversation + "/members", body: `{"members":["Mary"]}`},
		{"POST", "/v1/conversations/{id}/messages"}: {c: tom, path: "/v1/conversations/" + conversation + "/messages", body: `{"type":"text","text":"x","attributes":{},"transient":false,"priority":"normal"}`, free: `{"type":"x","payload":%s}`, place: "payload", whole: "payload"},
		{"POST", "/v1/files"}:                       {c: tom, body: `{"url":"https://example.org/a","name":"a","metadata":{}}`, free: `{"url":"https://example.org/a","metadata":{"v":%s}}`, place: "metadata.v", whole: "metadata"},
	}
	for o, documented := range operationsOf(document(t)) {
		b, here := all[o]
		if has := documented.RequestBody != nil; has != here {
			t.Fatalf("%v has a body: %t; there is a line for it: %t", o, has, here)
		}
		if here && b.path == "" {
			b.path = o.path
			all[o] = b
		}
	}
	return all
}

// attack is a body, or a way to send one, that is to be refused.
type attack struct {
	name, body string
	headers    []string
	status     int
	field      string // how the field that is named begins; empty: not looked at
}

// attacksOn makes those that an operation's own body can be turned into.
func attacksOn(t *testing.T, b bodied, most int) []attack {
	t.Helper()
	const wrong, media, large = http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusRequestEntityTooLarge
	attacks := []attack{
		{"nothing", "", nil, wrong, "body"}, {"white space", " \n", nil, wrong, "body"}, {"null", "null", nil, wrong, "body"}, {"an array", "[" + b.body + "]", nil, wrong, "body"},
		{"a string", `"x"`, nil, wrong, "body"}, {"a number", "1e400", nil, wrong, "body"}, {"a byte order mark", "\ufeff" + b.body, nil, wrong, "body"}, {"UTF-16", "{\x00}\x00", nil, wrong, ""},
		{"two", b.body + b.body, nil, wrong, "body"}, {"one and a bracket", b.body + "}", nil, wrong, "body"}, {"one and NUL", b.body + "\x00", nil, wrong, "body"}, {"one and a word", b.body + " x", nil, wrong, "body"},
		{"cut off", b.body[:len(b.body)-1], nil, wrong, ""}, {"a comment", "/**/" + b.body, nil, wrong, "body"}, {"a comma", b.body[:len(b.body)-1] + ",}", nil, wrong, ""},
		{"an unknown field", b.body[:len(b.body)-1] + `,"zzz":1}`, nil, wrong, "zzz"}, {"an empty name", b.body[:len(b.body)-1] + `,"":1}`, nil, wrong, ""},
		{"__proto__", b.body[:len(b.body)-1] + `,"__proto__":{"a":1}}`, nil, wrong, "__proto__"},
		{"deep arrays", strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), nil, wrong, "body"}, {"deeper than a parser goes", strings.Repeat("[", 100_000), nil, wrong, ""},
		{"deep objects", strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000), nil, wrong, ""},
		{"too much", b.body + strings.Repeat(" ", most), nil, large, ""}, {"too much of nothing", strings.Repeat(" ", 4*most), nil, large, ""},
	}
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json, text/plain", "application/jsonp", "*/*", "json", "text/html; x=application/json", ";"} {
		attacks = append(attacks, attack{"sent as " + kind, b.body, []string{"Content-Type", kind}, media, ""})
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := w.Write(make([]byte, 1<<20))
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	for _, coding := range []string{"gzip", "deflate", "br", "gzip, gzip", "x"} {
		attacks = append(attacks, attack{"a bomb by " + coding, zipped.String(), []string{"Content-Encoding", coding}, media, ""},
			attack{"plain, and said to be " + coding, b.body, []string{"Content-Encoding", coding}, media, ""})
	}
	if b.free != "" {
		attacks = append(attacks, attacksWithin(b)...)
	}
	return append(attacks, attacksOnFields(t, b)...)
}

// attacksOnFields double, misspell and mistype each field.
func attacksOnFields(t *testing.T, b bodied) (attacks []attack) {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(b.body), &fields); err != nil {
		t.Fatal(err)
	}
	const wrong = http.StatusBadRequest
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value := string(fields[name])
		escaped := fmt.Sprintf(`\u%04x%s`, name[0], name[1:])
		attacks = append(attacks, attack{"twice " + name, `{"` + name + `":` + value + "," + b.body[1:], nil, wrong, name},
			attack{"twice, once escaped, " + name, b.body[:len(b.body)-1] + `,"` + escaped + `":` + value + "}", nil, wrong, name})
		for _, other := range []string{strings.ToUpper(name[:1]) + name[1:], strings.ToUpper(name), name + " ", " " + name, name + `\u0000`, strings.Replace(name, "s", "ſ", 1), strings.Replace(name, "k", "\u212a", 1)} {
			if other != name {
				attacks = append(attacks, attack{"beside it " + other, b.body[:len(b.body)-1] + `,"` + other + `":` + value + "}", nil, wrong, strings.ReplaceAll(other, `\u0000`, "\x00")},
					attack{"instead " + other, strings.Replace(b.body, `"`+name+`":`, `"`+other+`":`, 1), nil, wrong, ""})
			}
		}
		for _, junk := range []string{`{"a":{"a":1,"a":2}}`, `[[["x"]]]`, "1e400", "-1e999999999", "12345678901234567890123", `"\ud800"`, `"\udc00\ud800"`, "\"\xff\"", "\"\xed\xa0\x80\"", "\"\xc0\x80\"", "\"a\x00b\"", "\"a\nb\"", "NaN", "0x10", "01", "+1", "'x'", "undefined"} {
			replaced := strings.Replace(b.body, `"`+name+`":`+value, `"`+name+`":`+junk, 1)
			attacks = append(attacks, attack{junk + " in " + name, replaced, nil, wrong, ""})
		}
	}
	return attacks
}

// attacksWithin are on the place where any value may stand.
func attacksWithin(b bodied) (attacks []attack) {
	within := func(name, value, at string) {
		attacks = append(attacks, attack{name + " within", fmt.Sprintf(b.free, value), nil, http.StatusBadRequest, b.place + at})
	}
	within("a double", `{"a":[{"b":{"c":1,"c":2}}]}`, ".a[0].b.c")
	within("an escaped double", `{"a":[{"b":{"c":1,"\u0063":2}}]}`, ".a[0].b.c")
	within("a double of nothing", `{"":1,"":2}`, "")
	within("a lone surrogate", `["\ud800"]`, "[0]")
	within("a lone surrogate as a name", `{"\udfff":1}`, "")
	within("bad UTF-8", "[\"\xf0\x9f\x98\"]", "[0]")
	within("NUL", "[\"a\x00\"]", "[0]")
	within("a number that is none", "[1e]", "[0]")
	for name, deep := range map[string]string{"arrays": strings.Repeat("[", 9_900) + strings.Repeat("]", 9_900), "objects": strings.Repeat(`{"a":`, 9_900) + "1" + strings.Repeat("}", 9_900)} {
		attacks = append(attacks, attack{"deep " + name + " within", fmt.Sprintf(b.free, deep), nil, http.StatusBadRequest, b.whole})
	}
	return attacks
}

// TestHostileBodies: every operation with a body refuses each of them with a problem, and nothing is changed.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	const most = 128 << 10
	s := Start(t, SQLite(t), func(c *app.Config) { c.MaxMessageBytes = most })
	operations := operationsWithBodies(t, s)
	tables := OpenSQL(t, s.DatabaseURL)
	rows := func() (all string) {
		for _, table := range []string{"sessions", "conversations", "members", "messages", "events", "files"} {
			all += fmt.Sprint(table, ": ", count(t, tables, "SELECT COUNT(*) FROM "+table), " ")
		}
		return all + fmt.Sprint("seq: ", count(t, tables, "SELECT MAX(seq) FROM counters"))
	}
	before := rows()
	tried := 0
	for o, b := range operations {
		for _, a := range attacksOn(t, b, most) {
			tried++
			answer := b.c.Do(t, o.method, b.path, a.body, a.headers...)
			what := fmt.Sprintf("%v, %s", o, a.name)
			if answer.Status != a.status || answer.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: answered %d, not %d: %.300s", what, answer.Status, a.status, answer.Body)
				continue
			}
			problem := answer.Object()
			if a.status != http.StatusBadRequest {
				continue
			}
			fields, _ := problem["errors"].([]any)
			if len(fields) != 1 || !strings.HasPrefix(fields[0].(JSON)["field"].(string), a.field) {
				t.Errorf("%s: names %v, not %q", what, problem["errors"], a.field)
			}
		}
	}
	if after := rows(); after != before {
		t.Errorf("%s became %s", before, after)
	}
	if least := 60 * len(operations); tried < least {
		t.Errorf("only %d were tried", tried)
	}
	for o, b := range operations { // what the attacks were made of is good
		if answer := b.c.Do(t, o.method, b.path, b.body); answer.Status >= 300 {
			t.Errorf("%v: its own body is answered %d: %s", o, answer.Status, answer.Body)
		}
	}
}
