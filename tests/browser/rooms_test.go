package browser

import (
	"net/http"
	"sync/atomic"
	"testing"

	. "parley/tests/harness"
)

// TestChatRoomsInTheClient: one is made, joined, counted and found; messages have a priority; who was cut off for longer
// than the server waits is inside again.
func TestChatRoomsInTheClient(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	page := own.open(t, s.URL, "Tom")
	page.Run(`
		window.jerry = await newRealtime().createIMClient("Jerry");
		window.got = [];
		jerry.on(Event.MESSAGE, (message) => got.push(message.text));
		window.room = await client.createChatRoom({ name: "The final", match: 7 });
		if (room.type !== "chatroom" || room.attributes.match !== 7 || room.inside || room.members.length) throw new Error(JSON.stringify({ ...room, _client: 0 }));
		window.jerrys = await jerry.getConversation(room.id);
		for (const r of [room, jerrys]) if (await r.join() !== r || !r.inside) throw new Error("not inside");
		if (await room.count() !== 2 || room.memberCount !== 2) throw new Error("count: " + room.memberCount);
		for (const priority of Object.values(MessagePriority)) await room.send(new TextMessage(priority), { priority });
		await room.send(new TextMessage("gone at once"), { transient: true });
		const refused = await room.send(new TextMessage("x"), { priority: "urgent" }).catch((e) => e);
		if (refused.status !== 400 || refused.errors[0].field !== "priority") throw refused;
		const found = await jerry.getChatRoomQuery().startsWith("name", "The").find();
		if (found.length !== 1 || found[0] !== jerrys) throw new Error(found.length + " found");
		if ((await jerry.getQuery().find()).length) throw new Error("it is in the own list");`)
	page.Allow("status of 400|status of 403")
	page.Until(`got.join() === "high,normal,low,gone at once"`)
	page.Run(`
		await jerrys.quit();
		if (jerrys.inside || await room.count() !== 1) throw new Error("still inside");
		const outside = await jerrys.send(new TextMessage("x")).catch((e) => e);
		if (outside.code !== "not_a_member") throw outside;
		await jerrys.join();
		jerrys.once(Event.KICKED, ({ kickedBy }) => { window.kickedBy = kickedBy; });
		await room.remove(["Jerry"]);`)
	page.Until(`window.kickedBy === "Tom" && !jerrys.inside`)
}

// TestChatRoomIsEnteredAgain: the session was over, as after a night, so the server puts nobody back; the client goes in again
// by itself, and not into the room that it has quit.
func TestChatRoomIsEnteredAgain(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	f := newFront(t, s)
	tom := s.Master(t, "Tom")
	stayed, left := tom.Do(t, "POST", "/v1/conversations", JSON{"type": "chatroom"}).Want(201).Object()["id"].(string),
		tom.Do(t, "POST", "/v1/conversations", JSON{"type": "chatroom"}).Want(201).Object()["id"].(string)
	jerry := own.open(t, f.URL, "Jerry")
	jerry.Allow("Failed to load resource")
	jerry.collect()
	jerry.Run(`
		for (const id of [` + quote(stayed) + `, ` + quote(left) + `]) await (await client.getConversation(id)).join();
		await (await client.getConversation(` + quote(left) + `)).quit();
		window.before = client.session.id;`)
	var asked atomic.Int32
	f.When(func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Path == "/v1/stream" && asked.Add(1) == 1 && Refuse(w, http.StatusUnauthorized)
	})
	jerry.Run(`client._cut("a test");`)
	jerry.Until(`states.some(([name]) => name === "RECONNECT") && client.session.id !== before`)
	jerry.within20s("Jerry is inside again", func() bool {
		tom.Say(t, left, "where he is not")
		tom.Say(t, stayed, "where he is")
		return Eval[bool](jerry, `texts.includes("where he is")`)
	})
	if Eval[bool](jerry, `texts.includes("where he is not")`) {
		t.Error("Jerry is in a room that he has quit")
	}
}

// TestChatRoomResyncIsOfThatRoomAlone: a reader that was too slow is told so by the server; the client tells the page, and
// reads nothing by itself.
func TestChatRoomResyncIsOfThatRoomAlone(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	page := own.open(t, s.URL, "Tom")
	page.Run(`
		let calls = 0;
		const tab = await newRealtime({ fetch: (...args) => (calls++, watchedFetch(...args)) }).createIMClient(undefined, { session: client.session, stream: false });
		const told = [];
		tab.on(Event.RESYNC, (payload) => told.push(payload));
		const payload = { reason: "room_messages_lost", position: "7", conversationId: "room" };
		await tab.take({ id: "7", event: "resync", data: JSON.stringify(payload) });
		if (JSON.stringify(told) !== JSON.stringify([payload]) || tab.position !== "7" || calls) throw new Error(JSON.stringify([told, tab.position, calls]));`)
}

// TestConsoleChatRoom: one is made, joined by the other side and counted; there is a priority to choose.
func TestConsoleChatRoom(t *testing.T) {
	c := openConsole(t, consoleServer(t))
	c.click(tom + ".list-head [data-part=create]")
	c.fill(tom+sheet+"[name=name]", "The final")
	c.pick(tom+sheet+"[name=type]", "chatroom")
	is(c, first(tom+sheet+"[name=members]")+`.checkVisibility()`, false)
	c.shot("create room")
	c.click(tom + sheet + "[data-part=create] .primary")
	c.waitText(tom+title, "The final")
	c.waitText(tom+subtitle, "1 online")

	c.fill(jerry+"[data-part=search]", "The fi")
	c.Until(first(jerry + "[data-part=foundList] .conversation"))
	c.click(jerry + "[data-part=foundList] .conversation")
	c.waitText(jerry+banner, "You are not a member. Join to read and write.")
	c.click(jerry + "[data-part=join]")
	c.waitText(jerry+subtitle, "2 online")
	c.Run(first(jerry+"[data-part=priority]") + `.value = "high";`)
	c.say(jerry, "Goal!")
	c.waitLast(tom+said, "Goal!")
	c.Until(`[...document.querySelectorAll(".row.call")].some((row) => { row.querySelector("details").open = true; return row.textContent.includes('"priority":"high"'); })`)
	c.click(tom + "[data-part=more]")
	c.waitText(tom+"[data-part=memberTitle]", "Online now")
	c.waitText(tom+"[data-part=count]", "2")
	c.waitText(tom+subtitle, "2 online")
	is(c, first(tom+"[data-part=add]")+`.checkVisibility()`, false)
	c.shot("room")
	c.click(jerry + "[data-part=more]")
	c.click(jerry + "[data-part=quit]")
	c.waitText(jerry+banner, "You have left this conversation.")
}
