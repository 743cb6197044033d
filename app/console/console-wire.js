// The wire log: what goes to the server and what comes back, in the order of time, of all panes. Calls can be copied as curl.
import { copy, el, hueOf, icon, partsOf } from './console-dom.js';
import { curl, withoutSecrets } from './console-curl.js';
import { say, unsay, when } from './console-text.js';

// The page keeps so many rows; a long session must not fill the memory.
const mostRows = 400;
// A long answer is shown up to here; it is the way of the data that matters.
const mostText = 4000;

/** Wire is the log at the foot of the page. */
export class Wire {
  #root;
  #parts;
  #rows = new Map(); // call → its row
  #filter = 'all';

  constructor(root) {
    this.#root = root;
    this.#parts = partsOf(root);
    this.#parts.clear.onclick = () => this.#clear();
    this.#parts.toggle.onclick = () => this.toggle();
    for (const button of root.querySelectorAll('[data-filter]')) button.onclick = () => this.#show(button);
    resizable(root, this.#parts.grip);
  }

  /** toggle opens or closes the log. */
  toggle(open = this.#parts.toggle.ariaExpanded !== 'true') {
    this.#parts.toggle.ariaExpanded = String(open);
    this.#root.classList.toggle('closed', !open);
  }

  /** call shows a call of a client when it goes out, and again when it is answered. */
  call(clientId, call) {
    const known = this.#rows.get(call);
    if (known) {
      fillCall(known, call);
      return;
    }
    const row = this.#row(clientId, 'call', call.at);
    row.main.textContent = `${call.method} ${shortUrl(call.url)}`;
    row.line.firstElementChild.textContent = '→';
    for (const [key, secrets] of [['copyCurl', false], ['copySecret', true]]) {
      row.item.append(copyButton(key, secrets ? 'key' : 'copy', () => curl(call, clientId, secrets)));
    }
    unfolds(row, () => callDetails(call, clientId));
    fillCall(row, call);
    this.#rows.set(call, row);
    this.#add(row.item);
  }

  /** block shows a block of a client's event stream. */
  block(clientId, { at, text }) {
    const fields = fieldsOf(text);
    if (!fields.event) return this.#heartbeat(clientId, at, fields);
    const row = this.#row(clientId, 'event', at);
    row.line.firstElementChild.textContent = '←';
    row.main.append(el('b', { textContent: fields.event }), ` ${fields.data ?? ''}`);
    row.end.textContent = fields.id ? `id ${fields.id}` : '';
    unfolds(row, () => [el('pre', { textContent: `${text}\n\n${pretty(fields.data)}` })]);
    this.#add(row.item);
  }

  // Heartbeats carry nothing but the position; those that follow each other share a row. (`retry:` opens the stream.)
  #heartbeat(clientId, at, { id, retry }) {
    if (!id) return retry;
    const last = this.#parts.rows.lastElementChild;
    if (last?.dataset.heartbeats && last.dataset.client === clientId) {
      last.dataset.heartbeats = Number(last.dataset.heartbeats) + 1;
      say(last.querySelector('.main'), 'heartbeats', { count: last.dataset.heartbeats });
      last.querySelector('.end').textContent = `id ${id}`;
      return;
    }
    const row = this.#row(clientId, 'event', at);
    row.line.firstElementChild.textContent = '←';
    say(row.main, 'heartbeat');
    row.item.classList.add('faint');
    row.item.dataset.heartbeats = 1;
    row.item.dataset.client = clientId;
    row.end.textContent = `id ${id}`;
    this.#add(row.item);
  }

  #row(clientId, kind, at) {
    const [arrow, main, end, body] = [el('span', { className: 'arrow' }), el('span', { className: 'main' }), el('span', { className: 'end' }), el('div', { className: 'row-body' })];
    arrow.setAttribute('aria-hidden', 'true');
    const line = el('summary', {}, arrow, when(at, 'exact'), el('span', { className: 'client', textContent: clientId }), main, end);
    const details = el('details', {}, line, body);
    const item = el('li', { className: `row ${kind} ${hueOf(clientId)}` }, details);
    item.dataset.kind = kind;
    return { item, details, line, main, end, body };
  }

  #add(item) {
    const { rows, body, empty } = this.#parts;
    const follow = body.scrollHeight - body.scrollTop - body.clientHeight < 40;
    empty.hidden = true;
    item.hidden = !this.#matches(item);
    rows.append(item);
    if (rows.children.length > mostRows) rows.firstElementChild.remove();
    if (this.#rows.size > mostRows) this.#rows.delete(this.#rows.keys().next().value);
    if (follow) body.scrollTop = body.scrollHeight;
  }

  #show(button) {
    this.#filter = button.dataset.filter;
    for (const other of this.#root.querySelectorAll('[data-filter]')) other.ariaPressed = String(other === button);
    for (const item of this.#parts.rows.children) item.hidden = !this.#matches(item);
    this.#parts.body.scrollTop = this.#parts.body.scrollHeight;
  }

  #matches(item) { return this.#filter === 'all' || this.#filter === item.dataset.kind; }

  #clear() {
    this.#rows.clear();
    this.#parts.rows.replaceChildren();
    this.#parts.empty.hidden = false;
  }
}

// What is in a row is made when it is opened.
function unfolds({ item, details, body }, make) {
  details.ontoggle = () => {
    if (!details.open) return;
    body.replaceChildren(...make());
    item.scrollIntoView({ block: 'nearest' });
  };
}

function fillCall({ end, item, details }, call) {
  item.classList.toggle('bad', Boolean(call.error) || call.status >= 400);
  if (call.error) unsay(end, '✕');
  else if (call.status === null) say(end, 'underWay');
  else if (call.stream) end.replaceChildren(`${call.status} `, say(el('span'), 'streamOpen'));
  else unsay(end, `${call.status} · ${Math.round(call.milliseconds)} ms`);
  if (details.open) details.ontoggle();
}

function callDetails(call, clientId) {
  const parts = [say(el('h3'), 'asCurl'), el('pre', { textContent: curl(call, clientId) })];
  if (call.error) parts.push(el('pre', { className: 'error', textContent: call.error }));
  if (call.answer) parts.push(say(el('h3'), 'answer'), el('pre', { textContent: withoutSecrets(pretty(call.answer)).slice(0, mostText) }));
  return parts;
}

function copyButton(key, symbol, text) {
  const button = el('button', { type: 'button', className: 'button quiet icon-only copy' }, icon(symbol));
  say(button, key, {}, 'sayLabel');
  say(button, key, {}, 'sayTitle');
  button.onclick = async () => {
    await copy(text());
    button.replaceChildren(icon('check'));
    say(button, 'copied', {}, 'sayLabel');
    setTimeout(() => {
      button.replaceChildren(icon(symbol));
      say(button, key, {}, 'sayLabel');
    }, 1500);
  };
  return button;
}

/** fieldsOf reads the fields of an event-stream block. */
function fieldsOf(text) {
  const fields = {};
  for (const line of text.split('\n')) {
    const at = line.indexOf(':');
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + 1).replace(/^ /, '');
  }
  return fields;
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text ?? ''; }
}

const shortUrl = (url) => {
  const { pathname, search } = new URL(url);
  return withoutSecrets(decodeURI(pathname) + search);
};

// The grip changes the log's height, by pointer and by arrow keys.
function resizable(root, grip) {
  const set = (height) => {
    const fitting = Math.round(Math.min(Math.max(height, 120), 600));
    root.style.setProperty('--height', `${fitting}px`);
    grip.ariaValueNow = String(fitting);
  };
  grip.onpointerdown = (event) => {
    event.preventDefault();
    grip.setPointerCapture(event.pointerId);
    const start = event.clientY + root.offsetHeight;
    grip.onpointermove = (move) => set(start - move.clientY);
    grip.onpointerup = grip.onpointercancel = () => { grip.onpointermove = null; };
  };
  grip.onkeydown = (event) => {
    const step = { ArrowUp: 30, ArrowDown: -30 }[event.key];
    if (!step) return;
    event.preventDefault();
    set(root.offsetHeight + step);
  };
}
