package browser

import (
	"fmt"
	"slices"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// announce lets the app's server say something in a system conversation.
func announce(t testing.TB, master *Client, system string, to any, text string) {
	t.Helper()
	master.Do(t, "POST", "/v1/conversations/"+system+"/broadcast", JSON{"to": to, "message": JSON{"type": "text", "text": text}}).Want(201)
}

func newSystem(t testing.TB, master *Client, name string) string {
	t.Helper()
	return master.Do(t, "POST", "/v1/conversations", JSON{"type": "system", "name": name}).Want(201).Object()["id"].(string)
}

// TestSystemConversationsInTheClient: one is found, subscribed to and left; what the app's server says comes, and what a
// subscriber answers is for the server.
func TestSystemConversationsInTheClient(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	master := s.Master(t, "")
	news := newSystem(t, master, "Cheese News")
	page := own.open(t, s.URL, "Tom")
	page.Allow("status of 403")
	page.collect()
	page.Run(`
		const refused = await client.createConversation({ name: "mine", system: true }).catch((e) => e);
		if (refused.code !== "master_key_required") throw refused;
		window.told = [];
		for (const event of ["MEMBERS_JOINED", "MEMBERS_LEFT"]) client.on(Event[event], ({ members }) => told.push(event + " " + members));
		[window.news] = await client.getServiceConversationQuery().contains("name", "Cheese").find();
		if (news.id !== ` + quote(news) + ` || news.type !== "system" || news.inside || news.memberCount !== 0) throw new Error(JSON.stringify({ ...news, _client: 0 }));
		if (await news.subscribe() !== news || !news.inside || news.memberCount !== 1) throw new Error("not subscribed: " + news.memberCount);`)
	page.Until(`told.join() === "MEMBERS_JOINED Tom"`)
	is := func(expression string, want int) {
		t.Helper()
		if got := Eval[int](page, expression); got != want {
			t.Errorf("%s is %d, not %d", expression, got, want)
		}
	}
	is(`news.memberCount`, 1)
	is(`news.count()`, 1)
	for _, to := range []any{"subscribers", "everyone", []string{"Tom"}} {
		announce(t, master, news, to, "to you")
	}
	announce(t, master, news, []string{"Jerry"}, "not to Tom")
	page.Until(`texts.join() === "to you,to you,to you"`)
	page.Run(`
		await news.send(new TextMessage("thank you"));
		const all = (await news.queryMessages()).map(({ text }) => text);
		if (all.join() !== "to you,to you,to you,thank you") throw new Error(all.join());
		// Another page of Tom's knows by the own list that he is subscribed.
		const again = await newRealtime().createIMClient("Tom");
		const [listed] = await again.getQuery().find();
		if (listed?.id !== news.id || !listed.inside) throw new Error("the own list has " + listed?.id);
		await news.unsubscribe();
		if (news.inside || news.memberCount !== 0) throw new Error("still subscribed: " + news.memberCount);`)
	page.Until(`told.join() === "MEMBERS_JOINED Tom,MEMBERS_LEFT Tom"`)
	announce(t, master, news, "subscribers", "not to Tom either")
	announce(t, master, news, "everyone", "to all")
	page.Until(`texts.at(-1) === "to all"`)
	is(`texts.length`, 4)
	is(`news.memberCount`, 0)
}

// TestResyncHandsOverBroadcastsOnce: the client reads them, and the stream brings those that waited for it as well.
func TestResyncHandsOverBroadcastsOnce(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t, func(c *app.Config) { c.ReplayLimit = 10 })
	tom, master := s.Login(t, "Tom", ""), s.Master(t, "")
	conversation, news := tom.Create(t, "Jerry"), newSystem(t, master, "Cheese News")
	jerry := own.open(t, s.URL, "Jerry")
	jerry.collect()
	jerry.know(conversation)
	jerry.Run(`
		client.on(Event.RESYNC, ({ reason }) => states.push(["RESYNC " + reason]));
		await (await client.getConversation(` + quote(news) + `)).subscribe();`)
	jerry.Allow(cutOff)
	jerry.Offline(true)
	jerry.Until(`states.some(([name]) => name === "OFFLINE")`)
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprint(i))
		if i%10 == 3 {
			announce(t, master, news, "subscribers", want[i])
		} else {
			tom.Say(t, conversation, want[i])
		}
	}
	jerry.Offline(false)
	jerry.Until(`states.at(-1)[0] === "RECONNECT"`)
	tom.Say(t, conversation, "live again")
	jerry.Until(`texts.at(-1) === "live again"`)
	if got := Eval[[]string](jerry, "texts"); !slices.Equal(got, append(want, "live again")) {
		t.Errorf("Jerry got %q", got)
	}
	if got := states(jerry); !slices.Contains(got, "RESYNC too_far_behind") {
		t.Errorf("the states are %v", got)
	}
}

// TestConsoleSystemConversation: one reads what is for everyone, subscribes, answers, and ends the subscription.
func TestConsoleSystemConversation(t *testing.T) {
	s := consoleServer(t)
	master := s.Master(t, "")
	news := newSystem(t, master, "Cheese News")
	c := openConsole(t, s)
	announce(t, master, news, "everyone", "Cheese for all")
	c.waitText(tom+listed, "Cheese News")
	c.waitText(tom+".unread", "1 unread")
	c.click(tom + ".conversation")
	c.waitLast(tom+said, "Cheese for all")
	c.waitText(tom+".from", "The app’s server")
	c.waitText(tom+".last", "The app’s server: Cheese for all")
	c.waitText(tom+subtitle, "The app’s server speaks here · subscribers: 0")
	c.waitText(tom+banner, "You are not subscribed: you see what is for everyone, or for you.")
	c.waitText(tom+"[data-part=join]", "Subscribe")
	c.click(tom + "[data-part=join]")
	c.waitText(tom+subtitle, "The app’s server speaks here · subscribers: 1")
	announce(t, master, news, "subscribers", "Cheese for you")
	c.waitLast(tom+said, "Cheese for you")
	c.say(tom, "More, please")
	c.waitLast(tom+".message[data-id] .text", "More, please")
	is(c, `document.querySelectorAll("#pane-1 .message").length`, 0)
	c.shot("system")
	c.click(tom + "[data-part=more]")
	c.waitText(tom+"[data-part=memberTitle]", "Subscribers")
	c.click(tom + "[data-part=quit]")
	c.waitText(tom+banner, "You have left this conversation.")
	announce(t, master, news, []string{"Tom"}, "Come back")
	c.waitLast(tom+said, "Come back")
}
