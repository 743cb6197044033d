package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/app"
	. "parley/tests/harness"
)

// TestLostAnswerIsNoSecondMessage: the server has stored the message, and its answer got lost.
func TestLostAnswerIsNoSecondMessage(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	f := newFront(t, s)
	tom := own.open(t, f.URL, "Tom")
	tom.Allow(cutOff)
	conversation := Eval[string](tom, `(async () => (window.conversation = await client.createConversation({ members: ["Jerry"] })).id)()`)
	var lost atomic.Int32
	f.When(func(_ http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/messages") || r.Method != http.MethodPost || lost.Add(1) > 2 {
			return false
		}
		f.next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler) // the connection is cut
	})
	tom.Run(`
		const messages = ["one", "two", "three"].map((text) => new TextMessage(text));
		await Promise.all(messages.map((message) => conversation.send(message)));
		if (!messages.every((m) => m.id && m.from === "Tom" && m.timestamp instanceof Date)) throw new Error(JSON.stringify(messages));`)
	if texts := s.Login(t, "Tom", "").Texts(t, conversation); !slices.Equal(texts, []string{"one", "two", "three"}) {
		t.Errorf("the history has %q", texts)
	}
	if lost.Load() < 3 {
		t.Error("no answer was lost")
	}
}

// TestRefusedStreamComesBackWhenTheServerSays: a 429 or 503 and its Retry-After are seen, and waited for.
func TestRefusedStreamComesBackWhenTheServerSays(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	f := newFront(t, s)
	jerry := own.open(t, f.URL, "Jerry")
	jerry.Allow("Failed to load resource")
	var asked atomic.Int32
	f.When(func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Path == "/v1/stream" && asked.Add(1) == 1 && Refuse(w, http.StatusTooManyRequests, "Retry-After", "3")
	})
	jerry.Run(`client._cut("a test"); realtime.once(Event.SCHEDULE, () => realtime.retry());`)
	jerry.Until(`states.at(-1)[0] === "RECONNECT"`)
	jerry.Run(`
		const delays = states.filter(([name]) => name === "SCHEDULE").map(([, , delay]) => delay);
		if (delays.length !== 2 || delays[1] < 3000) throw new Error("the delays are " + delays);`)
}

// TestTokenIsRefreshedInTime: sessions live for three seconds here, and the page stays connected beyond.
func TestTokenIsRefreshedInTime(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t, func(c *app.Config) { c.SessionTTL = 3 * time.Second })
	jerry := own.open(t, s.URL, "Jerry")
	jerry.collect()
	jerry.Run(`window.first = client.session;`)
	jerry.Until(`Date.parse(client.session.expiresAt) - Date.parse(first.expiresAt) > 6000`)
	tom := s.Login(t, "Tom", "")
	tom.Say(t, tom.Create(t, "Jerry"), "still there?")
	jerry.Until(`texts.join() === "still there?"`)
	jerry.Run(`if (states.length > 1 || client.session.id !== first.id) throw new Error(JSON.stringify([states, client.session.id, first.id]));`)
}

// TestTokenThatExpiresIsAskedFor: no refresh gets through, so the session expires; getToken gives a new one, and nothing
// that was said meanwhile is lost. The app asks for signed log-ins.
func TestTokenThatExpiresIsAskedFor(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t, func(c *app.Config) { c.SessionTTL, c.RequireSignedLogin = 2*time.Second, true })
	f := newFront(t, s)
	var tokens atomic.Int32
	own.mux.HandleFunc("GET /token", func(w http.ResponseWriter, r *http.Request) {
		tokens.Add(1)
		fmt.Fprint(w, SignedToken(t, jwt.MapClaims{"aud": AppID, "sub": r.FormValue("id"), "exp": time.Now().Add(time.Minute).Unix(), "jti": fmt.Sprint(tokens.Load())}))
	})
	f.When(func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/refresh") && Refuse(w, http.StatusServiceUnavailable)
	})
	jerry := own.load(newWindow(t), f.URL)
	jerry.Allow("Failed to load resource")
	jerry.Run(`
		window.texts = []; window.states = [];
		window.realtime = newRealtime({ appKey: undefined, getToken: async (id) => (await fetch("/token?id=" + id)).text() });
		for (const state of ["DISCONNECT", "RECONNECT"]) realtime.on(Event[state], () => states.push(state));
		window.client = await realtime.createIMClient("Jerry");
		client.on(Event.MESSAGE, (message) => texts.push(message.text));
		window.first = client.session.id;`)
	tom := s.Bearer(t, "Tom", SignedToken(t, jwt.MapClaims{"aud": AppID, "sub": "Tom", "exp": time.Now().Add(time.Hour).Unix()}), "")
	conversation := tom.Create(t, "Jerry")
	var want []string
	for i := 0; i < 1000 && Eval[int](jerry, "states.length") < 2; i++ {
		want = append(want, fmt.Sprint(i))
		tom.Say(t, conversation, want[i])
	}
	jerry.Until(fmt.Sprintf(`states.join().startsWith("DISCONNECT,RECONNECT") && texts.length >= %d && client.session.id !== first`, len(want)))
	if got := Eval[[]string](jerry, "texts"); !slices.Equal(got, want) {
		t.Errorf("Jerry got %q, not %q", got, want)
	}
	if tokens.Load() < 2 {
		t.Errorf("getToken was asked %d times", tokens.Load())
	}
}

// TestEndForGoodIsTold: the session ends, and the client says why and does not come back.
func TestEndForGoodIsTold(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	page := own.load(newWindow(t), s.URL)
	page.Run(`
		window.told = [];
		window.realtime = newRealtime();
		realtime.on(Event.SCHEDULE, () => told.push("SCHEDULE"));
		const client = await realtime.createIMClient("Jerry", { tag: "Web" });
		for (const event of ["DISCONNECT", "CONFLICT", "CLOSE"]) client.on(Event[event], (payload) => told.push(event + " " + payload?.reason));
		window.closed = new Promise((wake) => client.once(Event.CLOSE, wake));
		await realtime.createIMClient("Jerry", { tag: "Web" });
		await closed;
		if (told.join() !== "DISCONNECT undefined,CONFLICT conflict,CLOSE conflict") throw new Error(told.join());
		const error = await client.getConversation("x").catch((e) => e);
		if (error.code !== "closed") throw error;`)
	page.Run(`
		const client = await newRealtime().createIMClient("Mary");
		const { token } = client.session;
		let told = 0;
		client.on(Event.CLOSE, () => told++).on(Event.DISCONNECT, () => told++);
		await client.close();
		const again = await newRealtime().createIMClient("Mary", { session: { ...client.session, token } }).catch((e) => e);
		if (again.status !== 401 || told) throw new Error("after close: " + again + ", told " + told);`)
	page.Allow("status of 401")
}

// TestResyncHandsOverWhatWasMissed: too much was missed to be replayed, so it comes over REST, once and in order, before
// RECONNECT.
func TestResyncHandsOverWhatWasMissed(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t, func(c *app.Config) { c.ReplayLimit = 10 })
	tom := s.Login(t, "Tom", "")
	one, two := tom.Create(t, "Jerry"), tom.Create(t, "Jerry")
	jerry := own.open(t, s.URL, "Jerry")
	jerry.collect()
	jerry.know(one)
	jerry.Run(`client.on(Event.RESYNC, ({ reason }) => states.push(["RESYNC " + reason]));`)
	jerry.Allow(cutOff)
	jerry.Offline(true)
	jerry.Until(`states.some(([name]) => name === "OFFLINE")`)
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprint(i))
		tom.Say(t, []string{one, two}[i%2], want[i])
	}
	tom.Do(t, "PATCH", "/v1/conversations/"+one, JSON{"name": "renamed"}).Want(200)
	jerry.Offline(false)
	jerry.Until(`states.at(-1)[0] === "RECONNECT"`)
	tom.Say(t, one, "live again")
	jerry.Until(`texts.at(-1) === "live again"`)
	if got := Eval[[]string](jerry, "texts"); !slices.Equal(got, append(want, "live again")) {
		t.Errorf("Jerry got %q", got)
	}
	if got := states(jerry); !slices.Contains(got, "RESYNC too_far_behind") {
		t.Errorf("the states are %v", got)
	}
	if name := Eval[string](jerry, "known().then((c) => c.name)"); name != "renamed" {
		t.Errorf("the conversation is called %q", name)
	}
}

// TestNewSessionDoesNotBringBackWhatTheOldOneSent: the stream leaves out a session's own messages; those of the session
// before are the client's own all the same.
func TestNewSessionDoesNotBringBackWhatTheOldOneSent(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	f := newFront(t, s)
	jerry := own.open(t, f.URL, "Jerry")
	jerry.Allow("Failed to load resource")
	jerry.collect()
	var asked atomic.Int32
	f.When(func(w http.ResponseWriter, r *http.Request) bool { // the old session is good no more
		return r.URL.Path == "/v1/stream" && asked.Add(1) == 1 && Refuse(w, http.StatusUnauthorized)
	})
	conversation := Eval[string](jerry, `(async () => {
		window.first = client.session.id;
		const conversation = await client.createConversation({ members: ["Tom"] });
		await conversation.send(new TextMessage("mine"));
		client._cut("a test");
		return conversation.id;
	})()`)
	jerry.Until(`states.some(([name]) => name === "RECONNECT") && client.session.id !== first`)
	s.Login(t, "Tom", "").Say(t, conversation, "yours")
	jerry.Until(`texts.includes("yours")`)
	if got := Eval[[]string](jerry, "texts"); !slices.Equal(got, []string{"yours"}) {
		t.Errorf("Jerry got %q", got)
	}
}

// TestBlocksAreTakenOnce: a tab may be handed a block twice, and its own stream may bring it a third time.
func TestBlocksAreTakenOnce(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	tom := s.Login(t, "Tom", "")
	conversation := tom.Create(t, "Jerry")
	page := own.open(t, s.URL, "Jerry")
	page.collect()
	page.Run(`
		window.follower = await newRealtime().createIMClient(undefined, { session: client.session, stream: false });
		window.taken = [];
		window.turn = Promise.resolve();
		follower.on(Event.MESSAGE, (message, { id }) => taken.push(message.text));
		client.on(Event.BLOCK, (block) => { for (const twice of [block, block]) turn = turn.then(() => follower.take(twice)); });`)
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprint(i))
		tom.Say(t, conversation, want[i])
	}
	page.Until(`taken.length >= 5`)
	page.Run(`await turn; client._cut("a test"); client._wake = null; await follower.open();`)
	want = append(want, "by its own stream")
	tom.Say(t, conversation, "by its own stream")
	page.Until(`taken.includes("by its own stream")`)
	if got := Eval[[]string](page, "taken"); !slices.Equal(got, want) {
		t.Errorf("the other tab got %q", got)
	}
}
