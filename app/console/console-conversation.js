// What a conversation is called, and other words about it.
import { phrase, say, unsay } from './console-text.js';

// So many names are shown; of more there is only the number.
const namesShown = 4;

/** titleOf lets an element show a conversation's title: its name, or the others in it. */
export function titleOf(node, conversation, me) {
  const others = conversation.members.filter((id) => id !== me);
  if (conversation.name) unsay(node, conversation.name);
  else if (others.length > 0) listNames(node, others);
  else say(node, 'untitled');
}

function listNames(node, names) {
  const more = names.length - namesShown;
  const shown = names.slice(0, namesShown).join(', ');
  if (more > 0) say(node, 'andMore', { names: shown, count: more });
  else unsay(node, shown);
}

/** memberNames is the line below the title: [key, values] for `say`. */
export function memberNames({ type, members, memberCount }) {
  if (type === 'chatroom') return ['onlineIn', { count: memberCount }];
  if (type === 'system') return ['subscribersOf', { count: memberCount }];
  const names = members.slice(0, namesShown).join(', ') + (members.length > namesShown ? ' …' : '');
  const count = memberCount ?? members.length;
  return [count === 1 ? 'memberOf' : 'membersOf', { count, names }];
}

/** activityOf is what conversations are sorted by: the last message's time, or else the creation's. */
export const activityOf = ({ lastMessageAt, createdAt }) => lastMessageAt ?? createdAt ?? new Date(0);

/** idsIn reads client ids that were typed with commas between them. */
export const idsIn = (text) => [...new Set(text.split(/[,\uff0c\u3001\n]/).map((id) => id.trim()).filter(Boolean))];

/** reason is what an error says to a person. */
export function reason(error) {
  if (error.code === 'network_error' || error.code === 'disconnected') return phrase('unreachable');
  return error.message.charAt(0).toUpperCase() + error.message.slice(1);
}
