package tests

import (
	"encoding/json"
	"slices"
	"testing"

	. "parley/tests/harness"
)

// A mirror that applies the events holds what the server holds.
func TestSyncWithEventsRebuildsTheConversations(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry, master := s.Login(t, "Tom", ""), s.Login(t, "Jerry", ""), s.Master(t, "")
		chat := tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{"Jerry"}, "name": "chat", "attributes": JSON{"a": 1, "b": JSON{"c": 2, "d": 3}}}).Want(201).Object()["id"].(string)
		unique := tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{"Jerry"}, "unique": true}).Want(201).Object()["id"].(string)
		alone := jerry.Create(t)
		ours := master.Do(t, "POST", "/v1/conversations", JSON{"members": []string{"Tom", "Mary"}}).Want(201).Object()["id"].(string)
		gone := tom.Create(t, "Jerry", "Mary")
		for range 2 { // the end of a session is nobody's business
			s.Login(t, "Mary", "phone")
		}
		path := "/v1/conversations/" + chat
		tom.Say(t, chat, "hello")
		jerry.Do(t, "POST", path+"/members", JSON{"members": []string{"Mary", "William"}}).Want(200)
		tom.Do(t, "PATCH", path, JSON{"name": "renamed", "attributes": JSON{"b": JSON{"c": nil, "e": 4}, "f": []int{5}}}).Want(200)
		tom.Do(t, "DELETE", path+"/members?clientId=William", nil).Want(200)
		jerry.Do(t, "POST", path+"/quit", nil).Want(200)
		jerry.Do(t, "POST", path+"/join", nil).Want(200)
		master.Do(t, "DELETE", "/v1/conversations/"+gone, nil).Want(204)
		messages, events, _ := syncAll(t, master, "0", "&include=events&limit=2")
		if !slices.Equal(textsOf(messages), []string{"hello"}) {
			t.Fatalf("the messages are %v", messages)
		}
		mirror := mirrorOf(t, events)
		if mirror[gone] != nil || len(mirror) != 4 {
			t.Fatalf("the mirror holds %v", mirror)
		}
		for _, id := range []string{chat, unique, alone, ours} {
			record := master.Do(t, "GET", "/v1/conversations/"+id, nil).Want(200).Object()
			for _, field := range []string{"type", "name", "unique", "creator", "attributes", "members", "createdAt", "updatedAt"} {
				if got, want := asJSON(t, mirror[id][field]), asJSON(t, record[field]); got != want {
					t.Errorf("%s of %s is %s in the mirror, %s in the server", field, id, got, want)
				}
			}
		}
		// As lines, in one order with the messages, and of one conversation.
		lines := syncLines(t, master, "after=0&include=events")
		if !slices.IsSortedFunc(lines, func(a, b JSON) int { return int(number(t, a["id"].(string)) - number(t, b["id"].(string))) }) {
			t.Errorf("the lines are not in order: %v", lines)
		}
		var kinds []string
		for _, line := range syncLines(t, master, "after=0&include=events&from=Nobody&conversationId="+chat) {
			kinds = append(kinds, line["kind"].(string))
		}
		if want := []string{"conversation_created", "members_joined", "conversation_updated", "members_left", "members_left", "members_joined"}; !slices.Equal(kinds, want) {
			t.Errorf("the events of one conversation are %v", kinds)
		}
	})
}

// mirrorOf applies events as docs/sync.md says.
func mirrorOf(t *testing.T, events []JSON) map[string]JSON {
	t.Helper()
	mirror := map[string]JSON{}
	for _, e := range events {
		id := e["conversationId"].(string)
		c := mirror[id]
		members, _ := e["members"].([]any)
		if c != nil {
			c["updatedAt"] = e["at"]
		}
		switch e["kind"] {
		case "conversation_created":
			c = e["conversation"].(JSON)
			c["creator"], c["createdAt"], c["updatedAt"], c["members"] = e["by"], e["at"], e["at"], members
			mirror[id] = c
		case "members_joined":
			c["members"] = append(c["members"].([]any), members...)
		case "members_left":
			c["members"] = slices.DeleteFunc(c["members"].([]any), func(m any) bool { return slices.Contains(members, m) })
		case "conversation_updated":
			changes := e["changes"].(JSON)
			if name, there := changes["name"]; there {
				c["name"] = name
			}
			if patch, there := changes["attributes"].(JSON); there {
				merge(c["attributes"].(JSON), patch)
			}
		case "conversation_removed":
			delete(mirror, id)
		default:
			t.Fatalf("an event of kind %v", e["kind"])
		}
	}
	return mirror
}

// merge is RFC 7396 for objects.
func merge(into, patch JSON) {
	for name, value := range patch {
		nested, isObject := value.(JSON)
		existing, wasObject := into[name].(JSON)
		switch {
		case value == nil:
			delete(into, name)
		case isObject && wasObject:
			merge(existing, nested)
		default:
			into[name] = value
		}
	}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
