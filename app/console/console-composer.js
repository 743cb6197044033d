// The box to write in. (Attachments come in here: controls in `parts.attachments`, and what they hold in `take`.)
import { TextMessage } from './parley.js';
import { say } from './console-text.js';

/** Composer calls onSend with a message that has not been sent yet. */
export class Composer {
  #parts;
  #drafts = new Map(); // what is typed and not sent, by conversation
  #conversation = null;

  constructor(parts, onSend) {
    this.#parts = parts;
    const send = () => {
      const message = this.#take();
      if (message) onSend(message);
    };
    parts.composer.onsubmit = (event) => { event.preventDefault(); send(); };
    parts.text.oninput = () => this.#fit();
    // Enter sends, and Shift+Enter begins a line. An Enter that picks a word of an input method breaks no line.
    let shift = false;
    parts.text.onkeydown = (event) => { shift = event.shiftKey; };
    parts.text.onbeforeinput = (event) => {
      if (event.inputType !== 'insertLineBreak' || shift) return;
      event.preventDefault();
      send();
    };
  }

  /** open takes out what was typed for a conversation before. */
  open(conversationId) {
    const box = this.#parts.text;
    this.#drafts.set(this.#conversation, box.value);
    box.value = this.#drafts.get(conversationId) ?? '';
    this.#conversation = conversationId;
    this.#fit();
  }

  /** address says to whom one writes. */
  address(name) {
    say(this.#parts.text, 'messageTo', { name }, 'sayPlaceholder');
    say(this.#parts.text, 'messageTo', { name }, 'sayLabel');
  }

  show(visible) { this.#parts.composer.hidden = !visible; }
  focus() { this.#parts.text.focus(); }

  // What is in the box, as a message; null when there is nothing.
  #take() {
    const text = this.#parts.text.value.trim();
    if (text === '') return null;
    this.#parts.text.value = '';
    this.#fit();
    return new TextMessage(text);
  }

  // The box grows with its text up to the height that the style sheet allows.
  #fit() {
    const box = this.#parts.text;
    box.style.height = 'auto';
    box.style.height = `${box.scrollHeight + 2}px`; // two pixels of border
  }
}
