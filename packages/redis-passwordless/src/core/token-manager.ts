import { type Clock, SteadyClock, systemClock } from "./clock.js";
import { PasswordlessError } from "./errors.js";
import { Events, warnOfListener } from "./events.js";
import type { IdentityProvider } from "./identity-provider.js";
import { type RefreshOptions, type ResolvedRefresh, resolveRefreshOptions } from "./options.js";
import {
  askAgainAtMs,
  handOutMarginMs,
  REQUEST_FLOOR_MS,
  refreshAtMs,
  requestTimeoutMs,
  retryDelayMs,
} from "./refresh-policy.js";
import { requestToken } from "./request.js";
import type { Token } from "./token.js";
import type {
  GetTokenOptions,
  TokenManagerEvents,
  TokenManagerStatus,
  TokenSubscriber,
} from "./token-manager-events.js";
import { abortedError, WaitingRoom } from "./waiting-room.js";

/**
 * `dueAtMs` is when the next request is planned; it is made while somebody subscribes or waits. `stale` still has a
 * valid token, `expired` has none; both go on asking. `refused` is a permanent failure, asked about slowly.
 */
type State =
  | { readonly name: "idle" }
  | { readonly name: "requesting"; readonly request: AbortController; readonly failing?: Failing }
  | { readonly name: "fresh"; readonly token: Token; readonly dueAtMs: number; readonly unchanged: number }
  | {
      readonly name: "refreshing";
      readonly token: Token;
      readonly request: AbortController;
      readonly unchanged: number;
      readonly failing?: Failing;
    }
  | {
      readonly name: "stale";
      readonly token: Token;
      readonly dueAtMs: number;
      readonly unchanged: number;
      readonly failing: Failing;
    }
  | { readonly name: "expired"; readonly dueAtMs: number; readonly failing: Failing }
  | { readonly name: "refused"; readonly token?: Token; readonly dueAtMs: number; readonly failing: Failing }
  | { readonly name: "closed" };

interface Failing {
  readonly attempts: number;
  readonly sinceMs: number;
  readonly error: unknown;
}

/** Longer than any wait, in milliseconds, and the longest that a timer of Node.js can do. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** Timers look at the wall clock this often, in milliseconds, so that a suspended machine or a clock step shows. */
const WATCH_INTERVAL_MS = 5_000;

/**
 * Keeps one identity's token fresh for everybody who needs it: one request at a time, a floor between requests,
 * no end to retries, and every waiter settles.
 *
 * While somebody subscribes, the next token is fetched ahead of need; without subscribers nothing is scheduled
 * and a token is fetched when asked for.
 */
export class TokenManager implements AsyncDisposable {
  readonly #provider: IdentityProvider;
  readonly #options: ResolvedRefresh;
  readonly #clock: SteadyClock;
  readonly #random: () => number;
  readonly #events = new Events<TokenManagerEvents>();
  readonly #subscribers = new Set<TokenSubscriber>();
  readonly #waiters = new WaitingRoom();
  #state: State = { name: "idle" };
  #clockSkewMs: number | undefined;
  #watch: Disposable | undefined;
  #cooldown: Disposable | undefined;
  /** What the clock's steps back summed up to when we looked last, in milliseconds. */
  #seenStepsMs = 0;
  /** The newest token ever received. */
  #newest: Token | undefined;
  /** The newest token until its end has been announced. */
  #ending: Token | undefined;
  /** How often in a row the server refused a token that should be valid. */
  #refusals = 0;

  constructor(
    provider: IdentityProvider,
    options: RefreshOptions = {},
    environment: { readonly clock?: Clock; readonly random?: () => number } = {},
  ) {
    this.#provider = provider;
    this.#options = resolveRefreshOptions(options);
    this.#clock = new SteadyClock(environment.clock ?? systemClock);
    this.#random = environment.random ?? Math.random;
  }

  /** The identity that is kept fresh, for humans. */
  get description(): string {
    return this.#provider.description;
  }

  /** Time as injected, but never set back. */
  get clock(): Clock {
    return this.#clock;
  }

  get random(): () => number {
    return this.#random;
  }

  get status(): TokenManagerStatus {
    const failing = "failing" in this.#state ? this.#state.failing : undefined;
    const token = this.#currentToken();
    return {
      state: this.#state.name,
      ...(token === undefined ? {} : { token }),
      failures: failing?.attempts ?? 0,
      ...(failing === undefined ? {} : { lastError: failing.error }),
      ...(this.#clockSkewMs === undefined ? {} : { clockSkewMs: this.#clockSkewMs }),
    };
  }

  on<Name extends keyof TokenManagerEvents>(
    name: Name,
    listener: (payload: TokenManagerEvents[Name]) => void,
  ): Disposable {
    return this.#events.on(name, listener);
  }

  /** The current token when it is good enough to log in with now. */
  peek(): Token | undefined {
    const token = this.#currentToken();
    return token !== undefined && this.#isUsable(token) ? token : undefined;
  }

  /** When the next token is planned to be asked for, in epoch milliseconds; absent while nothing is planned. */
  get nextRequestAtMs(): number | undefined {
    return "dueAtMs" in this.#state ? this.#state.dueAtMs : undefined;
  }

  /**
   * Resolves with a token that is valid now, waiting for the next one when there is none.
   *
   * @throws {PasswordlessError} the identity provider's verdict when it is permanent, or the last error after
   * `retry.maxAttempts` failures; `ERR_PASSWORDLESS_ABORTED` by the signal; `ERR_PASSWORDLESS_CLOSED`
   */
  async getToken(options: GetTokenOptions = {}): Promise<Token> {
    if (this.#state.name === "closed") throw closedError(this.description);
    if (options.signal?.aborted === true) throw abortedError(options.signal.reason);
    const token = this.peek();
    if (token !== undefined) return token;
    if (this.#state.name === "refused" && this.#clock.now() < this.#state.dueAtMs)
      throw this.#state.failing.error;
    const waiting = this.#waiters.enter(this.#options.retry.maxAttempts, options.signal);
    // Whoever waits is reason enough for the process to stay, although no timer of ours is.
    const stay = this.#clock.schedule(() => {}, LONGEST_WAIT_MS, { keepAlive: true });
    this.#reconsider();
    try {
      return await waiting;
    } finally {
      stay[Symbol.dispose]();
    }
  }

  /** Hands every new token to the subscriber and keeps the token fresh until it is disposed. */
  subscribe(subscriber: TokenSubscriber): Disposable {
    if (this.#state.name === "closed") throw closedError(this.description);
    // A wrapper, so that subscribing the same function twice counts twice.
    const entry: TokenSubscriber = (token) => subscriber(token);
    this.#subscribers.add(entry);
    this.#reconsider();
    return {
      [Symbol.dispose]: () => {
        if (this.#subscribers.delete(entry)) this.#reconsider();
      },
    };
  }

  /**
   * Reports that the server refused this token although it should be valid: another one is requested, sooner or
   * later depending on how often in a row that has happened. Without effect when the token is not the current one.
   */
  refuse(token: Token, error: unknown): void {
    const state = this.#state;
    // In every other state the next request is on its way or planned; a refusal must not put it off.
    if (state.name !== "fresh" || !state.token.isSameAs(token)) return;
    this.#refusals += 1;
    const refused = { attempts: this.#refusals - 1, sinceMs: this.#clock.now(), error };
    this.#fail(error, { token, unchanged: state.unchanged, failing: refused });
  }

  /** Reports that the server accepted a token of this identity. */
  confirm(): void {
    this.#refusals = 0;
  }

  /** Ends the refresh; whoever waits is rejected. Idempotent. */
  async close(): Promise<void> {
    if (this.#state.name === "closed") return;
    const { request } = this.#state as { request?: AbortController };
    this.#enter({ name: "closed" });
    request?.abort(closedError(this.description));
    this.#subscribers.clear();
    this.#waiters.rejectAll(closedError(this.description));
    this.#cooldown?.[Symbol.dispose]();
    this.#cooldown = undefined;
    this.#events.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The one place where the state changes. */
  #enter(state: State): void {
    this.#state = state;
    this.#keepWatch();
  }

  #currentToken(): Token | undefined {
    return "token" in this.#state ? this.#state.token : undefined;
  }

  #isUsable(token: Token): boolean {
    return this.#clock.now() < token.expiresAtMs - handOutMarginMs(token);
  }

  #isWanted(): boolean {
    return this.#subscribers.size > 0 || this.#waiters.size > 0;
  }

  /** Looks at the time and at who wants a token, and does what is due. */
  #reconsider(): void {
    this.#noticeClockStep();
    const state = this.#state;
    if (state.name === "closed" || state.name === "requesting" || state.name === "refreshing") return;
    this.#reportExpiry();
    if (this.#isWanted() && this.#isDue(state)) this.#request();
    else this.#keepWatch();
  }

  #isDue(state: State): boolean {
    if (state.name === "idle") return true;
    if (this.#waiters.size > 0 && state.name === "fresh" && !this.#isUsable(state.token)) return true;
    return "dueAtMs" in state && this.#clock.now() >= state.dueAtMs;
  }

  /** A token that ends before its successor arrives is announced, once. */
  #reportExpiry(): void {
    const token = this.#ending;
    if (token === undefined || this.#clock.now() < token.expiresAtMs) return;
    this.#ending = undefined;
    this.#events.emit("tokenExpired", { username: token.username, expiredAtMs: token.expiresAtMs });
  }

  /** Wakes up when something is due, and often enough to notice that the wall clock moved on its own. */
  #keepWatch(): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    if (this.#state.name === "closed" || !this.#isWanted()) return;
    const nowMs = this.#clock.now();
    const dueMs = "dueAtMs" in this.#state ? this.#state.dueAtMs - nowMs : WATCH_INTERVAL_MS;
    const delayMs = Math.max(0, Math.min(dueMs, WATCH_INTERVAL_MS));
    this.#watch = this.#clock.schedule(() => this.#wake(), delayMs);
  }

  #wake(): void {
    if (this.#state.name === "requesting" || this.#state.name === "refreshing") {
      this.#reportExpiry();
      this.#keepWatch();
    } else this.#reconsider();
  }

  /** The clock that told us when a token ends may have been wrong: after a step back, a new one is asked for. */
  #noticeClockStep(): void {
    const nowMs = this.#clock.now();
    if (this.#clock.aheadMs === this.#seenStepsMs) return;
    this.#seenStepsMs = this.#clock.aheadMs;
    if ("dueAtMs" in this.#state) this.#enter({ ...this.#state, dueAtMs: nowMs });
  }

  #request(): void {
    if (this.#cooldown !== undefined) return; // `#coolDown` comes back here.
    this.#coolDown();
    const state = this.#state;
    const token = this.#currentToken();
    const request = new AbortController();
    const failing = "failing" in state ? { failing: state.failing } : {};
    if (token === undefined || !this.#isUsable(token))
      this.#enter({ name: "requesting", request, ...failing });
    else
      this.#enter({
        name: "refreshing",
        token,
        request,
        unchanged: "unchanged" in state ? state.unchanged : 0,
        ...failing,
      });
    const timeoutMs = requestTimeoutMs(token, this.#clock.now(), this.#options);
    requestToken(this.#provider, { request, timeoutMs, clock: this.#clock }).then(
      (answer) => this.#settle(request, () => this.#accept(answer)),
      (error: unknown) => this.#settle(request, () => this.#reject(error)),
    );
  }

  /** The floor between two requests is a timer of its own, because the wall clock may jump over any instant. */
  #coolDown(): void {
    this.#cooldown = this.#clock.schedule(() => {
      this.#cooldown = undefined;
      this.#reconsider();
    }, REQUEST_FLOOR_MS);
  }

  /** Drops the answer to a request that was closed or superseded. */
  #settle(request: AbortController, act: () => void): void {
    if (
      (this.#state.name === "requesting" || this.#state.name === "refreshing") &&
      this.#state.request === request
    )
      act();
  }

  #accept(answer: { readonly token: Token; readonly clockSkewMs: number | undefined }): void {
    const state = this.#state as Extract<State, { request: AbortController }>;
    const { token } = answer;
    this.#clockSkewMs = answer.clockSkewMs ?? this.#clockSkewMs;
    const isUnchanged = token.isSameAs(this.#newest);
    if (isUnchanged) this.#keep(this.#newest ?? token, state);
    else this.#adopt(token);
    if (this.#state.name !== "fresh") return;
    if (state.failing !== undefined) {
      const { attempts, sinceMs } = state.failing;
      this.#events.emit("recovered", { token, failures: attempts, outageMs: this.#clock.now() - sinceMs });
    }
    this.#keepWatch();
  }

  #adopt(token: Token): void {
    this.#newest = token;
    this.#ending = token;
    this.#enter({ name: "fresh", token, unchanged: 0, dueAtMs: refreshAtMs(token, this.#options) });
    this.#waiters.resolveAll(token);
    this.#announce(token);
  }

  /** The provider's cache answered. That is no renewal: nobody needs to log in again. */
  #keep(token: Token, state: Extract<State, { request: AbortController }>): void {
    if (!this.#isUsable(token)) return this.#reject(staleError(this.description, token));
    const unchanged = (state.name === "refreshing" ? state.unchanged : 0) + 1;
    this.#enter({
      name: "fresh",
      token,
      unchanged,
      dueAtMs: askAgainAtMs(token, this.#clock.now(), unchanged),
    });
    this.#waiters.resolveAll(token);
  }

  #announce(token: Token): void {
    for (const subscriber of new Set(this.#subscribers)) {
      try {
        subscriber(token);
      } catch (error) {
        warnOfListener("A token subscriber", error);
      }
    }
    this.#events.emit("tokenRefreshed", { token });
  }

  #reject(error: unknown): void {
    const state = this.#state as Extract<State, { request: AbortController }>;
    const held = state.name === "refreshing" ? { token: state.token, unchanged: state.unchanged } : {};
    this.#fail(error, { ...held, failing: state.failing });
  }

  #fail(
    error: unknown,
    held: { readonly token?: Token; readonly unchanged?: number; readonly failing: Failing | undefined },
  ): void {
    const nowMs = this.#clock.now();
    const failing: Failing = {
      attempts: (held.failing?.attempts ?? 0) + 1,
      sinceMs: held.failing?.sinceMs ?? nowMs,
      error,
    };
    const token = held.token !== undefined && nowMs < held.token.expiresAtMs ? held.token : undefined;
    const permanent = !this.#isRetryable(error);
    const delayMs = permanent
      ? Math.max(this.#options.retry.maxDelayMs, retryAfterMs(error) ?? 0)
      : retryDelayMs(
          {
            attempt: failing.attempts,
            retryAfterMs: retryAfterMs(error),
            outageMs: nowMs - failing.sinceMs,
            remainingMs: token === undefined ? 0 : token.expiresAtMs - nowMs,
          },
          this.#options.retry,
          this.#random,
        );
    const dueAtMs = nowMs + delayMs;
    if (permanent)
      this.#enter({ name: "refused", dueAtMs, failing, ...(token === undefined ? {} : { token }) });
    else if (token === undefined) this.#enter({ name: "expired", dueAtMs, failing });
    else this.#enter({ name: "stale", token, dueAtMs, unchanged: held.unchanged ?? 0, failing });
    if (permanent) this.#waiters.rejectAll(error);
    else this.#waiters.countFailure(error);
    this.#events.emit("refreshFailing", {
      error,
      attempt: failing.attempts,
      lasting: permanent || failing.attempts >= this.#options.retry.maxAttempts,
      nextAttemptAtMs: dueAtMs,
      ...(token === undefined ? {} : { expiresAtMs: token.expiresAtMs }),
    });
    this.#keepWatch();
  }

  #isRetryable(error: unknown): boolean {
    const byDefault = PasswordlessError.is(error) ? error.retryable : true;
    try {
      return this.#options.retry.isRetryable?.(error) ?? byDefault;
    } catch (thrown) {
      warnOfListener("`retry.isRetryable`", thrown);
      return byDefault;
    }
  }
}

function retryAfterMs(error: unknown): number | undefined {
  const asked = PasswordlessError.is(error) ? error.retryAfterMs : undefined;
  return asked !== undefined && Number.isFinite(asked) ? asked : undefined;
}

function staleError(description: string, token: Token): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_TOKEN_EXPIRED", {
    message: `The identity provider (${description}) answered again with the token that ends at ${new Date(token.expiresAtMs).toISOString()}.`,
    rule: "token-kept-too-long",
    remedy: "Check whether something between here and the provider caches tokens to their very end.",
    retryable: true,
    details: { tokenExpiresAtMs: token.expiresAtMs },
  });
}

function closedError(description: string): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_CLOSED", {
    message: `The identity (${description}) has been closed.`,
    remedy: "Close the Redis clients before the identity, or create a new identity.",
  });
}
