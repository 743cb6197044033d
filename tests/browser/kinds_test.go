package browser

import "testing"

// TestTemporaryConversationsInTheClient: one is made for a while and for always the same members, and says when it is gone.
func TestTemporaryConversationsInTheClient(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	page := own.open(t, s.URL, "Tom")
	page.Allow("status of 40[49]")
	page.Run(`
		const jerry = await newRealtime().createIMClient("Jerry");
		const invited = new Promise((wake) => jerry.once(Event.INVITED, (_, conversation) => wake(conversation)));
		const heard = new Promise((wake) => jerry.once(Event.MESSAGE, (message) => wake(message.text)));
		const made = await client.createTemporaryConversation({ members: ["Jerry"], name: "soon over", ttl: 3600 });
		if (made.type !== "temporary" || made.ttl !== 3600 || Math.abs(made.expiresAt - made.createdAt - 3600_000) > 5000 || !made.inside) throw new Error(JSON.stringify({ ...made, _client: 0 }));
		const again = await jerry.createConversation({ members: ["Tom"], tempConv: true, tempConvTTL: 60 });
		if (again.id !== made.id || again.ttl !== 3600 || again !== await invited) throw new Error(again.id);
		await made.send(new TextMessage("for an hour"));
		if (await heard !== "for an hour") throw new Error(await heard);
		for (const change of [() => made.add(["Mary"]), () => made.remove(["Jerry"]), () => made.join(), () => again.quit()]) {
			const refused = await change().catch((e) => e);
			if (refused.code !== "members_fixed") throw refused;
		}
		const short = await client.createTemporaryConversation({ members: ["Mary"], ttl: 1 });
		let gone;
		while (!gone) gone = await short.fetch().then(() => null, (e) => e);
		if (gone.code !== "conversation_not_found" || Date.now() < short.expiresAt - 500) throw gone;`)
}

// TestConsoleTemporaryConversation: what cannot be done with one is not offered.
func TestConsoleTemporaryConversation(t *testing.T) {
	c := openConsole(t, consoleServer(t))
	c.click(tom + ".list-head [data-part=create]")
	c.fill(tom+sheet+"[name=name]", "soon over")
	c.pick(tom+sheet+"[name=type]", "temporary")
	c.fill(tom+sheet+"[name=members]", "Jerry")
	c.fill(tom+sheet+"[name=ttl]", "600")
	c.click(tom + sheet + "[data-part=create] .primary")
	c.waitText(tom+title, "soon over")
	c.waitText(jerry+listed, "soon over") // invited
	c.click(tom + "[data-part=more]")
	c.Until(all(tom+".facts dt") + `.includes("Expires")`)
	for _, part := range []string{"[data-part=add]", "[data-part=quit]"} {
		is(c, first(tom+part)+`.checkVisibility()`, false)
	}
	is(c, `document.querySelectorAll("#pane-0 .members .button").length`, 0)
	c.shot("temporary")
}
