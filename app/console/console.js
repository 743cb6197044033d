// The console: two people side by side, and what goes over the wire between them. It is made of nothing but parley.js, and
// of these modules, one thing each; docs/browser.md walks through them.
import { forgetKeys, keepKeys, storedKeys } from './console-keys.js';
import { currentLanguage, say, speak, translate } from './console-text.js';
import { el, hueOf, whileBusy } from './console-dom.js';
import { Pane } from './console-pane.js';
import { Wire } from './console-wire.js';

const byId = (id) => document.getElementById(id);
const people = ['Tom', 'Jerry'];

const wire = new Wire(byId('wire'));
let panes = [];

translate(document.documentElement);
byId('language').onclick = () => {
  speak(currentLanguage() === 'zh' ? 'en' : 'zh');
  languageButton();
};
languageButton();

byId('setup').onsubmit = (event) => {
  event.preventDefault();
  const { appId, appKey } = byId('setup').elements;
  keepKeys({ appId: appId.value.trim(), appKey: appKey.value.trim() });
  whileBusy(byId('setup'), () => start(storedKeys()));
};
byId('forget').onclick = async () => {
  forgetKeys();
  await Promise.all(panes.map((pane) => pane.logOut()));
  location.reload();
};
// A link with other keys, pasted into the address bar of the open page, only changes what stands behind the #.
window.onhashchange = () => { if (location.hash.includes('appKey=')) location.reload(); };
document.onkeydown = shortcut;
// A file that is dropped beside a conversation does not replace the page.
document.ondragover = document.ondrop = (event) => {
  if (event.defaultPrevented || !event.dataTransfer.types.includes('Files')) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = 'none';
};

await start(storedKeys());

// The button names the language that it brings, in that language.
function languageButton() {
  const chinese = currentLanguage() === 'zh';
  say(byId('language'), 'language');
  byId('language').lang = chinese ? 'en' : 'zh-CN';
}

async function start(keys) {
  const ready = keys !== null;
  byId('setup').hidden = ready;
  for (const id of ['panes', 'tabs', 'wire', 'app', 'forget']) byId(id).hidden = !ready;
  document.body.classList.toggle('ready', ready);
  if (!ready) return byId('setup').elements.appId.focus();
  byId('app-id').textContent = keys.appId;
  if (window.innerHeight < 700 || window.innerWidth < 720) wire.toggle(false);
  makePanes(keys);
  await meet();
}

function makePanes(keys) {
  panes = people.map(() => new Pane(keys, wire, { named, arrived }));
  byId('panes').replaceChildren(...panes.map((pane) => pane.root));
  byId('tabs').replaceChildren(...panes.map((_, i) => tab(i)));
  panes.forEach((pane, i) => {
    pane.root.id = `pane-${i}`;
    pane.suggest(people[i], people[1 - i]);
  });
  select(0);
}

// Both log in by themselves and meet in the conversation of the two, so that there is nothing to do but to write. A server
// that refuses says so in the pane, where another client can log in, with another token.
async function meet() {
  const [tom, jerry] = panes;
  const [tomIn, jerryIn] = await Promise.all([tom, jerry].map((pane, i) => pane.tryLogIn(people[i])));
  if (tomIn) {
    await tom.tryTalkTo(people[1]);
    if (jerryIn) await jerry.openConversation(tom.conversationId);
  }
  panes[0].focus();
}

// On a narrow page one pane is shown at a time, under tabs.
function tab(i) {
  const node = el('button', { type: 'button', role: 'tab', id: `tab-${i}`, onclick: () => select(i) }, el('span'), el('span', { className: 'badge', hidden: true }));
  node.setAttribute('aria-controls', `pane-${i}`);
  node.onkeydown = (event) => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    select(1 - i);
    byId(`tab-${1 - i}`).focus();
  };
  return node;
}

function select(chosen) {
  panes.forEach((pane, i) => {
    const node = byId(`tab-${i}`);
    node.ariaSelected = String(i === chosen);
    node.tabIndex = i === chosen ? 0 : -1;
    pane.root.classList.toggle('chosen', i === chosen);
    if (i === chosen) node.lastElementChild.hidden = true;
  });
}

function named(pane, clientId) {
  const node = byId(`tab-${panes.indexOf(pane)}`);
  if (!node) return;
  node.firstElementChild.textContent = clientId;
  node.className = hueOf(clientId);
}

// A message for the pane that is not shown leaves a number on its tab.
function arrived(pane) {
  const badge = byId(`tab-${panes.indexOf(pane)}`).lastElementChild;
  if (pane.root.classList.contains('chosen')) return;
  badge.textContent = badge.hidden ? '1' : String(Number(badge.textContent) + 1);
  badge.hidden = false;
}

// Alt+1 and Alt+2 go to the message boxes, Alt+3 opens and closes the wire log.
function shortcut(event) {
  if (!event.altKey || event.ctrlKey || event.metaKey || panes.length === 0) return;
  const index = ['Digit1', 'Digit2', 'Digit3'].indexOf(event.code);
  if (index < 0) return;
  event.preventDefault();
  if (index === 2) return wire.toggle();
  select(index);
  panes[index].focus();
}
