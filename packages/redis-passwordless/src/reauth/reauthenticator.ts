import type { Clock } from "../core/clock.js";
import { PasswordlessError } from "../core/errors.js";
import { Events, type Listener } from "../core/events.js";
import type { Token } from "../core/token.js";
import type { TokenManager } from "../core/token-manager.js";
import type { GetTokenOptions } from "../core/token-manager-events.js";
import { type Connection, type LoginResult, loginTimeoutError, unableError } from "./connection.js";
import { Proof, type Prove } from "./proof.js";
import { safetyMarginMs, spreadMs, trialTimeoutMs, windowMs } from "./spread.js";

export interface ReauthenticationEvents {
  /** A live connection has logged in with a new token. */
  reauthenticated: { readonly connection: string; readonly token: Token };
  /** A new token could not be put on a live connection, or could not be tried; it goes on being tried. */
  reauthenticationFailing: {
    readonly connection: string;
    readonly error: unknown;
    readonly attempt: number;
    /** When the server will cut the connection unless a login succeeds, in epoch milliseconds. */
    readonly authenticatedUntilMs?: number;
  };
}

export interface ReauthenticatorOptions {
  /** The server, for messages. */
  readonly label: string;
  /**
   * The new token is spread over the connections for this long, in milliseconds; less when the old one ends
   * too soon for that.
   */
  readonly windowMs: number;
  /** Tries a token where nothing is outstanding; without it, the first connection in line is the trial. */
  readonly prove?: Prove;
  /**
   * Whether a refusal on a live connection disturbs nobody: then one of them is asked at the same time, which needs no
   * handshake, and whoever accepts first proves the token.
   */
  readonly isRefusalHarmless?: boolean;
  /** Called once it is closed. */
  readonly onClosed?: () => void;
}

interface Member {
  readonly connection: Connection;
  token: Token;
  attempts: number;
  plan: Disposable | undefined;
  /** The login that is on its way. */
  login: Promise<void> | undefined;
}

/** A new token that is being tried before it is spread. */
interface Trial {
  readonly token: Token;
  plan: Disposable | undefined;
}

/** Delays between tries of one login, in milliseconds: doubling from the first to the last. */
const RETRY_FROM_MS = 250;
const RETRY_TO_MS = 5_000;

/**
 * Puts each new token on every live connection to one server: tried first where a refusal can do no harm, then
 * spread over a window, those closest to their end first, each retried on its own.
 */
export class Reauthenticator {
  readonly #manager: TokenManager;
  readonly #options: ReauthenticatorOptions;
  /** Those of the identity, with those of its other servers. */
  readonly #everybody: Events<ReauthenticationEvents>;
  readonly #events = new Events<ReauthenticationEvents>();
  readonly #clock: Clock;
  readonly #members = new Map<Connection, Member>();
  /** The newest token that this server has accepted. */
  #proven: Token | undefined;
  /** The token that every live connection should have. */
  #target: Token | undefined;
  #trial: Trial | undefined;
  readonly #proof: Proof | undefined;
  #subscription: Disposable | undefined;
  /** Whether this server has ever accepted a token of this identity. */
  #hasAccepted = false;
  #isClosed = false;

  constructor(
    manager: TokenManager,
    everybody: Events<ReauthenticationEvents>,
    options: ReauthenticatorOptions,
  ) {
    this.#manager = manager;
    this.#everybody = everybody;
    this.#options = options;
    this.#clock = manager.clock;
    this.#proof = options.prove === undefined ? undefined : new Proof(options.prove, this.#clock);
  }

  /** Calls the listener for what happens here, and at no other server of the identity, until disposed. */
  on<Name extends keyof ReauthenticationEvents>(
    name: Name,
    listener: Listener<ReauthenticationEvents[Name]>,
  ): Disposable {
    return this.#events.on(name, listener);
  }

  /** Connections that are kept authenticated. */
  get size(): number {
    return this.#members.size;
  }

  /**
   * Resolves with the token to log in with on a new connection: the newest one that this server has accepted,
   * as long as it is valid, else the newest there is. A client that reconnects sends its waiting commands along
   * with the login, so a token that has not been accepted yet is tried aside first; only the very first is not.
   *
   * @throws {PasswordlessError} `ERR_PASSWORDLESS_AUTH_REFUSED`, and what {@link TokenManager.getToken} throws
   */
  async tokenForLogin(options: GetTokenOptions = {}): Promise<Token> {
    const proven = this.#proven;
    if (proven !== undefined && !this.#isClosed && this.#isLive(proven)) return proven;
    const token = await this.#manager.getToken(options);
    if (this.#hasAccepted && this.#proof !== undefined && !token.isSameAs(this.#proven)) {
      await this.#proveForLogin(this.#proof, token);
    }
    return token;
  }

  async #proveForLogin(proof: Proof, token: Token): Promise<void> {
    try {
      await proof.of(token);
      this.accepted(token);
    } catch (error) {
      if (!isRefusal(error)) return; // The server could not be asked; the handshake will show.
      this.refused(token, error);
      throw error;
    }
  }

  /** Randomness as injected; for the jitter of adapters. */
  get random(): () => number {
    return this.#manager.random;
  }

  get clock(): Clock {
    return this.#clock;
  }

  /**
   * Until when a command of this connection may block without holding up its next login, in epoch
   * milliseconds: a random place in the window in which the next token will be spread.
   */
  blockUntilMs(connection: Connection): number {
    const member = this.#members.get(connection);
    if (member === undefined) return Number.POSITIVE_INFINITY;
    const { token } = member;
    const nowMs = this.#clock.now();
    const endMs = token.expiresAtMs - safetyMarginMs(token);
    const newest = this.#manager.peek() ?? this.#target;
    const isDue = newest !== undefined && isNewer(newest, token);
    const fromMs = isDue ? nowMs : Math.max(nowMs, Math.min(this.#manager.nextRequestAtMs ?? nowMs, endMs));
    return fromMs + this.random() * Math.min(this.#options.windowMs, Math.max(0, endMs - fromMs) / 2);
  }

  /** Logs a connection in now, ahead of its place in the window, when a newer token is there. */
  async loginIfDue(connection: Connection): Promise<void> {
    const member = this.#members.get(connection);
    if (member === undefined || this.#target === undefined || !isNewer(this.#target, member.token)) return;
    this.#start(member);
    await member.login;
  }

  /**
   * Keeps a connection, which logs in with `token`, authenticated until disposed.
   *
   * @throws {PasswordlessError} `ERR_PASSWORDLESS_CLOSED`
   */
  enroll(connection: Connection, token: Token): Disposable {
    this.#subscription ??= this.#manager.subscribe((next) => this.#try(next));
    const member: Member = { connection, token, attempts: 0, plan: undefined, login: undefined };
    this.#members.set(connection, member);
    this.#catchUp(member);
    return { [Symbol.dispose]: () => this.#remove(member) };
  }

  /** A connection may come with a token that has been overtaken: there, or while nobody was enrolled here. */
  #catchUp(member: Member): void {
    const newest = this.#manager.peek();
    if (this.#target !== undefined && isNewer(this.#target, member.token)) this.#schedule(member, 0);
    else if (newest !== undefined && isNewer(newest, member.token) && this.#trial === undefined)
      this.#try(newest);
  }

  #remove(member: Member): void {
    if (this.#members.get(member.connection) !== member) return;
    this.#members.delete(member.connection);
    member.plan?.[Symbol.dispose]();
    if (this.#members.size === 0) this.#rest();
  }

  /** A handshake with this token succeeded. */
  accepted(token: Token): void {
    this.#hasAccepted = true;
    this.#manager.confirm();
    if (this.#proven === undefined || isNewer(token, this.#proven)) this.#proven = token;
  }

  /** A handshake with this token was refused: it is replaced, and until then an older one that works is used. */
  refused(token: Token, error: unknown): void {
    if (this.#proven?.isSameAs(token)) this.#proven = undefined;
    this.#manager.refuse(token, error);
    // Whoever is refused at the first login has nobody enrolled who would make the next token come.
    this.#subscription ??= this.#manager.subscribe((next) => this.#try(next));
  }

  /** Ends everything that is planned; nothing can be enrolled any more. */
  close(): void {
    this.#isClosed = true;
    for (const member of this.#members.values()) member.plan?.[Symbol.dispose]();
    this.#members.clear();
    this.#rest();
    this.#events.clear();
    this.#options.onClosed?.();
  }

  #tell<Name extends keyof ReauthenticationEvents>(name: Name, payload: ReauthenticationEvents[Name]): void {
    this.#events.emit(name, payload);
    this.#everybody.emit(name, payload);
  }

  #rest(): void {
    this.#subscription?.[Symbol.dispose]();
    this.#subscription = undefined;
    this.#dropTrial();
    this.#proof?.cancel();
  }

  #dropTrial(): void {
    this.#trial?.plan?.[Symbol.dispose]();
    this.#trial = undefined;
  }

  #isLive(token: Token): boolean {
    return this.#clock.now() < token.expiresAtMs - safetyMarginMs(token);
  }

  /** A new token has come: it is tried before it is spread. */
  #try(token: Token): void {
    this.#dropTrial();
    if (this.#members.size === 0) return this.#rest();
    const trial: Trial = { token, plan: undefined };
    this.#trial = trial;
    void this.#prove(trial, 1);
  }

  async #prove(trial: Trial, attempt: number): Promise<void> {
    const { label } = this.#options;
    try {
      await this.#verdictOn(trial.token);
    } catch (error) {
      if (this.#trial !== trial) return;
      this.#tell("reauthenticationFailing", { connection: label, error, attempt });
      if (isRefusal(error)) this.#manager.refuse(trial.token, error);
      // A server that cannot be asked aside must not keep live connections from a token that is probably good.
      else if (this.#isPressing() && (await this.#hasProvenOnOne(trial.token))) return this.#finish(trial);
      if (this.#trial !== trial) return;
      trial.plan = this.#clock.schedule(
        () => void this.#prove(trial, attempt + 1),
        this.#retryDelayMs(attempt),
      );
      return;
    }
    this.#finish(trial);
  }

  #verdictOn(token: Token): Promise<void> {
    if (this.#proof === undefined) return this.#proveOnOne(token);
    const aside = this.#proof.of(token);
    return this.#options.isRefusalHarmless === true ? firstOf(aside, this.#proveOnOne(token)) : aside;
  }

  #finish(trial: Trial): void {
    if (this.#trial !== trial) return;
    this.#trial = undefined;
    this.accepted(trial.token);
    this.#spread(trial.token);
  }

  /** Without a place of its own, the token is tried on one connection, the most urgent; the others wait for it. */
  async #proveOnOne(token: Token): Promise<void> {
    for (const member of this.#byUrgency()) {
      if (member.login !== undefined || !isNewer(token, member.token)) continue;
      const result = await this.#within(trialTimeoutMs(token), this.#send(member, token));
      if (result === "accepted") return;
    }
    throw new PasswordlessError("ERR_PASSWORDLESS_CONNECTION_FAILED", {
      message: `The new token could not be tried at ${this.#options.label}: no connection is free to log in.`,
      remedy: "Nothing to do while connections are opened or reconnect; the token is tried again.",
      retryable: true,
    });
  }

  async #hasProvenOnOne(token: Token): Promise<boolean> {
    return this.#proveOnOne(token).then(
      () => true,
      () => false,
    );
  }

  /** Resolves with the answer, or with `undefined` when it takes longer. */
  async #within<T>(durationMs: number, answer: Promise<T>): Promise<T | undefined> {
    let timer: Disposable | undefined;
    const timeout = new Promise<undefined>((resolve) => {
      timer = this.#clock.schedule(() => resolve(undefined), durationMs);
    });
    try {
      return await Promise.race([answer, timeout]);
    } finally {
      timer?.[Symbol.dispose]();
    }
  }

  /** Whether a connection that can still be saved has used up half of its last 30 %. */
  #isPressing(): boolean {
    return [...this.#members.values()].some((member) => {
      const lifetimeMs = member.token.expiresAtMs - member.token.receivedAtMs;
      return this.#canBeSaved(member) && this.#leftMs(member) < 0.15 * lifetimeMs;
    });
  }

  /** A connection that does not answer, or is past its end, must not hurry the others. */
  #canBeSaved(member: Member): boolean {
    return member.login === undefined && this.#leftMs(member) > 0;
  }

  #byUrgency(): Member[] {
    return [...this.#members.values()].sort((a, b) => a.token.expiresAtMs - b.token.expiresAtMs);
  }

  #spread(token: Token): void {
    this.#target = token;
    const due = this.#byUrgency().filter((member) => isNewer(token, member.token));
    const first = due.find((member) => this.#canBeSaved(member));
    const window = first === undefined ? 0 : windowMs(this.#options.windowMs, this.#clock.now(), first.token);
    const delays = spreadMs(due.length, window, this.#manager.random);
    for (const [index, member] of due.entries()) {
      member.attempts = 0;
      this.#schedule(member, delays[index] ?? 0);
    }
  }

  #schedule(member: Member, delayMs: number): void {
    member.plan?.[Symbol.dispose]();
    member.plan = this.#clock.schedule(() => this.#start(member), delayMs);
  }

  #start(member: Member): void {
    member.plan?.[Symbol.dispose]();
    member.plan = undefined;
    if (member.login === undefined) void this.#login(member);
  }

  async #login(member: Member): Promise<void> {
    const token = this.#target;
    if (token === undefined || !isNewer(token, member.token)) return;
    const leftMs = this.#leftMs(member);
    const overdue =
      leftMs > 0 ? this.#clock.schedule(() => this.#reportOverdue(member, token), leftMs) : undefined;
    try {
      const result = await this.#send(member, token);
      if (result === "gone") this.#drop(member);
      if (result === "unable" && member.attempts === 0) {
        this.#fail(member, unableError(member.connection.label, member.token));
      }
      if (result === "unable" || result === "offline") this.#again(member);
    } catch (error) {
      this.#fail(member, error);
      this.#again(member);
    } finally {
      overdue?.[Symbol.dispose]();
    }
  }

  /** One login on one connection; `member.login` is there until it is settled, and no second one is sent. */
  async #send(member: Member, token: Token): Promise<LoginResult> {
    const sent = member.connection.authenticate(token);
    member.login = sent.then(
      () => {},
      () => {},
    );
    try {
      const result = await sent;
      if (result === "accepted") this.#accept(member, token);
      return result;
    } finally {
      member.login = undefined;
    }
  }

  #accept(member: Member, token: Token): void {
    if (this.#members.get(member.connection) !== member) return;
    member.token = token;
    member.attempts = 0;
    this.accepted(token);
    this.#tell("reauthenticated", { connection: member.connection.label, token });
    // A login that waited for a transaction or a blocked command may have been overtaken by a newer token.
    if (this.#target !== undefined && isNewer(this.#target, token)) this.#schedule(member, 0);
  }

  /** Tries again until the token has ended: then the server has cut the connection, and its handshake enrols it anew. */
  #again(member: Member): void {
    if (this.#members.get(member.connection) !== member) return;
    if (this.#clock.now() >= member.token.expiresAtMs) return this.#drop(member);
    member.attempts += 1;
    this.#schedule(member, this.#retryDelayMs(member.attempts));
  }

  #drop(member: Member): void {
    this.#remove(member);
    member.connection.dropped?.();
  }

  #reportOverdue(member: Member, token: Token): void {
    this.#fail(member, loginTimeoutError(member.connection.label, token));
  }

  #fail(member: Member, error: unknown): void {
    if (this.#members.get(member.connection) !== member) return;
    this.#tell("reauthenticationFailing", {
      connection: member.connection.label,
      error,
      attempt: member.attempts + 1,
      authenticatedUntilMs: member.token.expiresAtMs,
    });
  }

  #leftMs(member: Member): number {
    return Math.max(0, member.token.expiresAtMs - safetyMarginMs(member.token) - this.#clock.now());
  }

  #retryDelayMs(attempt: number): number {
    const plainMs = Math.min(RETRY_TO_MS, RETRY_FROM_MS * 2 ** (attempt - 1));
    return plainMs * (0.5 + 0.5 * this.#manager.random());
  }
}

/** A token no newer than the one a connection has is not sent: it could only shorten its life. */
function isNewer(token: Token, than: Token): boolean {
  return !token.isSameAs(than) && token.expiresAtMs > than.expiresAtMs;
}

/** Resolves with the first that does; where both reject, a refusal says more than an outage. */
async function firstOf(one: Promise<void>, other: Promise<void>): Promise<void> {
  const [first, second] = await Promise.any([one, other]).then(
    () => [],
    () => Promise.allSettled([one, other]),
  );
  const errors = [first, second].flatMap((result) => (result?.status === "rejected" ? [result.reason] : []));
  if (errors.length > 0) throw errors.find(isRefusal) ?? errors[0];
}

function isRefusal(error: unknown): boolean {
  return PasswordlessError.is(error) && error.code === "ERR_PASSWORDLESS_AUTH_REFUSED";
}
