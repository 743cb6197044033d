// What goes with a message: files by a button, by drag and drop and by paste, and a place. They wait in a tray above the box
// until they are sent.
import { AudioMessage, File as StoredFile, FileMessage, ImageMessage, LocationMessage, VideoMessage } from './parley.js';
import { el, icon } from './console-dom.js';
import { say } from './console-text.js';
import { degrees, fileCard } from './console-media.js';

// Pictures that every browser shows. Another kind, SVG too, which the server hands out as a download, is a file.
const pictures = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;

/** messageFor is the message for a file, of the kind that its type says. */
export function messageFor(file) {
  const kinds = [[pictures, ImageMessage], [/^audio\//, AudioMessage], [/^video\//, VideoMessage], [/^/, FileMessage]];
  const [, Kind] = kinds.find(([types]) => types.test(file.type));
  return new Kind(new StoredFile(file.name, file));
}

/** Attachments holds what is to be sent with the next message. */
export class Attachments {
  #parts;
  #waiting = []; // messages
  #drafts = new Map(); // the same of the other conversations, by id
  #conversation = null;

  constructor(parts) {
    this.#parts = parts;
    parts.attach.onclick = () => parts.files.click();
    parts.files.onchange = () => {
      this.#addFiles(parts.files.files);
      parts.files.value = ''; // the same file may be chosen again
    };
    parts.text.onpaste = (event) => this.#paste(event);
    this.#takeDrops(parts.chat);
    this.#placeForm();
  }

  /** open shows what was waiting in a conversation before. */
  open(conversationId) {
    this.#drafts.set(this.#conversation, this.#waiting);
    this.#waiting = this.#drafts.get(conversationId) ?? [];
    this.#conversation = conversationId;
    this.#showPlaceForm(false);
    this.#show();
  }

  /** take hands the messages over; the tray is empty then. */
  take() {
    const taken = this.#waiting;
    this.#waiting = [];
    this.#show();
    return taken;
  }

  #addFiles(files) {
    if (files.length > 0) this.#add([...files].map(messageFor));
  }

  #add(messages) {
    this.#waiting.push(...messages);
    this.#show();
    this.#parts.text.focus();
  }

  #show() {
    const { tray } = this.#parts;
    tray.replaceChildren(...this.#waiting.map((message) => this.#chip(message)));
    tray.hidden = this.#waiting.length === 0;
  }

  #chip(message) {
    const file = message.getFile?.();
    const what = file ? fileCard(file) : el('span', { className: 'file' }, icon('place'), degrees(message.getLocation()));
    const remove = el('button', { type: 'button', className: 'button quiet icon-only' }, icon('close'));
    say(remove, 'remove', { name: file?.name() ?? degrees(message.getLocation()) }, 'sayLabel');
    remove.onclick = () => {
      this.#waiting = this.#waiting.filter((other) => other !== message);
      this.#show();
      this.#parts.text.focus();
    };
    return el('li', {}, what, remove);
  }

  // A copied piece of a table or a text document comes with a picture of itself; the text is what was meant.
  #paste(event) {
    const { files, types } = event.clipboardData;
    if (files.length === 0 || (types.includes('text/plain') && types.includes('text/html'))) return;
    event.preventDefault();
    this.#addFiles(files);
  }

  #takeDrops(area) {
    const takes = (event) => event.dataTransfer.types.includes('Files') && !this.#parts.composer.hidden;
    area.ondragover = (event) => {
      if (!takes(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = 'copy';
      area.classList.add('dropping');
    };
    area.ondragleave = (event) => { if (!area.contains(event.relatedTarget)) area.classList.remove('dropping'); };
    area.ondrop = (event) => {
      area.classList.remove('dropping');
      if (!takes(event)) return;
      event.preventDefault();
      this.#addFiles(event.dataTransfer.files);
    };
  }

  #placeForm() {
    const { place, placeForm, placeHere, placeClose, placeError } = this.#parts;
    const { latitude, longitude } = placeForm.elements;
    place.onclick = () => this.#showPlaceForm(placeForm.hidden);
    placeClose.onclick = () => this.#showPlaceForm(false);
    placeForm.onkeydown = (event) => { if (event.key === 'Escape') this.#showPlaceForm(false); };
    placeForm.onsubmit = (event) => {
      event.preventDefault();
      this.#showPlaceForm(false);
      this.#add([new LocationMessage({ latitude: latitude.valueAsNumber, longitude: longitude.valueAsNumber })]);
      placeForm.reset();
    };
    placeHere.hidden = !window.isSecureContext; // a browser tells its place to such pages alone
    placeHere.onclick = () => navigator.geolocation.getCurrentPosition(
      ({ coords }) => Object.assign(latitude, { value: coords.latitude }) && Object.assign(longitude, { value: coords.longitude }),
      () => say(placeError, 'noPlace'));
  }

  #showPlaceForm(shown) {
    const { place, placeForm, placeError, text } = this.#parts;
    const focused = placeForm.contains(document.activeElement);
    placeForm.hidden = !shown;
    placeError.textContent = '';
    place.ariaExpanded = String(shown);
    if (shown) placeForm.elements.latitude.focus();
    else if (focused) text.focus();
  }
}
