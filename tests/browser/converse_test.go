package browser

import (
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// start starts a server that pages of a test's own origin may call.
func start(t *testing.T, change ...func(*app.Config)) (*Server, *pages) {
	t.Helper()
	own := servePages(t)
	return Start(t, SQLite(t), append(change, func(c *app.Config) { c.AllowedOrigins = []string{own.URL} })...), own
}

// TestTwoClientsConverse: two windows, each with a client.
func TestTwoClientsConverse(t *testing.T) {
	theBrowser.start(t)
	s, own := start(t)
	tom, jerry := own.open(t, s.URL, "Tom"), own.open(t, s.URL, "Jerry")
	jerry.Run(`window.got = []; client.on(Event.MESSAGE, (message, conversation) => got.push([message.text, message.from, conversation.name]));`)
	tom.Run(`
		window.conversation = await client.createConversation({ members: ["Jerry"], name: "Tom & Jerry" });
		await conversation.send(new TextMessage("Jerry, get up!"));`)
	jerry.Until(`got.length === 1 && got[0].join() === "Jerry, get up!,Tom,Tom & Jerry"`)
}
