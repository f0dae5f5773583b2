import { encodeCommand, RespError } from "resp-framing";
import { PasswordlessError } from "../../core/errors.js";
import type { LoginDesk } from "../../inband/foreign-client.js";
import { LONGEST_OF_STRANGER, STRANGER_TOO_LONG } from "../client-gate.js";
import { HIGH_WATER_BYTES } from "../client-link.js";
import type { ClientEnd } from "../events.js";
import type { Client } from "../io/shared-reads.js";
import { respError } from "../resp-error.js";
import type { InstanceCounters } from "../status.js";
import { ClientPort, type PortUser } from "./client-port.js";
import { ClientState } from "./client-state.js";
import { CommandReader, type Found } from "./command-reader.js";
import { lossReply } from "./loss-reply.js";
import { OwnConnection } from "./own-connection.js";
import type { PinnedChannel } from "./pinned-channel.js";
import type { Pool } from "./pool.js";
import type { Pooling, Sharing } from "./pooling.js";
import type { Loss, Recipient } from "./recipient.js";
import type { SharedConnection } from "./shared-connection.js";
import { type TransactionPart, transactionPart } from "./transaction-part.js";

export interface PooledClientOptions {
  readonly client: Client;
  readonly pool: Pool;
  readonly pooling: Pooling;
  /** Who decides what the client's own logins mean. */
  readonly desk: LoginDesk;
  readonly counters?: Pick<InstanceCounters, "bytesIn" | "bytesOut">;
}

/** A connection that the client has to itself, and what it has left behind there; without that it keeps it. */
interface Own {
  readonly channel: PinnedChannel;
  state: ClientState | undefined;
}

/**
 * One client without a connection of its own: its commands go on connections that it shares with others. For a command
 * that cannot be shared it gets one to itself, once everything before it has been answered, and is back among the others
 * when it has left nothing behind.
 */
export class PooledClient implements Recipient {
  readonly #pool: Pool;
  readonly #pooling: Pooling;
  readonly #desk: LoginDesk;
  readonly #port: ClientPort;
  readonly #connection: OwnConnection;
  readonly #reader = new CommandReader();
  /** Where its commands go while it waits for replies. */
  #shared: SharedConnection | undefined;
  #outstanding = 0;
  #own: Own | undefined;
  /** Something has to happen before the next command is looked at. */
  #isWaiting = false;
  #onAnswered: (() => void) | undefined;
  /** Why there is no connection: what the commands that have come so far get. */
  #failure: unknown;
  #reason: ClientEnd | undefined;
  /** The client sends nothing more. */
  #hasEnded = false;
  /** It has said goodbye, or something that is no command: what comes behind that is not looked at. */
  #isOver = false;
  #isOpen = true;
  #settle: (reason: ClientEnd) => void = () => {};
  /** Resolves when the client's connection has ended. */
  readonly ended: Promise<ClientEnd>;

  constructor(options: PooledClientOptions) {
    this.#pool = options.pool;
    this.#pooling = options.pooling;
    this.#desk = options.desk;
    this.#connection = new OwnConnection(options.desk);
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    const user: PortUser = {
      onBytes: (bytes) => this.#fromClient(bytes),
      onEnd: () => this.#clientEnded(),
      onClose: () => this.#closed(),
    };
    this.#port = new ClientPort(options.client, user, options.counters);
  }

  /** Whether nothing is under way for it. */
  get isIdle(): boolean {
    return this.#outstanding === 0 && this.#own === undefined && !this.#isWaiting;
  }

  /** Between two commands a client that is at work waits for nothing either. */
  dismiss(): void {
    if (this.#port.isSilent) this.destroy("idle");
  }

  /** Ends the client's connection at once. */
  destroy(reason: ClientEnd): void {
    this.#reason ??= reason;
    this.#port.destroy();
  }

  receive(bytes: Buffer, ended: number): Promise<void> | undefined {
    this.#outstanding -= ended;
    const wait = this.#isOpen ? this.#port.write(bytes) : undefined;
    if (this.#outstanding === 0) this.#answered();
    return wait;
  }

  lost(loss: Loss): void {
    this.#outstanding -= loss.replies;
    // What has been handed over of the first reply cannot be taken back.
    if (loss.isTorn) this.destroy("server");
    else if (this.#isOpen) void this.#port.write(Buffer.concat(Array(loss.replies).fill(lossReply(loss))));
    if (this.#outstanding === 0) this.#answered();
  }

  giveUp(): void {
    this.destroy("client");
  }

  #fromClient(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#reader.feed(bytes);
    this.#pump();
    this.#reader.keep();
    const isFull = this.#isWaiting && this.#reader.rest.length > HIGH_WATER_BYTES;
    if (isFull) this.#port.hold("something has to come first");
  }

  /** Looks at what the client has sent, as far as nothing has to be waited for. */
  #pump(): void {
    while (this.#isOpen && !this.#isWaiting && !this.#isOver) {
      const mayGoOn = this.#own === undefined ? this.#pumpShared() : this.#pumpOwn(this.#own);
      if (!mayGoOn) break;
    }
    this.#endIfOver();
  }

  /** @returns whether there may be more to look at */
  #pumpShared(): boolean {
    const reader = this.#reader;
    let from = -1;
    let to = -1;
    let count = 0;
    const send = (): void => {
      if (count > 0) this.#share(reader.slice(from, to), count);
      count = 0;
    };
    for (;;) {
      const found = this.#next();
      if (found !== "command") {
        send();
        if (this.#isTooLongForStranger()) this.#sendAway(STRANGER_TOO_LONG);
        else if (found === "more") this.#failure = undefined;
        else if (found === "long") this.#wait(this.#turn("forever"));
        else this.#breakOff(found);
        return false;
      }
      const sharing = this.#judge();
      if (sharing === "shared") {
        if (count === 0 && !this.#isReady(this.#connection.protocol)) return this.#putBack();
        const { start, end } = reader;
        if (start < 0 || (count > 0 && start !== to)) send();
        if (start < 0) this.#share(reader.command, 1);
        else {
          if (count === 0) from = start;
          to = end;
          count += 1;
        }
        if (this.#isWaiting) {
          send();
          return false;
        }
        continue;
      }
      send();
      if (sharing === "client") {
        if (!this.#answerItself()) return this.#putBack();
        if (this.#isOver) return false;
      } else if (
        sharing === "refused" ||
        (reader.name.toUpperCase() === "MULTI" && this.#takeTransaction())
      ) {
        if (this.#isWaiting) return false;
      } else {
        reader.rewind();
        this.#wait(this.#turn(sharing));
        return false;
      }
    }
  }

  #next(): Found | RespError {
    try {
      return this.#reader.next();
    } catch (error) {
      if (error instanceof RespError) return error;
      throw error;
    }
  }

  #putBack(): false {
    this.#reader.rewind();
    return false;
  }

  #judge(): Sharing | "refused" {
    const reader = this.#reader;
    if (this.#desk.isLocked) {
      const refusal = this.#connection.refusal(reader.name.toUpperCase());
      if (refusal !== undefined) {
        this.#answer(refusal);
        return "refused";
      }
    }
    return this.#pooling.byName(reader.name) ?? this.#pooling.byArguments(reader.args);
  }

  /** Whether a shared connection is there for the next command; otherwise sees to it. */
  #isReady(protocol: 2 | 3): boolean {
    const shared = this.#shared;
    if (this.#failure !== undefined) return true;
    if (this.#outstanding > 0 && shared !== undefined) {
      if (shared.protocol === protocol && this.#pool.isUsable(shared)) return true;
      this.#wait(this.#untilAnswered());
      return false;
    }
    this.#shared = this.#pool.pick(protocol);
    if (this.#shared !== undefined) return true;
    this.#wait(
      this.#pool.get(protocol).catch((error: unknown) => {
        this.#failure = error;
      }),
    );
    return false;
  }

  #share(bytes: Buffer, replies: number): void {
    const shared = this.#shared;
    if (this.#failure !== undefined || shared === undefined) {
      void this.#port.write(Buffer.from(respError(this.#failure).repeat(replies)));
      return;
    }
    this.#outstanding += replies;
    if (shared.send(bytes, this, replies)) return;
    this.#wait(shared.whenWritable());
  }

  /** Puts a reply of our own behind those that are under way. */
  #answer(reply: Buffer): void {
    if (this.#outstanding === 0 || this.#shared === undefined) void this.#port.write(reply);
    else {
      this.#outstanding += 1;
      this.#shared.answer(reply, this);
    }
  }

  /** @returns `false` when something has to be waited for first */
  #answerItself(): boolean {
    const { args } = this.#reader;
    const name = this.#reader.name.toUpperCase();
    if (name === "HELLO" && !this.#isReadyForHello(args)) return false;
    const answer = this.#connection.answer(args);
    if (answer.kind === "hello") this.#share(encodeCommand(answer.command), 1);
    else {
      this.#answer(answer.reply);
      if (answer.ends === true) this.#isOver = true;
    }
    return true;
  }

  /** The reply to HELLO comes from a connection of the protocol that it asks for. */
  #isReadyForHello(args: readonly Buffer[]): boolean {
    const version = String(args[1] ?? this.#connection.protocol);
    return this.#isReady(version === "3" ? 3 : 2);
  }

  /**
   * A transaction that has come in one piece, with nothing in it that needs a connection of its own, is sent in one
   * piece: nobody comes in between.
   */
  #takeTransaction(): boolean {
    const reader = this.#reader;
    const start = reader.mark;
    const parts = [reader.command];
    for (let part: TransactionPart = "inside"; part !== "end"; ) {
      const isWhole = this.#next() === "command";
      if (isWhole && this.#judge() === "shared")
        part = transactionPart(reader.name.toUpperCase(), reader.count);
      else part = "apart";
      if (part === "apart") {
        reader.backTo(start);
        return false;
      }
      parts.push(reader.command);
    }
    if (!this.#isReady(this.#connection.protocol)) {
      reader.backTo(start);
      return true;
    }
    this.#share(Buffer.concat(parts), parts.length);
    return true;
  }

  /** Gets a connection of its own for the next command, once everything before it has been answered. */
  async #turn(sharing: Sharing): Promise<void> {
    const preferred = sharing === "wait" ? this.#shared : undefined;
    if (this.#outstanding > 0) await this.#untilAnswered();
    if (!this.#isOpen) return;
    try {
      await this.#take(sharing === "forever" ? undefined : new ClientState(), preferred);
    } catch (error) {
      if (this.#next() === "command") void this.#port.write(Buffer.from(respError(error)));
      else this.destroy("unreachable");
    }
  }

  #untilAnswered(): Promise<void> {
    return new Promise((resolve) => {
      this.#onAnswered = resolve;
    });
  }

  async #take(state: ClientState | undefined, preferred: SharedConnection | undefined): Promise<void> {
    const { protocol } = this.#connection;
    const user = {
      onBytes: (bytes: Buffer) => this.#fromOwn(bytes),
      onEnd: (error: Error) => this.#ownEnded(error),
    };
    const channel = await this.#pool.pin(protocol, user, {
      preferred,
      options: { desk: this.#desk },
    });
    this.#own = { channel, state };
    if (!this.#isOpen) this.#leaveOwn();
  }

  #pumpOwn(own: Own): boolean {
    const reader = this.#reader;
    for (;;) {
      if (own.state === undefined) {
        const rest = reader.takeRest();
        if (rest.length > 0) this.#write(own, rest);
        if (this.#hasEnded) own.channel.end();
        return false;
      }
      const found = this.#next();
      if (found === "more") {
        this.#endBlocked();
        return false;
      }
      const sharing = found === "command" ? this.#judge() : "forever";
      if (sharing === "forever" || sharing === "client" || sharing === "refused") {
        // What this does to the connection is nothing to follow.
        own.state = undefined;
        reader.rewind();
        continue;
      }
      own.state.sent(reader.name.toUpperCase(), reader.args);
      this.#write(own, reader.command);
      if (this.#isWaiting) {
        this.#endBlocked();
        return false;
      }
    }
  }

  /** What blocks would go on for a client that has gone, and take what others wait for. */
  #endBlocked(): void {
    const own = this.#own;
    if (!this.#hasEnded || own === undefined) return;
    const isBlocked = this.#isWaiting ? own.channel.isHeld : own.state?.outstanding !== 0;
    if (isBlocked) own.channel.end();
  }

  #write({ channel }: Own, bytes: Buffer): void {
    const room = channel.write(bytes);
    if (room !== undefined) this.#wait(room, channel.isHeld);
  }

  #fromOwn(bytes: Buffer): Promise<void> | undefined {
    const own = this.#own;
    const wait = this.#port.write(bytes);
    if (own?.state === undefined) return wait;
    own.state.received(bytes);
    if (own.state.isClean && !own.state.isTorn) {
      this.#own = undefined;
      void this.#pool.giveBack(own.channel);
      queueMicrotask(() => this.#goOn());
    } else if (own.state.outstanding === 0) this.#endIfOver();
    return wait;
  }

  /** What was on it is lost, as when a server closes its client's connection. */
  #ownEnded(error: Error): void {
    const own = this.#own;
    this.#own = undefined;
    if (PasswordlessError.is(error)) {
      this.#reason ??= "expiry";
      if (own?.state?.isTorn !== true) void this.#port.write(Buffer.from(respError(error)));
    }
    this.#reason ??= this.#hasEnded ? "client" : "server";
    this.#port.end();
  }

  #leaveOwn(): void {
    const own = this.#own;
    this.#own = undefined;
    if (own !== undefined) this.#pool.discard(own.channel);
  }

  /**
   * Looks at no further command until then.
   *
   * @param isLong whether the client is read on for a while, to notice when it goes away
   */
  #wait(until: Promise<void | SharedConnection>, isLong = false): void {
    this.#isWaiting = true;
    if (!isLong) this.#port.hold("something has to come first");
    void until.then(() => {
      this.#isWaiting = false;
      this.#port.go("something has to come first");
      this.#goOn();
    });
  }

  #goOn(): void {
    if (this.#isOpen) this.#pump();
  }

  #answered(): void {
    const onAnswered = this.#onAnswered;
    this.#onAnswered = undefined;
    if (onAnswered === undefined) this.#endIfOver();
    else onAnswered();
  }

  #clientEnded(): void {
    this.#hasEnded = true;
    // What has come before is still to be answered.
    if (this.#isWaiting) this.#endBlocked();
    else this.#pump();
  }

  #endIfOver(): void {
    if (!(this.#hasEnded || this.#isOver) || this.#outstanding > 0 || this.#isWaiting) return;
    const own = this.#own;
    if (own !== undefined && (own.state === undefined || own.state.outstanding > 0)) return;
    this.#reason ??= "client";
    this.#port.end();
  }

  #breakOff(error: RespError): void {
    this.#sendAway(`-ERR Protocol error: ${error.message}\r\n`);
  }

  #sendAway(answer: string): void {
    this.#reason ??= "refused";
    this.#isOver = true;
    this.#answer(Buffer.from(answer));
  }

  #isTooLongForStranger(): boolean {
    return this.#desk.isLocked && this.#reader.rest.length > LONGEST_OF_STRANGER;
  }

  #closed(): void {
    this.#isOpen = false;
    this.#leaveOwn();
    this.#onAnswered?.();
    this.#settle(this.#reason ?? "client");
  }
}
