import type { Clock } from "../core/clock.js";
import { invalidOption } from "../core/errors.js";
import { Events } from "../core/events.js";
import type { IdentityProvider } from "../core/identity-provider.js";
import { duration, type RefreshOptions } from "../core/options.js";
import type { Token } from "../core/token.js";
import { TokenManager } from "../core/token-manager.js";
import type {
  GetTokenOptions,
  TokenManagerEvents,
  TokenManagerStatus,
} from "../core/token-manager-events.js";
import {
  type ReauthenticationEvents,
  Reauthenticator,
  type ReauthenticatorOptions,
} from "./reauthenticator.js";

export type IdentityEvents = TokenManagerEvents & ReauthenticationEvents;

/** How a token is kept fresh and put on live connections; who the identity is comes from its provider. */
export interface LifecycleOptions extends RefreshOptions {
  /**
   * A new token is put on the live connections over this many milliseconds, evenly and with jitter, so that
   * they do not all log in at once; shorter when the old token ends too soon.
   * @default 30_000
   */
  readonly reauthenticationWindowMs?: number | undefined;
  /** Time, for tests. @default the system's */
  readonly clock?: Clock | undefined;
  /** Randomness, for tests: a function like `Math.random`. @default Math.random */
  readonly random?: (() => number) | undefined;
}

/** Every name in {@link LifecycleOptions}, for whoever takes them in one object with options of its own. */
export const LIFECYCLE_OPTION_NAMES = [
  "expirationRefreshRatio",
  "lowerRefreshBoundMs",
  "requestTimeoutMs",
  "retry",
  "reauthenticationWindowMs",
  "clock",
  "random",
] as const satisfies readonly (keyof LifecycleOptions)[];

/**
 * One identity, shared by as many clients as need it: one token, fetched once, on all of their connections.
 */
export class Identity implements AsyncDisposable {
  readonly #manager: TokenManager;
  readonly #events = new Events<IdentityEvents>();
  readonly #reauthenticators = new Map<string, Reauthenticator>();
  readonly #windowMs: number;

  constructor(provider: IdentityProvider, options: LifecycleOptions = {}) {
    assertTestHooks(options);
    this.#windowMs = duration("reauthenticationWindowMs", options.reauthenticationWindowMs ?? 30_000, 0);
    this.#manager = new TokenManager(provider, options, {
      ...(options.clock === undefined ? {} : { clock: options.clock }),
      ...(options.random === undefined ? {} : { random: options.random }),
    });
    for (const name of ["tokenRefreshed", "refreshFailing", "recovered", "tokenExpired"] as const) {
      this.#manager.on(name, (payload) => this.#events.emit(name, payload as never));
    }
    this.#warnOfOutages();
  }

  /** Somebody must hear of a lasting failure before it becomes an outage: a warning each, unless somebody listens. */
  #warnOfOutages(): void {
    let hasWarned = false;
    this.#manager.on("refreshFailing", ({ lasting, error }) => {
      if (!lasting || hasWarned || this.#events.has("refreshFailing")) return;
      hasWarned = true;
      warn(this.description, error);
    });
    this.#manager.on("recovered", () => {
      hasWarned = false;
    });
  }

  /** Which identity this is, for humans and without secrets. */
  get description(): string {
    return this.#manager.description;
  }

  /** What the identity is doing: state, current token (never its value), failures, clock skew. */
  get status(): TokenManagerStatus & { readonly connections: number } {
    const connections = [...this.#reauthenticators.values()].reduce((sum, one) => sum + one.size, 0);
    return { ...this.#manager.status, connections };
  }

  /** Calls the listener for every event of this name; dispose the result, or call `off`, to stop. */
  on<Name extends keyof IdentityEvents>(
    name: Name,
    listener: (payload: IdentityEvents[Name]) => void,
  ): Disposable {
    return this.#events.on(name, listener);
  }

  off<Name extends keyof IdentityEvents>(
    name: Name,
    listener: (payload: IdentityEvents[Name]) => void,
  ): void {
    this.#events.off(name, listener);
  }

  /**
   * Resolves with a valid token; waits for the next one when there is none.
   *
   * @throws {PasswordlessError} the identity provider's verdict, see `docs/errors.md`
   */
  getToken(options: GetTokenOptions = {}): Promise<Token> {
    return this.#manager.getToken(options);
  }

  /** Has a token at hand until disposed, also while no connection needs one: whoever connects next does not wait. */
  keepFresh(): Disposable {
    return this.#manager.subscribe(() => {});
  }

  /** The re-authentication of all connections to one server, made when first asked for. For adapters. */
  reauthenticator(
    endpoint: string,
    options: () => Omit<ReauthenticatorOptions, "windowMs" | "onClosed">,
  ): Reauthenticator {
    const existing = this.#reauthenticators.get(endpoint);
    if (existing !== undefined) return existing;
    const created = new Reauthenticator(
      this.#manager,
      this.#events as unknown as Events<ReauthenticationEvents>,
      {
        ...options(),
        windowMs: this.#windowMs,
        onClosed: () => void this.#reauthenticators.delete(endpoint),
      },
    );
    this.#reauthenticators.set(endpoint, created);
    return created;
  }

  /** Stops the refresh and everything that is planned. Close the clients first. Idempotent. */
  async close(): Promise<void> {
    for (const reauthenticator of this.#reauthenticators.values()) reauthenticator.close();
    await this.#manager.close();
    this.#events.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function assertTestHooks({ clock, random }: LifecycleOptions): void {
  if (clock !== undefined && (typeof clock?.now !== "function" || typeof clock.schedule !== "function")) {
    throw invalidOption("clock", "an object with `now()` and `schedule(fn, delayMs)`", clock);
  }
  if (random !== undefined && typeof random !== "function") {
    throw invalidOption("random", "a function like `Math.random`", random);
  }
}

function warn(description: string, error: unknown): void {
  process.emitWarning(
    `The token of the ${description} cannot be refreshed: ${error instanceof Error ? error.message : String(error)}`,
    { code: "PASSWORDLESS_REFRESH_FAILING" },
  );
}
