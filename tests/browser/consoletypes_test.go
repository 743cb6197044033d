package browser

import (
	"fmt"
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

// TestMetadataOfALinkBrokeTheConsole: an object where a size is expected is no number and cannot be made one.
func TestMetadataOfALinkBrokeTheConsole(t *testing.T) {
	s := consoleServer(t)
	c := openConsole(t, s)
	c.Allow("Failed to load resource") // the link leads nowhere
	another := s.Login(t, "Tom", "")
	id := idOf(t, another)
	url := s.URL + "/nothing"
	for i, metadata := range []JSON{{"size": JSON{"toString": 1}}, {"size": "abc"}, {"size": -1}, {"width": JSON{"toString": 1}, "height": JSON{"valueOf": 1}},
		{"width": 1e308, "height": 1e-308}, {"width": "300", "height": []int{3}}} {
		for _, kind := range []string{"file", "video"} {
			another.Do(t, "POST", "/v1/conversations/"+id+"/messages", JSON{"type": kind, "file": JSON{"url": url, "name": "a", "metadata": metadata}}).Want(http.StatusCreated)
		}
		c.Until(fmt.Sprintf(`document.querySelectorAll("#pane-1 .theirs .media").length === %d`, 2*(i+1)))
	}
	is(c, first("#pane-1 .log, #pane-1")+`.textContent.includes("NaN")`, false)
	c.reload()
	c.waitText(jerry+title, "Tom & Jerry")
	c.Until(`document.querySelectorAll("#pane-1 .theirs .media").length === 12`)
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
