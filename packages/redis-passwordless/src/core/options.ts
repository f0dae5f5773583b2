import { invalidOption } from "./errors.js";
import { rejectUnknownOptions } from "./unknown-options.js";

/** When a token is refreshed and how long one request for it may take. */
export interface RefreshOptions {
  /**
   * Fraction of the token's lifetime after which it is refreshed, from 0 to 1, both exclusive.
   * @default 0.7 — the default of redis-py-entraid and go-redis-entraid
   */
  readonly expirationRefreshRatio?: number | undefined;
  /**
   * Refreshes at the latest this many milliseconds before expiry; for tokens that live shorter than ten
   * minutes, 30 % of their lifetime before it.
   * @default 180_000 — Microsoft asks clients to send a new token at least 3 minutes before expiry
   * @see https://learn.microsoft.com/azure/redis/entra-for-authentication
   */
  readonly lowerRefreshBoundMs?: number | undefined;
  /**
   * How long one request to the identity provider may take, in milliseconds. While a token is valid, a request
   * is given at most half of what is left of it, so that a hanging provider leaves room for another try.
   * @default 10_000
   */
  readonly requestTimeoutMs?: number | undefined;
  /** What happens when a request fails. */
  readonly retry?: RetryOptions | undefined;
}

/**
 * Retries never end while somebody needs a token; these options shape their rhythm.
 * The names are those of redis-entraid and go-redis-entraid.
 */
export interface RetryOptions {
  /**
   * After this many failures in a row, a caller that waits for a token is rejected with the last error, and
   * the failure is reported as lasting. The refresh itself goes on.
   * @default 10
   */
  readonly maxAttempts?: number | undefined;
  /** Delay before the first retry, in milliseconds. @default 250, or `maxDelayMs` when that is less */
  readonly initialDelayMs?: number | undefined;
  /**
   * Longest delay between two tries, in milliseconds; `Retry-After` may exceed it. It is also the rhythm of the
   * slow retry after a permanent refusal.
   * @default 30_000
   */
  readonly maxDelayMs?: number | undefined;
  /** Factor from one delay to the next, 1 or more. @default 2 */
  readonly backoffMultiplier?: number | undefined;
  /** Part of a delay that is left to chance, from 0 (none) to 1 (full jitter). @default 1 */
  readonly jitter?: number | undefined;
  /**
   * Whether a failed request is worth repeating soon. `false` rejects everybody who waits at once; a slow retry
   * goes on while somebody subscribes, because an operator may repair what is wrong.
   * An error that is not this library's own comes as the `cause` of `ERR_PASSWORDLESS_TOKEN_REQUEST_FAILED`.
   * @default the error's own `retryable`; an error of anybody else's counts as transient
   */
  readonly isRetryable?: ((error: unknown) => boolean) | undefined;
}

type Resolved<T> = { readonly [Name in keyof T]-?: NonNullable<T[Name]> };

export type ResolvedRetry = Resolved<Omit<RetryOptions, "isRetryable">> & {
  readonly isRetryable?: NonNullable<RetryOptions["isRetryable"]>;
};
export type ResolvedRefresh = Resolved<Omit<RefreshOptions, "retry">> & { readonly retry: ResolvedRetry };

const RETRY_OPTION_NAMES = [
  "maxAttempts",
  "initialDelayMs",
  "maxDelayMs",
  "backoffMultiplier",
  "jitter",
  "isRetryable",
] as const satisfies readonly (keyof RetryOptions)[];

/**
 * Fills in the defaults and rejects what cannot work.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` naming the option and what it accepts
 */
export function resolveRefreshOptions(options: RefreshOptions = {}): ResolvedRefresh {
  const { retry = {} } = options;
  if (typeof retry !== "object" || retry === null || Array.isArray(retry)) {
    throw invalidOption("retry", "an object such as `{ maxAttempts: 10 }`", retry);
  }
  rejectUnknownOptions(retry, RETRY_OPTION_NAMES, {}, "retry.");
  const maxDelayMs = duration("retry.maxDelayMs", retry.maxDelayMs ?? 30_000, 1);
  const resolved = {
    expirationRefreshRatio: between("expirationRefreshRatio", options.expirationRefreshRatio ?? 0.7, {
      above: 0,
      below: 1,
    }),
    lowerRefreshBoundMs: duration("lowerRefreshBoundMs", options.lowerRefreshBoundMs ?? 180_000, 0),
    requestTimeoutMs: duration("requestTimeoutMs", options.requestTimeoutMs ?? 10_000, 1),
    retry: {
      maxAttempts: count("retry.maxAttempts", retry.maxAttempts ?? 10),
      initialDelayMs: duration("retry.initialDelayMs", retry.initialDelayMs ?? Math.min(250, maxDelayMs), 0),
      maxDelayMs,
      backoffMultiplier: between("retry.backoffMultiplier", retry.backoffMultiplier ?? 2, {
        from: 1,
        to: 100,
      }),
      jitter: between("retry.jitter", retry.jitter ?? 1, { from: 0, to: 1 }),
      ...(retry.isRetryable === undefined
        ? {}
        : { isRetryable: predicate("retry.isRetryable", retry.isRetryable) }),
    },
  };
  if (resolved.retry.initialDelayMs > resolved.retry.maxDelayMs) {
    throw invalidOption(
      "retry.initialDelayMs",
      `a delay no longer than \`retry.maxDelayMs\` (${resolved.retry.maxDelayMs} ms)`,
      resolved.retry.initialDelayMs,
    );
  }
  return resolved;
}

/** A finite number of milliseconds, `least` or more. */
export function duration(option: string, value: number, least: number): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= least) return value;
  throw invalidOption(option, `a number of milliseconds, ${least} or more`, value);
}

function count(option: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value;
  throw invalidOption(option, "a whole number, 1 or more", value);
}

function predicate<T>(option: string, value: T): T {
  if (typeof value === "function") return value;
  throw invalidOption(option, "a function (error) => boolean", value);
}

type Range =
  | { readonly above: number; readonly below: number }
  | { readonly from: number; readonly to: number };

function between(option: string, value: number, range: Range): number {
  const inside =
    "above" in range ? value > range.above && value < range.below : value >= range.from && value <= range.to;
  if (typeof value === "number" && inside) return value;
  const words =
    "above" in range
      ? `a number above ${range.above} and below ${range.below}`
      : `a number from ${range.from} to ${range.to}`;
  throw invalidOption(option, words, value);
}
