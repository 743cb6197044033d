package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	. "parley/tests/harness"
)

// valuesAt are conversations by name, each with a value at attributes.v or none. The texts go in as they stand here.
var valuesAt = map[string]string{
	"missing": `{}`, "null": `{"v":null}`, "true": `{"v":true}`, "false": `{"v":false}`,
	"zero": `{"v":0}`, "one": `{"v":1}`, "one.0": `{"v":1.0}`, "1e0": `{"v":1e0}`, "1.5": `{"v":1.5}`, "ten": `{"v":10}`, "minus": `{"v":-2.5e0}`,
	"2^53": `{"v":9007199254740992}`, "2^53+1": `{"v":9007199254740993}`, "huge": `{"v":1e308}`, "tiny": `{"v":1e-300}`,
	"empty": `{"v":""}`, "a": `{"v":"a"}`, "A": `{"v":"A"}`, "a ": `{"v":"a "}`, "ab": `{"v":"ab"}`, "á": `{"v":"\u00e1"}`, "smile": `{"v":"\ud83d\ude00"}`,
	"text 1": `{"v":"1"}`, "text true": `{"v":"true"}`, "text null": `{"v":"null"}`,
	"nul": `{"v":"a\u0000b"}`, "soh": `{"v":"a\u0001b"}`, "percent": `{"v":"100%"}`, "under": `{"v":"a_b"}`, "back": `{"v":"a\\b"}`, "quotes": `{"v":"'\"` + "`" + `"}`,
	"list": `{"v":["a",1,true,null,[1,2],{"k":[1.0]}]}`, "list 1": `{"v":[1]}`, "list empty": `{"v":[]}`, "list twice": `{"v":["a","a"]}`,
	"object": `{"v":{"w":"a","k":{"x":[7]}}}`, "object turned": `{"v":{"k":{"x":[7.0]},"w":"\u0061"}}`, "object empty": `{"v":{}}`,
	"dotted": `{"v.w":"a","v":"dotted"}`, "keys": `{"":{"":1},"a\\b":2,"\u0000":3,"$x":4,"k\"'":5}`,
}

// valueCases are queries and the names of those that they find, with commas between them; "but x" are all others.
var valueCases = []struct{ where, found string }{
	{`{"attributes.v":null}`, "null,list"},
	{`{"attributes.v":true}`, "true,list"},
	{`{"attributes.v":false}`, "false"},
	{`{"attributes.v":0}`, "zero"},
	{`{"attributes.v":-0.0}`, "zero"},
	{`{"attributes.v":1}`, "one,one.0,1e0,list,list 1"},
	{`{"attributes.v":1.0e0}`, "one,one.0,1e0,list,list 1"},
	{`{"attributes.v":9007199254740992}`, "2^53"},
	{`{"attributes.v":9007199254740993}`, "2^53+1"},
	{`{"attributes.v":10e307}`, "huge"},
	{`{"attributes.v":""}`, "empty"},
	{`{"attributes.v":"a"}`, "a,list,list twice"},
	{`{"attributes.v":"A"}`, "A"},
	{`{"attributes.v":"a "}`, "a "},
	{`{"attributes.v":"\u00e1"}`, "á"},
	{`{"attributes.v":"a\u0301"}`, ""},
	{`{"attributes.v":"😀"}`, "smile"},
	{`{"attributes.v":"1"}`, "text 1"},
	{`{"attributes.v":"a\u0000b"}`, "nul"},
	{`{"attributes.v":"a\u0001b"}`, "soh"},
	{`{"attributes.v":"a\\b"}`, "back"},
	{`{"attributes.v":[1,2.0]}`, "list"},
	{`{"attributes.v":[1]}`, "list 1"},
	{`{"attributes.v":["a",1,true,null,[1,2],{"k":[1]}]}`, "list"},
	{`{"attributes.v":[1,"a",true,null,[1,2],{"k":[1]}]}`, ""},
	{`{"attributes.v":{"k":[1]}}`, "list"},
	{`{"attributes.v":{"w":"a","k":{"x":[7]}}}`, "object,object turned"},
	{`{"attributes.v":{"w":"a"}}`, ""},
	{`{"attributes.v":{}}`, "object empty"},
	{`{"attributes.v":[]}`, "list empty"},
	{`{"attributes.v.w":"a"}`, "object,object turned"},
	{`{"attributes.v.k.x":7}`, "object,object turned"},
	{`{"attributes.v.k":{"x":[7]}}`, "object,object turned"},
	{`{"attributes.v\\.w":"a"}`, "dotted"},
	{`{"attributes.a\\\\b":2}`, "keys"},
	{`{"attributes.\u0000":3}`, "keys"},
	{`{"attributes.$x":4}`, "keys"},
	{`{"attributes.k\"'":5}`, "keys"},
	{`{"attributes.v.0":"a"}`, ""},
	{`{"attributes.v[0]":"a"}`, ""},
	{`{"attributes.V":"a"}`, ""},

	{`{"attributes.v":{"$ne":"a"}}`, "but a,list,list twice"},
	{`{"attributes.v":{"$ne":null}}`, "but null,list"},
	{`{"attributes.v":{"$ne":1}}`, "but one,one.0,1e0,list,list 1"},
	{`{"attributes.v":{"$in":[1,"a"]}}`, "one,one.0,1e0,a,list,list 1,list twice"},
	{`{"attributes.v":{"$in":[]}}`, ""},
	{`{"attributes.v":{"$in":[[1],null]}}`, "null,list,list 1"},
	{`{"attributes.v":{"$nin":[1,"a"]}}`, "but one,one.0,1e0,a,list,list 1,list twice"},
	{`{"attributes.v":{"$nin":[]}}`, everybody},
	{`{"attributes.v":{"$exists":true}}`, "but missing,keys"},
	{`{"attributes.v":{"$exists":false}}`, "missing,keys"},
	{`{"attributes.v.w":{"$exists":true}}`, "object,object turned"},

	{`{"attributes.v":{"$lt":1}}`, "zero,minus,tiny"},
	{`{"attributes.v":{"$lte":1}}`, "zero,minus,tiny,one,one.0,1e0"},
	{`{"attributes.v":{"$gt":1.5}}`, "ten,2^53,2^53+1,huge"},
	{`{"attributes.v":{"$gte":1.5,"$lt":1e1}}`, "1.5"},
	{`{"attributes.v":{"$gt":9007199254740992}}`, "2^53+1,huge"},
	{`{"attributes.v":{"$gt":0,"$lt":1e-299}}`, "tiny"},
	{`{"attributes.v":{"$lt":"a"}}`, "empty,A,text 1,percent,quotes"},
	{`{"attributes.v":{"$gt":"a","$lt":"ab"}}`, "a ,nul,soh,under,back"},
	{`{"attributes.v":{"$gte":"ab","$lt":"b"}}`, "ab"},
	{`{"attributes.v":{"$gt":"á"}}`, "smile"},
	{`{"attributes.v":{"$lt":true}}`, "false"},
	{`{"attributes.v":{"$gte":false}}`, "true,false"},
	{`{"attributes.v":{"$lte":"a\u0000b","$gte":"a\u0000"}}`, "nul"},

	{`{"attributes.v":{"$contains":"%"}}`, "percent"},
	{`{"attributes.v":{"$contains":"_"}}`, "under"},
	{`{"attributes.v":{"$contains":"\\"}}`, "back"},
	{`{"attributes.v":{"$contains":"\""}}`, "quotes"},
	{`{"attributes.v":{"$contains":"'"}}`, "quotes"},
	{`{"attributes.v":{"$contains":"\u0000"}}`, "nul"},
	{`{"attributes.v":{"$contains":"\u0001"}}`, "soh"},
	{`{"attributes.v":{"$contains":"b"}}`, "ab,nul,soh,under,back"},
	{`{"attributes.v":{"$contains":"B"}}`, ""},
	{`{"attributes.v":{"$startsWith":"a"}}`, "a,a ,ab,nul,soh,under,back"},
	{`{"attributes.v":{"$startsWith":"a\u0000"}}`, "nul"},
	{`{"attributes.v":{"$startsWith":"100%"}}`, "percent"},
	{`{"attributes.v":{"$endsWith":"b"}}`, "ab,nul,soh,under,back"},
	{`{"attributes.v":{"$endsWith":"\u0000b"}}`, "nul"},
	{`{"attributes.v":{"$endsWith":" "}}`, "a "},
	{`{"attributes.v":{"$endsWith":"aab"}}`, ""},
	{`{"attributes.v":{"$contains":""}}`, texts},
	{`{"attributes.v":{"$startsWith":""}}`, texts},
	{`{"attributes.v":{"$endsWith":""}}`, texts},
	{`{"attributes.v":{"$regex":""}}`, texts},
	{`{"attributes.v":{"$regex":"^$"}}`, "empty"},
	{`{"attributes.v":{"$regex":"^a$"}}`, "a"},
	{`{"attributes.v":{"$regex":"^a$","$options":"i"}}`, "a,A"},
	{`{"attributes.v":{"$regex":"^a.b$"}}`, "nul,soh,under,back"},
	{`{"attributes.v":{"$regex":"^a\\x00"}}`, "nul"},
	{`{"attributes.v":{"$regex":"^\\p{L}$"}}`, "a,A,á"},
	{`{"attributes.v":{"$regex":"[0-9]"}}`, "text 1,percent"},
	{`{"$or":[{"attributes.v":{"$regex":"^a.b$"}},{"attributes.v":1}]}`, "nul,soh,under,back,one,one.0,1e0,list,list 1"},
	{`{"$or":[{"attributes.v":{"$regex":"^A$"}},{"attributes.v":{"$regex":"^a$"},"name":{"$ne":"a"}}]}`, "A"},
	{`{"$or":[{"attributes.v":{"$regex":"^a"},"name":"nul"},{"name":"list"}],"attributes.v":{"$exists":true}}`, "nul,list"},

	{`{"attributes.v":{"$all":["a",1]}}`, "list"},
	{`{"attributes.v":{"$all":["a"]}}`, "a,list,list twice"},
	{`{"attributes.v":{"$all":[]}}`, ""},
	{`{"attributes.v":{"$size":0}}`, "list empty"},
	{`{"attributes.v":{"$size":1}}`, "list 1"},
	{`{"attributes.v":{"$size":2}}`, "list twice"},
	{`{"attributes.v":{"$size":6}}`, "list"},
	{`{"attributes.v.k.x":{"$size":1}}`, "object,object turned"},

	{`{"name":"a"}`, "a"},
	{`{"name":"a "}`, "a "},
	{`{"name":{"$in":["A","á","nobody",1,null]}}`, "A,á"},
	{`{"name":{"$gte":"2","$lt":"3"}}`, "2^53,2^53+1"},
	{`{"name":{"$contains":"^"}}`, "2^53,2^53+1"},
	{`{"name":{"$startsWith":"text"},"attributes.v":{"$ne":"1"}}`, "text true,text null"},
	{`{"name":{"$endsWith":"turned"}}`, "object turned"},
	{`{"name":{"$regex":"^TEXT","$options":"i"}}`, "text 1,text true,text null"},
	{`{"name":1}`, ""},
	{`{"name":null}`, ""},
	{`{"name":{"$ne":1}}`, everybody},
	{`{"name":{"$exists":false}}`, ""},
	{`{"unique":false}`, everybody},
	{`{"unique":{"$lt":true}}`, everybody},
	{`{"unique":0}`, ""},
	{`{"unique":"false"}`, ""},
	{`{"type":"normal"}`, everybody},
	{`{"type":{"$gt":"n"}}`, everybody},
	{`{"type":"NORMAL"}`, ""},
	{`{"creator":"Tom"}`, everybody},
	{`{"creator":{"$all":["Tom"]}}`, everybody},
	{`{"creator":{"$size":1}}`, ""},
	{`{"id":"a","name":"a"}`, ""},
	{`{"lastMessageAt":{"$exists":false}}`, everybody},
	{`{"lastMessageAt":null}`, everybody},
	{`{"createdAt":{"$gt":"2020-01-01T00:00:00Z"}}`, everybody},
	{`{"createdAt":{"$gt":1}}`, ""},
	{`{"createdAt":{"$ne":1}}`, everybody},
	{`{"members":"Tom"}`, everybody},
	{`{"members":["Jerry","Tom"]}`, everybody},
	{`{"members":["Tom"]}`, ""},
	{`{"members":{"$all":["Tom","Jerry"],"$size":2}}`, everybody},
	{`{"members":{"$all":["Tom","Mary"]}}`, ""},
	{`{"members":{"$ne":"Mary"}}`, everybody},
	{`{"members":{"$in":["Mary","Tom"]}}`, everybody},
	{`{"members":{"$nin":["Mary","Tom"]}}`, ""},
	{`{"members":{"$exists":true}}`, everybody},
	{`{"members":{"$contains":"T"}}`, ""},
	{`{"members":{"$lt":"z"}}`, ""},
	{`{"members":"tom"}`, ""},
	{`{"members":"Tom "}`, ""},
}

const everybody = "but "

// texts are all with a string at attributes.v.
const texts = "empty,a,A,a ,ab,á,smile,text 1,text true,text null,nul,soh,percent,under,back,quotes,dotted"

// TestQueryValues: one table of values and queries, the same on every database.
func TestQueryValues(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		tom := Start(t, db).Login(t, "Tom", "")
		names := slices.Sorted(maps.Keys(valuesAt))
		for _, name := range names {
			tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{"Jerry"}, "name": name, "attributes": json.RawMessage(valuesAt[name])}).Want(201)
		}
		for _, c := range valueCases {
			if got, want := queryNames(t, tom, c.where), namesOf(c.found, names); !slices.Equal(got, want) {
				t.Errorf("%s finds\n%q, not\n%q", c.where, got, want)
			}
		}
		// What is missing, null, false, true, numbers, texts by their bytes; arrays and objects come last, in any order.
		const sorted = "keys,missing,null,false,true,minus,zero,tiny,1e0,one,one.0,1.5,ten,2^53,2^53+1,huge," +
			"empty,quotes,text 1,percent,A,a,nul,soh,a ,back,under,ab,dotted,text null,text true,á,smile"
		ascending := queryNames(t, tom, `{"attributes.none":{"$exists":false}}`, "attributes.v", "name")
		if got := strings.Join(ascending[:strings.Count(sorted, ",")+1], ","); got != sorted {
			t.Errorf("sorted by value and name:\n%s, not\n%s", got, sorted)
		}
		descending := queryNames(t, tom, `{"name":{"$exists":true}}`, "-attributes.v", "name")
		const last = "true,false,null,keys,missing"
		if got := strings.Join(descending[len(descending)-5:], ","); got != last {
			t.Errorf("sorted by falling value the last are %s, not %s", got, last)
		}
	})
}

// queryNames gives the names of what a query finds, in the order asked for; by name when there is none.
func queryNames(t *testing.T, c *Client, where string, sort ...string) []string {
	t.Helper()
	if sort == nil {
		sort = []string{"name"}
	}
	answer := c.Do(t, "POST", "/v1/conversations/query", JSON{"where": json.RawMessage(where), "sort": sort, "limit": 100})
	if answer.Status != 200 {
		t.Fatalf("%s answers %d: %s", where, answer.Status, answer.Body)
	}
	names := []string{}
	for _, found := range answer.Object()["conversations"].([]any) {
		names = append(names, found.(JSON)["name"].(string))
	}
	return names
}

// namesOf reads the notation of valueCases.
func namesOf(notation string, all []string) []string {
	notation, but := strings.CutPrefix(notation, "but ")
	listed := strings.Split(notation, ",")
	for _, name := range listed {
		if _, ok := valuesAt[name]; !ok && name != "" {
			panic(fmt.Sprintf("%q is no name", name))
		}
	}
	found := []string{}
	for _, name := range all {
		if slices.Contains(listed, name) != but {
			found = append(found, name)
		}
	}
	return found
}
