// Types of parley.js, Parley's browser client. Names and shapes are those of the guide's JavaScript samples.

/** The names of the events, for `on`. */
export const Event: {
  /** The connection is lost; the service is not available. On Realtime and IMClient. */
  readonly DISCONNECT: "disconnect";
  /** The browser has no network. */
  readonly OFFLINE: "offline";
  /** The browser has its network back. */
  readonly ONLINE: "online";
  /** `(attempt, delay)`: the next attempt, counted from 0, comes in so many milliseconds. */
  readonly SCHEDULE: "schedule";
  /** `(attempt)`: an attempt begins. */
  readonly RETRY: "retry";
  /** The connection is back, and all that was missed has been handed over. */
  readonly RECONNECT: "reconnect";
  /** `({ invitedBy, at }, conversation)`: somebody has added this client. On IMClient and Conversation, as the next four. */
  readonly INVITED: "invited";
  /** `({ kickedBy, at }, conversation)`: somebody has removed this client. */
  readonly KICKED: "kicked";
  /** `({ members, invitedBy, at }, conversation)` */
  readonly MEMBERS_JOINED: "membersjoined";
  /** `({ members, kickedBy, invitedBy, at }, conversation)` */
  readonly MEMBERS_LEFT: "membersleft";
  /** `({ changes, updatedBy, at }, conversation)` */
  readonly CONVERSATION_UPDATED: "conversationupdated";
  /** `(message, conversation)`: somebody else, or this client in another session, has said something. */
  readonly MESSAGE: "message";
  /** `(message, conversation)`: this client has said something, and it is stored. */
  readonly SENT: "sent";
  /** `({ reason })`: the client has logged in elsewhere with the same tag. CLOSE follows. On IMClient, as all below. */
  readonly CONFLICT: "conflict";
  /** `({ reason })`: the session has ended for good, and not by `close`. */
  readonly CLOSE: "close";
  /**
   * `({ reason, position, conversationId })`: not all that was missed can be handed over; load lists and pages again. With a
   * `conversationId`, a chat room's for one that was too slow, load that one's.
   */
  readonly RESYNC: "resync";
  /** `({ sessionId, … })`: another session of this client has opened a stream. */
  readonly SESSION_ONLINE: "sessiononline";
  /** `({ sessionId, tag, at })`: another session of this client has lost its stream. */
  readonly SESSION_OFFLINE: "sessionoffline";
  /** `(block)`: a block of the stream, to be handed to the `take` of another tab's client. */
  readonly BLOCK: "block";
};

/** Of a message to a chat room: what a reader that is too slow loses last, or first. */
export const MessagePriority: { readonly HIGH: "high"; readonly NORMAL: "normal"; readonly LOW: "low" };

/** Every error of this module. */
export class ParleyError extends Error {
  /**
   * A stable word to branch on: the API's own, or one of this module's. `disconnected`: the link is down, nothing was sent.
   * `closed`: the client is closed. `aborted`: your AbortSignal has ended it. `network_error`: no answer came; what was asked may have been done. `partial_failure`:
   * see `failed`. `credentials_missing`: there is nothing to log in with. `unexpected_answer`: not one of the API's.
   */
  code: string;
  /** The HTTP status; absent when the server has not answered. */
  status?: number;
  /** Milliseconds after which the server wants to be asked again; 0 when it does not say. */
  retryAfter?: number;
  /** What is wrong where, when `code` is `validation_failed`. */
  errors?: { field: string; detail: string }[];
  /** Finds the request in the server's log. */
  requestId?: string;
  /** With `partial_failure`: for whom it went well, and for whom not. */
  succeeded?: string[];
  failed?: { clientIds: string[]; code: string; detail: string }[];
  conversation?: Conversation;
}

type NetworkEvents = {
  disconnect: [];
  offline: [];
  online: [];
  schedule: [attempt: number, delay: number];
  retry: [attempt: number];
  reconnect: [];
};
type ConversationEvents = {
  invited: [payload: { invitedBy: string | null; at: string }, conversation: Conversation];
  kicked: [payload: { kickedBy: string | null; at: string }, conversation: Conversation];
  membersjoined: [payload: { members: string[]; invitedBy: string | null; at: string }, conversation: Conversation];
  membersleft: [payload: { members: string[]; kickedBy: string | null; invitedBy: string | null; at: string }, conversation: Conversation];
  conversationupdated: [payload: { changes: { name?: string | null; attributes?: Attributes }; updatedBy: string | null; at: string }, conversation: Conversation];
  message: [message: Message, conversation: Conversation];
  sent: [message: Message, conversation: Conversation];
};
type ClientEvents = NetworkEvents & ConversationEvents & {
  conflict: [payload: { reason: string }];
  close: [payload: { reason: string }];
  resync: [payload: { reason: string; position: string; conversationId?: string }];
  sessiononline: [payload: { sessionId: string | null; clientId: string; position: string; serverTime: string }];
  sessionoffline: [payload: { sessionId: string; tag: string | null; at: string }];
  block: [block: Block];
};

/** `on`, `once`, `off` and `emit`; the first three return the object itself. A listener that throws stops nobody else. */
export class Emitter<Events extends Record<string, unknown[]>> {
  on<E extends keyof Events>(event: E, listener: (...args: Events[E]) => void): this;
  once<E extends keyof Events>(event: E, listener: (...args: Events[E]) => void): this;
  /** Without a listener all of the event are removed. */
  off<E extends keyof Events>(event: E, listener?: (...args: Events[E]) => void): this;
  emit<E extends keyof Events>(event: E, ...args: Events[E]): void;
}

/** Any JSON object of the app's own. */
export type Attributes = Record<string, unknown>;

/** One block of an event stream, its data not decoded yet. */
export type Block = { id?: string; event?: string; data?: string };

export type Session = { id: string; clientId: string; tag: string | null; createdAt: string; expiresAt: string; token: string };

export interface RealtimeOptions {
  appId: string;
  /** Logs any client in: for trials, and where the app allows it. */
  appKey?: string;
  /** Where the server is; by default where this module was loaded from. */
  server?: string | undefined;
  /**
   * Gives a token that the app's own server has signed for the client, or null for the app key; asked at every log-in, and
   * again when a session has expired.
   */
  getToken?: (clientId: string | undefined) => Promise<string | null> | string | null;
  /** Taken as in the guide, and without effect: this module has all types of messages. */
  plugins?: unknown[];
  /** The network whose state counts, instead of the browser's. */
  network?: Pick<EventTarget, "addEventListener"> & { readonly onLine: boolean };
  /** Makes every HTTP call, instead of watchedFetch. An `init.onprogress` wants to know of the body's way up. */
  fetch?: (url: string, init: WatchedRequest) => Promise<Response>;
}

export interface WatchedRequest extends RequestInit {
  onprogress?: ((progress: Progress) => void) | undefined;
}

/** The browser's fetch that also tells of the body's way up, by XMLHttpRequest. In Node, which has none, it does not. */
export function watchedFetch(url: string, init: WatchedRequest): Promise<Response>;

export interface ClientOptions {
  /** The kind of device. An older session of the same client with the same tag ends. */
  tag?: string;
  /** Goes on in a session that another page or tab has begun. */
  session?: Session;
  /** Resumes the stream from here instead of beginning it now. */
  position?: string;
  /** false: no stream, until `open`. */
  stream?: boolean;
}

/** One app on one server. Its network states are those of all its clients: down with the first, up again with the last. */
export class Realtime extends Emitter<NetworkEvents> {
  constructor(options: RealtimeOptions);
  readonly appId: string;
  readonly server: string;
  /**
   * Logs a client in and opens its stream. Set listeners in the same turn, before anything else is awaited. The id may be
   * left out where the token of `getToken` names the client.
   * @throws {ParleyError}
   */
  createIMClient(id?: string, options?: ClientOptions): Promise<IMClient>;
  /** Makes received messages of a custom type instances of its class, which has a static TYPE. */
  register(...classes: MessageClass[]): void;
  /** Tries at once what waits for its next attempt. */
  retry(): void;
}

export interface NewConversation {
  /** The creator is always a member. */
  members?: string[];
  name?: string | null;
  /** Gives the unique conversation with exactly these members, if there is one. */
  unique?: boolean;
  attributes?: Attributes;
  type?: "normal" | "chatroom" | "system" | "temporary";
  /** type "chatroom" */
  transient?: boolean;
  /** type "system" */
  system?: boolean;
  /** type "temporary" */
  tempConv?: boolean;
  /** Seconds that a temporary conversation lives. */
  ttl?: number;
  tempConvTTL?: number;
  /** Anything else becomes an attribute, as in the guide. */
  [attribute: string]: unknown;
}

export interface NewChatRoom {
  name?: string | null;
  attributes?: Attributes;
  [attribute: string]: unknown;
}

export interface NewTemporaryConversation extends NewChatRoom {
  members: string[];
  /** Seconds; a day by default. */
  ttl?: number;
}

/** One client in one session. */
export class IMClient extends Emitter<ClientEvents> {
  private constructor();
  readonly id: string;
  readonly tag: string | undefined;
  readonly session: Session;
  /** Up to here the stream has been handed over. */
  readonly position: string | undefined;
  readonly connected: boolean;
  createConversation(conversation: NewConversation): Promise<Conversation>;
  /** A chat room has no members: everybody joins it, its creator too. */
  createChatRoom(room?: NewChatRoom): Promise<Conversation>;
  /** At most 10 members, always the same; gone after `ttl` seconds, a day by default. The same members again get the same one. */
  createTemporaryConversation(conversation: NewTemporaryConversation): Promise<Conversation>;
  /** Gives the one object that this client has for the conversation, read anew. */
  getConversation(id: string): Promise<Conversation>;
  /** Without a condition: this client's own conversations. */
  getQuery(): ConversationQuery;
  getChatRoomQuery(): ConversationQuery;
  /** Of system conversations. */
  getServiceConversationQuery(): ConversationQuery;
  /** Opens the stream of a client that was made without one. It does not give up. */
  open(): Promise<void>;
  /** Takes a block that another tab's client has received. */
  take(block: Block): Promise<void>;
  /** Ends the session. Where the server cannot be told it fails, and nothing more comes all the same. */
  close(): Promise<void>;
}

export interface HistoryOptions {
  /** 1 to 1000; 20 by default. */
  limit?: number;
  type?: string;
  /** Within a page; "asc" by default. */
  order?: "asc" | "desc";
  /** Message ids, exclusive. */
  before?: string;
  after?: string;
  /** Times. */
  since?: Date | string;
  until?: Date | string;
  beforeMessageId?: string;
  afterMessageId?: string;
  beforeTime?: Date | string;
  afterTime?: Date | string;
}

export interface SendOptions {
  /** Not stored: only members that are online now get it. */
  transient?: boolean;
  /** In a chat room: "low" is dropped first. See MessagePriority. */
  priority?: "high" | "normal" | "low";
  /** Of the upload of the message's file. */
  onprogress?: (progress: Progress) => void;
  /** Ends the upload of the message's file, with the code `aborted`; a message that is on its way itself is sent. */
  signal?: AbortSignal;
}

export interface MessagesIterator extends AsyncIterable<Message[]> {
  /** The next older page. May be called again before it has answered. */
  next(): Promise<{ value: Message[]; done: boolean }>;
}

/** One object for each id in a client; what the stream tells keeps it up to date. */
export class Conversation extends Emitter<ConversationEvents> {
  private constructor();
  readonly id: string;
  /** Of a conversation that is gone, or closed to this client, only the id is known; the rest is undefined or empty. */
  readonly type: "normal" | "chatroom" | "system" | "temporary";
  readonly name: string | null;
  readonly unique: boolean;
  readonly creator: string | null;
  readonly members: string[];
  readonly memberCount: number;
  /** Whether this client is a member; of a chat room, whether it has joined, and of a system conversation, whether it is subscribed. */
  readonly inside: boolean;
  readonly attributes: Attributes;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** From then on a temporary conversation is gone; null for the others. */
  readonly expiresAt: Date | null;
  /** What lists are sorted by: the time of the newest message, or of the creation before there is one. */
  readonly lastMessageAt: Date;
  readonly lastMessage: Message | null;
  /** Sends in the order of the calls. After a failure the same message can be sent again: it is there once. */
  send<M extends Message>(message: M, options?: SendOptions): Promise<M>;
  /** @throws {ParleyError} `partial_failure` when it did not succeed for all */
  add(clientIds: string | string[]): Promise<this>;
  /** @throws {ParleyError} `partial_failure` when it did not succeed for all */
  remove(clientIds: string | string[]): Promise<this>;
  /** A chat room is joined for as long as the client has a stream, and again by itself when that is back. */
  join(): Promise<this>;
  quit(): Promise<this>;
  /** To a system conversation: join and quit under the names of the guide's SDK. */
  subscribe(): Promise<this>;
  unsubscribe(): Promise<this>;
  /** Members; in a chat room those online in it. */
  count(): Promise<number>;
  /** Changes the name, and merges attributes: null removes one. */
  update(changes: { name?: string | null; attributes?: Attributes }): Promise<this>;
  /** Reads the conversation anew. */
  fetch(): Promise<this>;
  /** The newest page, oldest first; with `after` the oldest page after it. */
  queryMessages(options?: HistoryOptions): Promise<Message[]>;
  createMessagesIterator(options?: HistoryOptions): MessagesIterator;
}

/** Builds a condition; every method but find and first returns the query itself. Fields are the API's. */
export class ConversationQuery {
  constructor(client: IMClient);
  static and(...queries: ConversationQuery[]): ConversationQuery;
  static or(...queries: ConversationQuery[]): ConversationQuery;
  equalTo(key: string, value: unknown): this;
  notEqualTo(key: string, value: unknown): this;
  lessThan(key: string, value: unknown): this;
  lessThanOrEqualTo(key: string, value: unknown): this;
  greaterThan(key: string, value: unknown): this;
  greaterThanOrEqualTo(key: string, value: unknown): this;
  contains(key: string, text: string): this;
  startsWith(key: string, text: string): this;
  endsWith(key: string, text: string): this;
  /** A RegExp, or its source and flags. */
  matches(key: string, expression: RegExp | string, flags?: string): this;
  containedIn(key: string, values: unknown[]): this;
  notContainsIn(key: string, values: unknown[]): this;
  notContainedIn(key: string, values: unknown[]): this;
  containsAll(key: string, values: unknown[]): this;
  containsMembers(clientIds: string | string[]): this;
  /** These and no others; with includeSelf, and the client itself. */
  withMembers(clientIds: string[], includeSelf?: boolean): this;
  sizeEqualTo(key: string, size: number): this;
  exists(key: string): this;
  doesNotExist(key: string): this;
  ascending(key: string): this;
  descending(key: string): this;
  addAscending(key: string): this;
  addDescending(key: string): this;
  /** 1 to 100; 10 by default. */
  limit(limit: number): this;
  skip(skip: number): this;
  find(): Promise<Conversation[]>;
  first(): Promise<Conversation | undefined>;
}

export type MessageClass = { new (...args: never[]): Message; readonly TYPE: string };

/** A message of any type; `payload` is what a custom type carries. */
export class Message {
  constructor(payload?: unknown, type?: string);
  /** The position in the app's log, in decimal; undefined before it is stored, and on a transient message. */
  readonly id: string | undefined;
  readonly conversationId: string;
  readonly from: string;
  readonly timestamp: Date;
  readonly type: string;
  text: string | undefined;
  attributes: Attributes;
  payload: unknown;
  setText(text: string): this;
  setAttributes(attributes: Attributes): this;
  toJSON(): Record<string, unknown>;
}

export class TextMessage extends Message {
  static readonly TYPE: "text";
  constructor(text?: string);
}

declare class MediaMessage extends Message {
  constructor(file: File);
  getFile(): File;
}
export class ImageMessage extends MediaMessage { static readonly TYPE: "image"; }
export class AudioMessage extends MediaMessage { static readonly TYPE: "audio"; }
export class VideoMessage extends MediaMessage { static readonly TYPE: "video"; }
export class FileMessage extends MediaMessage { static readonly TYPE: "file"; }

/** In degrees. */
export type Location = { latitude: number; longitude: number };
export class LocationMessage extends Message {
  static readonly TYPE: "location";
  constructor(location: Location);
  getLocation(): Location;
}

export type Progress = { loaded: number; total: number; percent: number };

/** The guide's AV.File: bytes to be stored, or a link. */
export class File {
  constructor(name: string, data?: Blob | BufferSource | string, metadata?: Attributes);
  /** Works with `new` too, as in the guide. */
  static withURL: { (name: string, url: string, metadata?: Attributes): File; new (name: string, url: string, metadata?: Attributes): File };
  readonly id: string | undefined;
  name(): string;
  url(): string | undefined;
  size(): number | undefined;
  mimeType(): string | undefined;
  /** What the server has measured: format, width, height in pixels, duration in seconds, size; and what was given besides. */
  readonly metadata: Attributes | undefined;
  metaData(): Attributes | undefined;
  metaData(key: string): unknown;
  /** Uploads the file, once, or has its link recorded; with the client that was opened last unless another is given. */
  save(options?: { client?: IMClient; onprogress?: (progress: Progress) => void; signal?: AbortSignal }): Promise<this>;
  toJSON(): Record<string, unknown>;
}

/** What the guide's samples import from two other modules of the SDK. */
export const AV: { File: typeof File };
export const TypedMessagesPlugin: object;
