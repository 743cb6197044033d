// Parley's browser client: one ES module without dependencies and without a build step, for browsers and Node 20. Names
// and shapes are those of the guide's JavaScript samples; docs/browser.md explains, parley.d.ts has the types.
// What begins with an underscore is the module's own.

export const Event = Object.freeze({
  // the network, on a Realtime and on its clients
  DISCONNECT: "disconnect", OFFLINE: "offline", ONLINE: "online", SCHEDULE: "schedule", RETRY: "retry", RECONNECT: "reconnect",
  // conversations, on a client and on the conversation
  INVITED: "invited", KICKED: "kicked", MEMBERS_JOINED: "membersjoined", MEMBERS_LEFT: "membersleft",
  CONVERSATION_UPDATED: "conversationupdated", MESSAGE: "message", SENT: "sent",
  // the session, on a client
  CONFLICT: "conflict", CLOSE: "close", RESYNC: "resync", SESSION_ONLINE: "sessiononline", SESSION_OFFLINE: "sessionoffline",
  BLOCK: "block", // of the stream, for other tabs
});

// What of a chat room reaches a reader that is too slow for all of it.
export const MessagePriority = Object.freeze({ HIGH: "high", NORMAL: "normal", LOW: "low" });

// All in milliseconds. The guide's delays between attempts double from the first to the longest. Now and then a browser is wrong
// when it says that it is offline.
const FIRST_DELAY = 1000, LONGEST_DELAY = 300_000, OFFLINE_DELAY = 60_000;
// A server answers a stream at once; a call within 20 s (its own bound). 32 MB at 64 KB/s take 8 minutes.
const OPEN_TIMEOUT = 20_000, CALL_TIMEOUT = 25_000, UPLOAD_TIMEOUT = 600_000;
// A send is asked for again, with the same key, until its answer has come or its patience is over.
const SEND_TIMEOUT = 10_000, SEND_PATIENCE = 30_000, SEND_PAUSE = 500;
// Two heartbeats may stay away, and a little more. 15 s are what the API promises, until the server has said it itself.
const silenceOf = (heartbeatSeconds = 15) => 2000 * heartbeatSeconds + 2000;
const LONGEST_TIMER = 2 ** 31 - 1; // setTimeout takes no more
const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));
const newer = (a, b) => a.length - b.length || (a > b ? 1 : a < b ? -1 : 0); // ids are numbers as strings
const dateOf = (text) => (text ? new Date(text) : null), segment = encodeURIComponent;
// randomKey also works where crypto.randomUUID does not: on plain HTTP.
const randomKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
// basic is HTTP Basic; btoa alone takes no more than Latin-1.
const basic = (user, key) => "Basic " + btoa(String.fromCharCode(...new TextEncoder().encode(`${user}:${key}`)));

// ParleyError is every error of this module. code is the API's stable word, or one of disconnected, closed, aborted,
// network_error, partial_failure; status is there when the server answered.
export class ParleyError extends Error {
  constructor(message, { cause, ...fields } = {}) { Object.assign(super(message, cause && { cause }), { name: "ParleyError" }, fields); }
}

export class Emitter {
  _listeners = new Map();
  _of(event) { return this._listeners.get(event) ?? []; }
  on(event, listener) { return this._listeners.set(event, [...this._of(event), listener]), this; }
  off(event, listener) { return this._listeners.set(event, listener ? this._of(event).filter((l) => l !== listener) : []), this; }
  once(event, listener) { return this.on(event, function wrapped(...args) { this.off(event, wrapped), listener.apply(this, args); }); }

  // A listener that throws must not end the stream: its error is reported as any uncaught one is.
  emit(event, ...args) {
    for (const listener of this._of(event)) try { listener.apply(this, args); } catch (error) { setTimeout(() => { throw error; }); }
  }
}

// The machine's network: another object with onLine and the events online and offline may stand in for it.
const theNetwork = {
  get onLine() { return globalThis.navigator?.onLine !== false; },
  addEventListener: (...args) => globalThis.addEventListener?.(...args),
};

// Realtime is one app on one server. It shows the network states of all its clients as one.
export class Realtime extends Emitter {
  _clients = new Set(); _down = new Set();
  _classes = new Map([TextMessage, ImageMessage, AudioMessage, VideoMessage, FileMessage, LocationMessage].map((c) => [c.TYPE, c]));
  constructor({ appId, appKey, server = new URL(".", import.meta.url).href, getToken, network = theNetwork, fetch } = {}) {
    super();
    Object.assign(this, { appId, server: server.replace(/\/+$/, ""), network, _appKey: appKey, _getToken: getToken });
    this._fetch = fetch ?? watchedFetch;
    network.addEventListener("offline", () => {
      for (const client of this._clients) client._cut("offline");
      for (const target of [this, ...this._clients]) target.emit(Event.OFFLINE);
    });
    network.addEventListener("online", () => {
      for (const target of [this, ...this._clients]) target.emit(Event.ONLINE);
      this.retry();
    });
  }

  // createIMClient logs a client in and opens its stream. The id may be left out where getToken's token names the client.
  // session and position take up what another page had; without a stream, a client lives on what another tab's hands it.
  async createIMClient(id, { tag, session, position, stream = true } = {}) {
    const client = new IMClient(this, id, tag, position);
    client._adopt(session ? { session, token: session.token } : await this._logIn(id, tag));
    for (const clients of [this._clients, open]) clients.add(client);
    if (stream) await new Promise((opened, failed) => { client._opened = opened; client._follow(failed); });
    return client;
  }

  // register makes received messages of a custom type instances of its class, which has a static TYPE.
  register(...classes) { for (const c of classes) this._classes.set(c.TYPE, c); }

  retry() { for (const client of this._clients) client._wake?.(); } // at once what waits for its next attempt

  // _shown shows a client's network event as the app's: down with the first client, up again with the last.
  _shown(client, event, ...args) {
    client.emit(event, ...args);
    if (event === Event.RECONNECT) return this._up(client);
    const [first] = [...this._down, client];
    if (event === Event.DISCONNECT) this._down.add(client);
    if (first === client) this.emit(event, ...args);
  }
  _up(client) { if (this._down.delete(client) && !this._down.size && this._clients.size) this.emit(Event.RECONNECT); }

  // _logIn gives {token, session, ahead}, the last of the server's clock: with a token from getToken, or else the app key.
  async _logIn(clientId, tag) {
    const token = await this._getToken?.(clientId);
    if (!token && !this._appKey) throw new ParleyError("there is neither an appKey nor a getToken to log in with", { code: "credentials_missing" });
    const authorization = token ? `Bearer ${token}` : basic(this.appId, this._appKey);
    const answer = await this._request("POST", "/v1/sessions", { authorization, body: { clientId, tag } });
    return { ...answer, ahead: Date.parse(answer.session.createdAt) - Date.now() };
  }
  async _request(method, path, { authorization, headers, body, timeout = CALL_TIMEOUT, signal, onprogress } = {}) {
    const form = body instanceof FormData;
    const init = {
      method, credentials: "omit", cache: "no-store", signal: signal ? AbortSignal.any([AbortSignal.timeout(timeout), signal]) : AbortSignal.timeout(timeout), onprogress,
      headers: { Authorization: authorization, ...(body && !form && { "Content-Type": "application/json" }), ...headers },
      body: form ? body : body && JSON.stringify(body),
    };
    try {
      const response = await this._fetch(this.server + path, init);
      if (!response.ok) throw await problemIn(response);
      return response.status === 204 ? null : await response.json();
    } catch (cause) {
      if (cause instanceof ParleyError) throw cause;
      throw new ParleyError(`no answer to ${method} ${path}: ${cause.message}`, { cause, code: signal?.aborted ? "aborted" : "network_error" });
    }
  }
}

async function problemIn(response) {
  const problem = await response.json().catch(() => ({})); // a proxy's own page is not JSON
  return new ParleyError(problem.detail ?? `answered ${response.status} ${response.statusText}`, {
    status: response.status, code: problem.code ?? "unexpected_answer", errors: problem.errors, requestId: problem.requestId,
    retryAfter: 1000 * (Number(response.headers.get("Retry-After")) || 0),
  });
}

// watchedFetch is fetch that tells init.onprogress of the body's way up, by XMLHttpRequest: fetch itself does not tell.
export function watchedFetch(url, { onprogress, ...init }) {
  if (!onprogress || !globalThis.XMLHttpRequest) return fetch(url, init);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded, total }) => onprogress({ loaded, total, percent: total ? (100 * loaded) / total : 0 });
    request.onload = () => resolve(new Response(request.response, { status: request.status, headers: { "Retry-After": request.getResponseHeader("Retry-After") ?? "" } }));
    request.onerror = request.onabort = () => reject(new TypeError("the upload was cut off"));
    init.signal?.addEventListener("abort", () => request.abort());
    request.open(init.method, url);
    if (init.signal?.aborted) return request.onabort();
    for (const [name, value] of new Headers(init.headers)) request.setRequestHeader(name, value);
    request.send(init.body);
  });
}

// blocks yields {id, event, data} of an event stream; a heartbeat has no event. This server ends lines with LF alone.
async function* blocks(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let rest = "", read; !(read = await reader.read()).done; ) {
      const parts = (rest + read.value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) yield Object.fromEntries(part.split("\n").map((line) => line.split(/: (.*)/s, 2)));
    }
  } finally {
    reader.cancel().catch(() => {}); // broken already
  }
}

// The clients that are open, oldest first: a File that is saved by itself takes the newest.
const open = new Set();

// IMClient is one client in one session, with one stream.
export class IMClient extends Emitter {
  _conversations = new Map();
  _own = new Set(); // ids of what was sent lately: a new session's stream shows what the one before has sent
  _state = "opening"; // then connected; catching up, after a cut; disconnected; closed
  constructor(realtime, id, tag, position) { Object.assign(super(), { id, tag, position, _realtime: realtime }); }
  get connected() { return this._state === "connected"; }
  async createConversation({ members, name, unique, attributes, type, transient, system, tempConv, tempConvTTL, ttl = tempConvTTL, ...others } = {}) {
    const kind = type ?? (transient ? "chatroom" : system ? "system" : tempConv ? "temporary" : undefined);
    const body = { members, name, unique, attributes: { ...attributes, ...others }, type: kind, ttl };
    return this._keep(await this._call("POST", "/v1/conversations", { body }));
  }
  createChatRoom(options) { return this.createConversation({ ...options, type: "chatroom" }); }
  createTemporaryConversation(options) { return this.createConversation({ ...options, type: "temporary" }); }
  async getConversation(id) { return this._keep(await this._record(id)); }
  _record(id) { return this._call("GET", `/v1/conversations/${segment(id)}`); }
  getQuery() { return new ConversationQuery(this); }
  getChatRoomQuery() { return this.getQuery().equalTo("type", "chatroom"); }
  getServiceConversationQuery() { return this.getQuery().equalTo("type", "system"); }

  // close ends the session and the stream. Also where the server cannot be told, nothing more comes.
  async close() {
    if (this._state === "closed") return;
    const authorization = this._authorization();
    this._end(); // and no error where the session has ended already
    await this._realtime._request("DELETE", "/v1/sessions/current", { authorization }).catch((error) => { if (error.status !== 401) throw error; });
  }
  _authorization() { return `Bearer ${this.session.token}`; }

  // _check fails while the link is down, as the guide says.
  _check(anyway) {
    if (this._state === "closed") throw new ParleyError("the client is closed", { code: "closed" });
    if (this._state === "disconnected" && !anyway) throw new ParleyError("not connected: nothing was sent", { code: "disconnected" });
  }
  async _call(method, path, options = {}) {
    this._check(options.anyway);
    const token = this.session.token;
    try {
      return await this._realtime._request(method, path, { ...options, authorization: this._authorization() });
    } catch (error) {
      if (!renewable(error)) throw error;
      if (token === this.session.token) await this._renew();
      return this._realtime._request(method, path, { ...options, authorization: this._authorization() });
    }
  }

  // open opens the stream of a client that was made without one. It does not give up, as after a cut.
  open() { return new Promise((opened) => { this._opened = opened; this._follow(); }); }

  // _adopt takes a session, and refreshes its token well before its end. The server's clock counts, as far as it is known.
  _adopt({ session, token, ahead = this._ahead ?? 0 }) {
    Object.assign(this, { _ahead: ahead, session: { ...session, token }, id: session.clientId, tag: session.tag ?? undefined });
    this._plan(0.8 * (Date.parse(session.expiresAt) - Date.now() - ahead));
  }
  _plan(delay) {
    clearTimeout(this._refreshing);
    this._refreshing = setTimeout(() => this._refresh(), Math.min(Math.max(delay, 1000), LONGEST_TIMER));
  }
  async _refresh() {
    const refreshed = this._realtime._request("POST", "/v1/sessions/current/refresh", { authorization: this._authorization() });
    await refreshed.then((answer) => this._adopt(answer)).catch((error) => (renewable(error) ? this._renew() : Promise.reject(error)))
      .catch(() => this._plan(30_000));
    if (this._state === "closed") clearTimeout(this._refreshing);
  }

  // _renew logs in again when the token is good no more: with getToken, or with the app key.
  _renew() {
    return (this._renewing ??= this._realtime._logIn(this.id, this.tag).then((answer) => this._adopt(answer)).finally(() => { this._renewing = null; }));
  }

  // _follow keeps a stream open until the client is closed.
  async _follow(failed) {
    for (let attempt = 0; ; attempt++) {
      this._hint = 0;
      const error = await this._listen().catch((e) => e);
      if (this._state === "closed") return;
      if (this._opened && failed) return this._end(), failed(error);
      if (this._attempt === 0) attempt = 0; // it was connected in between
      this._lost();
      if (renewable(error)) {
        const refused = await this._renew().then(() => null, (e) => e);
        if (this._state === "closed") return;
        if (refused && (refused.status === 401 || refused.status === 403 || refused.code === "credentials_missing")) return this._end(error.code);
      } else if (error.final || error.status === 401 || error.status === 403) return this._end(error.code);
      await this._wait(attempt, Math.max(this._hint, error.retryAfter ?? 0));
      if (this._state === "closed") return;
      this._attempt = attempt + 1;
      this._realtime._shown(this, Event.RETRY, attempt);
    }
  }

  // _wait waits for the next attempt: the delay that the server names, or the guide's.
  async _wait(attempt, hint) {
    const least = this._realtime.network.onLine ? Math.min(FIRST_DELAY * 2 ** attempt, LONGEST_DELAY) * (0.5 + Math.random() / 2) : OFFLINE_DELAY;
    const delay = Math.round(Math.max(least, hint));
    await new Promise((wake) => {
      const timer = setTimeout(wake, delay);
      this._wake = () => { clearTimeout(timer); wake(); };
      this._realtime._shown(this, Event.SCHEDULE, attempt, delay); // a listener may call retry
    });
    this._wake = null;
  }

  // _listen opens one stream, resumed from the position, and reads it. It ends with an error, always.
  async _listen() {
    const cut = (this._cutter = new AbortController());
    let timer;
    const silent = () => cut.abort(new ParleyError("nothing came, no heartbeat either", { code: "silence" }));
    const alive = (ms) => { clearTimeout(timer); timer = setTimeout(silent, ms); };
    try {
      alive(OPEN_TIMEOUT);
      const response = await this._realtime._fetch(`${this._realtime.server}/v1/stream`, {
        method: "GET", credentials: "omit", cache: "no-store", signal: cut.signal,
        headers: { Authorization: this._authorization(), Accept: "text/event-stream", ...(this.position && { "Last-Event-ID": this.position }) },
      });
      if (!response.ok) throw await problemIn(response);
      if (this._state === "disconnected") this._state = "catching up";
      for await (const block of blocks(response.body)) {
        alive(silenceOf(this._heartbeat));
        await this.take(block);
        this.emit(Event.BLOCK, block);
        if (cut.signal.aborted) break;
      }
      throw new ParleyError("the stream has ended", { code: "stream_ended" });
    } catch (error) {
      throw cut.signal.aborted ? cut.signal.reason : error;
    } finally {
      clearTimeout(timer);
      cut.abort();
    }
  }

  // take hands one block of a stream over; only then is its id the position to resume from.
  async take({ id, event, data }) {
    const value = data && JSON.parse(data);
    if (this._opened) {
      this._state = event === "online" ? "connected" : "catching up";
      this._opened();
      this._opened = null;
      await sleep(0); // whoever waited for the client sets its listeners before the next event
      if (this._cutter.signal.aborted) return;
    }
    if (event) await this._handle(event, value, id);
    if (id && (event === "resync" || !this._seen(id))) this.position = id;
  }
  _seen(id) { return this.position && newer(id, this.position) <= 0; }
  async _handle(event, value, id) {
    switch (event) {
      case "online": case "reconnect":
        if (event === "online" && value.sessionId !== this.session.id) return this.emit(Event.SESSION_ONLINE, value);
        this._heartbeat = value.heartbeatSeconds;
        this._adopt({ session: this.session, token: this.session.token, ahead: Date.parse(value.serverTime) - Date.now() });
        return this._available();
      case "offline": return this.emit(Event.SESSION_OFFLINE, value);
      case "schedule": this._hint = value.delayMs; return;
      case "disconnect": throw new ParleyError(`the server has ended the stream: ${value.reason}`, { code: value.reason, final: !value.reconnect });
      case "resync": return this._resync(value);
      case "message":
        if (this._own.has(value.id)) return;
    }
    const apply = Conversation._events[event];
    if (!apply) return; // of a newer server
    const conversation = await this._conversation(value.conversationId);
    if (id && this._seen(id)) return;
    this._tell(conversation, ...apply(conversation, value));
    this.position = id ?? this.position; // at once: blocks may come from another tab as well
  }
  _sent(conversation, message) {
    if (this._own.add(message.id).size > 1000) this._own.delete(this._own.values().next().value);
    this._tell(conversation, Event.SENT, message);
  }
  _tell(conversation, event, payload) { for (const target of [this, conversation]) target.emit(event, payload, conversation); }
  _available() {
    this._attempt = 0;
    if (this._state === "connected") return;
    this._state = "connected";
    this._realtime._shown(this, Event.RECONNECT);
    for (const c of this._conversations.values()) if (c._joined && c.type === "chatroom") c.join().catch(() => {}); // left with the stream
  }

  // _cut ends the stream from this side, as a lost connection would.
  _cut(reason) {
    if (this._opened || !this._cutter || this._state === "closed") return;
    this._lost();
    this._cutter.abort(new ParleyError(`the stream was cut: ${reason}`, { code: reason }));
  }
  _lost() {
    const was = this._state;
    this._state = "disconnected";
    if (was === "connected") this._realtime._shown(this, Event.DISCONNECT);
  }

  // _end is the end for good. With a reason it is not the client's own wish.
  _end(reason) {
    this._state = "closed";
    clearTimeout(this._refreshing);
    open.delete(this);
    this._realtime._clients.delete(this);
    this._realtime._up(this);
    this._cutter?.abort(new ParleyError("the client is closed", { code: "closed" }));
    this._wake?.();
    if (reason === "conflict" || reason === "session_conflict") this.emit(Event.CONFLICT, { reason });
    if (reason) this.emit(Event.CLOSE, { reason });
  }

  // _resync: what was missed cannot be replayed. The client's conversations are read anew, and of the newest thousand
  // messages of each those that came since are handed over, in the log's order. RESYNC comes first, for whoever keeps more.
  async _resync({ reason, position, conversationId }) {
    const since = reason === "invalid_position" || reason === "future_position" ? position : this.position;
    if (since === position) this._forget(); // a log that begins anew gives its numbers again
    this.emit(Event.RESYNC, { reason, position, conversationId });
    if (conversationId) return; // some of that one alone is lost, and lies behind
    const missed = [];
    for (const conversation of (await this._everyOwn()).map((record) => this._keep(record, true))) {
      const system = conversation.type === "system"; // which has no last message
      if (!system && newer(conversation.lastMessage?.id ?? "", since) <= 0) continue;
      const messages = (await conversation.queryMessages({ limit: 1000 })).filter(({ id }) => newer(id, since) > 0 && newer(id, position) <= 0 && !this._own.has(id));
      if (system) for (const { id } of messages) this._own.add(id); // the stream brings those that waited for it as well
      missed.push(...messages);
    }
    for (const message of missed.sort((a, b) => newer(a.id, b.id))) this._tell(this._conversations.get(message.conversationId), Event.MESSAGE, message);
  }
  _forget() { this._own.clear(), this._conversations.forEach((conversation) => { conversation.lastMessage = null; }); }
  async _everyOwn() {
    const records = [];
    for (let page = { next: 0 }; page.next <= 10_000; ) { // the API skips no more; the last page has no next
      page = await this._call("GET", `/v1/conversations?limit=100&skip=${page.next}`);
      records.push(...page.conversations);
    }
    return records;
  }

  // _keep turns a record into the one object that this client has for it.
  _keep(record, own) {
    const conversation = this._conversations.get(record.id) ?? new Conversation(this, record.id);
    this._conversations.set(record.id, conversation);
    return conversation._read(record)._moved(own || conversation._joined);
  }

  // _conversation finds the conversation of an event. Of one that is gone, or closed to this client, only the id is known.
  async _conversation(id) {
    const known = this._conversations.get(id);
    if (known) return known;
    const record = await this._record(id).catch((error) => { if (error.status !== 404 && error.status !== 403) throw error; });
    return record ? this._keep(record) : new Conversation(this, id);
  }
  _messageOf(record) { return (this._realtime._classes.get(record.type) ?? Message)._from(record)._read(record); }
}

// renewable: the session is over or forgotten, and not because somebody ended it.
const renewable = ({ status, code }) => code === "token_expired" || (status === 401 && code !== "session_conflict" && code !== "session_ended");

// Conversation is one object for each id in a client; what the stream tells keeps it up to date.
export class Conversation extends Emitter {
  _sending = Promise.resolve();
  members = []; attributes = {}; lastMessage = null;

  // What an event of the stream changes, and what is emitted for it. It may tell what a fresh record has already.
  static _events = {
    message: (c, value) => [Event.MESSAGE, c._newest(c._client._messageOf(value))],
    invited: (c, { invitedBy, at }) => (c._inside([c._client.id]), [Event.INVITED, { invitedBy, at }]),
    kicked: (c, { kickedBy, at }) => (c._outside([c._client.id]), [Event.KICKED, { kickedBy, at }]),
    members_joined: (c, { members, invitedBy, at }) => (c._inside(members), [Event.MEMBERS_JOINED, { members, invitedBy, at }]),
    // The guide's sample reads invitedBy here too.
    members_left: (c, { members, kickedBy, at }) => (c._outside(members), [Event.MEMBERS_LEFT, { members, kickedBy, invitedBy: kickedBy, at }]),
    conversation_updated(c, { changes, updatedBy, at }) {
      if ("name" in changes) c.name = changes.name;
      if (changes.attributes) c.attributes = merged(c.attributes, changes.attributes);
      return [Event.CONVERSATION_UPDATED, { changes, updatedBy, at }];
    },
  };
  constructor(client, id) { Object.assign(super(), { id, _client: client }); }

  // lastMessageAt is what lists are sorted by: the time of the newest message, or of the creation before there is one.
  // An answer may be older than what the stream has told meanwhile.
  _read({ createdAt, updatedAt, expiresAt, lastMessageAt, lastMessage, ...fields }) {
    Object.assign(this, fields, { createdAt: dateOf(createdAt), updatedAt: dateOf(updatedAt), expiresAt: dateOf(expiresAt) });
    if (!this.lastMessage) this.lastMessageAt = dateOf(lastMessageAt ?? createdAt);
    if (lastMessage) this._newest(this._client._messageOf(lastMessage));
    return this;
  }
  _newest(message) {
    const newest = message.id && (!this.lastMessage || newer(message.id, this.lastMessage.id) > 0); // a transient one has no id
    if (newest) Object.assign(this, { lastMessage: message, lastMessageAt: message.timestamp });
    return message;
  }
  _inside(clientIds) { this._shift(clientIds, true, [...new Set([...this.members, ...clientIds])]); }
  _outside(clientIds) { this._shift(clientIds, false, this.members.filter((m) => !clientIds.includes(m))); }
  _shift(clientIds, inside, members) {
    if (clientIds.includes(this._client.id)) this._moved(inside);
    if (this.type !== "system") Object.assign(this, { memberCount: (this.memberCount ?? this.members.length) + members.length - this.members.length, members });
  }
  _call(method, path = "", options) { return this._client._call(method, `/v1/conversations/${segment(this.id)}${path}`, options); }
  async fetch() { return this._read(await this._call("GET")); }

  // update changes the name, and merges attributes: null removes one.
  async update(changes) { return this._read(await this._call("PATCH", "", { body: changes })); }
  add(clientIds) { return this._change(this._call("POST", "/members", { body: { members: [clientIds].flat() } })); }
  remove(clientIds) { return this._change(this._call("DELETE", `/members?${new URLSearchParams([clientIds].flat().map((id) => ["clientId", id]))}`)); }
  // _change: a call that succeeds in part is an error too, so that nobody takes it for a success.
  async _change(call) {
    const { conversation, succeeded, failed } = await call;
    this._read(conversation);
    if (failed.length) throw new ParleyError(failed[0].detail, { code: "partial_failure", succeeded, failed, conversation: this });
    return this;
  }
  // inside: a chat room has no list of members, and a system conversation shows none of its subscribers.
  get inside() { return this._joined ?? this.members.includes(this._client.id); }
  async join() { return this._read(await this._call("POST", "/join"))._moved(true); }
  async quit() { return this._read(await this._call("POST", "/quit"))._moved(false); }
  _moved(inside) { return Object.assign(this, /chatroom|system/.test(this.type) && { _joined: inside }); }
  subscribe() { return this.join(); } // to a system conversation
  unsubscribe() { return this.quit(); }
  async count() { return (this.memberCount = (await this._call("GET", "/members/count")).count); }

  // send sends in the order of the calls. A message whose send has failed can be sent again: the key that it keeps makes
  // sure that it is there once.
  async send(message, options = {}) {
    this._client._check();
    const sent = this._sending.then(() => this._send(message, options));
    this._sending = sent.catch(() => {});
    return sent;
  }
  async _send(message, { transient, priority, onprogress, signal }) {
    await message._file?._ready(this._client, onprogress, signal);
    const body = { ...message._body(), transient, priority };
    if (transient) return message._read(await this._call("POST", "/messages", { body }));
    const headers = { "Idempotency-Key": (message._key ??= randomKey()) };
    const patience = Date.now() + SEND_PATIENCE;
    for (let pause = SEND_PAUSE, anyway = false; ; pause *= 2, anyway = true) {
      try {
        message._read(await this._call("POST", "/messages", { body, headers, anyway, timeout: SEND_TIMEOUT }));
        break;
      } catch (error) {
        const wait = Math.max(pause, error.retryAfter ?? 0);
        const again = error.code === "network_error" || error.status === 429 || error.status >= 500;
        if (!again || Date.now() + wait > patience) throw error;
        await sleep(wait);
      }
    }
    message._key = undefined;
    this._newest(message);
    this._client._sent(this, message);
    return message;
  }
  async queryMessages(options = {}) { return (await this._page(options)).messages; }
  // _page takes the API's names and those of the guide's SDK.
  async _page({ limit, type, order, beforeMessageId, afterMessageId, beforeTime, afterTime, before = beforeMessageId, after = afterMessageId, until = beforeTime, since = afterTime }) {
    const wanted = Object.entries({ limit, type, order, before, after, until, since }).filter(([, value]) => value !== undefined);
    const query = new URLSearchParams(wanted.map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]));
    const page = await this._call("GET", `/messages?${query}`);
    return { messages: page.messages.map((m) => this._client._messageOf(m)), next: page.next };
  }

  // createMessagesIterator goes back in time, page by page, oldest first within a page. next may be called again before
  // it has answered. In `for await` it gives every page.
  createMessagesIterator(options = {}) {
    let cursor = { before: options.before ?? options.beforeMessageId };
    const read = async () => {
      const page = cursor ? await this._page({ ...options, ...cursor }) : { messages: [] };
      cursor = page.next && { before: page.next };
      return { value: page.messages, done: !cursor };
    };
    let turn = Promise.resolve();
    const next = () => (turn = turn.catch(() => {}).then(read));
    async function* pages() {
      for (let page = { done: false }; !page.done; ) if ((page = await next()).value.length) yield page.value;
    }
    return { next, [Symbol.asyncIterator]: pages };
  }
}

// merged applies a JSON Merge Patch (RFC 7396).
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const merged = (target, patch) => {
  if (!isObject(patch)) return patch;
  const old = isObject(target) ? target : {};
  const fields = Object.entries({ ...old, ...patch }).filter(([key, value]) => value !== null || !Object.hasOwn(patch, key));
  return Object.fromEntries(fields.map(([key, value]) => [key, Object.hasOwn(patch, key) ? merged(old[key], value) : value]));
};

// ConversationQuery builds the API's `where`. Fields have the API's names; the guide's older short ones are understood.
export class ConversationQuery {
  _conditions = []; _sort = []; _options = {};
  constructor(client) { this._client = client; }
  static and(...queries) { return new this(queries[0]._client)._where({ $and: queries.map((q) => q._whole()) }); }
  static or(...queries) { return new this(queries[0]._client)._where({ $or: queries.map((q) => q._whole()) }); }
  equalTo(key, value) { return this._where({ [fieldOf(key)]: value }); }
  containsMembers(clientIds) { return this.containsAll("members", [clientIds].flat()); }
  exists(key) { return this._is(key, { $exists: true }); }
  doesNotExist(key) { return this._is(key, { $exists: false }); }
  // matches takes a RegExp, or its source and flags.
  matches(key, expression, flags = expression.flags ?? "") {
    const options = flags.replace(/[^ims]/g, "");
    return this._is(key, { $regex: expression.source ?? expression, ...(options && { $options: options }) });
  }
  // withMembers: these and no others, and the client itself with includeSelf.
  withMembers(clientIds, includeSelf = false) {
    const members = [...new Set(includeSelf ? [...clientIds, this._client.id] : clientIds)];
    return this.containsMembers(members).sizeEqualTo("members", members.length);
  }
  ascending(key) { return this._sorted([], fieldOf(key)); }
  descending(key) { return this._sorted([], "-" + fieldOf(key)); }
  addAscending(key) { return this._sorted(this._sort, fieldOf(key)); }
  addDescending(key) { return this._sorted(this._sort, "-" + fieldOf(key)); }
  limit(limit) { return this._set({ limit }); }
  skip(skip) { return this._set({ skip }); }

  // find gives the conversations, newest activity first where no other order was asked for.
  async find() {
    const options = { ...(this._sort.length && { sort: this._sort.join(",") }), ...this._options };
    const own = !this._conditions.length;
    const page = await (own
      ? this._client._call("GET", `/v1/conversations?${new URLSearchParams(options)}`)
      : this._client._call("POST", "/v1/conversations/query", { body: { where: this._whole(), ...options } }));
    return page.conversations.map((record) => this._client._keep(record, own));
  }
  async first() { return (await this.limit(1).find())[0]; }
  _is(key, condition) { return this._where({ [fieldOf(key)]: condition }); }
  _where(condition) { return this._conditions.push(condition), this; }
  _sorted(before, field) { return Object.assign(this, { _sort: [...before, field] }); }
  _set(option) { return Object.assign(this._options, option), this; }

  // _whole is one object where no field comes twice.
  _whole() {
    const keys = this._conditions.flatMap(Object.keys);
    return new Set(keys).size === keys.length ? Object.assign({}, ...this._conditions) : { $and: this._conditions };
  }
}

for (const [method, operator] of Object.entries({
  notEqualTo: "$ne", lessThan: "$lt", lessThanOrEqualTo: "$lte", greaterThan: "$gt", greaterThanOrEqualTo: "$gte", containedIn: "$in",
  notContainsIn: "$nin", notContainedIn: "$nin", contains: "$contains", startsWith: "$startsWith", endsWith: "$endsWith", containsAll: "$all", sizeEqualTo: "$size",
})) ConversationQuery.prototype[method] = function (key, value) { return this._is(key, { [operator]: value }); };

const shortFields = { objectId: "id", m: "members", c: "creator", lm: "lastMessageAt", attr: "attributes" };
const fieldOf = (key) => key.replace(/^[^.]+/, (first) => shortFields[first] ?? first);

// Message is a message of any type; payload is what a custom type carries.
export class Message {
  attributes = {};
  constructor(payload, type = new.target.TYPE) { Object.assign(this, { payload, type }); }
  static _from(record) { return new this(record.payload, record.type); }
  setText(text) { return this._set({ text }); }
  setAttributes(attributes) { return this._set({ attributes }); }
  toJSON() { return { ...this, file: this._file, _file: undefined, _key: undefined }; }
  _set(fields) { return Object.assign(this, fields); }
  _body() { return { type: this.type, text: this.text, attributes: this.attributes, payload: this.payload }; }

  // _read takes what the server says of the message.
  _read({ id, conversationId, from, timestamp, text, attributes }) {
    return this._set({ id, conversationId, from, timestamp: dateOf(timestamp), text, attributes });
  }
}

export class TextMessage extends Message {
  static TYPE = "text";
  static _from() { return new this(); }
  constructor(text) { super()._set({ text }); }
}

// A media message carries a File.
class MediaMessage extends Message {
  static _from({ file }) { return new this(file && new File(file.name)); }
  constructor(file) { super()._set({ _file: file }); }
  getFile() { return this._file; }
  _read(record) { return this._file?._read(record.file), super._read(record); } // the server knows more of a link than its sender
  _body() { return { ...super._body(), file: this._file?._reference() }; }
}

export class ImageMessage extends MediaMessage { static TYPE = "image"; }
export class AudioMessage extends MediaMessage { static TYPE = "audio"; }
export class VideoMessage extends MediaMessage { static TYPE = "video"; }
export class FileMessage extends MediaMessage { static TYPE = "file"; }

// LocationMessage carries {latitude, longitude}, in degrees.
export class LocationMessage extends Message {
  static TYPE = "location";
  static _from({ location }) { return new this(location); }
  constructor(location) { super()._set({ location }); }
  getLocation() { return this.location; }
  _body() { return { ...super._body(), location: this.location }; }
}

// File is the guide's AV.File: bytes to be stored, or a link. What a message carries can be read as well.
export class File {
  constructor(name, data, metadata) {
    this._data = data === undefined || data instanceof Blob ? data : new Blob([data]);
    this._record = { name, metadata };
  }

  // A function and no method, so that `new File.withURL(…)`, as in the guide, works too.
  static withURL = function withURL(name, url, metadata) { return new File(name, undefined, metadata)._read({ url }); };
  get id() { return this._record.id; }
  name() { return this._record.name; }
  url() { return this._record.url; }
  size() { return this._record.size ?? this._data?.size; }
  mimeType() { return this._record.mimeType ?? this._data?.type; }
  get metadata() { return this._record.metadata; }
  metaData(key) { return key ? this.metadata?.[key] : this.metadata; }
  _read(record) { return Object.assign(this._record, record), this; }
  toJSON() { return this._record; }
  _reference() { return this.id ? { id: this.id } : { url: this.url(), name: this.name(), metadata: this.metaData() }; }

  // _ready: only who has saved a file may send it, at first.
  async _ready(client, onprogress, signal) { if (!this.url() || (this._by && this._by !== client.id)) await this.save({ client, onprogress, signal }); }

  // save uploads the file, once, or has its link recorded; with the client that was opened last unless another is given.
  // onprogress is called with {loaded, total, percent}; an AbortSignal ends the upload with the code aborted.
  async save({ client = [...open].pop(), onprogress, signal } = {}) {
    if (!client) throw new ParleyError("a file is saved by a client: create one first", { code: "closed" });
    if (this.id && (this._by ?? client.id) === client.id) return this;
    return (this._saving ??= this._save(client, onprogress, signal).finally(() => { this._saving = null; }));
  }
  async _save(client, onprogress, signal) {
    const { name, url, metadata } = this._record;
    const body = this._data ? new FormData() : { name, url, metadata };
    if (this._data) { // the name apart as well: as the name of a part, browsers change quotation marks in it
      for (const [field, value] of Object.entries({ name, metadata: metadata && JSON.stringify(metadata) })) if (value) body.append(field, value);
      body.append("file", this._data, name);
    }
    this._read(await client._call("POST", "/v1/files", { body, onprogress, signal, timeout: UPLOAD_TIMEOUT }));
    this._by = client.id;
    return this;
  }
}

// What the guide's samples import from other modules of the SDK.
export const AV = { File }, TypedMessagesPlugin = {};
