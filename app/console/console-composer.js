// The box to write in, and what goes with the text.
import { TextMessage } from './parley.js';
import { say } from './console-text.js';
import { Attachments } from './console-attach.js';

/** Composer calls onSend with messages that have not been sent yet, and how to send them: {priority}. */
export class Composer {
  #parts;
  #attachments;
  #drafts = new Map(); // what is typed and not sent, by conversation
  #conversation = null;

  constructor(parts, onSend) {
    this.#parts = parts;
    this.#attachments = new Attachments(parts);
    const send = () => {
      const options = { priority: parts.priority.hidden ? undefined : parts.priority.value };
      onSend(this.#take(), options);
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
    this.#attachments.open(conversationId);
    this.#fit();
  }

  /** address says to whom one writes. */
  address(name) {
    say(this.#parts.text, 'messageTo', { name }, 'sayPlaceholder');
    say(this.#parts.text, 'messageTo', { name }, 'sayLabel');
  }

  /** show shows the box or hides it; priorities: a message may have one. */
  show(visible, priorities = false) {
    this.#parts.composer.hidden = !visible;
    this.#parts.priority.hidden = !priorities;
    if (!visible) this.#parts.placeForm.hidden = true;
  }

  focus() { this.#parts.text.focus(); }

  // What is to be sent, as messages. A text goes with the first of the files.
  #take() {
    const text = this.#parts.text.value.trim();
    const messages = this.#attachments.take();
    if (text === '') return messages;
    this.#parts.text.value = '';
    this.#fit();
    if (messages.length === 0) return [new TextMessage(text)];
    messages[0].setText(text);
    return messages;
  }

  // The box grows with its text up to the height that the style sheet allows.
  #fit() {
    const box = this.#parts.text;
    box.style.height = 'auto';
    box.style.height = `${box.scrollHeight + 2}px`; // two pixels of border
  }
}
