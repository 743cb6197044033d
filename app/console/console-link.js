// The link of one pane to the server: the `fetch` and the `network` that the pane gives to `new Realtime({fetch, network})`.
// It reports every call and every block of the event stream to the wire log, and it can be cut, as if the cable were
// pulled: what is under way breaks off, and nothing goes through until it is mended.
import { watchedFetch } from './parley.js';

/**
 * A call: {at: Date, method, url, headers: Headers, body: string|null, form: [name, string|File][]|null, stream: boolean, status: number|null,
 * milliseconds: number|null, answer: string|null, error: string|null}. A block: {at: Date, text: string}, the lines
 * of one server-sent event as they came.
 */
export class Link extends EventTarget {
  #cutter = new AbortController();
  #broken = false;
  #offline = false;
  #report;

  /** report: {call(call), block(block)}; `call` is reported when it goes out and again when it is answered. */
  constructor(report) {
    super();
    // A moment later: showing a call must not delay it, nor the message that an event brings.
    this.#report = { call: (call) => setTimeout(report.call, 0, call), block: (block) => setTimeout(report.block, 0, block) };
    // The browser's own news goes on to the module, unless this pane is offline already.
    for (const name of ['online', 'offline']) {
      window.addEventListener(name, () => { if (!this.#offline) this.dispatchEvent(new Event(name)); });
    }
  }

  /** onLine is what navigator.onLine is to a whole browser. */
  get onLine() { return navigator.onLine && !this.#offline; }
  get isCut() { return this.#broken; }
  get isOffline() { return this.#offline; }

  /** cut breaks what is under way and refuses the rest; the browser notices nothing else. */
  cut() {
    this.#broken = true;
    this.#cutter.abort(new TypeError('the link is cut'));
  }

  /** mend lets calls through again. */
  mend() {
    this.#broken = false;
    this.#cutter = new AbortController();
  }

  /** goOffline cuts the link and says so, as a browser does that loses its network. */
  goOffline() {
    this.#offline = true;
    this.dispatchEvent(new Event('offline'));
    this.cut();
  }

  /** goOnline brings the network back. */
  goOnline() {
    this.#offline = false;
    this.mend();
    this.dispatchEvent(new Event('online'));
  }

  /** fetch is window.fetch over this link; it tells of an upload's progress as the module's own does. */
  fetch = async (url, init = {}) => {
    const call = this.#begin(url, init);
    const signals = [this.#cutter.signal, init.signal].filter(Boolean);
    try {
      const response = await watchedFetch(url, { ...init, signal: AbortSignal.any(signals) });
      call.status = response.status;
      call.milliseconds = performance.now() - call.started;
      call.stream = (response.headers.get('Content-Type') ?? '').startsWith('text/event-stream');
      this.#report.call(call);
      if (call.stream) return new Response(this.#tap(response.body), response);
      this.#readAnswer(call, response.clone());
      return response;
    } catch (error) {
      call.milliseconds = performance.now() - call.started;
      call.error = error.message;
      this.#report.call(call);
      throw error;
    }
  };

  #begin(url, init) {
    const call = {
      at: new Date(), started: performance.now(), method: init.method ?? 'GET', url: new URL(url, location.href).href,
      headers: new Headers(init.headers), body: typeof init.body === 'string' ? init.body : null, form: init.body instanceof FormData ? [...init.body] : null,
      stream: false, status: null, milliseconds: null, answer: null, error: null,
    };
    this.#report.call(call);
    return call;
  }

  // The log's copy of the answer; when it breaks off, the module's own copy says so.
  async #readAnswer(call, response) {
    try { call.answer = await response.text(); } catch { /* as above */ }
  }

  // A stream's bytes pass unchanged; the blocks in them, which end with an empty line, are reported.
  #tap(body) {
    const decoder = new TextDecoder();
    let rest = '';
    return body.pipeThrough(new TransformStream({
      transform: (chunk, controller) => {
        controller.enqueue(chunk);
        const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
        rest = blocks.pop();
        for (const text of blocks) this.#report.block({ at: new Date(), text });
      },
    }));
  }
}
