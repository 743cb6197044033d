// The strip of the six network states: each lights up when `realtime` says so, and a line says in words where things are.
import { Event as IM } from './parley.js';
import { say } from './console-text.js';

/** NetworkStrip shows the states of one pane. */
export class NetworkStrip {
  #lamps;
  #line;
  #head;
  #countdown = null;

  /** parts: states (the list), state (the line); head: the element whose data-link colours the pane's dot. */
  constructor(parts, head) {
    this.#lamps = new Map([...parts.states.children].map((lamp) => [lamp.dataset.state, lamp]));
    this.#line = parts.state;
    this.#head = head;
  }

  /** watch follows a Realtime; without a session its news is of no interest. */
  watch(realtime) {
    const on = (name, lamp, then) => realtime.on(name, (...details) => {
      if (this.#head.dataset.link === 'out') return;
      this.#light(lamp);
      then(...details);
    });
    on(IM.DISCONNECT, 'disconnect', () => this.#tell('down', 'stateDisconnectNow'));
    on(IM.OFFLINE, 'offline', () => this.#tell('down', 'stateOfflineNow'));
    on(IM.ONLINE, 'online', () => this.#tell('trying', 'stateOnlineNow'));
    on(IM.SCHEDULE, 'schedule', (attempt, delay) => this.#countDown(attempt + 1, Date.now() + delay)); // attempts count from 0
    on(IM.RETRY, 'retry', (attempt) => this.#tell('trying', 'stateRetryNow', { attempt: attempt + 1 }));
    on(IM.RECONNECT, 'reconnect', () => this.#tell('up', 'stateReconnectNow'));
  }

  /** up is the state after a login. */
  up() { this.#tell('up', 'connected'); }

  /** out is the state without a session; key says why. */
  out(key) {
    this.#reset();
    this.#tell('out', key);
  }

  #reset() {
    for (const lamp of this.#lamps.values()) delete lamp.dataset.lit;
  }

  // The newest is bright, those before it stay marked: how one got here can be read off the strip.
  #light(name) {
    if (this.#head.dataset.link === 'up') this.#reset(); // a new story begins
    for (const lamp of this.#lamps.values()) if (lamp.dataset.lit) lamp.dataset.lit = 'before';
    this.#lamps.get(name).dataset.lit = 'now';
  }

  #tell(link, key, values) {
    clearInterval(this.#countdown);
    this.#head.dataset.link = link;
    say(this.#line, key, values);
  }

  #countDown(attempt, due) {
    const show = () => {
      const seconds = Math.max(0, Math.ceil((due - Date.now()) / 1000));
      say(this.#line, 'stateScheduleNow', { attempt, seconds });
    };
    this.#tell('trying', 'stateScheduleNow', { attempt, seconds: 0 });
    show();
    this.#countdown = setInterval(show, 1000);
  }
}

/** linkButtons lets two buttons cut the pane's link and take it offline; realtime need not wait when the link is mended. */
export function linkButtons(parts, link, realtime) {
  const show = () => {
    parts.cut.ariaPressed = String(link.isCut && !link.isOffline);
    parts.cut.disabled = link.isOffline;
    say(parts.cutText, link.isCut && !link.isOffline ? 'mend' : 'cut');
    parts.offline.ariaPressed = String(link.isOffline);
    parts.offline.disabled = link.isCut && !link.isOffline;
    say(parts.offlineText, link.isOffline ? 'goOnline' : 'goOffline');
  };
  parts.cut.onclick = () => {
    if (link.isCut) {
      link.mend();
      realtime.retry();
    } else {
      link.cut();
    }
    show();
  };
  parts.offline.onclick = () => {
    if (link.isOffline) link.goOnline();
    else link.goOffline();
    show();
  };
  show();
}
