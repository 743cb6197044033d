// One side of the page: one client with its link, its session, its conversations. This is where the client's events meet
// what is shown.
import { Event as IM, Realtime } from './parley.js';
import { avatar, fromTemplate, hueOf, whileBusy } from './console-dom.js';
import { say, unsay } from './console-text.js';
import { Chat } from './console-chat.js';
import { ConversationList } from './console-list.js';
import { createSheet } from './console-create.js';
import { Details } from './console-details.js';
import { Link } from './console-link.js';
import { linkButtons, NetworkStrip } from './console-network.js';
import { reason } from './console-conversation.js';

// Why a session is over for good, in words.
const endings = {
  conflict: 'endedConflict', session_conflict: 'endedConflict', logged_out: 'endedLoggedOut', session_ended: 'endedLoggedOut',
  token_expired: 'endedExpired', kicked_by_app: 'endedKicked',
};

/** Pane logs one client in and out, and shows what it sees. */
export class Pane {
  #parts;
  #realtime;
  #signedToken = '';
  #strip;
  #on;
  #client = null;
  #list = null;
  #chat = null;
  #details = null;
  #sheetOpener = null; // gets the focus back
  #partner = '';
  #hue = 'hue-0';

  /**
   * keys: {appId, appKey}; wire: the log; on: {named(pane, clientId), arrived(pane, message)}, for the page around.
   */
  constructor(keys, wire, on) {
    this.#on = on;
    const { root, parts } = fromTemplate('pane');
    this.root = root;
    this.#parts = parts;
    const link = new Link({
      call: (call) => wire.call(this.clientId, call),
      block: (block) => wire.block(this.clientId, block),
    });
    this.#realtime = new Realtime({ ...keys, fetch: link.fetch, network: link, getToken: () => this.#signedToken });
    this.#strip = new NetworkStrip(parts, root);
    this.#strip.watch(this.#realtime);
    linkButtons(parts, link, this.#realtime);
    parts.login.onsubmit = (event) => {
      event.preventDefault();
      const { clientId, tag, token } = parts.login.elements;
      this.#signedToken = token.value.trim();
      whileBusy(parts.login, () => this.#attempt(() => this.logIn(this.#signedToken ? undefined : clientId.value, tag.value)));
    };
    parts.login.elements.token.oninput = ({ target }) => { parts.login.elements.clientId.required = target.value === ''; };
    parts.logOut.onclick = () => this.logOut();
    parts.create.onclick = () => this.#openSheet(parts.create, () => createSheet(this.#client, this.#partner, this.#sheetEvents()));
    parts.listStart.onclick = () => whileBusy(parts.listStart, () => this.#attempt(() => this.talkTo(this.#partner)));
    parts.more.onclick = () => (this.#details ? this.#closeSheet() : this.#openDetails());
    parts.back.onclick = () => this.#view('list');
    parts.alertClose.onclick = () => { parts.alert.hidden = true; };
    parts.side.onkeydown = (event) => { if (event.key === 'Escape') this.#closeSheet(); };
    this.#out('loggedOut');
  }

  /** clientId is who is logged in here, or who would be. */
  get clientId() { return this.#client?.id ?? this.#parts.login.elements.clientId.value; }

  /** suggest fills in whom to log in, and with whom to talk. */
  suggest(clientId, partner) {
    this.#parts.login.elements.clientId.value = clientId;
    this.#partner = partner;
    this.#name(clientId);
  }

  /**
   * logIn starts a session and shows the client's conversations; it throws when the server refuses. A signed token names the
   * client itself.
   */
  async logIn(clientId, tag) {
    if (clientId) this.#name(clientId);
    this.#strip.out('loggingIn');
    try {
      this.#client = await this.#realtime.createIMClient(clientId, { tag: tag || undefined });
    } catch (error) {
      this.#out('loggedOut');
      if (error.code === 'signed_login_required') this.#parts.signed.open = true;
      throw error;
    }
    this.#name(this.#client.id);
    this.#in();
    await this.#list.load();
  }

  /** logOut ends the session. */
  async logOut() {
    const client = this.#client;
    this.#out('loggedOut');
    // The session ends on the server when that can be reached; here it is over in any case.
    try { await client?.close(); } catch { /* as above */ }
  }

  /** talkTo opens the conversation of just these two, and makes it when there is none. */
  async talkTo(partner) {
    const conversation = await this.#client.createConversation({ members: [partner], name: `${this.#client.id} & ${partner}`, unique: true });
    this.#list.update(conversation);
    await this.open(conversation);
  }

  /** open shows a conversation. */
  async open(conversation) {
    this.#closeSheet();
    this.#view('chat');
    this.#list.select(conversation.id);
    await this.#chat.open(conversation);
  }

  /** tryLogIn, tryTalkTo: the same, with the error shown in the pane; true when there was none. */
  tryLogIn(clientId) { return this.#attempt(() => this.logIn(clientId)); }
  tryTalkTo(partner) { return this.#attempt(() => this.talkTo(partner)); }

  /** conversationId is the open conversation's, or undefined. */
  get conversationId() { return this.#chat?.conversation?.id; }

  /** openConversation shows the conversation with an id. */
  openConversation(id) {
    if (!id) return false;
    return this.#attempt(async () => {
      const conversation = await this.#client.getConversation(id);
      this.#list.update(conversation);
      await this.open(conversation);
    });
  }

  focus() {
    if (this.#chat?.conversation) this.#chat.focus();
    else this.#parts.login.elements[this.#parts.signed.open ? 'token' : 'clientId'].focus();
  }

  #name(clientId) {
    const { avatar: disc, name, login } = this.#parts;
    disc.replaceWith(this.#parts.avatar = avatar(clientId));
    name.textContent = clientId;
    this.root.classList.remove(this.#hue);
    this.root.classList.add(this.#hue = hueOf(clientId));
    this.root.ariaLabel = clientId;
    login.elements.clientId.value = clientId;
    this.#on.named(this, clientId);
  }

  #in() {
    const client = this.#client;
    this.root.dataset.phase = 'in';
    this.#parts.alert.hidden = true;
    this.#strip.up();
    this.#list = new ConversationList(this.#parts, client, this.#partner, (conversation) => this.#attempt(() => this.open(conversation)));
    this.#chat = new Chat(this.#parts, client, {
      sent: (conversation) => this.#list?.update(conversation), // it may have been logged out meanwhile
      join: (conversation) => this.#join(conversation),
    });
    this.#listen(client);
  }

  #out(key) {
    this.#client = this.#list = this.#chat = null;
    this.#closeSheet();
    this.root.dataset.phase = 'out';
    this.#strip.out(key);
  }

  // What the guide calls the client's events.
  #listen(client) {
    const on = (name, then) => client.on(name, (...details) => { if (client === this.#client) then(...details); });
    on(IM.MESSAGE, (message, conversation) => {
      const open = this.#chat.conversation?.id === conversation.id;
      if (open) this.#chat.receive(message);
      this.#list.update(conversation, { unread: !open });
      this.#on.arrived(this, message);
    });
    on(IM.INVITED, (_, conversation) => {
      this.#list.update(conversation);
      this.#ifOpen(conversation, () => this.#chat.open(conversation));
    });
    on(IM.KICKED, ({ kickedBy }, conversation) => {
      this.#left(conversation, kickedBy ? 'kickedBanner' : 'kickedByApp', { name: kickedBy });
    });
    on(IM.MEMBERS_JOINED, ({ members, invitedBy, at }, conversation) => {
      const self = members.length === 1 && members[0] === invitedBy;
      this.#noteChange(conversation, self ? 'joinedNote' : 'addedNote', { names: members.join(', '), by: invitedBy }, at);
    });
    on(IM.MEMBERS_LEFT, ({ members, kickedBy, at }, conversation) => {
      if (members.includes(client.id)) return this.#left(conversation, 'leftBanner');
      const self = members.length === 1 && members[0] === kickedBy;
      this.#noteChange(conversation, self ? 'leftNote' : 'removedNote', { names: members.join(', '), by: kickedBy }, at);
    });
    on(IM.CONVERSATION_UPDATED, ({ updatedBy, at }, conversation) => {
      this.#ifOpen(conversation, () => this.#details?.changed());
      this.#noteChange(conversation, 'changedNote', { by: updatedBy }, at);
    });
    on(IM.RESYNC, ({ conversationId }) => this.#resync(conversationId));
    on(IM.CLOSE, ({ reason: why }) => this.#ended(why));
  }

  #ifOpen(conversation, then) {
    if (this.#chat.conversation?.id === conversation.id) then();
  }

  // A member came or went, or the name changed: the list, the head, the sheet, and a line among the messages.
  #noteChange(conversation, key, values, at) {
    this.#list.update(conversation);
    this.#ifOpen(conversation, () => {
      this.#chat.refresh();
      this.#chat.note(key, { by: '', ...values }, at ? new Date(at) : new Date());
      this.#details?.refresh();
    });
  }

  #left(conversation, key, values) {
    this.#list.remove(conversation.id);
    this.#ifOpen(conversation, () => {
      this.#closeSheet();
      this.#chat.refresh(key, values);
    });
  }

  // What was missed is more than the server replays: everything is fetched anew, or that conversation alone.
  async #resync(conversationId) {
    if (conversationId && conversationId !== this.conversationId) return;
    await this.#attempt(async () => {
      if (!conversationId) await this.#list.reload();
      if (this.#chat.conversation) await this.open(this.#chat.conversation);
    });
  }

  #ended(why) {
    const key = endings[why] ?? 'ended';
    this.#out(key);
    this.#alert((node) => say(node, key));
  }

  #join(conversation) {
    return this.#attempt(async () => {
      await conversation.join();
      this.#list.update(conversation);
      await this.open(conversation);
      this.#chat.focus();
    });
  }

  #sheetEvents() {
    return {
      attempt: (work) => this.#attempt(work),
      close: () => this.#closeSheet(),
      opened: async (conversation) => {
        if (conversation.inside) this.#list.update(conversation);
        await this.open(conversation);
        this.#chat.focus();
      },
      changed: (conversation) => {
        this.#list.update(conversation);
        this.#ifOpen(conversation, () => this.#chat.refresh());
        this.#details?.refresh();
      },
      quit: (conversation) => this.#attempt(async () => {
        await conversation.quit();
        this.#left(conversation, 'leftBanner');
      }),
    };
  }

  #openDetails() {
    const conversation = this.#chat.conversation;
    this.#openSheet(this.#parts.more, () => {
      this.#details = new Details(conversation, this.#client, this.#sheetEvents());
      return this.#details.root;
    });
  }

  #openSheet(opener, make) {
    const { side } = this.#parts;
    this.#closeSheet();
    side.replaceChildren(make());
    side.hidden = false;
    opener.ariaExpanded = 'true';
    this.#sheetOpener = opener;
    side.querySelector('input')?.focus();
  }

  #closeSheet() {
    const { side } = this.#parts;
    if (side.hidden) return;
    const focused = side.contains(document.activeElement);
    side.hidden = true;
    side.replaceChildren();
    this.#details = null;
    this.#sheetOpener.ariaExpanded = 'false';
    if (focused) this.#sheetOpener.focus();
  }

  #view(name) { this.#parts.body.dataset.view = name; }

  // attempt runs work and shows its error; true when there was none.
  async #attempt(work) {
    this.#parts.alert.hidden = true;
    try {
      await work();
      return true;
    } catch (error) {
      this.#alert((node) => (error instanceof SyntaxError ? say(node, 'badJson', { detail: error.message }) : unsay(node, reason(error))));
      return false;
    }
  }

  #alert(fill) {
    fill(this.#parts.alertText);
    this.#parts.alert.hidden = false;
  }
}
