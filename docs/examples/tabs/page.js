// The page of the example: index.html?appId=…&appKey=…&id=Jerry&conversation=…, served by the server's own origin.
import { Realtime, TextMessage, Event } from "/parley.js";
import { shareStream } from "./tabs.js";

const parameters = Object.fromEntries(new URLSearchParams(location.search));
const element = (id) => document.getElementById(id);

// A message is put in once, by its id.
function show(message) {
  if (document.getElementById(`message-${message.id}`)) return;
  const item = document.createElement("li");
  item.id = `message-${message.id}`;
  item.textContent = `${message.from}: ${message.text}`; // text stays text
  element("messages").append(item);
}

const realtime = new Realtime({ appId: parameters.appId, appKey: parameters.appKey });
const client = await shareStream(realtime, parameters.id, {
  onLead: () => { element("role").value = "This tab has the stream."; },
});
client.on(Event.MESSAGE, show);
client.on(Event.SENT, show);
client.on(Event.DISCONNECT, () => { element("state").value = "Disconnected."; });
client.on(Event.RECONNECT, () => { element("state").value = ""; });

const conversation = await client.getConversation(parameters.conversation);
for (const message of await conversation.queryMessages({ limit: 50 })) show(message);
element("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = element("text").value;
  element("text").value = "";
  await conversation.send(new TextMessage(text));
});
document.body.dataset.ready = "true";
