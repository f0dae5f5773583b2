import type { ResolvedRefresh, ResolvedRetry } from "./options.js";
import type { Token } from "./token.js";

/**
 * The least time between the starts of two requests to the identity provider, in milliseconds, whatever the
 * clock, the lifetime of the token or the number of callers.
 */
export const REQUEST_FLOOR_MS = 500;

/**
 * Until this long before expiry, MSAL and `@azure/identity` answer from their cache, in milliseconds
 * (`DEFAULT_TOKEN_RENEWAL_OFFSET_SEC` in msal-common; measured at 5.1 and 4.9 minutes).
 */
export const PROVIDER_CACHE_BOUND_MS = 300_000;

/** How soon a provider that answered from its cache is asked again when its cache should yield, in milliseconds. */
const CACHE_RETRY_MS = 5_000;

/** The longest `Retry-After` that is believed: MSAL's own limit is 3600 s (msal-common, ThrottlingUtils). */
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/** Retries stay at least this frequent, in milliseconds, while they matter most; see {@link retryDelayMs}. */
const URGENT_DELAY_MS = 750;

/** Share of an outage, or of what is left of the token, that the next retry may take. */
const PATIENCE = 0.05;

/**
 * Returns the instant at which a token should be refreshed, in epoch milliseconds.
 *
 * The earliest of `expirationRefreshRatio` of the lifetime, `lowerRefreshBoundMs` before expiry (30 % of the
 * lifetime for short tokens) and what the provider suggested; never within the first tenth of the lifetime.
 */
export function refreshAtMs(token: Token, options: ResolvedRefresh): number {
  const lifetimeMs = token.expiresAtMs - token.receivedAtMs;
  const boundMs = Math.min(options.lowerRefreshBoundMs, 0.3 * lifetimeMs);
  const dueMs = Math.min(
    token.receivedAtMs + lifetimeMs * options.expirationRefreshRatio,
    token.expiresAtMs - boundMs,
    token.refreshAtMs ?? Number.POSITIVE_INFINITY,
  );
  return Math.max(dueMs, token.receivedAtMs + 0.1 * lifetimeMs);
}

/**
 * Returns when to ask again after the provider answered with the token that we already have, in epoch
 * milliseconds: its cache yields 5 minutes before expiry, so ask then, and every few seconds from there on.
 *
 * Past `refresh_in`, MSAL answers once more with the old token while it fetches the next one, which is why
 * the first unchanged answer after that instant is followed up at once.
 */
export function askAgainAtMs(token: Token, nowMs: number, unchangedAnswers: number): number {
  const soonMs =
    nowMs + Math.max(REQUEST_FLOOR_MS, Math.min(CACHE_RETRY_MS, 0.1 * (token.expiresAtMs - nowMs)));
  const followUp = unchangedAnswers === 1 && token.refreshAtMs !== undefined && nowMs >= token.refreshAtMs;
  return followUp ? soonMs : Math.max(soonMs, token.expiresAtMs - PROVIDER_CACHE_BOUND_MS);
}

/** How long before its end a token is no longer handed out, in milliseconds: 5 s, less for short tokens. */
export function handOutMarginMs(token: Token): number {
  return Math.min(5_000, 0.05 * (token.expiresAtMs - token.receivedAtMs));
}

/** How long one request may take, in milliseconds: at most half of what is left of a valid token. */
export function requestTimeoutMs(token: Token | undefined, nowMs: number, options: ResolvedRefresh): number {
  if (token === undefined || token.expiresAtMs <= nowMs) return options.requestTimeoutMs;
  return Math.min(options.requestTimeoutMs, Math.max(1_000, (token.expiresAtMs - nowMs) / 2));
}

export interface Failure {
  /** Failures in a row, this one included; 1 or more. */
  readonly attempt: number;
  readonly retryAfterMs: number | undefined;
  /** How long requests have been failing, in milliseconds. */
  readonly outageMs: number;
  /** What is left of the current token, in milliseconds; 0 without one. */
  readonly remainingMs: number;
}

/**
 * Returns the delay before the next try after a transient failure, in milliseconds.
 *
 * Exponential with jitter, but no longer than 5 % of what is left of the token or, without a valid one, 5 % of
 * the outage so far: recovery takes little in comparison with what it ends. `Retry-After` comes first.
 */
export function retryDelayMs(failure: Failure, retry: ResolvedRetry, random: () => number): number {
  if (failure.retryAfterMs !== undefined) {
    const askedMs = Math.min(failure.retryAfterMs, LONGEST_RETRY_AFTER_MS);
    // A fleet that was throttled together must not come back together.
    return Math.max(askedMs, REQUEST_FLOOR_MS) + random() * Math.min(1_000, 0.1 * askedMs);
  }
  const patienceMs = PATIENCE * (failure.remainingMs > 0 ? failure.remainingMs : failure.outageMs);
  const capMs = Math.min(retry.maxDelayMs, Math.max(URGENT_DELAY_MS, patienceMs));
  // Kept finite, because 0 times infinity is no delay at all.
  const growth = Math.min(Number.MAX_VALUE, retry.backoffMultiplier ** (failure.attempt - 1));
  const plainMs = Math.min(capMs, retry.initialDelayMs * growth);
  return Math.max(REQUEST_FLOOR_MS, plainMs * (1 - retry.jitter * random()));
}
