// One stream for all tabs of a browser. Every tab has a client of its own, all in one session; the tab that holds the lock
// has the stream, and hands what comes on it to the others, block by block. When it is closed, the next tab gets the lock
// and resumes the stream at its own position: nothing is lost, and what a tab has seen it does not see again.
import { Event } from "/parley.js";

// shareStream gives this tab's client; use it like any other. onLead is called when this tab has got the stream.
export async function shareStream(realtime, id, { tag, onLead = () => {} } = {}) {
  const channel = new BroadcastChannel(`parley ${realtime.appId} ${id}`);
  const tell = (news) => channel.postMessage(news);
  let session;
  let leads = false;

  // The browser gives the lock back when the tab is closed.
  const lock = new Promise((granted) => {
    navigator.locks.request(channel.name, () => { granted(); return new Promise(() => {}); });
  });
  // Either this tab is the first, or the leader says which session all are in.
  const answered = new Promise((known) => {
    channel.onmessage = ({ data }) => { if (data.session) known(session = data.session); };
    tell({ hello: true });
  });
  await Promise.race([lock, answered]);
  const client = await realtime.createIMClient(id, { tag, session, stream: false });

  // What comes is taken in order. Taking may have to ask the server about a conversation: then again until it answers.
  let taken = Promise.resolve();
  const take = async (block) => {
    for (;;) {
      try { return await client.take(block); } catch (error) { if (error.code === "closed") return; }
      await new Promise((wake) => setTimeout(wake, 1000));
    }
  };
  channel.onmessage = ({ data }) => {
    if (data.hello && leads) tell({ session: client.session });
    if (data.state && !leads) client.emit(...data.state);
    if (data.block) taken = taken.then(() => take(data.block));
  };
  client.on(Event.BLOCK, (block) => tell({ block }));
  // A session's own messages are not on its stream, and here all tabs are one session.
  client.on(Event.SENT, (message) => tell({ block: { event: "message", data: JSON.stringify(message) } }));
  for (const state of [Event.DISCONNECT, Event.SCHEDULE, Event.RETRY, Event.CLOSE]) {
    client.on(state, (...args) => { if (leads) tell({ state: [state, ...args] }); });
  }

  lock.then(async () => {
    await taken;
    leads = true;
    tell({ session: client.session }); // to tabs that have asked meanwhile
    await client.open();
    onLead();
  });
  return client;
}
