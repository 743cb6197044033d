package browser

import (
	"net/http"
	"testing"

	. "parley/tests/harness"
)

// TestMessageOfATypeNamedLikeAMethodBrokeTheConsole: anotherry object has a hasOwnProperty, which is no way to show a message. One
// such message kept a conversation from being read.
func TestMessageOfATypeNamedLikeAMethodBrokeTheConsole(t *testing.T) {
	s := consoleServer(t)
	c := openConsole(t, s)
	another := s.Login(t, "Tom", "")
	id := idOf(t, another)
	for _, word := range []string{"hasOwnProperty", "valueOf", "constructor", "toString", "propertyIsEnumerable", "isPrototypeOf"} {
		another.Do(t, "POST", "/v1/conversations/"+id+"/messages", JSON{"type": word, "payload": JSON{"of": word}}).Want(http.StatusCreated)
		c.Until(`[...document.querySelectorAll("#pane-1 .bubble .type")].at(-1)?.textContent === ` + quote(word))
	}
	c.reload()
	c.waitText(jerry+title, "Tom & Jerry")
	c.Until(`document.querySelectorAll("#pane-1 .bubble .type").length === 6`)
	c.say(tom, "still here")
	c.waitLast(jerry+said, "still here")
}

// idOf is the one conversation of a client.
func idOf(t *testing.T, c *Client) string {
	t.Helper()
	conversations := c.Do(t, "GET", "/v1/conversations", nil).Want(http.StatusOK).Object()["conversations"].([]any)
	if len(conversations) != 1 {
		t.Fatalf("%d conversations", len(conversations))
	}
	return conversations[0].(JSON)["id"].(string)
}
