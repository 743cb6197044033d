// Compiled by `make check-types` and never run: the browser client as a strict TypeScript program uses it.
import { AV, Event, File, ImageMessage, LocationMessage, Message, MessagePriority, ParleyError, Realtime, TextMessage, TypedMessagesPlugin } from "../../../app/console/parley.js";
import type { Conversation, IMClient } from "../../../app/console/parley.js";

class Vote extends Message {
  static readonly TYPE = "vote";
  constructor(payload?: { choice: string }) {
    super(payload);
  }
}

export async function use(blob: Blob): Promise<string[]> {
  const realtime = new Realtime({ appId: "app", appKey: "key", plugins: [TypedMessagesPlugin], getToken: async (id) => `token for ${id}` });
  realtime.register(Vote);
  realtime.on(Event.SCHEDULE, (attempt, delay) => console.log(attempt + 1, delay.toFixed())).on(Event.RECONNECT, () => {});
  // @ts-expect-error: conversations are a client's
  realtime.on(Event.MESSAGE, () => {});
  const tom: IMClient = await realtime.createIMClient("Tom", { tag: "Web" });
  tom.on(Event.MESSAGE, (message, conversation) => {
    if (message instanceof ImageMessage) console.log(message.getFile().url(), conversation.name?.length);
  });
  tom.on(Event.MEMBERS_LEFT, ({ members, kickedBy }, { id }) => console.log(members.length, kickedBy?.length, id));
  const conversation: Conversation = await tom.createConversation({ members: ["Jerry"], name: "Tom & Jerry", unique: true, topic: "cheese" });
  const sent: TextMessage = await conversation.send(new TextMessage("hello").setAttributes({ mood: 1 }));
  await conversation.send(new LocationMessage({ latitude: 31.2, longitude: 121.5 }), { transient: true });
  const file = await new AV.File("a.png", blob).save({ client: tom, onprogress: ({ percent }) => console.log(percent) });
  await conversation.send(new ImageMessage(file).setText("a picture"));
  await conversation.send(new ImageMessage(new File.withURL("b", "https://chat.example/b.png")));
  const room: Conversation = await tom.createChatRoom({ name: "The final", match: 7 });
  await (await room.join()).send(new TextMessage("Goal!"), { priority: MessagePriority.HIGH, signal: AbortSignal.timeout(1000) });
  const soonOver = await tom.createTemporaryConversation({ members: ["Jerry"], ttl: 3600 });
  console.log(room.inside, (await tom.getChatRoomQuery().find()).length, soonOver.expiresAt?.toISOString());
  const found = await tom.getQuery().containsMembers(["Tom"]).matches("name", /tom/i).addDescending("lastMessageAt").limit(20).find();
  for await (const page of conversation.createMessagesIterator({ limit: 10 })) console.log(page.map(({ text }) => text));
  try {
    await conversation.add("Mary");
  } catch (error) {
    if (error instanceof ParleyError && error.code === "partial_failure") console.log(error.failed?.[0]?.clientIds);
  }
  // @ts-expect-error: what the server says is not to be changed by hand
  conversation.name = "another";
  await tom.close();
  return found.map(({ lastMessageAt }) => lastMessageAt.toISOString() + sent.id);
}
