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
  parts.type.onchange = () => {
    for (const label of parts.create.querySelectorAll('[data-for]')) label.hidden = !label.dataset.for.split(' ').includes(parts.type.value);
  };
  submit(parts.create, async (fields) => {
    const members = idsIn(fields.members.value);
    const name = fields.name.value.trim() || undefined;
    switch (fields.type.value) {
      case 'chatroom': return (await client.createChatRoom({ name })).join(); // its creator too has to go in
      case 'temporary': return client.createTemporaryConversation({ members, name, ttl: fields.ttl.valueAsNumber });
      default: return client.createConversation({ members, name, unique: fields.unique.checked });
    }
  });
  submit(parts.joinById, async ({ id }) => {
    const conversation = await client.getConversation(id.value.trim());
    if (!conversation) throw new Error(id.value);
    return conversation;
  });
  return root;
}
