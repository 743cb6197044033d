// The open conversation: its messages, older ones on scrolling up, and the box to write in.
import { whileBusy } from './console-dom.js';
import { say } from './console-text.js';
import { decorate, markFailed, markSending, messageItem, noteItem } from './console-message.js';
import { Composer } from './console-composer.js';
import { memberNames, reason, titleOf } from './console-conversation.js';
import { uploadFile } from './console-upload.js';

// A page of history: more than one screen, so that scrolling up is smooth.
const pageSize = 30;
// Nearer to the end than this, in pixels, one reads the newest, and new messages scroll into view.
const nearEnd = 80;

/** Chat shows one conversation of a client at a time. */
export class Chat {
  #parts;
  #client;
  #on;
  #composer;
  #iterator = null;
  #conversation = null;
  #unsent = new Map(); // by conversation: the items that are on their way or have failed; they outlast a look elsewhere
  #opened = 0; // counts openings: an answer for one that was left is dropped

  /** on: {sent(conversation), join(conversation)}. */
  constructor(parts, client, on) {
    this.#parts = parts;
    this.#client = client;
    this.#on = on;
    this.#composer = new Composer(parts, (messages, options) => this.#send(messages, options));
    parts.older.onclick = () => this.#loadOlder();
    parts.jump.onclick = () => this.#toEnd();
    parts.join.onclick = () => whileBusy(parts.join, () => on.join(this.#conversation));
    parts.scroll.onscroll = () => {
      if (this.#atEnd()) parts.jump.hidden = true;
      if (parts.scroll.scrollTop < nearEnd && !parts.older.hidden && !parts.older.disabled) this.#loadOlder();
    };
    this.close();
  }

  get conversation() { return this.#conversation; }

  /** open shows a conversation from its newest message on. */
  async open(conversation) {
    this.#conversation = conversation;
    const opened = ++this.#opened;
    this.#parts.chatHead.hidden = false;
    this.#parts.jump.hidden = this.#parts.older.hidden = true;
    this.#parts.messages.replaceChildren();
    this.refresh();
    this.#composer.open(conversation.id);
    if (conversation.type === 'chatroom') this.#count(conversation);
    if (!conversation.inside && conversation.type !== 'system') return this.#say(null); // there, what is for everyone is for one
    this.#say('loading');
    this.#iterator = conversation.createMessagesIterator({ limit: pageSize });
    this.#parts.messages.append(...this.#unsentIn(conversation));
    await this.#page(opened);
    if (opened === this.#opened) this.#toEnd();
  }

  /** close shows none. */
  close() {
    this.#conversation = null;
    this.#opened++;
    this.#parts.messages.replaceChildren();
    this.#parts.chatHead.hidden = this.#parts.banner.hidden = this.#parts.older.hidden = this.#parts.jump.hidden = true;
    this.#composer.show(false);
    this.#say('pickOne');
  }

  focus() { this.#composer.focus(); }

  /** refresh shows the conversation's name and members, and whether one is inside, as they are now. */
  refresh(bannerKey, values = {}) {
    const conversation = this.#conversation;
    const system = conversation.type === 'system';
    const [key, names] = memberNames(conversation);
    titleOf(this.#parts.title, conversation, this.#client.id);
    say(this.#parts.subtitle, key, names);
    const { inside } = conversation;
    this.#parts.banner.hidden = inside;
    this.#parts.more.hidden = !inside;
    if (!inside) say(this.#parts.bannerText, bannerKey ?? (system ? 'notSubscribed' : 'notMember'), values);
    say(this.#parts.join, system ? 'subscribe' : 'join');
    this.#composer.show(inside, conversation.type === 'chatroom');
    this.#composer.address(this.#parts.title.textContent);
  }

  /** receive shows a message that has come in, in its place and once. */
  receive(message) {
    const follow = this.#atEnd();
    if (!this.#insert(messageItem(message, this.#client.id))) return;
    this.#say(null);
    if (follow) this.#toEnd();
    else this.#parts.jump.hidden = false;
  }

  /** note shows a line such as "Tom added Mary". */
  note(key, values, at) {
    const follow = this.#atEnd();
    const item = noteItem(key, values, at);
    this.#parts.messages.append(item);
    if (follow) this.#toEnd();
  }

  // Nobody is told who comes to a chat room and goes: it is counted when one looks.
  async #count(conversation) {
    try { await conversation.count(); } catch { return; } // the last number remains
    if (conversation === this.#conversation) this.refresh();
  }

  // The line in an empty log; none when there are messages.
  #say(key, values) {
    this.#parts.blank.hidden = key === null;
    if (key !== null) say(this.#parts.blank, key, values);
  }

  async #loadOlder() {
    await whileBusy(this.#parts.older, () => this.#page(this.#opened));
  }

  // One page of history above what is there; what is being read stays where it is.
  async #page(opened) {
    const { scroll, messages, older } = this.#parts;
    let page;
    try {
      page = await this.#iterator.next();
    } catch (error) {
      if (opened !== this.#opened) return;
      this.#say('somethingFailed', { detail: reason(error) });
      return;
    }
    if (opened !== this.#opened) return;
    // Old messages are no news: a screen reader does not read them out.
    scroll.ariaBusy = 'true';
    const below = scroll.scrollHeight - scroll.scrollTop;
    for (const message of page.value ?? []) this.#insert(messageItem(message, this.#client.id));
    scroll.scrollTop = scroll.scrollHeight - below;
    scroll.ariaBusy = 'false';
    older.hidden = page.done;
    this.#say(messages.querySelector('.message') ? null : 'firstMessage');
  }

  // Messages stand in the order of their ids; one that is there already is not shown again.
  #insert(item) {
    const { messages } = this.#parts;
    const { id } = item.dataset;
    if (id && messages.querySelector(`[data-id="${CSS.escape(id)}"]`)) return false;
    let after = messages.lastElementChild;
    while (after && this.#idOf(after) > Number(id ?? Infinity)) after = after.previousElementSibling;
    if (after) after.after(item);
    else messages.prepend(item);
    decorate(item);
    decorate(item.nextElementSibling);
    return true;
  }

  // A note stands where it came in; a message on its way counts as newer than all.
  #idOf(item) {
    if (item.classList.contains('note')) return item.previousElementSibling ? this.#idOf(item.previousElementSibling) : -1;
    return Number(item.dataset.id ?? Infinity);
  }

  // What is sent together goes up side by side, and is said in its order.
  #send(messages, options) {
    let before = null;
    for (const message of messages) before = this.#sendAfter(before, message, options);
  }

  #sendAfter(before, message, options) {
    const conversation = this.#conversation;
    message.from ??= this.#client.id;
    const item = messageItem(message, this.#client.id);
    this.#parts.messages.append(item);
    decorate(item);
    this.#say(null);
    this.#toEnd();
    this.#unsentIn(conversation).add(item);
    return this.#deliver(conversation, message, item, options, before);
  }

  #unsentIn({ id }) {
    if (!this.#unsent.has(id)) this.#unsent.set(id, new Set());
    return this.#unsent.get(id);
  }

  // The same message object again after a failure: the module sends it with the same idempotency key, never twice.
  async #deliver(conversation, message, item, options, before = null) {
    markSending(item);
    try {
      if (!(await uploadFile(message, this.#client, item))) return this.#drop(conversation, item); // cancelled
      markSending(item);
      await before; // it does not fail
      const sent = await conversation.send(message, options);
      this.#unsentIn(conversation).delete(item);
      this.#on.sent(conversation);
      if (!item.isConnected) return; // another conversation is open by now
      const follow = this.#atEnd();
      item.remove();
      this.#insert(messageItem(sent, this.#client.id));
      if (follow) this.#toEnd(); // a picture takes more room than its file did
    } catch (error) {
      markFailed(item, reason(error), () => this.#deliver(conversation, message, item, options));
    }
  }

  #drop(conversation, item) {
    this.#unsentIn(conversation).delete(item);
    const next = item.nextElementSibling;
    item.remove();
    decorate(next);
    this.#composer.focus();
  }

  #atEnd() {
    const { scroll } = this.#parts;
    return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < nearEnd;
  }

  #toEnd() {
    this.#parts.scroll.scrollTop = this.#parts.scroll.scrollHeight;
    this.#parts.jump.hidden = true;
  }
}
