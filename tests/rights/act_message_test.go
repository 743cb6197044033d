package rights

import (
	"net/http"
	"slices"
	"strings"

	. "parley/tests/harness"
)

func messageActs() []act {
	acts := []act{
		{operation: "POST /v1/conversations/{id}/messages", of: "file", changes: true, effect: isSent,
			body: func(c call) any { return JSON{"type": "file", "text": c.name, "file": JSON{"id": c.to.unsent}} }},
		{operation: "GET /v1/messages", of: "page", effect: func(c call, a *Answer) {
			c.want("the message is there", slices.Contains(idsIn(a, "messages", "id"), any(c.w.shared["normal"].message)), c.isHome())
			c.want("the other app has said something", len(a.Object()["messages"].([]any)) > 0, c.isHome())
		}},
		{operation: "GET /v1/messages", of: "lines", headers: []string{"Accept", "application/x-ndjson"}, effect: func(c call, a *Answer) {
			c.want("the message is there", strings.Contains(string(a.Body), `{"id":"`+c.w.shared["normal"].message+`"`), c.isHome())
			c.want("the other app has said something", len(a.Body) > 0, c.isHome())
		}},
	}
	for _, a := range []act{
		{operation: "GET /v1/conversations/{id}/messages", effect: isHistory},
		{operation: "GET /v1/conversations/{id}/messages/{messageId}", effect: func(c call, a *Answer) {
			c.want("the message", a.Object()["id"], c.to.message)
		}},
		{operation: "POST /v1/conversations/{id}/messages", changes: true, body: func(c call) any { return JSON{"type": "text", "text": c.name} }, effect: isSent},
		{operation: "POST /v1/conversations/{id}/broadcast", changes: true, effect: isSent,
			body: func(c call) any { return JSON{"to": "subscribers", "message": JSON{"type": "text", "text": c.name}} }},
	} {
		acts = append(acts, ofEach(a)...)
	}
	for _, a := range ofEach(act{operation: "POST /v1/conversations/{id}/messages", changes: true,
		body: func(c call) any { return JSON{"type": "text", "text": c.name, "transient": true} },
		prepare: func(c call) thing {
			to := c.w.prepare(c, c.kind, c.as)
			to.bobs = c.w.bob.Listen(c, "")
			return to
		},
		effect: func(c call, _ *Answer) {
			for c.to.bobs.Next().Data["text"] != c.name {
			}
		}}) {
		a.of = "transient:" + a.of
		acts = append(acts, a)
	}
	return acts
}

// isHistory wants what was said; of a system conversation, nothing for those who do not subscribe to it.
func isHistory(c call, a *Answer) {
	want := []any{c.to.message}
	if c.kind == "system" && (c.as == stranger || c.as == former) {
		want = nil
	}
	if got := idsIn(a, "messages", "id"); !slices.Equal(got, want) {
		c.Errorf("the history is %v and not %v", got, want)
	}
}

// isSent wants the message in the history that the app's own server reads.
func isSent(c call, a *Answer) {
	id := a.Object()["id"].(string)
	kept := c.w.home(c.c).Do(c, "GET", c.conversation()+"/messages/"+id, nil).Want(http.StatusOK).Object()
	from := c.c.ID
	if from == "" { // a broadcast of nobody's
		from = c.to.conversation
	}
	c.want("the sender", kept["from"], from)
	c.want("the text", kept["text"], c.name)
}
