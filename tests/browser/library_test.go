package browser

import (
	"fmt"
	"testing"

	"parley/app"
)

// TestFilesAreUploadedAndSent: before the send and with it, with progress, by whoever sends; and what the reader gets.
func TestFilesAreUploadedAndSent(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t, func(c *app.Config) { c.MaxFileBytes = 4 << 20 })
	page := own.load(newWindow(t), s.URL)
	page.Run(`
		const realtime = newRealtime();
		const tom = await realtime.createIMClient("Tom");
		const jerry = await realtime.createIMClient("Jerry"); // opened last
		const conversation = await tom.createConversation({ members: ["Jerry"] });
		const got = [];
		jerry.on(Event.MESSAGE, (message) => got.push(message));
		const bytes = crypto.getRandomValues(new Uint8Array(65536));
		const blob = new Blob(Array(48).fill(bytes));

		const percents = [];
		const saved = await new File("large.bin", blob).save({ client: tom, onprogress: ({ percent }) => percents.push(percent) });
		if (!saved.id || saved.size() !== blob.size || percents.at(-1) !== 100) throw new Error(JSON.stringify([saved, percents]));
		await conversation.send(new FileMessage(saved));
		await conversation.send(new AudioMessage(new File("with the send.mp3", bytes)).setText("listen"));
		await conversation.send(new VideoMessage(await new File("by the client opened last.mp4", bytes).save()));
		await conversation.send(new ImageMessage(File.withURL("a link", "https://chat.example/a.png", { width: 7 })));
		const linked = await new File.withURL("a record of a link", "https://chat.example/b.png").save({ client: tom });
		await conversation.send(new ImageMessage(linked));
		await conversation.send(new LocationMessage({ latitude: 31.2, longitude: 121.5 }));

		while (got.length < 6) await new Promise((wake) => setTimeout(wake, 20));
		const classes = got.map((message) => message.constructor.name).join();
		if (classes !== "FileMessage,AudioMessage,VideoMessage,ImageMessage,ImageMessage,LocationMessage") throw new Error(classes);
		const [file, audio, video, image, record, place] = got;
		const content = new Uint8Array(await (await fetch(file.getFile().url())).arrayBuffer());
		if (content.length !== blob.size || content[70000] !== bytes[70000 - 65536]) throw new Error("other bytes came back");
		if (audio.text !== "listen" || audio.getFile().name() !== "with the send.mp3" || audio.getFile().size() !== 65536) throw new Error(JSON.stringify(audio));
		if (video.getFile().name() !== "by the client opened last.mp4") throw new Error(JSON.stringify(video));
		if (image.getFile().url() !== "https://chat.example/a.png" || image.getFile().metaData("width") !== 7 || image.getFile().name() !== "a link") throw new Error(JSON.stringify(image));
		if (record.getFile().url() !== "https://chat.example/b.png") throw new Error(JSON.stringify(record));
		if (place.getLocation().latitude !== 31.2 || place.getLocation().longitude !== 121.5) throw new Error(JSON.stringify(place));
		const [stored] = await conversation.queryMessages({ type: AudioMessage.TYPE });
		if (!(stored instanceof AudioMessage) || stored.id !== audio.id) throw new Error(JSON.stringify(stored));

		const quoted = await new File('it is a "test".txt', "x").save({ client: tom });
		if (quoted.name() !== 'it is a "test".txt' || quoted.metadata.size !== 1) throw new Error(JSON.stringify(quoted));
		const direct = await conversation.send(new ImageMessage(File.withURL("c", "https://chat.example/c.png")));
		if (direct.getFile().mimeType() !== "image/png") throw new Error("the server's answer is not read: " + JSON.stringify(direct));

		const tooLarge = new File("too large.bin", new Blob(Array(100).fill(bytes)));
		const refused = await tooLarge.save({ client: tom, onprogress() {} }).catch((e) => e);
		if (refused.status !== 413) throw new Error("too large: " + JSON.stringify(refused));`)
	page.Allow("status of 413|net::ERR")
}

// TestUploadIsCancelledAndGoesThroughOnesOwnFetch: a signal ends it, and the same file can be saved afterwards; a fetch of
// one's own makes uploads as well.
func TestUploadIsCancelledAndGoesThroughOnesOwnFetch(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	page := own.load(newWindow(t), s.URL)
	page.Run(`
		const calls = [];
		let cancel;
		const realtime = newRealtime({ fetch: (url, init) => {
			calls.push(init.method + " " + new URL(url).pathname + (init.onprogress ? " watched" : ""));
			return watchedFetch(url, init);
		} });
		const tom = await realtime.createIMClient("Tom");
		const file = new File("large.bin", new Blob([new Uint8Array(8 << 20)]));
		for (const onprogress of [undefined, () => cancel.abort()]) {
			cancel = new AbortController();
			const saving = file.save({ client: tom, signal: cancel.signal, onprogress });
			if (!onprogress) cancel.abort();
			const error = await saving.catch((e) => e);
			if (error.code !== "aborted" || file.id) throw new Error(error + JSON.stringify(file));
		}
		const percents = [];
		await file.save({ client: tom, onprogress: ({ percent }) => percents.push(percent) });
		if (file.size() !== 8 << 20 || percents.at(-1) !== 100 || percents.some((p, i) => p < percents[i - 1])) throw new Error(percents.join());
		const uploads = calls.filter((call) => call.includes("/v1/files"));
		if (uploads.join() !== "POST /v1/files,POST /v1/files watched,POST /v1/files watched") throw new Error(uploads.join());
		const conversation = await tom.createConversation({ members: ["Jerry"] });
		cancel = new AbortController();
		const sending = conversation.send(new FileMessage(new File("a.txt", "a")), { signal: cancel.signal });
		cancel.abort();
		const error = await sending.catch((e) => e);
		if (error.code !== "aborted" || (await conversation.queryMessages()).length) throw error;`)
	page.Allow("net::ERR")
}

// TestQueryMethods: each method of the guide's SDK, on a handful of conversations.
func TestQueryMethods(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	page := own.open(t, s.URL, "Tom")
	page.Run(`
		await client.createConversation({ name: "NBA finals", members: ["Jerry"], attributes: { topic: "sports", level: 1 } });
		await client.createConversation({ name: "NBA drafts", members: ["Jerry", "Mary"], attributes: { topic: "sports", level: 2, tags: ["a", "b"] } });
		await client.createConversation({ name: "cheese", members: ["Mary"], attributes: { topic: "food", level: 3 } });
		window.names = async (query) => (await query.find()).map(({ name }) => name).join();`)
	all := `client.getQuery().containsMembers(["Tom"])`
	for query, want := range map[string]string{
		`client.getQuery()`:        "cheese,NBA drafts,NBA finals",
		all:                        "cheese,NBA drafts,NBA finals",
		all + `.limit(1)`:          "cheese",
		all + `.skip(1).limit(1)`:  "NBA drafts",
		all + `.ascending("name")`: "NBA drafts,NBA finals,cheese",
		all + `.descending("attr.topic").addAscending("name")`:                                          "NBA drafts,NBA finals,cheese",
		all + `.ascending("attr.topic").addDescending("name")`:                                          "cheese,NBA finals,NBA drafts",
		all + `.equalTo("name", "cheese")`:                                                              "cheese",
		all + `.notEqualTo("name", "cheese")`:                                                           "NBA drafts,NBA finals",
		all + `.lessThan("attr.level", 2)`:                                                              "NBA finals",
		all + `.lessThanOrEqualTo("attr.level", 2)`:                                                     "NBA drafts,NBA finals",
		all + `.greaterThan("attr.level", 2)`:                                                           "cheese",
		all + `.greaterThan("attributes.level", 1).lessThan("attributes.level", 3)`:                     "NBA drafts",
		all + `.greaterThanOrEqualTo("lm", new Date(0)).greaterThanOrEqualTo("createdAt", new Date(0))`: "",
		all + `.greaterThanOrEqualTo("createdAt", new Date(0))`:                                         "cheese,NBA drafts,NBA finals",
		all + `.contains("name", "NBA")`:                                                                "NBA drafts,NBA finals",
		all + `.startsWith("name", "NBA")`:                                                              "NBA drafts,NBA finals",
		all + `.endsWith("name", "finals")`:                                                             "NBA finals",
		all + `.matches("name", /^nba F/i)`:                                                             "NBA finals",
		all + `.matches("name", "^che")`:                                                                "cheese",
		all + `.containedIn("attr.topic", ["food", "music"])`:                                           "cheese",
		all + `.notContainsIn("attr.topic", ["food", "music"])`:                                         "NBA drafts,NBA finals",
		all + `.notContainedIn("attr.topic", ["food"])`:                                                 "NBA drafts,NBA finals",
		all + `.containsAll("attr.tags", ["b", "a"])`:                                                   "NBA drafts",
		all + `.exists("attr.tags")`:                                                                    "NBA drafts",
		all + `.doesNotExist("attr.tags")`:                                                              "cheese,NBA finals",
		all + `.sizeEqualTo("members", 3)`:                                                              "NBA drafts",
		`client.getQuery().containsMembers(["Jerry", "Mary"])`:                                          "NBA drafts",
		`client.getQuery().withMembers(["Tom", "Mary"])`:                                                "cheese",
		`client.getQuery().withMembers(["Mary"], true)`:                                                 "cheese",
		`client.getQuery().equalTo("creator", "Tom").equalTo("c", "Tom").sizeEqualTo("m", 3)`:           "NBA drafts",
		`ConversationQuery.or(client.getQuery().equalTo("name", "cheese"), client.getQuery().equalTo("name", "NBA finals")).ascending("name")`:                                   "NBA finals,cheese",
		`ConversationQuery.and(client.getQuery().contains("name", "NBA"), client.getQuery().greaterThan("attr.level", 1))`:                                                       "NBA drafts",
		`ConversationQuery.and(ConversationQuery.or(client.getQuery().equalTo("attr.level", 1), client.getQuery().equalTo("attr.level", 3)), ` + all + `.endsWith("name", "s"))`: "NBA finals",
	} {
		if got := Eval[string](page, fmt.Sprintf("names(%s)", query)); got != want {
			t.Errorf("%s gives %q, not %q", query, got, want)
		}
	}
	page.Run(`
		const first = await client.getQuery().contains("name", "NBA").first();
		if (first.name !== "NBA drafts" || first !== await client.getConversation(first.id)) throw new Error("first gives " + first.name);
		if (await client.getQuery().equalTo("name", "nothing").first() !== undefined) throw new Error("first gives something");
		const error = await client.getQuery().equalTo("nonsense", 1).find().catch((e) => e);
		if (error.status !== 400 || !error.errors[0].field.includes("nonsense")) throw new Error(JSON.stringify(error));`)
	page.Allow("status of 400")
}
