import { encodeCommand, parseCommand } from "resp-framing";
import type { Clock } from "../core/clock.js";
import type { Token } from "../core/token.js";
import { type Connection, type LoginResult, refusedError } from "../reauth/connection.js";
import { BlockedCommand } from "./blocked-command.js";
import { BLOCKING_COMMANDS, blockingCommand } from "./blocking-command.js";
import { CommandFlow, type CommandPlanner } from "./command-flow.js";
import { HANDSHAKE, SUBSCRIBE, SUBSCRIBER, WATCHED } from "./command-kinds.js";
import { Dialect } from "./dialect.js";
import {
  CONNECTION_COMMANDS,
  ForeignClient,
  type ForeignClientHost,
  type LoginDesk,
} from "./foreign-client.js";
import { IdlePing } from "./idle-ping.js";
import type { Link, LinkUser } from "./link.js";
import { encodeAuth, isVerdict, textOf } from "./login.js";
import { LostTransaction } from "./lost-transaction.js";
import type { Markers } from "./marker.js";
import { OwnCommands } from "./own-commands.js";
import { type Plan, SEND } from "./plan.js";
import { TransactionPlans } from "./transaction-plans.js";
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
  /** Whether the client's first INFO is a check of its own. @default false */
  readonly expectsReadyCheck?: boolean;
  /** The transaction that was lost with the client's previous connection. */
  readonly lost?: TransactionState | undefined;
  /**
   * A connection that has been silent for this long, in milliseconds, gets a PING.
   * @default none
   */
  readonly pingIntervalMs?: number | undefined;
  /** What the connection speaks when the session begins. @default 2 */
  readonly protocol?: 2 | 3;
  /** The token that the connection has logged in with, where the session needs it to log in again by itself. */
  readonly token?: Token;
  /** Who answers the client's own logins. @default the client is one that never logs in itself */
  readonly desk?: LoginDesk | undefined;
  /**
   * Asked for each CLUSTER command: what to do with its reply, if anything. What it returns is what the client gets,
   * and passes the link as that very buffer.
   */
  readonly lookAtCluster?: ((command: Buffer) => ((frame: Buffer) => Buffer) | undefined) | undefined;
  /** Told of each token that the connection has logged in with since. */
  readonly onLogin?: ((token: Token) => void) | undefined;
}

/**
 * One connection between a client and Redis that can log in again by itself: AUTH is written between the client's
 * commands, and its reply taken out of what the client reads.
 *
 * The client notices nothing. Outgoing commands are followed, because there are moments when AUTH must not be sent;
 * incoming bytes are looked at only while a reply of ours is under way.
 */
export class InbandSession implements Connection, LinkUser, CommandPlanner, ForeignClientHost {
  readonly label: string;
  readonly #link: Link;
  readonly #own: OwnCommands;
  readonly #schedule: LoginSchedule;
  readonly #onClosed: ((transaction: TransactionState) => void)[] = [];
  readonly #flow: CommandFlow;
  readonly #dialect: Dialect;
  readonly #transactions = new Transactions();
  readonly #transactionPlans: TransactionPlans;
  readonly #idlePing: IdlePing | undefined;
  /** Set for a client that may log in, reset, monitor: anything that Redis lets clients do. */
  readonly #foreign: ForeignClient | undefined;
  readonly #lookAtCluster: SessionOptions["lookAtCluster"];
  readonly #onLogin: ((token: Token) => void) | undefined;
  /** What the connection has logged in with last. */
  #token: Token | undefined;
  #lost: LostTransaction | undefined;
  #expectsReadyCheck: boolean;
  /** The next command belongs to the one before. */
  isPrefixed = false;
  /** What waits until nothing of the client's would be torn apart. */
  readonly #waiting: (() => void)[] = [];
  /** Something may still hold the connection when its client has gone. */
  #hasBlocked = false;
  #isOpen = true;

  constructor(link: Link, options: SessionOptions) {
    this.label = options.label;
    this.#link = link;
    this.#schedule = options.schedule;
    this.#expectsReadyCheck = options.expectsReadyCheck ?? false;
    this.#own = new OwnCommands(
      link,
      (bytes) => this.#send(bytes),
      options.markers,
      () => this.isPlainSubscriber,
    );
    this.#transactionPlans = new TransactionPlans(this.#own, this.#transactions);
    const send = (bytes: Buffer): boolean => this.#send(bytes);
    const putFirst = (command: Buffer): void => this.#flow.putFirst(command);
    this.#dialect = new Dialect(this.#own, options.protocol ?? 2, putFirst, send);
    this.#token = options.token;
    this.#onLogin = options.onLogin;
    this.#foreign = options.desk === undefined ? undefined : new ForeignClient(options.desk, this);
    this.#lookAtCluster = options.lookAtCluster;
    const isForeign = this.#foreign !== undefined;
    const watch = this.#lookAtCluster ? WATCHED_IN_CLUSTER : isForeign ? WATCHED_OF_FOREIGN : WATCHED;
    this.#flow = new CommandFlow(link, this.#own, this, watch, send);
    if (options.lost !== undefined && options.lost !== "none") {
      this.#lost = new LostTransaction(options.lost);
    }
    if (this.#own.isPossible && options.pingIntervalMs !== undefined) {
      this.#idlePing = new IdlePing(options.schedule.clock, options.pingIntervalMs, () => this.#ping());
    }
    link.attach(this);
  }

  /** Calls back when the connection has ended, with the transaction that ends with it. */
  onceClosed(listener: (transaction: TransactionState) => void): void {
    this.#onClosed.push(listener);
  }

  /** Whether nothing is under way but what has been sent, and all that the client has set up is known. */
  get isReusable(): boolean {
    return (
      this.#mayLogIn &&
      this.#foreign !== undefined &&
      this.#foreign.setup.isKnown &&
      !this.#foreign.isMute &&
      this.#transactions.state === "none" &&
      !this.isPrefixed &&
      !this.#hasBlocked &&
      !this.#dialect.hasSubscribed &&
      !this.#dialect.isDoubtful &&
      this.#flow.isBetweenCommands
    );
  }

  /** Commands that the client has sent so far; while it {@link isReusable}, each of them has one reply. */
  get commands(): number {
    return this.#flow.commands;
  }

  /** Resolves with `true` when everything that has been sent is answered. */
  settle(): Promise<boolean> {
    return this.#own.mark();
  }

  /** What sets up another connection as the client has set up this one. */
  get setup(): readonly Buffer[] {
    const hello = this.#dialect.protocol === 3 ? [encodeCommand(["HELLO", "3"])] : [];
    return [...hello, ...(this.#foreign?.setup.commands ?? [])];
  }

  /** Sets this connection up as another one was; resolves with whether that could be done. */
  async repeat(setup: readonly Buffer[]): Promise<boolean> {
    if (setup.length === 0) return true;
    let isRefused = false;
    const onReply = (frame: Buffer): undefined => {
      isRefused ||= frame[0] === ERROR;
    };
    for (const command of setup) this.#foreign?.setup.repeat(command);
    const isDone = await this.#own.exchange(Buffer.concat(setup), { onReply });
    if (String(setup[0]).includes("HELLO")) this.#dialect.protocol = 3;
    return isDone && !isRefused;
  }

  /**
   * Takes back what the client has set up; returns whether the next one finds it as new, at once where nobody has to be
   * asked.
   *
   * @param isAnswered whether everything that has been sent seems to be answered: then it is made sure of together with
   * what the next client sends
   */
  recycle(isAnswered: boolean): boolean | Promise<boolean> {
    if (!this.isReusable) return false;
    const request = Buffer.concat([
      ...(this.#dialect.protocol === 3 ? [encodeCommand(["HELLO", "2"])] : []),
      ...(this.#foreign?.setup.undoing ?? []),
    ]);
    if (isAnswered && this.#own.beginAnew(request)) {
      this.#forgetSetup();
      return true;
    }
    const isDone =
      request.length === 0 ? this.#own.mark() : this.#own.exchange(request, { onReply: () => undefined });
    return isDone.finally(() => this.#forgetSetup());
  }

  #forgetSetup(): void {
    this.#dialect.protocol = 2;
    this.#foreign?.setup.clear();
  }

  async authenticate(token: Token): Promise<LoginResult> {
    this.#link.flush();
    let verdict: Buffer | undefined;
    const onReply = (frame: Buffer): Buffer | undefined => {
      // A connection that monitors gets other lines in between.
      if (verdict !== undefined || !isVerdict(frame)) return frame;
      verdict = frame;
      return undefined;
    };
    const outcome = await new Promise<boolean | "unable" | "unheard">((resolve) => {
      this.#whenFree(() => {
        if (!this.#mayLogIn) resolve("unable");
        else if (this.#foreign?.isMute === true) {
          this.#foreign.loginUnheard(token);
          resolve("unheard");
        } else resolve(this.#own.exchange(encodeAuth(token), { onReply }));
      });
    });
    if (outcome === "unheard") {
      this.#loggedIn(token);
      return "accepted";
    }
    if (outcome === "unable") return this.#isOpen ? "unable" : "offline";
    if (!outcome) return "offline";
    if (verdict?.subarray(0, 3).equals(OK) === true) {
      this.#loggedIn(token);
      return "accepted";
    }
    // Redis 7.2 and later drop the error when replies are pending (https://github.com/redis/redis/issues/15640).
    const text = verdict === undefined ? "the login was not answered" : textOf(verdict);
    throw refusedError(this.label, token, text, this.#link.encryption);
  }

  /**
   * Calls back when a command of ours has a place: not in a transaction, nor between two commands that belong
   * together, nor within one that the client is still writing, as it may for long with a large value.
   */
  #whenFree(act: () => void): void {
    this.#transactions.whenOver(() => {
      if (this.#isOpen && this.#isTied) this.#waiting.push(() => this.#whenFree(act));
      else act();
    });
  }

  /** Whether what is sent now would come between what belongs together. */
  get #isTied(): boolean {
    return this.isPrefixed || this.#flow.isMidCommand;
  }

  dealtWith(): void {
    if (this.#waiting.length > 0 && !this.#isTied) this.#releaseWaiting();
  }

  #loggedIn(token: Token): void {
    this.#token = token;
    this.#onLogin?.(token);
  }

  /** A transaction would queue it, and is not silent for long. */
  #ping(): void {
    if (this.#mayLogIn && !this.#transactions.isOpen && !this.#isTied) void this.#own.mark();
  }

  get #mayLogIn(): boolean {
    return this.#isOpen && this.#own.isPossible && this.#flow.isFollowed && !this.#dialect.isPlainSubscriber;
  }

  passTogether(bytes: Buffer): boolean {
    return this.#flow.passTogether(bytes);
  }

  take(bytes: Buffer): boolean {
    return this.#flow.take(bytes);
  }

  get looksAtEach(): boolean {
    return (
      this.#dialect.isTranslated ||
      this.#lost !== undefined ||
      this.isPrefixed ||
      this.#foreign?.looksAtEach === true
    );
  }

  plan(name: string, command: Buffer, isLast: boolean): Plan {
    const leave = SUBSCRIBER.has(name) ? undefined : this.#dialect.planLeave(name, command);
    if (leave !== undefined) return leave;
    const foreign = this.#foreign?.plan(name, command);
    if (foreign !== undefined) return foreign;
    if (this.isPrefixed) {
      // It belongs to the ASKING before it: nothing may come between the two.
      this.isPrefixed = false;
      // Whether a transaction has ended is asked behind it.
      if (!this.#transactions.isOpen || !(name === "EXEC" || name === "DISCARD")) {
        return this.#followUnseen(name);
      }
    }
    if (this.#foreign?.isMute === true) return this.#followUnseen(name);
    if (this.#lost !== undefined && !HANDSHAKE.has(name)) {
      return this.#planAfterLoss(this.#lost, name, command, isLast);
    }
    if (name === "MULTI") return this.#transactionPlans.begin(command, isLast);
    else if (name === "ASKING") this.isPrefixed = true;
    else if (name === "RESET" && this.#foreign === undefined) this.leaveAlone();
    else if (name === "HELLO") return this.#planHello();
    else if (name === "INFO" && this.#expectsReadyCheck) return this.#planReadyCheck();
    else if (name === "CLUSTER") return this.#planCluster(command);
    else if (SUBSCRIBE.has(name)) {
      return this.#dialect.planSubscribe(command, this.#transactions.isOpen);
    } else if (this.#transactions.isOpen && (name === "EXEC" || name === "DISCARD")) {
      return this.#transactionPlans.end(name, command);
    } else if (!this.#transactions.isOpen && BLOCKING_COMMANDS.has(name)) return this.#planBlocking(command);
    return SEND;
  }

  /** A command whose reply cannot be looked at: what it changes is taken as done. */
  #followUnseen(name: string): Plan {
    if (name === "HELLO") return this.#planHello();
    if (SUBSCRIBE.has(name)) this.#dialect.subscribed();
    else this.#transactionPlans.unseen(name);
    return SEND;
  }

  #planHello(): Plan {
    return { kind: "then", run: () => void this.negotiate() };
  }

  /** RESET ends everything, the login too, and Azure's caches do not have it: from here on nothing is ours. */
  leaveAlone(): void {
    this.#flow.isFollowed = false;
    this.#transactions.abandon();
    this.isPrefixed = false;
    this.#releaseWaiting();
  }

  /**
   * The client's first INFO asks whether the server is ready. Azure's access policies without INFO are nothing to
   * warn about at every connection: an INFO that says nothing is what the client goes on with anyway.
   */
  #planReadyCheck(): Plan {
    this.#expectsReadyCheck = false;
    const onReply = (frame: Buffer): Buffer => (frame.subarray(0, 7).equals(NOPERM) ? NO_INFO : frame);
    return { kind: "look", onReply };
  }

  /** Within a transaction it is answered as part of EXEC: nobody looks for a topology there. */
  #planCluster(command: Buffer): Plan {
    const onReply = this.#transactions.isOpen ? undefined : this.#lookAtCluster?.(command);
    return onReply === undefined ? SEND : { kind: "look", onReply };
  }

  #planBlocking(bytes: Buffer): Plan {
    const args = parseCommand(bytes);
    const command = blockingCommand(args);
    if (command === undefined) return SEND;
    this.#hasBlocked = true;
    const blocked = new BlockedCommand(args, command, this.#schedule.clock, {
      blockUntilMs: () => this.#schedule.blockUntilMs(this),
      loginIfDue: () => this.#schedule.loginIfDue(this),
      ask: (request, onReply) => this.#own.exchange(request, { onReply }),
    });
    return blocked.fits ? SEND : { kind: "first", run: () => blocked.run() };
  }

  #planAfterLoss(lost: LostTransaction, name: string, command: Buffer, isLast: boolean): Plan {
    const judgement = lost.judge(name);
    if (judgement === "refuse") return this.#planRefusal(lost);
    if (judgement === "lookAhead") return { kind: "first", run: () => this.#lookAhead(lost, command) };
    this.#lost = undefined;
    return judgement === "over" ? this.plan(name, command, isLast) : this.#planRefusal(lost);
  }

  /** The client sends again what was under way in one go: after this turn all of it is here. */
  async #lookAhead(lost: LostTransaction, command: Buffer): Promise<void> {
    await new Promise(setImmediate);
    this.#flow.putFirst(command);
    lost.lookAhead(this.#flow.waiting);
  }

  /** The client gets an error in the place of a reply. */
  #planRefusal(lost: LostTransaction): Plan {
    const reply = (): Buffer => {
      // Whoever goes on after this answer knows what has happened.
      if (this.#lost === lost) this.#lost = undefined;
      return lost.answer;
    };
    return { kind: "answer", reply };
  }

  get isPlainSubscriber(): boolean {
    return this.#dialect.isPlainSubscriber;
  }

  get own(): OwnCommands {
    return this.#own;
  }

  get transactions(): Transactions {
    return this.#transactions;
  }

  get token(): Token | undefined {
    return this.#token;
  }

  send(bytes: Buffer): void {
    this.#send(bytes);
  }

  async negotiate(): Promise<void> {
    // In a transaction it is executed with EXEC, and where replies are off nobody would be answered.
    if (this.#transactions.isOpen || this.#foreign?.isMute === true) this.#dialect.doubt();
    else await this.#dialect.negotiate();
  }

  expectCompanion(): void {
    this.isPrefixed = true;
  }

  wasReset(): void {
    this.#dialect.reset();
    this.#transactions.abandon();
    this.isPrefixed = false;
  }

  /** Whatever waits decides anew. */
  #releaseWaiting(): void {
    for (const act of this.#waiting.splice(0)) act();
  }

  #send(bytes: Buffer): boolean {
    this.#idlePing?.sent();
    const all = this.#own.withFirst(bytes);
    return all.length === 0 || !this.#link.isWritable ? true : this.#link.send(all);
  }

  close(): void {
    this.#isOpen = false;
    this.#idlePing?.close();
    this.#flow.close();
    // A client may lose a second connection before it has been told about the first.
    const state = this.#lost === undefined ? this.#transactions.state : this.#lost.state;
    this.#transactions.abandon();
    this.#releaseWaiting();
    this.#own.close();
    for (const listener of this.#onClosed) listener(state);
  }
}

const WATCHED_OF_FOREIGN = [...new Set([...WATCHED, ...CONNECTION_COMMANDS])];
const WATCHED_IN_CLUSTER = [...WATCHED_OF_FOREIGN, "CLUSTER"];
const OK = Buffer.from("+OK");
const ERROR = 45;
const NOPERM = Buffer.from("-NOPERM");
const NO_INFO = Buffer.from("$0\r\n\r\n");
