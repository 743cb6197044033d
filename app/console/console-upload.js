// A file on its way up, below its message: how far it is, and a button that ends it.
import { el } from './console-dom.js';
import { say } from './console-text.js';

/**
 * uploadFile stores the file of a message, if it has one that is not stored yet, and shows the progress in the message's
 * item. It gives false when it was cancelled, and throws what the server says against it.
 */
export async function uploadFile(message, client, item) {
  const file = message.getFile?.();
  if (!file || file.url()) return true;
  const cancel = new AbortController();
  // The number is the bar's alone: in the log, whose news is read out, each change of a text would be heard.
  const bar = el('progress', { max: 100, value: 0 });
  say(bar, 'uploading', { name: file.name() }, 'sayLabel');
  const button = say(el('button', { type: 'button', className: 'link', onclick: () => cancel.abort() }), 'cancel');
  say(button, 'cancelUpload', { name: file.name() }, 'sayLabel');
  item.querySelector('.foot').replaceChildren(bar, button);
  try {
    await file.save({ client, signal: cancel.signal, onprogress: ({ percent }) => { bar.value = percent; } });
    return true;
  } catch (error) {
    if (error.code === 'aborted') return false;
    throw error;
  }
}
