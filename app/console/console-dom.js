// Making and finding elements. Text only ever goes in as text (textContent, append), never as HTML: that is the whole of
// the escaping. The page's Content-Security-Policy forbids inline styles and scripts besides.
import { translate } from './console-text.js';

/** el makes an element with properties (className, textContent, onclick …) and children: nodes, or strings as text. */
export function el(tag, properties = {}, ...children) {
  const { data, ...rest } = properties;
  const node = Object.assign(document.createElement(tag), rest);
  Object.assign(node.dataset, data);
  node.append(...children);
  return node;
}

const svg = 'http://www.w3.org/2000/svg';

/** icon is one of the symbols in index.html; it says nothing to a screen reader, the button around it has a label. */
export function icon(name) {
  const node = document.createElementNS(svg, 'svg');
  node.setAttribute('class', 'icon');
  node.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(svg, 'use');
  use.setAttribute('href', `#icon-${name}`);
  node.append(use);
  return node;
}

/** fromTemplate clones a <template> and gives its root, in the current language, and its parts (see partsOf). */
export function fromTemplate(id) {
  const root = document.getElementById(id).content.cloneNode(true).firstElementChild;
  translate(root);
  return { root, parts: partsOf(root) };
}

/** partsOf gives the elements with data-part inside root, by that name. */
export function partsOf(root) {
  const parts = {};
  for (const node of root.querySelectorAll('[data-part]')) parts[node.dataset.part] = node;
  return parts;
}

// The hues of console.css; the same client has the same one everywhere on the page.
const hues = 6;

/** hueOf is the colour of a client: a class name. */
export function hueOf(clientId) {
  let sum = 0;
  for (const letter of clientId) sum += letter.codePointAt(0);
  return `hue-${sum % hues}`;
}

/** avatar is a disc with the first letter of a client id. */
export function avatar(clientId) {
  const first = [...clientId.trim()][0] ?? '?';
  const node = el('span', { className: `avatar ${hueOf(clientId)}`, textContent: first.toUpperCase() });
  node.setAttribute('aria-hidden', 'true');
  return node;
}

/** whileBusy disables a form's or a button's controls until the work is done, and says so to assistive technology. */
export async function whileBusy(node, work) {
  const controls = node.tagName === 'FORM' ? [...node.elements] : [node];
  const enabled = controls.filter((control) => !control.disabled);
  const focused = document.activeElement;
  for (const control of enabled) control.disabled = true;
  node.setAttribute('aria-busy', 'true');
  try {
    return await work();
  } finally {
    node.removeAttribute('aria-busy');
    for (const control of enabled) control.disabled = false;
    // A disabled control loses the focus; it gets it back unless the work moved it elsewhere.
    if (enabled.includes(focused) && document.activeElement === document.body) focused.focus();
  }
}

/** copy puts text on the clipboard, also on a plain-HTTP page, where navigator.clipboard is not there. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = el('textarea', { value: text, className: 'off-screen' });
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
