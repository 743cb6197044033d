// What the page says, in the reader's language. An element remembers what it says (data-say and its kin), so that the
// whole page changes its language in place, whatever was typed or scrolled.
import { words } from './console-words.js';

const stored = 'parley.language';

// Attributes that hold words, and the data- attribute that names them: data-say-label="send" is an aria-label.
const slots = { say: 'textContent', sayLabel: 'ariaLabel', sayPlaceholder: 'placeholder', sayTitle: 'title', sayAlt: 'alt' };

// The values of what an element says: text of users, kept out of the document until it goes in as text.
const valuesOf = new WeakMap();

let language = choose();

function choose() {
  const wanted = read() ?? navigator.language ?? 'en';
  return wanted.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

// A browser may refuse storage; then the choice lasts as long as the page.
function read() {
  try { return localStorage.getItem(stored); } catch { return null; }
}

/** currentLanguage is "en" or "zh". */
export const currentLanguage = () => language;

/** speak changes the language of the whole page and remembers it. */
export function speak(wanted) {
  language = wanted;
  try { localStorage.setItem(stored, wanted); } catch { /* as above */ }
  translate(document.documentElement);
}

/** phrase is the text of a key in the current language; {name} in it is replaced by values.name. */
export function phrase(key, values = {}) {
  const text = words[language][key] ?? words.en[key];
  if (text === undefined) throw new Error(`no words for ${key}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
}

/** say makes an element say the text of a key, in this language and in the next; slot: say, sayLabel, sayTitle … */
export function say(node, key, values = {}, slot = 'say') {
  node.dataset[slot] = key;
  valuesOf.set(node, { ...valuesOf.get(node), [slot]: values });
  node[slots[slot]] = phrase(key, values);
  return node;
}

/** unsay makes an element say plain text, the same in every language. */
export function unsay(node, text) {
  delete node.dataset.say;
  node.textContent = text;
  return node;
}

/** when makes a <time>; form: clock, day or full. */
export function when(date, form) {
  const node = document.createElement('time');
  node.dateTime = date.toISOString();
  node.dataset.form = form;
  node.textContent = format(date, form);
  return node;
}

const forms = {
  clock: { hour: '2-digit', minute: '2-digit' },
  exact: { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23' },
  day: { weekday: 'long', day: 'numeric', month: 'long' },
  full: { dateStyle: 'medium', timeStyle: 'short' },
  date: { day: 'numeric', month: 'short' },
};

function format(date, form) {
  // In a list, today's activity is a time and any other a date.
  if (form === 'short') form = date.toDateString() === new Date().toDateString() ? 'clock' : 'date';
  return new Intl.DateTimeFormat(language === 'zh' ? 'zh-CN' : 'en-GB', forms[form]).format(date);
}

/** translate makes every element under root speak the current language. */
export function translate(root) {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  for (const [slot, property] of Object.entries(slots)) {
    const attribute = `data-${slot.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    for (const node of root.querySelectorAll(`[${attribute}]`)) {
      node[property] = phrase(node.dataset[slot], valuesOf.get(node)?.[slot]);
    }
  }
  for (const node of root.querySelectorAll('time[data-form]')) {
    node.textContent = format(new Date(node.dateTime), node.dataset.form);
  }
}
