// How a message looks. `bodies` has one function for each type; a type that is not in it is one of the app's own, and is
// shown as its JSON.
import { avatar, el, hueOf, icon } from './console-dom.js';
import { say, when } from './console-text.js';
import { inShort, mediaBodies } from './console-media.js';

const bodies = {
  __proto__: null, // a type may be any word, valueOf as well
  text: (message) => el('p', { className: 'text', textContent: message.text ?? '' }),
  ...mediaBodies,
};

function otherBody(message) {
  const rest = { payload: message.payload, text: message.text ?? undefined };
  return el('div', {}, el('p', { className: 'type', textContent: message.type }), el('pre', { textContent: JSON.stringify(rest, null, 2) }));
}

/** preview is a line of a conversation list: [key, values] for `say`. */
export function preview(message, me) {
  if (!message) return ['noMessages', {}];
  const text = message.text || inShort(message);
  if (isServer(message)) return ['serverSaid', { text }];
  return message.from === me ? ['youSaid', { text }] : ['someoneSaid', { from: message.from, text }];
}

// What the app's own server says as nobody in particular comes from the conversation.
const isServer = ({ from, conversationId }) => from === conversationId;

/** messageItem is a message in the log, as seen by client `me`. */
export function messageItem(message, me) {
  const mine = message.from === me;
  const bubble = el('div', { className: 'bubble' }, bodies[message.type]?.(message) ?? otherBody(message));
  if (Object.keys(message.attributes ?? {}).length > 0) {
    bubble.append(el('pre', { className: 'message-attributes', textContent: JSON.stringify(message.attributes) }));
  }
  const foot = el('p', { className: 'foot' }, when(message.timestamp ?? new Date(), 'clock'));
  const item = el('li', { className: `message ${mine ? 'mine' : 'theirs'} ${hueOf(message.from)}` },
    el('p', { className: 'day', hidden: true }, when(message.timestamp ?? new Date(), 'day')),
    avatar(message.from),
    isServer(message) ? say(el('p', { className: 'from' }), 'theServer') : el('p', { className: 'from', textContent: message.from }),
    bubble, foot);
  item.dataset.from = message.from;
  if (message.id) item.dataset.id = message.id;
  return item;
}

/** noteItem is a line between the messages: somebody joined, left … */
export function noteItem(key, values, at = new Date()) {
  const item = el('li', { className: 'note' }, say(el('span'), key, values));
  item.dataset.at = at.toISOString();
  return item;
}

/** markSending, markFailed: what stands below an own message that has no answer yet, or none but an error. */
export function markSending(item) {
  item.classList.remove('failed');
  item.classList.add('sending');
  item.querySelector('.foot').replaceChildren(say(el('span'), 'sending'));
}

export function markFailed(item, error, again) {
  item.classList.remove('sending');
  item.classList.add('failed');
  item.querySelector('.foot').replaceChildren(icon('warn'), say(el('span'), 'failed'), ` · ${error} · `,
    say(el('button', { type: 'button', className: 'link', onclick: again }), 'again'));
}

// Messages of one person within this time stand together under one name.
const togetherMilliseconds = 5 * 60 * 1000;

/** decorate decides what an item in the log shows in its place: the day above the first of a day, the name above a group. */
export function decorate(item) {
  if (!item?.classList.contains('message')) return;
  const before = previousMessage(item);
  const [at, earlier] = [timeOf(item), before && timeOf(before)];
  const newDay = !before || at.toDateString() !== earlier.toDateString();
  item.querySelector('.day').hidden = !newDay;
  const follows = !newDay && item.previousElementSibling === before && before.dataset.from === item.dataset.from && at - earlier < togetherMilliseconds;
  item.classList.toggle('follows', follows);
}

function previousMessage(item) {
  let before = item.previousElementSibling;
  while (before && !before.classList.contains('message')) before = before.previousElementSibling;
  return before;
}

const timeOf = (item) => new Date(item.querySelector('time').dateTime);
