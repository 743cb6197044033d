// The sheet of a conversation: its name, members (add, kick), attributes, facts, and the way out.
import { avatar, copy, el, fromTemplate, icon, whileBusy } from './console-dom.js';
import { say, when } from './console-text.js';
import { idsIn } from './console-conversation.js';

/** Details shows a conversation that the client is in. */
export class Details {
  #parts;
  #client;
  #conversation;

  /**
   * on: {attempt(work), changed(conversation), quit(conversation), close()}; attempt runs work and shows its error, and
   * gives true when it succeeded.
   */
  constructor(conversation, client, on) {
    const { root, parts } = fromTemplate('details');
    this.root = root;
    this.#parts = parts;
    this.#client = client;
    this.#conversation = conversation;
    parts.close.onclick = on.close;
    const save = (form, work) => {
      form.onsubmit = async (event) => {
        event.preventDefault();
        const done = await whileBusy(form, () => on.attempt(async () => {
          await work(form.elements);
          on.changed(conversation);
        }));
        if (done) showSaved(form.querySelector('button'));
      };
    };
    save(parts.rename, ({ name }) => conversation.update({ name: name.value.trim() || null }));
    save(parts.add, async ({ members }) => {
      await conversation.add(idsIn(members.value));
      members.value = '';
    });
    save(parts.attributes, ({ attributes }) => conversation.update({ attributes: mergePatch(conversation.attributes ?? {}, objectIn(attributes.value)) }));
    parts.quit.onclick = () => whileBusy(parts.quit, () => on.quit(conversation));
    this.#kick = (id) => on.attempt(async () => {
      await conversation.remove([id]);
      on.changed(conversation);
    });
    const { type } = conversation;
    parts.add.hidden = type !== 'normal'; // into the others one goes by oneself, or nobody does
    parts.quit.hidden = type === 'temporary';
    parts.rename.hidden = parts.attributes.hidden = type === 'system'; // its server's business
    if (type === 'system') say(parts.quit, 'unsubscribe');
    this.#fillForms();
    this.refresh();
    if (type === 'chatroom') on.attempt(async () => { // nobody is told who comes and goes
      await conversation.count();
      on.changed(conversation);
    });
  }

  #kick;

  /** refresh shows the members as they are now; what is typed in the forms stays. */
  refresh() {
    const { members, count, memberTitle } = this.#parts;
    say(memberTitle, { chatroom: 'onlineNow', system: 'subscribers' }[this.#conversation.type] ?? 'members');
    const ids = this.#conversation.members;
    count.textContent = String(this.#conversation.memberCount ?? ids.length);
    members.replaceChildren(...ids.map((id) => this.#member(id)));
    this.#facts();
  }

  /** changed shows name and attributes anew, after somebody changed them; a form that one is writing in stays. */
  changed() { this.#fillForms(document.activeElement); }

  #fillForms(focused = null) {
    const { rename, attributes } = this.#parts;
    if (!rename.contains(focused)) rename.elements.name.value = this.#conversation.name ?? '';
    if (!attributes.contains(focused)) attributes.elements.attributes.value = JSON.stringify(this.#conversation.attributes ?? {}, null, 2);
  }

  #member(id) {
    const item = el('li', {}, avatar(id), el('span', { className: 'id', textContent: id }));
    if (id === this.#client.id) {
      item.append(say(el('span', { className: 'label' }), 'you'));
      return item;
    }
    if (id === this.#conversation.creator) item.append(say(el('span', { className: 'label' }), 'creator'));
    if (this.#conversation.type !== 'normal') return item;
    const kick = el('button', { type: 'button', className: 'button quiet icon-only' }, icon('close'));
    say(kick, 'remove', { name: id }, 'sayLabel');
    say(kick, 'remove', { name: id }, 'sayTitle');
    kick.onclick = () => whileBusy(kick, () => this.#kick(id));
    item.append(kick);
    return item;
  }

  #facts() {
    const { id, type, creator, createdAt, expiresAt, unique } = this.#conversation;
    const copyId = el('button', { type: 'button', className: 'button quiet icon-only', onclick: () => copy(id) }, icon('copy'));
    say(copyId, 'copyId', {}, 'sayLabel');
    say(copyId, 'copyId', {}, 'sayTitle');
    const facts = [
      ['factId', el('dd', {}, el('code', { textContent: id }), copyId)],
      ['factType', el('dd', { textContent: type ?? 'normal' })],
      ['factUnique', say(el('dd'), unique ? 'yes' : 'no')],
      ['factCreator', creator ? el('dd', { textContent: creator }) : say(el('dd'), 'theServer')],
      ['factCreated', el('dd', {}, createdAt ? when(createdAt, 'full') : '')],
    ];
    if (expiresAt) facts.push(['factExpires', el('dd', {}, when(expiresAt, 'full'))]);
    this.#parts.facts.replaceChildren(...facts.flatMap(([key, value]) => [say(el('dt'), key), value]));
  }
}

// A save button says for a moment that it is done.
function showSaved(button) {
  const { say: key } = button.dataset;
  if (key !== 'save') return;
  say(button, 'saved');
  setTimeout(() => say(button, key), 1500);
}

/** objectIn reads a JSON object that was typed; a SyntaxError says what is wrong. */
function objectIn(text) {
  const value = JSON.parse(text.trim() || '{}');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SyntaxError('{ … }');
  return value;
}

/** mergePatch is the JSON Merge Patch (RFC 7396) that makes `before` into `after`: what is gone becomes null. */
export function mergePatch(before, after) {
  const patch = {};
  for (const key of Object.keys(before)) if (!(key in after)) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    if (JSON.stringify(before[key]) === JSON.stringify(value)) continue;
    patch[key] = isObject(value) && isObject(before[key]) ? mergePatch(before[key], value) : value;
  }
  return patch;
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
