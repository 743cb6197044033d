// The app's id and app key: from the link that the server prints at its first start, /#appId=…&appKey=…, or typed in. What
// stands behind the # never leaves the browser. They are taken out of the address bar, so that they are in no bookmark and
// no screenshot, and live in sessionStorage: as long as this tab. The master key has no place here.
const stored = 'parley.keys';

/** storedKeys gives {appId, appKey}, or null when nobody gave them yet. */
export function storedKeys() {
  const hash = new URLSearchParams(location.hash.slice(1));
  if (hash.has('appId') && hash.has('appKey')) {
    history.replaceState(null, '', location.pathname + location.search);
    keepKeys({ appId: hash.get('appId'), appKey: hash.get('appKey') });
  }
  try { return JSON.parse(sessionStorage.getItem(stored)); } catch { return null; }
}

/** keepKeys keeps the keys for this tab, reloads included. */
export function keepKeys({ appId, appKey }) {
  sessionStorage.setItem(stored, JSON.stringify({ appId, appKey }));
}

/** forgetKeys forgets them. */
export function forgetKeys() {
  sessionStorage.removeItem(stored);
}
