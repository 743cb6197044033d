// A recorded call as a curl command to paste. Secrets are shell variables, with the names that the server's greeting uses
// ($TOM, $PARLEY_APP_KEY), unless they are asked for in clear.

const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

// Headers that curl sends of itself, or that would make a pasted send the repeat of the first one, which the server answers
// without sending anything: a pasted one is a new message.
const leftOut = new Set(['accept', 'cache-control', 'idempotency-key']);

/** curl gives the command for a call of client `clientId`; with `secrets` the token or the app key is in it. */
export function curl(call, clientId, secrets = false) {
  const words = ['curl'];
  if (call.stream) words.push('-N');
  if (call.method !== 'GET') words.push(`-X ${call.method}`);
  words.push(quote(call.url));
  for (const [name, value] of call.headers) {
    if (name === 'authorization') words.push(authorization(value, clientId, secrets));
    else if (!leftOut.has(name)) words.push(`-H ${quote(`${title(name)}: ${value}`)}`);
  }
  if (call.body !== null) words.push(`-d ${quote(call.body)}`);
  for (const [name, value] of call.form ?? []) words.push(`-F ${quote(field(name, value))}`);
  return words.join(' ');
}

// A field of a form; a file is read from the folder where curl runs. In quotes, curl takes every character of a name.
function field(name, value) {
  if (typeof value === 'string') return `${name}=${inQuotes(value)}`;
  return `${name}=@${inQuotes(value.name)}`;
}

const inQuotes = (text) => (/^[\w. ()-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`);

function authorization(value, clientId, secrets) {
  if (value.startsWith('Basic ')) {
    const [appId, appKey] = splitOnce(fromBase64(value.slice(6)), ':');
    return secrets ? `-u ${quote(`${appId}:${appKey}`)}` : `-u ${quote(`${appId}:`)}"$PARLEY_APP_KEY"`;
  }
  if (secrets) return `-H ${quote(`Authorization: ${value}`)}`;
  return `-H "Authorization: Bearer $${variable(clientId)}"`;
}

const variable = (clientId) => (/^[A-Za-z][A-Za-z0-9_]*$/.test(clientId) ? clientId.toUpperCase() : 'TOKEN');
const title = (name) => name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase()).replace(/-Id\b/, '-ID');
const fromBase64 = (text) => new TextDecoder().decode(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));

function splitOnce(text, separator) {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + separator.length)];
}

/** withoutSecrets hides the token in the text of an answer, and one in an address. */
export function withoutSecrets(text) {
  return text.replace(/("token"\s*:\s*")[^"]*/g, '$1…').replace(/(access_token=)[^&\s"]*/g, '$1…');
}
