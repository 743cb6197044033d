package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	. "parley/tests/harness"
)

// treesAtOnce is how many trees one of rapid's 100 checks asks of a world; with worlds it makes 10,000 in the long form
// (PARLEY_TEST_FAULTS=long, as `make faults` sets it), 1,200 in the short one.
func treesAtOnce() (worlds, trees int) {
	if os.Getenv("PARLEY_TEST_FAULTS") == "long" {
		return 20, 5
	}
	return 4, 3
}

// TestRandomQueries asks random questions about random conversations: what SQL answers is what the evaluator beside this
// file finds, in the order of the sort, whole and in pages.
func TestRandomQueries(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		worlds, trees := treesAtOnce()
		seed := rand.IntN(1 << 30)
		t.Logf("the worlds are made from %d", seed)
		for i := range worlds {
			w := newQueryWorld(t, s, seed+i)
			rapid.Check(t, func(r *rapid.T) {
				for range trees {
					w.ask(r)
				}
			})
			w.remove()
		}
	})
}

// queryWorld is some conversations as the API shows them.
type queryWorld struct {
	t             *testing.T
	server        *Client
	conversations []JSON
	paths         []string // in their attributes, as often as they are there
}

const worldSize = 24

var (
	clientNames = []string{"Tom", "Tom ", "tom", "Jerry", "Máry", "%"}
	chatNames   = []string{"", "a", "A", "a ", "ab", "NBA news", "news", "100%", "á", "é\x00x", `back\slash`, "'; DROP TABLE members; --"}
	someTexts   = []string{"", "a", "A", "a ", "ab", "b", "aab", "á", "a\u0301", "%", "_", `\`, "a\x00b", "\x00", "a\x01b", "😀", "1", "true", "null", "a\nb", "2026-11-23T08:33:00.123Z"}
	someNumbers = []string{"0", "-0.0", "1", "1.0", "1e0", "10e-1", "-1", "0.1", "1e-1", "100", "1E2", "9007199254740992", "9007199254740993", "1e20", "-12.5", "-12.50e0"}
	someKeys    = []string{"a", "b", "é", "d.e", `x\y`, "$k", "0"}
	somePattern = []string{"", "^a", "a$", "^a$", "^A", "[0-9]+", "^.$", "a.b", "á|b", "^b", `\x00`, "(?i)NEWS", "^(a|b)+$", `\bnews\b`, "b?"}
)

// newQueryWorld makes conversations with members, names and attributes out of a few values, so that many are equal.
func newQueryWorld(t *testing.T, s *Server, seed int) *queryWorld {
	w := &queryWorld{t: t, server: s.Master(t, "")}
	creators := []*Client{w.server}
	for _, name := range clientNames {
		creators = append(creators, s.Master(t, name))
	}
	make := rapid.Custom(func(r *rapid.T) JSON {
		c := JSON{"members": rapid.SliceOfN(rapid.SampledFrom(clientNames), 1, 4).Draw(r, "members"), "unique": rapid.Bool().Draw(r, "unique"),
			"attributes": json.RawMessage(object(2).Draw(r, "attributes"))}
		if rapid.IntRange(0, 3).Draw(r, "named") > 0 {
			c["name"] = rapid.SampledFrom(chatNames).Draw(r, "name")
		}
		return c
	})
	ids := map[string]bool{} // a unique one that was there already is there once
	for i := range worldSize {
		creator := creators[(seed+i)%len(creators)]
		made := creator.Do(t, "POST", "/v1/conversations", make.Example(seed*worldSize+i)).Object()
		ids[made["id"].(string)] = true
		if i%3 == 0 {
			s.Master(t, made["members"].([]any)[0].(string)).Say(t, made["id"].(string), "hello")
		}
	}
	for id := range ids {
		w.conversations = append(w.conversations, decodeNumbers(t, w.server.Do(t, "GET", "/v1/conversations/"+id, nil).Want(200).Body))
	}
	for _, c := range w.conversations {
		w.paths = append(w.paths, pathsIn(c["attributes"].(JSON), "attributes")...)
	}
	slices.Sort(w.paths)
	return w
}

func (w *queryWorld) remove() {
	for _, c := range w.conversations {
		w.server.Do(w.t, "DELETE", "/v1/conversations/"+c["id"].(string), nil).Want(204)
	}
}

// ask draws a question and compares the answer.
func (w *queryWorld) ask(r *rapid.T) {
	tree := w.tree(3).Draw(r, "where")
	order := rapid.SliceOfNDistinct(rapid.SampledFrom(w.sortable()), 0, 3, func(s string) string { return strings.TrimPrefix(s, "-") }).Draw(r, "sort")
	limit := rapid.SampledFrom([]int{100, 100, 100, 7, 1}).Draw(r, "limit")
	var answer []JSON
	for skip := 0; ; {
		page := w.page(r, tree, order, limit, skip)
		for _, c := range page["conversations"].([]any) {
			answer = append(answer, c.(JSON))
		}
		next, more := page["next"].(string)
		if !more {
			break
		}
		if skip += limit; next != fmt.Sprint(skip) {
			r.Fatalf("next is %s, not %d", next, skip)
		}
	}
	where := decodeNumbers(w.t, []byte(tree))
	var got, want []string
	for _, c := range answer {
		got = append(got, c["id"].(string))
	}
	for _, c := range w.conversations {
		if holds(where, c) {
			want = append(want, c["id"].(string))
		}
	}
	if difference := symmetric(got, want); len(difference) > 0 || len(got) != len(want) {
		for _, c := range w.conversations {
			if slices.Contains(difference, c["id"].(string)) {
				r.Logf("found: %t, %v", slices.Contains(got, c["id"].(string)), c)
			}
		}
		r.Fatalf("%s finds %d conversations, not %d", tree, len(got), len(want))
	}
	w.checkOrder(r, order, answer)
}

func (w *queryWorld) page(r *rapid.T, tree string, order []string, limit, skip int) JSON {
	query := JSON{"where": json.RawMessage(tree), "limit": limit, "skip": skip}
	if len(order) > 0 {
		query["sort"] = order
	}
	answer := w.server.Do(w.t, "POST", "/v1/conversations/query", query)
	if answer.Status != 200 {
		r.Fatalf("%s sorted by %q answers %d: %s", tree, order, answer.Status, answer.Body)
	}
	return decodeNumbers(w.t, answer.Body)
}

// checkOrder compares neighbours.
func (w *queryWorld) checkOrder(r *rapid.T, order []string, answer []JSON) {
	if len(order) == 0 {
		order = []string{"-lastMessageAt"}
	}
	order = append(slices.Clone(order), "id") // in the direction of the first
	if strings.HasPrefix(order[0], "-") {
		order[len(order)-1] = "-id"
	}
	for i := 1; i < len(answer); i++ {
		for _, name := range order {
			name, descending := strings.CutPrefix(name, "-")
			sign, known := compareForSort(lookUp(answer[i-1], name), lookUp(answer[i], name), answer[i-1], answer[i])
			if descending {
				sign = -sign
			}
			if sign > 0 {
				r.Fatalf("sorted by %q %v stands before %v", order, answer[i-1], answer[i])
			}
			if sign < 0 || !known {
				break
			}
		}
	}
}

// compareForSort orders by type, then by value; not known of two arrays or objects. lastMessageAt is the creation's time
// where there is no message.
func compareForSort(a, b found, first, second JSON) (sign int, known bool) {
	if a.name == "lastMessageAt" {
		if !a.there {
			a.value, a.there = first["createdAt"], true
		}
		if !b.there {
			b.value, b.there = second["createdAt"], true
		}
	}
	if rank := rankOf(a) - rankOf(b); rank != 0 {
		return rank, true
	}
	sign, comparable := compareValues(a.typed(a.value), b.typed(b.value))
	return sign, comparable || rankOf(a) < 2
}

func rankOf(f found) int {
	if !f.there {
		return 0
	}
	switch f.value.(type) {
	case nil:
		return 1
	case bool:
		return 2
	case json.Number:
		return 3
	case string:
		return 4
	case []any:
		return 5
	}
	return 6
}

func symmetric(a, b []string) (difference []string) {
	for _, x := range append(slices.Clone(a), b...) {
		if slices.Contains(a, x) != slices.Contains(b, x) {
			difference = append(difference, x)
		}
	}
	return difference
}

func decodeNumbers(t testing.TB, body []byte) JSON {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var object JSON
	if err := decoder.Decode(&object); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return object
}
