import type { Token } from "../core/token.js";

/**
 * How long before the end of its token a connection must have the next one, in milliseconds: 30 s, or 5 % of
 * the lifetime of a shorter token.
 */
export function safetyMarginMs(token: Token): number {
  return Math.min(30_000, 0.05 * (token.expiresAtMs - token.receivedAtMs));
}

/**
 * Returns the window over which `count` connections log in again, in milliseconds: the configured one, but no
 * more than half of what is left until the first of them has to be done.
 */
export function windowMs(configuredMs: number, nowMs: number, earliest: Token): number {
  const leftMs = earliest.expiresAtMs - safetyMarginMs(earliest) - nowMs;
  return Math.max(0, Math.min(configuredMs, leftMs / 2));
}

/**
 * Returns one delay for each connection, in milliseconds and in rising order: evenly over the window, each at
 * a random place within its own share, so that several processes do not fall into step.
 */
export function spreadMs(count: number, window: number, random: () => number): number[] {
  const share = window / count;
  return Array.from({ length: count }, (_, index) => (index + random()) * share);
}

/**
 * How long one trial of a new token may take before this counts as a failure, in milliseconds: 5 s, or a tenth
 * of the lifetime of a shorter token, so that there is time for others.
 */
export function trialTimeoutMs(token: Token): number {
  return Math.min(5_000, 0.1 * (token.expiresAtMs - token.receivedAtMs));
}
