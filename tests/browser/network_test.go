package browser

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// states reads the network states that a page was told so far, by name.
func states(p *Page) []string {
	p.t.Helper()
	return Eval[[]string](p, "states.map(([name]) => name)")
}

// collect makes the page list the texts that its client receives, with the states in between.
func (p *Page) collect() {
	p.t.Helper()
	p.Run(`
		window.texts = [];
		client.on(Event.MESSAGE, (message) => { texts.push(message.text); states.push(["MESSAGE", message.text]); });`)
}

// wantFailedSend fails the test unless a send fails at once, and says that the link is down.
func (p *Page) wantFailedSend(conversation string) {
	p.t.Helper()
	p.Run(`
		const conversation = await window.known(` + quote(conversation) + `);
		const begun = performance.now();
		const error = await conversation.send(new TextMessage("while down")).then(() => null, (e) => e);
		if (error?.code !== "disconnected" || performance.now() - begun > 1000) throw new Error("the send gave " + error + " after " + (performance.now() - begun));`)
}

// know keeps a conversation for the time when the link is down.
func (p *Page) know(conversation string) {
	p.t.Helper()
	p.Run(`const conversation = await client.getConversation(` + quote(conversation) + `); window.known = async () => conversation;`)
}

// cutOff are the reports that a browser makes of a link that is down.
const cutOff = "Failed to load resource|net::ERR|blocked by CORS policy"

// TestStatesWhenTheServerIsStoppedAndStarted: the guide's states in their order, what was missed before RECONNECT.
func TestStatesWhenTheServerIsStoppedAndStarted(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	own, db, address := servePages(t), SQLite(t), FixedPort(t)
	configure := func(c *app.Config) { c.Addr, c.AllowedOrigins = address, []string{own.URL} }
	s := Start(t, db, configure)
	conversation := s.Login(t, "Tom", "").Create(t, "Jerry")
	jerry := own.open(t, s.URL, "Jerry")
	jerry.Allow(cutOff)
	jerry.collect()
	jerry.know(conversation)
	s.Stop(t)
	jerry.Until(`states.some(([name]) => name === "SCHEDULE")`)
	jerry.wantFailedSend(conversation)
	s = Start(t, db, configure)
	s.Login(t, "Tom", "").Say(t, conversation, "while you were away")
	jerry.Until(`states.at(-1)[0] === "RECONNECT"`)
	got := states(jerry)
	attempts := 0
	for want := []string{"SCHEDULE", "RETRY"}; slices.Equal(got[1+2*attempts:min(len(got), 3+2*attempts)], want); attempts++ {
	}
	if want := slices.Concat([]string{"DISCONNECT"}, slices.Repeat([]string{"SCHEDULE", "RETRY"}, attempts), []string{"MESSAGE", "RECONNECT"}); attempts == 0 || !slices.Equal(got, want) {
		t.Errorf("the states are %v", got)
	}
	jerry.Run(`
		let attempt = 0;
		for (const [name, number, delay] of states) {
			if (name === "SCHEDULE" && (number !== attempt || !(delay > 0 && delay <= 3000 + 1000 * 2 ** attempt))) throw new Error("SCHEDULE says " + number + ", " + delay);
			if (name === "RETRY" && number !== attempt++) throw new Error("RETRY says " + number);
		}
		await (await known()).send(new TextMessage("and back"));`)
	if texts := s.Login(t, "Tom", "").Texts(t, conversation); !slices.Equal(texts, []string{"while you were away", "and back"}) {
		t.Errorf("the history has %q", texts)
	}
}

// TestStatesWhenTheLinkIsBlackholed: everything is swallowed and nothing is closed. The dead link is noticed by the
// heartbeats that stay away, and a send that was under way neither hangs nor is doubled.
func TestStatesWhenTheLinkIsBlackholed(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	proxy, url := NewProxy(t, s.URL)
	tom := s.Login(t, "Tom", "")
	conversation := tom.Create(t, "Jerry")
	jerry := own.open(t, url, "Jerry")
	jerry.Allow(cutOff)
	jerry.collect()
	jerry.know(conversation)
	proxy.Freeze()
	frozen := time.Now()
	jerry.Run(`
		const begun = performance.now();
		known().then((conversation) => conversation.send(window.message = new TextMessage("under way")))
			.then(() => null, (e) => e).then((error) => { window.outcome = { code: error?.code, after: performance.now() - begun }; });`)
	tom.Say(t, conversation, "missed")
	promise := Promise(40 * time.Second)
	for len(states(jerry)) == 0 && time.Since(frozen) < promise {
		wait := time.NewTimer(100 * time.Millisecond)
		<-wait.C
	}
	noticed := time.Since(frozen)
	t.Logf("the dead link was noticed after %.1f s", noticed.Seconds())
	if got := states(jerry); len(got) == 0 || got[0] != "DISCONNECT" || noticed > promise {
		t.Fatalf("after %v the states are %v", noticed, got)
	}
	jerry.wantFailedSend(conversation)
	jerry.Until(`window.outcome`)
	jerry.Run(`if (outcome.code !== "network_error" || outcome.after > ` + fmt.Sprint(promise.Milliseconds()) + `) throw new Error(JSON.stringify(outcome));`)
	proxy.Thaw()
	jerry.Until(`states.at(-1)[0] === "RECONNECT"`)
	jerry.Until(`texts.join() === "missed"`)
	jerry.Run(`await (await known()).send(message); await (await known()).send(message);`) // once more with its key, then as a message of its own
	if texts := tom.Texts(t, conversation); !slices.Equal(texts, []string{"missed", "under way", "under way"}) && !slices.Equal(texts, []string{"under way", "missed", "under way"}) {
		t.Errorf("the history has %q", texts)
	}
}

// TestStatesWhenTheBrowserGoesOffline: with the browser's own events, at once on ONLINE.
func TestStatesWhenTheBrowserGoesOffline(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	tom := s.Login(t, "Tom", "")
	conversation := tom.Create(t, "Jerry")
	jerry := own.open(t, s.URL, "Jerry")
	jerry.Allow(cutOff)
	jerry.collect()
	jerry.know(conversation)
	jerry.Offline(true)
	jerry.Until(`states.length >= 3`)
	jerry.wantFailedSend(conversation)
	tom.Say(t, conversation, "missed")
	jerry.Offline(false)
	jerry.Until(`states.at(-1)[0] === "RECONNECT"`)
	if got, want := states(jerry), []string{"DISCONNECT", "OFFLINE", "SCHEDULE", "ONLINE", "RETRY", "MESSAGE", "RECONNECT"}; !slices.Equal(got, want) {
		t.Errorf("the states are %v, not %v", got, want)
	}
}

// TestFiftyCuts: the link is cut fifty times while both sides send. Nothing is lost, nothing comes twice, all is in order.
func TestFiftyCuts(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	proxy, url := NewProxy(t, s.URL)
	tom := s.Login(t, "Tom", "")
	conversation := tom.Create(t, "Jerry")
	jerry := own.open(t, url, "Jerry")
	jerry.Allow(cutOff)
	jerry.collect()
	jerry.know(conversation)
	// It comes back at once, and says a hundred things meanwhile: what is refused while down is said again when up.
	jerry.Run(`
		realtime.on(Event.SCHEDULE, () => realtime.retry());
		window.reconnects = 0;
		realtime.on(Event.RECONNECT, () => reconnects++);
		window.said = (async () => {
			const conversation = await known();
			for (let i = 0; i < 100; ) {
				const message = new TextMessage("jerry " + i);
				try { await conversation.send(message); i++; } catch (error) {
					if (error.code !== "disconnected") throw error;
					await new Promise((up) => realtime.once(Event.RECONNECT, up));
				}
			}
		})();`)
	const cuts = 50
	var want []string
	for i := range cuts {
		for j := range 3 {
			text := fmt.Sprintf("tom %d.%d", i, j)
			want = append(want, text)
			tom.Say(t, conversation, text)
			if j == 1 {
				proxy.CutConnections()
			}
		}
		jerry.Until(fmt.Sprintf("reconnects > %d", i))
	}
	jerry.Run(`await said;`)
	jerry.Until(fmt.Sprintf("texts.length >= %d", len(want)))
	if got := Eval[[]string](jerry, "texts"); !slices.Equal(got, want) {
		t.Errorf("Jerry got %q", got)
	}
	var said []string
	for _, text := range tom.Texts(t, conversation) {
		if !slices.Contains(want, text) {
			said = append(said, text)
		}
	}
	for i, text := range said {
		if text != fmt.Sprint("jerry ", i) {
			t.Fatalf("what Jerry said is stored as %q", said)
		}
	}
	if len(said) != 100 {
		t.Errorf("%d of what Jerry said are stored", len(said))
	}
}
