// The sheet to start a conversation, or to open one by its id.
import { fromTemplate, whileBusy } from './console-dom.js';
import { idsIn } from './console-conversation.js';

/** createSheet gives the sheet; on: {attempt(work), opened(conversation), close()}. */
export function createSheet(client, suggested, on) {
  const { root, parts } = fromTemplate('create');
  parts.close.onclick = on.close;
  const submit = (form, work) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      whileBusy(form, () => on.attempt(async () => on.opened(await work(form.elements))));
    };
  };
  parts.create.elements.members.value = suggested;
  submit(parts.create, ({ members, name, unique }) => client.createConversation({
    members: idsIn(members.value), name: name.value.trim() || undefined, unique: unique.checked,
  }));
  submit(parts.joinById, async ({ id }) => {
    const conversation = await client.getConversation(id.value.trim());
    if (!conversation) throw new Error(id.value);
    return conversation;
  });
  return root;
}
