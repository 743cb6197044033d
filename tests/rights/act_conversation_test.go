package rights

import (
	"net/http"
	"net/url"
	"slices"

	. "parley/tests/harness"
)

func conversationActs() []act {
	list := act{operation: "GET /v1/conversations", of: "own", query: func(call) string { return "limit=100" }, effect: listsNormal(member, creator, master, acting)}
	another := list
	another.of, another.query = "another's", func(call) string { return "limit=100&member=" + bob }
	another.effect = listsNormal(stranger, former, member, creator, master, acting)
	acts := []act{list, another,
		{operation: "PATCH /v1/conversations/{id}", of: "retention", changes: true, body: body(JSON{"retentionDays": 7}), effect: func(c call, a *Answer) {
			c.want("retentionDays", c.find(c.conversation())["retentionDays"], 7.0)
		}}}
	for _, a := range []act{
		{operation: "POST /v1/conversations/query", effect: isFound, body: func(c call) any { return JSON{"where": JSON{"id": c.to.conversation}} }},
		{operation: "GET /v1/conversations/{id}", effect: func(c call, a *Answer) { c.isShown(a.Object()) }},
		{operation: "PATCH /v1/conversations/{id}", changes: true, body: func(c call) any { return JSON{"name": c.name} }, effect: func(c call, a *Answer) {
			c.want("the name", c.find(c.conversation())["name"], c.name)
			c.mayShowLast(a.Object(), c.kind != "chatroom" || c.as != creator) // who is outside
		}},
		{operation: "DELETE /v1/conversations/{id}", changes: true, effect: func(c call, _ *Answer) {
			c.w.home(c.c).Do(c, "GET", c.conversation(), nil).WantProblem(http.StatusNotFound, "conversation_not_found", "")
		}},
	} {
		acts = append(acts, ofEach(a)...)
	}
	for _, a := range ofEach(act{operation: "POST /v1/conversations", changes: true, effect: isMade, prepare: func(call) thing { return thing{} }}) {
		a.body = func(c call) any {
			if a.of == "temporary" {
				return JSON{"type": a.of, "members": []string{c.name}}
			}
			return JSON{"type": a.of}
		}
		acts = append(acts, a)
	}
	return acts
}

func isMade(c call, a *Answer) {
	made := c.find("/v1/conversations/" + a.Object()["id"].(string))
	by, _ := made["creator"].(string) // null: the app's own server
	c.want("the creator", by, c.c.ID)
}

// listsNormal wants the normal conversation in the lists of some callers.
func listsNormal(some ...caller) func(call, *Answer) {
	return func(c call, a *Answer) {
		listed := slices.Contains(idsIn(a, "conversations", "id"), any(c.w.shared["normal"].conversation))
		c.want("it is in the list", listed, slices.Contains(some, c.as))
		if !c.isHome() {
			c.want("the list", len(a.Object()["conversations"].([]any)), 0)
		}
	}
}

// isFound wants a query to find a conversation for whoever may know of it.
func isFound(c call, a *Answer) {
	found := a.Object()["conversations"].([]any)
	if !c.isHome() || c.kind == "temporary" && c.as == stranger {
		c.want("what was found", len(found), 0)
		return
	}
	if len(found) != 1 {
		c.Fatalf("found %v", found)
	}
	c.isShown(found[0].(JSON))
}

// isShown wants a conversation, with its last message for those who may read what is said in it.
func (c call) isShown(shown JSON) {
	c.Helper()
	c.want("the conversation", shown["id"], c.to.conversation)
	last, has := shown["lastMessage"].(JSON)
	readers := []caller{member, creator, master, acting}
	switch c.kind {
	case "system": // never: it is not for all who may read the conversation
		readers = nil
	case "chatroom":
		readers = []caller{member, master, acting}
	}
	c.want("lastMessage is there", has, slices.Contains(readers, c.as))
	if has {
		c.want("lastMessage", last["id"], c.to.message)
	}
}

// mayShowLast wants the field of the last message, in a conversation that has none, for those who may see it.
func (c call) mayShowLast(shown JSON, want bool) {
	c.Helper()
	_, has := shown["lastMessage"]
	c.want("lastMessage is there", has, want)
}

func memberActs() (acts []act) {
	for _, a := range []act{
		{operation: "GET /v1/conversations/{id}/members", effect: func(c call, a *Answer) {
			c.want("Bob is in the list", slices.Contains(idsIn(a, "members", "clientId"), any(bob)), true)
		}},
		{operation: "GET /v1/conversations/{id}/members/count", effect: func(c call, a *Answer) {
			c.want("the count", a.Object()["count"], float64(len(c.inside())))
		}},
		{operation: "POST /v1/conversations/{id}/members", changes: true, body: func(c call) any { return JSON{"members": []string{c.name}} },
			effect: func(c call, _ *Answer) { c.wantInside(c.name, true) }},
		{operation: "DELETE /v1/conversations/{id}/members", changes: true, query: func(call) string { return url.Values{"clientId": {bob}}.Encode() },
			effect: func(c call, _ *Answer) { c.wantInside(bob, false) }},
		{operation: "POST /v1/conversations/{id}/join", changes: true, effect: func(c call, a *Answer) {
			c.wantInside(c.c.ID, true)
			c.mayShowLast(a.Object(), true)
		}},
		{operation: "POST /v1/conversations/{id}/quit", changes: true, effect: func(c call, a *Answer) {
			c.wantInside(c.c.ID, false)
			c.mayShowLast(a.Object(), c.as == acting || c.kind == "system")
		}},
	} {
		acts = append(acts, ofEach(a)...)
	}
	return acts
}

// inside are the clients in the conversation now.
func (c call) inside() []any {
	c.Helper()
	return idsIn(c.w.as(master).Do(c, "GET", c.conversation()+"/members", nil).Want(http.StatusOK), "members", "clientId")
}

func (c call) wantInside(client string, want bool) {
	c.Helper()
	c.want(client+" is inside", slices.Contains(c.inside(), any(client)), want)
}
