import type { Socket } from "node:net";
import { CommandScanner, encodeCommand, parseCommand } from "resp-framing";
import type { Clock } from "../core/clock.js";
import type { Token } from "../core/token.js";
import { type Connection, type LoginResult, refusedError } from "../reauth/connection.js";
import { BlockedCommand } from "./blocked-command.js";
import { blockingCommand } from "./blocking-command.js";
import { encodeAuth, type Markers, textOf } from "./login.js";
import { LostTransaction } from "./lost-transaction.js";
import { type Exchange, ReplyFilter } from "./reply-filter.js";
import { Resp2View } from "./resp2-view.js";
import { type TransactionState, Transactions } from "./transactions.js";

/** When a connection's next login is due; what the re-authentication knows of it. */
export interface LoginSchedule {
  readonly clock: Clock;
  blockUntilMs(connection: Connection): number;
  loginIfDue(connection: Connection): Promise<void>;
}

export interface SessionOptions {
  /** The server, for messages. */
  readonly label: string;
  /** How our replies are told apart; absent when the server offers no way: then nothing is ever injected. */
  readonly markers: Markers | undefined;
  readonly schedule: LoginSchedule;
  /** The transaction that was lost with the client's previous connection. */
  readonly lost?: TransactionState | undefined;
  /** What the connection speaks when the session begins. @default 2 */
  readonly protocol?: 2 | 3;
}

/**
 * One connection between a client and Redis that can log in again by itself: AUTH is written between the client's
 * commands, and its reply taken out of what the client reads.
 *
 * The client keeps its socket and notices nothing. Outgoing commands are followed, because there are moments when
 * AUTH must not be sent; incoming bytes are looked at only while a reply of ours is under way.
 */
export class InbandSession implements Connection {
  readonly label: string;
  readonly #socket: Socket;
  readonly #write: (bytes: Buffer, onWritten?: OnWritten) => boolean;
  readonly #markers: Markers | undefined;
  readonly #schedule: LoginSchedule;
  readonly #onClosed: ((transaction: TransactionState) => void)[] = [];
  readonly #commands = new CommandScanner({ watch: WATCHED });
  readonly #replies = new ReplyFilter();
  readonly #transactions = new Transactions();
  readonly #pending = new Set<(isAnswered: boolean) => void>();
  #lost: LostTransaction | undefined;
  /** The socket's own `emit` while ours is in its place. */
  #emit: ((event: string, ...args: unknown[]) => boolean) | undefined;
  #ownEmit: PropertyDescriptor | undefined;
  /** What the client has written while something had to come first. */
  #held: Buffer[] | undefined;
  /** The protocol that the connection speaks after everything written so far. */
  #protocol: 2 | 3;
  /** Set while the connection speaks RESP3 and the client believes in RESP2. */
  #view: Resp2View | undefined;
  #isPlainSubscriber = false;
  #isFollowed = true;
  #isOpen = true;

  constructor(socket: Socket, options: SessionOptions) {
    this.label = options.label;
    this.#socket = socket;
    this.#markers = options.markers;
    this.#schedule = options.schedule;
    this.#protocol = options.protocol ?? 2;
    this.#write = socket.write.bind(socket);
    if (options.lost !== undefined && options.lost !== "none") {
      this.#lost = new LostTransaction(options.lost);
    }
    socket.once("close", () => this.#close());
    if (this.#markers === undefined) return;
    // An instance property: other sockets are not touched, and whoever holds this one sees a Socket as before.
    socket.write = (
      chunk: Uint8Array | string,
      encodingOrCallback?: BufferEncoding | OnWritten,
      callback?: OnWritten,
    ) => this.#accept(chunk, encodingOrCallback, callback);
  }

  /** Calls back when the connection has ended, with the transaction that ends with it. */
  onceClosed(listener: (transaction: TransactionState) => void): void {
    this.#onClosed.push(listener);
  }

  async authenticate(token: Token): Promise<LoginResult> {
    if (!this.#isOpen) return "offline";
    if (this.#markers === undefined || !this.#isFollowed || this.#isPlainSubscriber) return "unable";
    let verdict: Buffer | undefined;
    const onReply = (frame: Buffer): Buffer | undefined => {
      // A connection that monitors gets other lines in between.
      if (verdict !== undefined || !isVerdict(frame)) return frame;
      verdict = frame;
      return undefined;
    };
    const isAnswered = await new Promise((resolve) => {
      this.#transactions.whenOver(() => resolve(this.#exchange(encodeAuth(token), { onReply })));
    });
    if (!isAnswered) return "offline";
    if (verdict?.subarray(0, 3).equals(OK) === true) return "accepted";
    // Redis 7.2 and later drop the error when replies are pending (https://github.com/redis/redis/issues/15640).
    const text = verdict === undefined ? "the login was not answered" : textOf(verdict);
    throw refusedError(this.label, token, text);
  }

  /** What the client calls as `write`. */
  #accept(
    chunk: Uint8Array | string,
    encodingOrCallback: BufferEncoding | OnWritten | undefined,
    callback: OnWritten | undefined,
  ): boolean {
    const encoding = typeof encodingOrCallback === "string" ? encodingOrCallback : "utf8";
    const onWritten = typeof encodingOrCallback === "function" ? encodingOrCallback : callback;
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, encoding) : asBuffer(chunk);
    const isFlowing = this.#take(bytes);
    if (onWritten !== undefined) this.#write(EMPTY, onWritten);
    return isFlowing;
  }

  #take(bytes: Buffer): boolean {
    if (this.#held === undefined) return this.#forward(bytes);
    this.#held.push(bytes);
    return true;
  }

  /** Sends commands on, up to one that something has to come before; the rest is held until then. */
  #forward(bytes: Buffer): boolean {
    const scanner = this.#commands;
    const base = scanner.position;
    let sent = 0;
    let offset = 0;
    let hasBegunHere = false;
    while (this.#isFollowed && offset < bytes.length) {
      const looksAtEach = this.#view !== undefined || this.#lost !== undefined;
      try {
        offset = scanner.scan(bytes, offset, looksAtEach ? 1 : Number.POSITIVE_INFINITY);
      } catch {
        // These are no commands: whoever speaks something else on this socket is left alone from here on.
        this.#isFollowed = false;
        break;
      }
      const name = scanner.watched ?? (looksAtEach && scanner.atBoundary ? scanner.name : undefined);
      const start = scanner.commandStart - base;
      if (name === undefined || start < 0) continue;
      const plan = this.#plan(name, bytes.subarray(start, offset));
      if (name === "MULTI") hasBegunHere = true;
      if (plan.kind === "send") continue;
      const until = plan.kind === "confirm" ? offset : start;
      this.#send(bytes.subarray(sent, until));
      sent = offset;
      if (plan.kind === "confirm") {
        // A transaction in one write is a pipeline, which the client itself keeps together.
        if (hasBegunHere) this.#transactions.confirm();
        else this.#confirmTransaction();
        this.#transactions.release();
      } else if (plan.kind === "refuse") this.#refuse(plan.lost);
      else {
        this.#holdWhile(plan.run, bytes.subarray(offset));
        return true;
      }
    }
    return this.#send(bytes.subarray(sent));
  }

  #plan(name: string, command: Buffer): Plan {
    if (this.#lost !== undefined && !HANDSHAKE.has(name)) {
      return this.#planAfterLoss(this.#lost, name, command);
    }
    if (this.#view !== undefined && !SUBSCRIBER.has(name)) {
      return { kind: "first", run: () => this.#leaveSubscriber(command) };
    }
    if (name === "MULTI") this.#transactions.begin();
    else if (name === "HELLO") this.#protocol = protocolOf(command) ?? this.#protocol;
    else if (SUBSCRIBE.has(name)) return this.#planSubscribe(command);
    else if (this.#transactions.isOpen && (name === "EXEC" || name === "DISCARD")) {
      this.#transactions.end();
      return { kind: "confirm" };
    } else if (!this.#transactions.isOpen && BLOCKING.has(name)) return this.#planBlocking(command);
    return SEND;
  }

  #planSubscribe(command: Buffer): Plan {
    if (this.#protocol === 3 || this.#view !== undefined || this.#isPlainSubscriber) return SEND;
    if (this.#transactions.isOpen) {
      this.#isPlainSubscriber = true;
      return SEND;
    }
    return {
      kind: "first",
      run: async () => {
        this.#isPlainSubscriber = !(await this.#enterSubscriber());
        this.#send(command);
      },
    };
  }

  #planBlocking(bytes: Buffer): Plan {
    const args = parseCommand(bytes);
    const command = blockingCommand(args);
    if (command === undefined) return SEND;
    const blocked = new BlockedCommand(args, command, this.#schedule.clock, {
      blockUntilMs: () => this.#schedule.blockUntilMs(this),
      loginIfDue: () => this.#schedule.loginIfDue(this),
      ask: (request, onReply) => this.#exchange(request, { onReply }),
    });
    return blocked.fits ? SEND : { kind: "first", run: () => blocked.run() };
  }

  #planAfterLoss(lost: LostTransaction, name: string, command: Buffer): Plan {
    const judgement = lost.judge(name);
    if (judgement === "refuse") return { kind: "refuse", lost };
    if (judgement === "lookAhead") return { kind: "first", run: () => this.#lookAhead(lost, command) };
    this.#lost = undefined;
    return judgement === "over" ? this.#plan(name, command) : { kind: "refuse", lost };
  }

  /** The client sends again what was under way in one go: after this turn all of it is here. */
  async #lookAhead(lost: LostTransaction, command: Buffer): Promise<void> {
    await new Promise(setImmediate);
    this.#held?.unshift(command);
    lost.lookAhead(this.#held ?? []);
  }

  /** The client gets an error in the place of a reply. */
  #refuse(lost: LostTransaction): void {
    this.#mark(() => {
      // Whoever goes on after this answer knows what has happened.
      setImmediate(() => {
        if (this.#lost === lost) this.#lost = undefined;
      });
      return lost.answer;
    });
  }

  #confirmTransaction(): void {
    this.#mark(() => {
      this.#transactions.confirm();
      return undefined;
    });
  }

  /**
   * RESP2 allows no AUTH while something is subscribed, RESP3 does: so the connection speaks RESP3 while the
   * client goes on in RESP2.
   */
  async #enterSubscriber(): Promise<boolean> {
    const view = new Resp2View();
    let isRefused = true;
    await this.#exchange(encodeCommand(["HELLO", "3"]), {
      protocol: 3,
      onReply: (frame) => {
        isRefused = frame[0] === ERROR;
        return undefined;
      },
      onEnd: () => {
        if (isRefused) return;
        this.#view = view;
        this.#replies.translate((frame, isPush, count) => view.translate(frame, isPush, count));
      },
    });
    return !isRefused;
  }

  /** The client has unsubscribed from everything and takes the connection for an ordinary one again. */
  async #leaveSubscriber(command: Buffer): Promise<void> {
    await this.#exchange(encodeCommand(["HELLO", "2"]), {
      protocol: 2,
      onReply: () => undefined,
      onEnd: () => {
        this.#view = undefined;
        this.#replies.translate(undefined);
      },
    });
    this.#held?.unshift(command);
  }

  #holdWhile(first: () => Promise<void>, rest: Buffer): void {
    this.#held = rest.length > 0 ? [rest] : [];
    void first().finally(() => {
      const held = this.#held ?? [];
      this.#held = undefined;
      if (this.#socket.writable) for (const bytes of held) this.#take(bytes);
    });
  }

  /** Puts a marker behind what has been sent; `onSeen` returns what the client gets in the place of its reply. */
  #mark(onSeen: () => Buffer | undefined): void {
    if (this.#markers === undefined) return;
    const begin = this.#markers(this.#protocol);
    this.#expect({ begin, onReply: (frame) => frame, onEnd: onSeen });
    this.#send(begin.request);
  }

  /** Sends a command of ours and resolves when its reply is there; with `false` when the connection ends first. */
  #exchange(
    request: Buffer,
    how: {
      readonly onReply: (frame: Buffer) => Buffer | undefined;
      readonly onEnd?: () => void;
      /** The protocol from then on. */
      readonly protocol?: 2 | 3;
    },
  ): Promise<boolean> {
    const markers = this.#markers;
    if (markers === undefined || !this.#isOpen || !this.#socket.writable) return Promise.resolve(false);
    const begin = markers(this.#protocol);
    this.#protocol = how.protocol ?? this.#protocol;
    const end = markers(this.#protocol);
    return new Promise((resolve) => {
      const settle = (isAnswered: boolean): void => {
        this.#pending.delete(settle);
        resolve(isAnswered);
      };
      this.#pending.add(settle);
      const onEnd = (): undefined => {
        how.onEnd?.();
        settle(true);
      };
      this.#expect({ begin, end, onReply: how.onReply, onEnd });
      this.#send(Buffer.concat([begin.request, request, end.request]));
    });
  }

  #expect(exchange: Exchange): void {
    this.#replies.expect(exchange);
    if (this.#emit !== undefined) return;
    const socket = this.#socket;
    this.#emit = socket.emit.bind(socket);
    this.#ownEmit = Object.getOwnPropertyDescriptor(socket, "emit");
    // Public: EventEmitter's own method, shadowed while something is expected and no longer.
    Object.defineProperty(socket, "emit", {
      configurable: true,
      writable: true,
      value: (event: string, ...args: unknown[]) => this.#onEvent(event, args),
    });
  }

  #onEvent(event: string, args: readonly unknown[]): boolean {
    const emit = this.#emit;
    const [chunk] = args;
    if (emit === undefined) return false;
    if (event !== "data" || !Buffer.isBuffer(chunk)) return emit(event, ...args);
    let seen: Buffer[];
    try {
      seen = this.#replies.feed(chunk);
    } catch (error) {
      this.#socket.destroy(error as Error);
      return true;
    }
    if (!this.#replies.isActive) this.#restoreEmit();
    for (const bytes of seen) emit("data", bytes);
    return true;
  }

  #restoreEmit(): void {
    this.#emit = undefined;
    if (this.#ownEmit === undefined) delete (this.#socket as { emit?: unknown }).emit;
    else Object.defineProperty(this.#socket, "emit", this.#ownEmit);
  }

  #send(bytes: Buffer): boolean {
    return bytes.length === 0 ? true : this.#write(bytes);
  }

  #close(): void {
    this.#isOpen = false;
    this.#held = undefined;
    const { state } = this.#transactions;
    this.#transactions.abandon();
    for (const settle of this.#pending) settle(false);
    for (const listener of this.#onClosed) listener(state);
  }
}

type OnWritten = (error?: Error | null) => void;

/** What is done with a command before the ones behind it. */
type Plan =
  | { readonly kind: "send" }
  /** It is sent, and its reply is noticed. */
  | { readonly kind: "confirm" }
  | { readonly kind: "refuse"; readonly lost: LostTransaction }
  /** This comes first, and sends the command itself or puts it in front of what is held. */
  | { readonly kind: "first"; readonly run: () => Promise<void> };

const SEND: Plan = { kind: "send" };
const EMPTY = Buffer.alloc(0);
const OK = Buffer.from("+OK");
const OK_REPLY = Buffer.from("+OK\r\n");
const ERROR = 45;

const SUBSCRIBE: ReadonlySet<string> = new Set(["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"]);
/** What a RESP2 subscriber may send. */
const SUBSCRIBER: ReadonlySet<string> = new Set([
  ...SUBSCRIBE,
  "UNSUBSCRIBE",
  "PUNSUBSCRIBE",
  "SUNSUBSCRIBE",
  "PING",
  "QUIT",
]);
const BLOCKING: ReadonlySet<string> = new Set([
  "BLPOP",
  "BRPOP",
  "BRPOPLPUSH",
  "BLMOVE",
  "BLMPOP",
  "BZPOPMIN",
  "BZPOPMAX",
  "BZMPOP",
  "XREAD",
  "XREADGROUP",
]);
/** What a client sends by itself when it connects, and what changes no data. */
const HANDSHAKE: ReadonlySet<string> = new Set([
  ...SUBSCRIBER,
  "HELLO",
  "CLIENT",
  "SELECT",
  "INFO",
  "READONLY",
  "READWRITE",
  "CLUSTER",
]);
const WATCHED: readonly string[] = ["MULTI", "EXEC", "DISCARD", "HELLO", ...SUBSCRIBE, ...BLOCKING];

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function isVerdict(frame: Buffer): boolean {
  return frame[0] === ERROR || frame.equals(OK_REPLY);
}

/** The protocol that a HELLO asks for. */
function protocolOf(hello: Buffer): 2 | 3 | undefined {
  const version = parseCommand(hello)[1]?.toString();
  return version === "2" ? 2 : version === "3" ? 3 : undefined;
}
