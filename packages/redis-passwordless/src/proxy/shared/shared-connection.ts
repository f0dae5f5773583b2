import { encodeCommand, ReplyScanner } from "resp-framing";
import { type Clock, systemClock } from "../../core/clock.js";
import type { PasswordlessError } from "../../core/errors.js";
import type { Token } from "../../core/token.js";
import { IdlePing } from "../../inband/idle-ping.js";
import { encodeAuth, textOf } from "../../inband/login.js";
import { type Connection, encryptionOf, type LoginResult, refusedError } from "../../reauth/connection.js";
import { unreachableError } from "../../reauth/unreachable.js";
import type { UpstreamConnection } from "../upstream.js";
import { Outgoing } from "./outgoing.js";
import { Patience } from "./patience.js";
import type { Recipient } from "./recipient.js";
import { type OwnCommand, ReplyLine } from "./reply-line.js";

export interface SharedConnectionOptions {
  /** The server, for messages. */
  readonly label: string;
  /** What the connection speaks. @default 2 */
  readonly protocol?: 2 | 3;
  /**
   * How long all wait for one who does not read, in milliseconds, before that one is given up.
   * @default 2_000
   */
  readonly patienceMs?: number;
  /**
   * A connection that has been silent for this long, in milliseconds, gets a PING.
   * @default none
   */
  readonly pingIntervalMs?: number | undefined;
  /** @default the system's */
  readonly clock?: Clock | undefined;
}

/** Bytes that wait to be sent before clients are asked to wait. */
const FULL_AT = 1_048_576;

/**
 * One connection to a server on which the commands of many clients go one behind the other, each getting its own
 * replies, in the order in which it has asked.
 *
 * What is sent within one turn of the event loop goes out in one write. Only commands with exactly one reply each,
 * which leave no state behind, may go on it, and only in the form `*n $l …` with nothing between them: an inline
 * command, or a length that the server does not accept, would shift the replies of everybody.
 */
export class SharedConnection implements Connection {
  readonly label: string;
  readonly protocol: 2 | 3;
  readonly #upstream: UpstreamConnection;
  readonly #scanner = new ReplyScanner();
  readonly #line = new ReplyLine();
  readonly #outgoing = new Outgoing();
  readonly #patience: Patience;
  readonly #idlePing: IdlePing | undefined;
  readonly #onClosed: (() => void)[] = [];
  readonly #onRoom: (() => void)[] = [];
  readonly #onQuiet: (() => void)[] = [];
  #token: Token;
  /** A frame for ourselves, as far as it has arrived. */
  #partial: Buffer[] = [];
  #isTorn = false;
  #isFlushing = false;
  /** A login of ours waits until nothing is under way, and nothing is sent until it is answered. */
  #login: (() => void) | undefined;
  #isOpen = true;
  #cause: Error | undefined;

  constructor(upstream: UpstreamConnection, options: SharedConnectionOptions) {
    this.label = options.label;
    this.protocol = options.protocol ?? 2;
    this.#upstream = upstream;
    this.#token = upstream.token;
    const { socket } = upstream;
    const clock = options.clock ?? systemClock;
    if (options.pingIntervalMs !== undefined) {
      this.#idlePing = new IdlePing(clock, options.pingIntervalMs, () => void this.ask("PING"));
    }
    this.#patience = new Patience(clock, options.patienceMs ?? 2_000, {
      stop: () => socket.pause(),
      go: () => socket.resume(),
    });
    socket.on("data", this.#onData).on("drain", this.#onDrain).on("error", this.#onError);
    socket.on("close", this.#onClose);
    socket.resume();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Replies that have been asked for and have not come. */
  get outstanding(): number {
    return this.#line.outstanding;
  }

  /** Whether everybody waits here for one who does not read. */
  get isHeld(): boolean {
    return this.#patience.isHolding;
  }

  /** Calls back when the connection has ended, or has been handed over. */
  onceClosed(listener: () => void): void {
    this.#onClosed.push(listener);
  }

  /**
   * Sends whole commands, of which a copy is kept until the end of this turn of the event loop.
   *
   * @param replies how many commands these are
   * @returns whether more may be sent; otherwise {@link whenWritable} tells when
   */
  send(bytes: Buffer, recipient: Recipient, replies = 1): boolean {
    if (!this.#isOpen) {
      recipient.lost({ replies, mayHaveRun: false, isTorn: false, error: this.#lossError() });
      return true;
    }
    this.#line.add({ recipient, own: undefined, local: undefined, left: replies });
    this.#gather(bytes);
    return this.#outgoing.size + this.#upstream.socket.writableLength < FULL_AT;
  }

  /** Puts replies that the server is not asked for behind those that the recipient waits for. */
  answer(bytes: Buffer, recipient: Recipient, replies = 1): void {
    if (this.#line.outstanding === 0) this.#hand(recipient, bytes, replies);
    else this.#line.add({ recipient, own: undefined, local: bytes, left: replies });
  }

  /** Resolves when more may be sent, or nothing any more. */
  whenWritable(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRoom.push(resolve);
    });
  }

  /** Resolves when nobody waits for a reply, or the connection has ended. */
  whenQuiet(): Promise<void> {
    if (this.#line.outstanding === 0 || !this.#isOpen) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onQuiet.push(resolve);
    });
  }

  /** Sends a command of ours; resolves with its reply, or with `undefined` when the connection ends first. */
  ask(...command: readonly string[]): Promise<Buffer | undefined> {
    if (!this.#isOpen) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const onFrame = (frame: Buffer): boolean => {
        resolve(frame);
        return true;
      };
      this.#own({ onFrame, lost: () => resolve(undefined) });
      this.#gather(encodeCommand(command));
    });
  }

  /**
   * Logs in with a new token between the commands of clients.
   *
   * Redis from 7.2 on and Valkey drop the error of a login while replies are pending
   * (https://github.com/redis/redis/issues/15640), so a marker behind it tells where its reply would have ended. Where
   * no marker is possible, it is sent when nothing is pending.
   */
  async authenticate(token: Token): Promise<LoginResult> {
    if (!this.#isOpen) return "offline";
    const { markers } = this.#upstream;
    const verdict = await (markers === undefined
      ? this.#logInAlone(token)
      : this.#logInBefore(token, markers.next()));
    if (verdict === "lost") return "offline";
    if (verdict?.subarray(0, 3).equals(OK) === true) {
      this.#token = token;
      return "accepted";
    }
    const text = verdict === undefined ? "the login was not answered" : textOf(verdict);
    throw refusedError(this.label, token, text, encryptionOf(this.#upstream.socket));
  }

  #logInBefore(token: Token, marker: { request: Buffer; reply: Buffer }): Promise<Verdict> {
    return new Promise((resolve) => {
      let verdict: Buffer | undefined;
      const onFrame = (frame: Buffer): boolean => {
        if (frame.equals(marker.reply)) {
          resolve(verdict);
          return true;
        }
        verdict ??= frame;
        return false;
      };
      this.#own({ onFrame, lost: () => resolve("lost") });
      this.#gather(Buffer.concat([encodeAuth(token), marker.request]));
    });
  }

  #logInAlone(token: Token): Promise<Verdict> {
    return new Promise((resolve) => {
      const done = (verdict: Verdict): void => {
        this.#login = undefined;
        resolve(verdict);
        if (this.#isOpen) this.#flush();
      };
      const onFrame = (frame: Buffer): boolean => {
        done(frame);
        return true;
      };
      this.#flush();
      this.#login = () => {
        this.#login = NOTHING_TO_DO;
        const own = { onFrame, lost: () => done("lost") };
        this.#line.addAhead({ recipient: undefined, own, local: undefined, left: 1 });
        this.#upstream.socket.write(encodeAuth(token));
      };
      this.#onClosed.push(() => resolve("lost"));
      this.#continueLogin();
    });
  }

  #continueLogin(): void {
    if (this.#line.isQuiet) this.#login?.();
  }

  /**
   * Hands the connection over to somebody else; only possible while nobody waits for a reply.
   *
   * @returns `undefined` when that is not possible now
   */
  release(): UpstreamConnection | undefined {
    if (!this.#isOpen || this.#line.outstanding > 0 || this.#login !== undefined) return undefined;
    const { socket } = this.#upstream;
    socket.off("data", this.#onData).off("drain", this.#onDrain).off("error", this.#onError);
    socket.off("close", this.#onClose).pause();
    this.#finish();
    return { ...this.#upstream, token: this.#token };
  }

  /** Ends the connection; whoever waits for a reply gets none. */
  close(): void {
    this.#end(new Error("the proxy closed the connection"));
  }

  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  readonly #onDrain = (): void => this.#drained();
  readonly #onError = (error: Error): void => this.#end(error);
  readonly #onClose = (): void => this.#end(new Error("the server closed the connection"));

  #own(own: OwnCommand): void {
    this.#line.add({ recipient: undefined, own, local: undefined, left: 1 });
  }

  #gather(bytes: Buffer): void {
    this.#outgoing.add(bytes);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    // Data of many clients arrives in one turn of the event loop; ticks and microtasks come between them.
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushing = false;
    if (!this.#isOpen || this.#login !== undefined) return;
    const parts = this.#outgoing.take();
    this.#idlePing?.sent();
    this.#line.sent();
    const { socket } = this.#upstream;
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) socket.write(only);
    else if (parts.length > 1) {
      socket.cork();
      for (const part of parts) socket.write(part);
      socket.uncork();
    }
  }

  #drained(): void {
    for (const resolve of this.#onRoom.splice(0)) resolve();
  }

  #read(chunk: Buffer): void {
    try {
      this.#deliver(chunk);
    } catch (error) {
      this.#end(new Error("the answer is not Redis protocol", { cause: error }));
    }
    if (this.#onRoom.length > 0 && this.#upstream.socket.writableLength < FULL_AT) this.#drained();
    this.#continueLogin();
    if (this.#onQuiet.length > 0 && this.#line.outstanding === 0) {
      for (const resolve of this.#onQuiet.splice(0)) resolve();
    }
  }

  #deliver(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#isOpen) {
      const run = this.#line.first;
      if (run?.recipient === undefined) at = this.#readForUs(chunk, at, run?.own);
      else at = this.#readFor(run.recipient, chunk, at, run.left);
      this.#handLocals();
    }
  }

  /** Hands over the replies of one recipient as far as they are here, in one piece. */
  #readFor(recipient: Recipient, chunk: Buffer, from: number, left: number): number {
    const scanner = this.#scanner;
    const before = scanner.replies;
    if (this.protocol === 2) {
      const end = scanner.scan(chunk, from, left);
      this.#hand(recipient, chunk.subarray(from, end), scanner.replies - before);
      this.#isTorn = !scanner.atBoundary;
      this.#line.ended(scanner.replies - before);
      return end;
    }
    let at = from;
    while (at < chunk.length && scanner.replies - before < left) {
      const start = at;
      at = scanner.scanFrame(chunk, at);
      if (!scanner.isPush) continue;
      // Nobody has asked for it: it belongs to no client.
      if (start > from) this.#hand(recipient, chunk.subarray(from, start), scanner.replies - before);
      this.#line.ended(scanner.replies - before);
      return at;
    }
    this.#hand(recipient, chunk.subarray(from, at), scanner.replies - before);
    this.#isTorn = !scanner.atBoundary;
    this.#line.ended(scanner.replies - before);
    return at;
  }

  #readForUs(chunk: Buffer, from: number, own: OwnCommand | undefined): number {
    const scanner = this.#scanner;
    const end = scanner.scanFrame(chunk, from);
    if (scanner.isPush) return end;
    this.#partial.push(chunk.subarray(from, end));
    if (!scanner.atBoundary) return end;
    const frame = Buffer.concat(this.#partial);
    this.#partial = [];
    // What nobody has asked for is the server's farewell.
    if (own === undefined) this.#cause = new Error(`the server said "${textOf(frame).slice(0, 200)}"`);
    else if (own.onFrame(frame)) this.#line.ended(1);
    return end;
  }

  #handLocals(): void {
    for (let run = this.#line.first; run?.local !== undefined; run = this.#line.first) {
      if (run.recipient !== undefined) this.#hand(run.recipient, run.local, run.left);
      this.#line.ended(run.left);
    }
  }

  #hand(recipient: Recipient, bytes: Buffer, ended: number): void {
    const wait = recipient.receive(bytes, ended);
    if (wait !== undefined) this.#patience.waitFor(recipient, wait);
  }

  #end(error: Error): void {
    if (!this.#isOpen) return;
    this.#cause ??= error;
    this.#finish();
    this.#upstream.socket.on("error", () => {}).destroy();
    const loss = this.#lossError();
    let isTorn = this.#isTorn;
    for (const { run, isSent } of this.#line.clear()) {
      run.own?.lost();
      run.recipient?.lost({ replies: run.left, mayHaveRun: isSent, isTorn, error: loss });
      isTorn = false;
    }
  }

  #finish(): void {
    this.#isOpen = false;
    this.#patience.end();
    this.#idlePing?.close();
    this.#drained();
    for (const resolve of this.#onQuiet.splice(0)) resolve();
    for (const listener of this.#onClosed.splice(0)) listener();
  }

  #lossError(): PasswordlessError {
    const cause = this.#cause ?? new Error("the connection has ended");
    return unreachableError(this.label, `The connection to Redis at ${this.label} has ended`, cause);
  }
}

/** The reply to a login; `undefined` when the server gave none, `lost` when the connection ended first. */
type Verdict = Buffer | "lost" | undefined;

const OK = Buffer.from("+OK");
const NOTHING_TO_DO = (): void => {};
