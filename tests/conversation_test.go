package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

func TestCreateAndRead(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, mary := s.Login(t, "Tom", ""), s.Login(t, "Mary", "")
		created := tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{"Jerry", "Tom", "Jerry"}, "name": "Tom & Jerry",
			"attributes": JSON{"topic": "cheese"}}).Want(201)
		c := created.Object()
		if want := []any{"Tom", "Jerry"}; !slices.Equal(c["members"].([]any), want) || c["memberCount"] != 2.0 {
			t.Fatalf("the members are %v", c["members"])
		}
		if c["type"] != "normal" || c["name"] != "Tom & Jerry" || c["unique"] != false || c["creator"] != "Tom" || c["lastMessageAt"] != nil {
			t.Fatalf("created %v", c)
		}
		if got := created.Header.Get("Location"); got != "/v1/conversations/"+c["id"].(string) {
			t.Fatalf("Location is %q", got)
		}
		id := c["id"].(string)
		message := tom.Say(t, id, "Jerry, get up!")
		c = tom.Do(t, "GET", "/v1/conversations/"+id, nil).Want(200).Object()
		if last, _ := c["lastMessage"].(JSON); last["id"] != message || c["lastMessageAt"] != last["timestamp"] {
			t.Fatalf("the last message is %v", c)
		}
		// Any client may read it, but not what is said inside.
		outside := mary.Do(t, "GET", "/v1/conversations/"+id, nil).Want(200).Object()
		if _, shown := outside["lastMessage"]; shown {
			t.Fatalf("somebody outside is shown %v", outside)
		}
	})
}

func TestTomTomAndTomAreFourClients(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		names := []string{"Tom", "Tom ", "tom", "Tóm"}
		clients := make([]*Client, len(names))
		for i, name := range names {
			clients[i] = s.Login(t, name, "Mobile")
		}
		conversation := clients[0].Create(t, names...)
		c := clients[0].Do(t, "GET", "/v1/conversations/"+conversation, nil).Object()
		if c["memberCount"] != 4.0 {
			t.Fatalf("four clients are %v", c["members"])
		}
		for i, client := range clients {
			// Each is in a session of its own, and sees its own conversations.
			if got := client.Do(t, "GET", "/v1/sessions/current", nil).Want(200).Object()["clientId"]; got != names[i] {
				t.Fatalf("%q is %q", names[i], got)
			}
			alone := client.Create(t)
			list := client.Do(t, "GET", "/v1/conversations", nil).Object()["conversations"].([]any)
			if len(list) != 2 || list[0].(JSON)["id"] != alone {
				t.Fatalf("%q has %v", names[i], list)
			}
		}
		clients[0].Do(t, "DELETE", "/v1/conversations/"+conversation+"/members?clientId=Tom%20", nil).Want(200)
		for i, want := range []int{201, 403, 201, 201} {
			clients[i].Do(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": names[i]},
				"Idempotency-Key", "one").Want(want)
		}
		// Keys, names and tags compare by bytes too.
		for key, want := range map[string]int{"one": 200, "One": 201, "o ne": 201} {
			clients[0].Do(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": "Tom"}, "Idempotency-Key", key).Want(want)
		}
		for _, tag := range []string{"mobile", "Mobile ", "Móbile"} {
			s.Login(t, "Tom", tag)
		}
		clients[0].Do(t, "GET", "/v1/sessions/current", nil).Want(200)
	})
}

func TestTwentyCreatorsOfOneUniqueConversationMakeOne(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		ids := make([]string, 20)
		statuses := make([]int, len(ids))
		clients := []*Client{s.Login(t, "Tom", ""), s.Login(t, "Jerry", ""), s.Login(t, "Mary", "")}
		names := []string{"Tom", "Jerry", "Mary"}
		parallel(len(ids), func(i int) {
			members := slices.Clone(names)
			slices.Reverse(members)
			answer := clients[i%3].Do(t, "POST", "/v1/conversations", JSON{"members": members, "unique": true})
			ids[i], statuses[i] = answer.Object()["id"].(string), answer.Status
		})
		slices.Sort(statuses)
		if len(slices.Compact(ids)) != 1 || !slices.Equal(statuses, append(slices.Repeat([]int{200}, 19), 201)) {
			t.Fatalf("20 creators made %v with %v", slices.Compact(ids), statuses)
		}
	})
}

func TestUniqueKeyFollowsTheMembers(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		unique := func(members ...string) (string, int) {
			answer := tom.Do(t, "POST", "/v1/conversations", JSON{"members": members, "unique": true})
			return answer.Object()["id"].(string), answer.Status
		}
		pair, _ := unique("Jerry")
		tom.Create(t, "Jerry") // not unique, does not count
		if again, status := unique("Jerry", "Tom"); again != pair || status != 200 {
			t.Fatalf("the same members made %s with %d, not %s", again, status, pair)
		}
		// Mary comes in: it is the conversation of the three now, and a new one of the two can be made.
		tom.Do(t, "POST", "/v1/conversations/"+pair+"/members", JSON{"members": []string{"Mary"}}).Want(200)
		if three, status := unique("Mary", "Jerry"); three != pair || status != 200 {
			t.Fatalf("with Mary it should be %s, not %s with %d", pair, three, status)
		}
		second, status := unique("Jerry")
		if second == pair || status != 201 {
			t.Fatalf("without Mary: %s with %d", second, status)
		}
		// Mary goes out: both have the same members, the key stays with the second.
		tom.Do(t, "DELETE", "/v1/conversations/"+pair+"/members?clientId=Mary", nil).Want(200)
		if again, _ := unique("Jerry"); again != second {
			t.Fatalf("two conversations of Tom and Jerry: %s, not %s", again, second)
		}
		if three, status := unique("Mary", "Jerry"); three == pair || status != 201 {
			t.Fatalf("nobody is with Mary, but %s with %d", three, status)
		}
		// Quit and join move it as well.
		s.Login(t, "Jerry", "").Do(t, "POST", "/v1/conversations/"+second+"/quit", nil).Want(200)
		if alone, _ := unique(); alone != second {
			t.Fatalf("Tom alone: %s, not %s", alone, second)
		}
	})
}

func TestPatchMergesAttributes(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, mary := s.Login(t, "Tom", ""), s.Login(t, "Mary", "")
		id := tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{"Jerry"}, "attributes": JSON{"a": 1, "b": JSON{"c": 2, "d": 3}}}).Want(201).Object()["id"].(string)
		path := "/v1/conversations/" + id
		mary.Do(t, "PATCH", path, JSON{"name": "x"}).WantProblem(403, "not_a_member", "")
		tom.Do(t, "PATCH", path, `{"attributes":{"b":{"c":null,"e":"é\u0000"},"f":[1]}}`).Want(200)
		c := tom.Do(t, "PATCH", path, `{"name":"Friends"}`).Want(200).Object()
		want := `map[a:1 b:map[d:3 e:` + "é\x00" + `] f:[1]]`
		if got := fmt.Sprint(c["attributes"]); got != want || c["name"] != "Friends" {
			t.Fatalf("merged into %s named %v", got, c["name"])
		}
		before := c["updatedAt"]
		if c = tom.Do(t, "PATCH", path, `{"name":"Friends","attributes":{"a":1}}`).Want(200).Object(); c["updatedAt"] != before {
			t.Fatal("a PATCH that changes nothing updated the conversation")
		}
		if c = tom.Do(t, "PATCH", path, `{"name":null}`).Want(200).Object(); c["name"] != nil {
			t.Fatalf("null left the name %v", c["name"])
		}
		for body, field := range map[string]string{
			`{"attributes":[]}`: "attributes", `{"attributes":null}`: "attributes", `{"name":5}`: "name", `{"members":[]}`: "members",
			`{"name":"` + strings.Repeat("é", 256) + `"}`:               "name",
			`{"attributes":{"x":"` + strings.Repeat("y", 32740) + `"}}`: "attributes",
		} {
			tom.Do(t, "PATCH", path, body).WantProblem(400, "validation_failed", field)
		}
		s.Master(t, "").Do(t, "PATCH", path, JSON{"name": "by the app"}).Want(200)
	})
}

func TestOwnListNewestActivityFirst(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		var ids []string
		for range 13 {
			ids = append(ids, tom.Create(t, "Jerry"))
		}
		jerry.Create(t) // not Tom's
		Eventually(t, "a message makes its conversation the first", func() bool {
			jerry.Say(t, ids[4], "up!")
			return tom.Do(t, "GET", "/v1/conversations", nil).Want(200).Object()["conversations"].([]any)[0].(JSON)["id"] == ids[4]
		})
		var seen []string
		for query := "?limit=5"; ; {
			page := tom.Do(t, "GET", "/v1/conversations"+query, nil).Want(200).Object()
			for _, c := range page["conversations"].([]any) {
				seen = append(seen, c.(JSON)["id"].(string))
			}
			next, more := page["next"].(string)
			if !more {
				break
			}
			query = "?limit=5&skip=" + next
		}
		slices.Sort(seen)
		slices.Sort(ids)
		if !slices.Equal(seen, ids) {
			t.Fatalf("the pages show %v, not %v", seen, ids)
		}
		if page := tom.Do(t, "GET", "/v1/conversations", nil).Object(); len(page["conversations"].([]any)) != 10 {
			t.Fatalf("the default page has %d", len(page["conversations"].([]any)))
		}
		if page := tom.Do(t, "GET", "/v1/conversations?member=Jerry&sort=-lastMessageAt&limit=100", nil).Object(); len(page["conversations"].([]any)) != 14 {
			t.Fatalf("Jerry has %d", len(page["conversations"].([]any)))
		}
		for query, field := range map[string]string{"limit=0": "limit", "limit=101": "limit", "limit=x": "limit", "limit=": "limit", "skip=-1": "skip",
			"skip=10001": "skip", "sort=members": "sort", "where=[]": "where", "member=": "member", "limit=1&limit=2": "limit", "member=%FF": "member"} {
			tom.Do(t, "GET", "/v1/conversations?"+query, nil).WantProblem(400, "validation_failed", field)
		}
	})
}

func TestDeletedConversationIsGone(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry, server := s.Login(t, "Tom", ""), s.Login(t, "Jerry", ""), s.Master(t, "")
		id := tom.Create(t, "Jerry")
		away := jerry.Listen(t, "")
		position := away.Want("online").ID
		away.Cut()
		message := tom.Say(t, id, "soon gone")
		stream := tom.Listen(t, "")
		stream.Want("online")
		server.Do(t, "DELETE", "/v1/conversations/"+id, nil).Want(204)
		if event := stream.Want("kicked"); event.Data["conversationId"] != id || event.Data["kickedBy"] != nil {
			t.Fatalf("the member got %v", event.Data)
		}
		for _, path := range []string{"", "/messages", "/members", "/members/count", "/messages/" + message} {
			tom.Do(t, "GET", "/v1/conversations/"+id+path, nil).WantProblem(404, "conversation_not_found", "")
		}
		tom.Do(t, "POST", "/v1/conversations/"+id+"/messages", JSON{"type": "text", "text": "?"}).WantProblem(404, "conversation_not_found", "")
		tom.Do(t, "POST", "/v1/conversations/"+id+"/join", nil).WantProblem(404, "conversation_not_found", "")
		server.Do(t, "DELETE", "/v1/conversations/"+id, nil).WantProblem(404, "conversation_not_found", "")
		// Who was away is told of the end, and of nothing that was said.
		back := jerry.Listen(t, position)
		if event := back.Want("kicked"); event.Data["conversationId"] != id {
			t.Fatalf("on return: %v", event.Data)
		}
		back.Want("reconnect")
	})
}

func TestUnknownKindIsRefusedClearly(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	tom := s.Login(t, "Tom", "")
	tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{}, "type": "nonsense"}).WantProblem(400, "validation_failed", "type")
	if c := tom.Do(t, "POST", "/v1/conversations", JSON{}).Want(201).Object(); c["memberCount"] != 1.0 {
		t.Fatalf("alone: %v", c)
	}
}

func TestConversationHoldsNoMoreThanItsLimit(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db, func(c *app.Config) { c.MaxMembers = 4 })
		tom := s.Login(t, "Tom", "")
		tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{"a", "b", "c", "d"}}).WantProblem(400, "validation_failed", "members")
		id := tom.Create(t, "a", "b")
		result := tom.Do(t, "POST", "/v1/conversations/"+id+"/members", JSON{"members": []string{"a", "c", "d", "e"}}).Want(200).Object()
		failed := result["failed"].([]any)[0].(JSON)
		if fmt.Sprint(result["succeeded"]) != "[a c]" || fmt.Sprint(failed["clientIds"]) != "[d e]" || failed["code"] != "member_limit_reached" {
			t.Fatalf("adding to a full conversation: %v", result)
		}
		if result["conversation"].(JSON)["memberCount"] != 4.0 {
			t.Fatalf("the conversation is %v", result["conversation"])
		}
		s.Login(t, "f", "").Do(t, "POST", "/v1/conversations/"+id+"/join", nil).WantProblem(409, "member_limit_reached", "")
		s.Login(t, "a", "").Do(t, "POST", "/v1/conversations/"+id+"/join", nil).Want(200)
	})
}

// TestFreedUniqueKeyIsInherited: a unique conversation that went without its key, because another one held it, is found
// again when the other one lets it go.
func TestFreedUniqueKeyIsInherited(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		unique := func(members ...string) string {
			return tom.Do(t, "POST", "/v1/conversations", JSON{"members": members, "unique": true}).Object()["id"].(string)
		}
		with, without := unique("Jerry", "Mary"), unique("Jerry")
		tom.Do(t, "DELETE", "/v1/conversations/"+with+"/members?clientId=Mary", nil).Want(200)
		if found := unique("Jerry"); found != without {
			t.Fatalf("found %s while %s holds the key", found, without)
		}
		tom.Do(t, "POST", "/v1/conversations/"+without+"/members", JSON{"members": []string{"William"}}).Want(200)
		if found := unique("Jerry"); found != with {
			t.Fatalf("found %s, not %s, which has exactly these members", found, with)
		}
		// The same when the one that holds it is deleted.
		tom.Do(t, "DELETE", "/v1/conversations/"+without+"/members?clientId=William", nil).Want(200)
		s.Master(t, "").Do(t, "DELETE", "/v1/conversations/"+with, nil).Want(204)
		if found := unique("Jerry"); found != without {
			t.Fatalf("found %s, not %s, which has exactly these members", found, without)
		}
	})
}

// TestKickedBeforeARemovalWasNeverTold: who was kicked while away is told on return, also when the conversation has been
// deleted since.
func TestKickedBeforeARemovalWasNeverTold(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		stream := jerry.Listen(t, "")
		position := stream.Want("online").ID
		stream.Cut()
		tom.Say(t, conversation, "gone with the conversation")
		tom.Do(t, "DELETE", "/v1/conversations/"+conversation+"/members?clientId=Jerry", nil).Want(200)
		s.Master(t, "").Do(t, "DELETE", "/v1/conversations/"+conversation, nil).Want(204)
		back := jerry.Listen(t, position)
		if event := back.Want("kicked"); event.Data["kickedBy"] != "Tom" {
			t.Fatalf("on return: %s", event.Raw)
		}
		back.Want("reconnect")
	})
}
