// How pictures, sound, films, other files and places look in the log.
import { el, icon } from './console-dom.js';
import { say } from './console-text.js';

// A picture or a film is drawn no larger than this, in CSS pixels: some messages still fit on the screen around it.
const widest = 320, highest = 240;
// Where nobody has measured it, it gets a place of this size.
const unmeasured = { width: 240, height: 180 };
// The controls of a film want so much room.
const narrowestFilm = 200;

/** mediaBodies has one function for each type: message → node. It gives null where there is nothing to draw. */
export const mediaBodies = {
  image: (message) => withCaption(message, picture),
  audio: (message) => withCaption(message, (file, url) => player('audio', file, url)),
  video: (message) => withCaption(message, (file, url) => player('video', file, url)),
  file: (message) => withCaption(message, fileLink),
  location: (message) => {
    const place = message.getLocation();
    return place ? el('div', {}, placeLink(place), ...caption(message)) : null;
  },
};

function withCaption(message, draw) {
  const file = message.getFile();
  const url = file?.url();
  if (!file) return null;
  if (!isWeb(url)) return el('div', {}, fileCard(file), ...caption(message)); // it is on its way up
  return el('div', { className: 'media' }, draw(file, url), ...caption(message));
}

const caption = ({ text }) => (text ? [el('p', { className: 'text', textContent: text })] : []);

// A link to anything else than the web would be a way to run something in this page.
function isWeb(url) {
  return /^https?:\/\//i.test(url ?? '');
}

// A link's metadata is whatever its sender wrote: an object in the place of a number would end the drawing of the log.
const number = (value) => (Number.isFinite(value) ? value : undefined);

// The size that it is drawn at is known before its bytes are: nothing below it jumps when they come.
function sizeOf(file, narrowest = 0) {
  const [width, height] = [number(file.metadata?.width), number(file.metadata?.height)];
  if (!(width > 0 && height > 0)) return unmeasured;
  const scale = Math.min(Math.max(1, narrowest / width), widest / width, highest / height);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

function picture(file, url) {
  const image = el('img', { ...sizeOf(file), src: url, decoding: 'async' });
  say(image, 'pictureAlt', { name: file.name() }, 'sayAlt');
  const link = el('a', { className: 'picture', href: url, target: '_blank', rel: 'noopener noreferrer' }, image);
  image.onerror = () => link.replaceWith(fileLink(file, url));
  return link;
}

// A format that this browser does not play becomes a link.
function player(tag, file, url) {
  const size = tag === 'video' ? sizeOf(file, narrowestFilm) : {};
  const node = el(tag, { ...size, src: url, controls: true, preload: 'metadata', playsInline: true });
  say(node, tag === 'video' ? 'videoNamed' : 'audioNamed', { name: file.name() }, 'sayLabel');
  const holder = el('figure', { className: tag }, node, el('figcaption', { className: 'file-name', textContent: file.name() }));
  node.onerror = () => holder.replaceWith(fileLink(file, url));
  return holder;
}

function fileLink(file, url) {
  return el('a', { className: 'file', href: url, download: file.name(), target: '_blank', rel: 'noopener noreferrer' }, ...fileParts(file));
}

/** fileCard is a file that cannot be opened yet: its name and size. */
export function fileCard(file) {
  return el('span', { className: 'file' }, ...fileParts(file));
}

function fileParts(file) {
  const size = file.size() ?? number(file.metadata?.size);
  const parts = [icon('file'), el('span', { className: 'file-name', textContent: file.name() || file.url() })];
  if (size !== undefined) parts.push(el('span', { className: 'file-size', textContent: inBytes(size) }));
  return parts;
}

/** inBytes is a size as people write it: 1.5 MB. */
export function inBytes(size) {
  const units = ['B', 'kB', 'MB', 'GB'];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(size, 1)) / 3));
  const number = size / 1000 ** step;
  return `${step === 0 || number >= 100 ? Math.round(number) : Number(number.toFixed(1))} ${units[step]}`;
}

function placeLink({ latitude, longitude }) {
  const href = `https://www.openstreetmap.org/?mlat=${Number(latitude)}&mlon=${Number(longitude)}#map=15/${Number(latitude)}/${Number(longitude)}`;
  const link = el('a', { className: 'file', href, target: '_blank', rel: 'noopener noreferrer' }, icon('place'), el('span', { className: 'file-name', textContent: degrees({ latitude, longitude }) }));
  say(link, 'openMap', {}, 'sayTitle');
  return link;
}

/** degrees is a place in words: 31.2304° N, 121.4737° E. */
export function degrees({ latitude, longitude }) {
  const written = (value, plus, minus) => `${Math.abs(Number(value.toFixed(5)))}° ${value < 0 ? minus : plus}`;
  return `${written(latitude, 'N', 'S')}, ${written(longitude, 'E', 'W')}`;
}

/** inShort is what a conversation list says of a message without a text. */
export function inShort(message) {
  if (message.type === 'location' && message.getLocation?.()) return degrees(message.getLocation());
  return message.getFile?.()?.name() || `[${message.type}]`;
}
