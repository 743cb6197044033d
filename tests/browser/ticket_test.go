package browser

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "parley/tests/harness"
)

// serveClientGuide serves the module that the blocks of docs/client.md are.
func serveClientGuide(t *testing.T, own *pages) {
	t.Helper()
	text, err := os.ReadFile("../../docs/client.md")
	if err != nil {
		t.Fatal(err)
	}
	var module []string
	for _, block := range regexp.MustCompile("(?s)```js\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		module = append(module, block[1])
	}
	own.serve("/client.js", "text/javascript", strings.Join(module, "\n"))
}

// TestEventSourceComesBackWithAnotherTicket: as docs/client.md has it, without loss, without a double, and without the token in any
// URL, until the session ends.
func TestEventSourceComesBackWithAnotherTicket(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	proxy, through := NewProxy(t, s.URL)
	serveClientGuide(t, own)
	page := newPage(t, own.URL)
	page.Allow(cutOff)
	page.Run(`
		window.guide = await import("/client.js");
		guide.server.url = ` + quote(through) + `;
		window.session = await guide.logIn(` + quote(AppID) + `, ` + quote(AppKey) + `, "Jerry");
		window.events = [];
		guide.listen(session, { on: (name, data) => events.push([name, data.text ?? ""]), ended: (reason) => { window.reason = reason; } });`)
	page.Until(`events.some(([name]) => name === "online")`)
	tom := s.Login(t, "Tom", "")
	conversation := tom.Create(t, "Jerry")
	var want []string
	for i := range 3 {
		for j := range 4 {
			text := fmt.Sprintf("%d.%d", i, j)
			want = append(want, text)
			tom.Say(t, conversation, text)
			if j == 1 {
				proxy.CutConnections()
			}
		}
		page.Until(fmt.Sprintf(`events.filter(([name]) => name === "reconnect").length > %d`, i))
	}
	page.Until(fmt.Sprintf(`events.filter(([name]) => name === "message").length >= %d`, len(want)))
	if got := Eval[[]string](page, `events.filter(([name]) => name === "message").map(([, text]) => text)`); !slices.Equal(got, want) {
		t.Errorf("Jerry got %q", got)
	}
	page.Run(`await guide.logOut(session);`)
	page.Until(`window.reason === "logged_out"`)
	page.Run(`
		const urls = performance.getEntriesByType("resource").map((entry) => entry.name);
		if (!urls.some((url) => url.includes("ticket="))) throw new Error(urls);
		if (urls.some((url) => url.includes(session.token))) throw new Error("the token is in a URL");`)
}

// TestUsedTicketEndsAnEventSource: what docs/browser.md says of one that comes back by itself: the page sees that it has ended, and opens another.
func TestUsedTicketEndsAnEventSource(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	proxy, through := NewProxy(t, s.URL)
	page := listenNative(t, own, through, "ticket", s.Login(t, "Jerry", "").Ticket(t))
	page.Allow(cutOff)
	page.Allow("status of 401")
	page.Until(`events.some(([name]) => name === "online")`)
	proxy.CutConnections()
	page.Until(`events.slice(1).join() === "error,CONNECTING,error,CLOSED"`)
}

// TestPictureIsShownByAPageOfAnyOrigin: by <img>, which asks without CORS; its bytes are for scripts of listed origins, and the rest of
// the server is for nobody without CORS.
func TestPictureIsShownByAPageOfAnyOrigin(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	own := servePages(t)
	s := Start(t, SQLite(t)) // with an empty list
	record := s.Login(t, "Tom", "").Keep(t, "pixel.gif", []byte(pixel))
	page := newPage(t, own.URL)
	page.Allow("CORS policy|ERR_FAILED|NotSameOrigin")
	page.Run(`
		const shown = (src) => new Promise((told) => {
			Object.assign(new Image(), { onload: () => told(true), onerror: () => told(false), src });
		});
		const url = ` + quote(record["url"].(string)) + `;
		if (!await shown(url)) throw new Error("the picture is not shown");
		if (await shown(` + quote(s.URL+"/console.svg") + `)) throw new Error("a part of the console is shown");
		const read = await fetch(url).then(() => true, () => false);
		if (read) throw new Error("a script has read it");`)
}
