import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./parley.js";

const { PARLEY_URL, PARLEY_APP_ID, PARLEY_APP_KEY } = process.env;
const api = createClient<paths>({ baseUrl: PARLEY_URL! });

// Logging in takes the app's id and key, everything else the token that it gives.
const login = await api.POST("/v1/sessions", {
  headers: { Authorization: "Basic " + btoa(PARLEY_APP_ID + ":" + PARLEY_APP_KEY) },
  body: { clientId: "Tom" },
});
if (login.error) throw new Error(login.error.detail);
const { token } = login.data;
const authorize: Middleware = {
  onRequest({ request }) {
    request.headers.set("Authorization", "Bearer " + token);
  },
};
api.use(authorize);

const created = await api.POST("/v1/conversations", { body: { members: ["Jerry"], name: "Tom & Jerry", attributes: { topic: "cheese" } } });
if (created.error) throw new Error(created.error.detail);
const conversation = created.data;
console.log(conversation.name, conversation.type, conversation.memberCount, conversation.attributes["topic"]);

// With an Idempotency-Key a send may be repeated until it is answered; it is stored once.
async function send(body: components["schemas"]["SendMessageRequest"], to = conversation.id) {
  const params = { path: { id: to }, header: { "Idempotency-Key": crypto.randomUUID() } };
  const { data, error } = await api.POST("/v1/conversations/{id}/messages", { params, body });
  if (error) throw error;
  return data;
}
const first = await send({ type: "text", text: "Jerry, get up!", attributes: { mood: "loud" } });
await send({ type: "text", text: "再见" });
await send({ type: "location", location: { latitude: 37.774929, longitude: -122.419416 } });
await send({ type: "chess", payload: { move: "e2e4" } });

const read = await api.GET("/v1/conversations/{id}/messages/{messageId}", { params: { path: { id: conversation.id, messageId: first.id! } } });
console.log(read.data?.from, read.data?.attributes["mood"]);

// The history, newest page first; within a page the oldest message is first.
const history: components["schemas"]["Message"][] = [];
for (let before: string | undefined, more = true; more; more = before !== undefined) {
  const query = before === undefined ? { limit: 2 } : { limit: 2, before };
  const page = await api.GET("/v1/conversations/{id}/messages", { params: { path: { id: conversation.id }, query } });
  if (page.error) throw new Error(page.error.detail);
  history.unshift(...page.data.messages);
  before = page.data.next;
}
for (const message of history) {
  console.log(message.type, message.text ?? message.location?.latitude ?? (message.payload as { move: string }).move);
}

// An error is a Problem; its code is a word to branch on.
try {
  await send({ type: "text", text: "Anybody?" }, "nowhere");
} catch (error) {
  const problem = error as components["schemas"]["Problem"];
  console.log(problem.status, problem.code);
}
