// The conversation list: newest activity first, with a filter that works at once and a search on the server.
import { avatar, el, whileBusy } from './console-dom.js';
import { say, unsay, when } from './console-text.js';
import { activityOf, memberNames, reason, titleOf } from './console-conversation.js';
import { preview } from './console-message.js';

const pageSize = 20;
// After so many milliseconds without a key the server is asked.
const searchDelay = 250;

/** ConversationList shows the conversations of one client. */
export class ConversationList {
  #parts;
  #client;
  #onOpen;
  #partner;
  #entries = new Map(); // id → {conversation, item, unread}
  #current = null;
  #loaded = 0;
  #search = null;

  /** partner: whom an empty list offers to talk to; onOpen gets the conversation that was chosen. */
  constructor(parts, client, partner, onOpen) {
    this.#parts = parts;
    this.#client = client;
    this.#partner = partner;
    this.#onOpen = onOpen;
    parts.listMore.onclick = () => whileBusy(parts.listMore, () => this.load());
    parts.search.oninput = () => this.#filter();
    parts.conversations.onkeydown = parts.foundList.onkeydown = arrows;
    this.#clear();
  }

  get isEmpty() { return this.#entries.size === 0; }

  /** reload fetches the list anew. */
  async reload() {
    this.#clear();
    await this.load();
  }

  /** load fetches one more page. */
  async load() {
    if (this.isEmpty) this.#say('listLoading');
    let page;
    try {
      page = await this.#client.getQuery().limit(pageSize).skip(this.#loaded).find();
    } catch (error) {
      return this.#say('somethingFailed', { detail: reason(error) });
    }
    this.#loaded += page.length;
    for (const conversation of page) this.update(conversation);
    this.#parts.listMore.hidden = page.length < pageSize;
    this.#filter();
  }

  /** update shows a conversation as it is now, in its place by activity; unread: a message has just come. */
  update(conversation, { unread = false } = {}) {
    const known = this.#entries.get(conversation.id);
    const entry = known ?? { unread: 0 };
    entry.conversation = conversation;
    if (unread && this.#current !== conversation.id) entry.unread++;
    const item = this.#item(conversation, entry.unread);
    const focused = known?.item.contains(document.activeElement);
    known?.item.remove();
    entry.item = item;
    this.#entries.set(conversation.id, entry);
    this.#place(entry);
    if (focused) item.firstElementChild.focus();
    if (known) {
      this.#match(entry);
      return;
    }
    // It may have been among those found on the server.
    [...this.#parts.foundList.children].find(({ dataset }) => dataset.id === conversation.id)?.remove();
    this.#parts.found.hidden ||= this.#parts.foundList.children.length === 0;
    this.#filter();
  }

  /** remove takes a conversation off the list: one is not in it any more. */
  remove(id) {
    this.#entries.get(id)?.item.remove();
    this.#entries.delete(id);
    this.#filter();
  }

  /** select marks the one that is open; it is read by that. */
  select(id) {
    this.#current = id;
    for (const [key, entry] of this.#entries) {
      if (key === id && entry.unread > 0) {
        entry.unread = 0;
        this.update(entry.conversation);
      }
      mark(entry.item, key === id);
    }
    for (const item of this.#parts.foundList.children) mark(item, item.dataset.id === id);
  }

  #clear() {
    this.#entries.clear();
    this.#loaded = 0;
    this.#parts.conversations.replaceChildren();
    this.#parts.listMore.hidden = this.#parts.listStart.hidden = this.#parts.found.hidden = true;
  }

  #item(conversation, unread) {
    const title = el('span', { className: 'title' });
    titleOf(title, conversation, this.#client.id);
    // Who is not inside is not shown the last message.
    const line = conversation.inside || conversation.type === 'system' ? preview(conversation.lastMessage, this.#client.id) : memberNames(conversation);
    const last = say(el('span', { className: 'last' }), ...line);
    const face = conversation.members.find((id) => id !== this.#client.id) ?? conversation.name ?? this.#client.id;
    const button = el('button', { type: 'button', className: 'conversation', onclick: () => this.#onOpen(conversation) },
      avatar(face), title, when(activityOf(conversation), 'short'), last);
    if (unread > 0) button.append(say(el('span', { className: 'unread' }), 'unread', { count: unread }));
    if (unread > 0) button.lastElementChild.dataset.count = unread;
    const item = el('li', { data: { id: conversation.id } }, button);
    mark(item, conversation.id === this.#current);
    return item;
  }

  #place(entry) {
    const list = this.#parts.conversations;
    const at = activityOf(entry.conversation);
    const next = [...list.children].find((item) => activityOf(this.#entries.get(item.dataset.id).conversation) < at);
    list.insertBefore(entry.item, next ?? null);
  }

  // What is on the page is filtered at once by name and members; the server searches all names a moment later.
  #filter() {
    const text = this.#parts.search.value.trim();
    let shown = 0;
    for (const entry of this.#entries.values()) if (this.#match(entry)) shown++;
    if (shown > 0) this.#say(null);
    else if (text === '') this.#say('listEmpty');
    else this.#say('listNoMatch', { text });
    const { listStart } = this.#parts;
    listStart.hidden = !this.isEmpty || !this.#partner;
    say(listStart, 'startWith', { name: this.#partner });
    clearTimeout(this.#search);
    if (text === '') this.#parts.found.hidden = true;
    else this.#search = setTimeout(() => this.#ask(text), searchDelay);
  }

  #match({ conversation, item }) {
    const text = this.#parts.search.value.trim().toLowerCase();
    const matches = [conversation.name ?? '', conversation.id, ...conversation.members].some((word) => word.toLowerCase().includes(text));
    item.hidden = !matches;
    return matches;
  }

  async #ask(text) {
    let found;
    try {
      found = await this.#client.getQuery().contains('name', text).limit(pageSize).find();
    } catch {
      found = []; // a server that cannot search by name: the filter remains
    }
    if (this.#parts.search.value.trim() !== text) return;
    const others = found.filter(({ id }) => !this.#entries.has(id));
    this.#parts.foundList.replaceChildren(...others.map((conversation) => this.#item(conversation, 0)));
    this.#parts.found.hidden = others.length === 0;
  }

  #say(key, values) {
    if (key === null) unsay(this.#parts.listEmpty, '');
    else say(this.#parts.listEmpty, key, values);
  }
}

function mark(item, current) {
  if (current) item.firstElementChild.setAttribute('aria-current', 'true');
  else item.firstElementChild.removeAttribute('aria-current');
}

// Up and down go through a list.
function arrows(event) {
  const step = { ArrowUp: 'previousElementSibling', ArrowDown: 'nextElementSibling' }[event.key];
  if (!step) return;
  let item = event.target.closest('li')?.[step];
  while (item?.hidden) item = item[step];
  if (!item) return;
  event.preventDefault();
  item.firstElementChild.focus();
}
