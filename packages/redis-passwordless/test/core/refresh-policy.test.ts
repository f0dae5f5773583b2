import { describe, expect, test } from "vitest";
import { type RefreshOptions, type RetryOptions, resolveRefreshOptions } from "../../src/core/options.js";
import {
  askAgainAtMs,
  type Failure,
  handOutMarginMs,
  PROVIDER_CACHE_BOUND_MS,
  REQUEST_FLOOR_MS,
  refreshAtMs,
  requestTimeoutMs,
  retryDelayMs,
} from "../../src/core/refresh-policy.js";
import { Token } from "../../src/core/token.js";
import { between, seededRandom } from "../support/random.js";

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const RUNS = 500;

function tokenOf(lifetimeMs: number, refreshAtMs?: number, receivedAtMs = 0): Token {
  const expiresAtMs = receivedAtMs + lifetimeMs;
  return new Token("t", { username: "u", receivedAtMs, expiresAtMs, refreshAtMs, details: {} });
}

const resolve = (options: RefreshOptions = {}) => resolveRefreshOptions(options);

describe("refreshAtMs", () => {
  test.each<[string, Token, RefreshOptions, number]>([
    ["70 % of an hour", tokenOf(HOUR), {}, 42 * MINUTE],
    ["70 % of a day", tokenOf(24 * HOUR), {}, 0.7 * 24 * HOUR],
    ["70 % of ten seconds", tokenOf(10 * SECOND), {}, 7 * SECOND],
    ["another ratio", tokenOf(HOUR), { expirationRefreshRatio: 0.5 }, 30 * MINUTE],
    ["3 minutes before the end", tokenOf(HOUR), { expirationRefreshRatio: 0.99 }, 57 * MINUTE],
    ["another bound", tokenOf(HOUR), { lowerRefreshBoundMs: 20 * MINUTE }, 42 * MINUTE],
    ["a bound beyond 30 %: no more than 30 %", tokenOf(HOUR), { lowerRefreshBoundMs: 2 * HOUR }, 42 * MINUTE],
    ["no bound", tokenOf(HOUR), { expirationRefreshRatio: 0.99, lowerRefreshBoundMs: 0 }, 0.99 * HOUR],
    ["what the provider suggests", tokenOf(HOUR, 10 * MINUTE), {}, 10 * MINUTE],
    ["not what it suggests too late", tokenOf(HOUR, 59 * MINUTE), {}, 42 * MINUTE],
    ["never within the first tenth, whatever it suggests", tokenOf(HOUR, -5, 0), {}, 0.1 * HOUR],
  ])("%s", (_, token, options, expected) => {
    expect(refreshAtMs(token, resolve(options))).toBeCloseTo(expected, 3);
  });

  test("lies between the receipt and 3 minutes, or 30 %, before the end", () => {
    const random = seededRandom(1);
    for (let run = 0; run < RUNS; run += 1) {
      const lifetimeMs = between(random, SECOND, 24 * HOUR);
      const suggested = random() < 0.5 ? undefined : between(random, -HOUR, 24 * HOUR);
      const token = tokenOf(lifetimeMs, suggested);
      const atMs = refreshAtMs(token, resolve({ expirationRefreshRatio: between(random, 0.01, 0.99) }));
      expect(atMs).toBeGreaterThanOrEqual(token.receivedAtMs);
      const boundMs = Math.min(3 * MINUTE, 0.3 * lifetimeMs);
      expect(atMs).toBeLessThanOrEqual(token.expiresAtMs - boundMs + 1e-3);
    }
  });
});

describe("askAgainAtMs, after the provider answered with the token that we have", () => {
  test.each([
    [
      "long before the end: when its cache yields",
      tokenOf(HOUR),
      42 * MINUTE,
      1,
      HOUR - PROVIDER_CACHE_BOUND_MS,
    ],
    [
      "when its cache should yield: every few seconds",
      tokenOf(HOUR),
      56 * MINUTE,
      3,
      56 * MINUTE + 5 * SECOND,
    ],
    ["shortly before the end: sooner", tokenOf(HOUR), HOUR - 20 * SECOND, 9, HOUR - 18 * SECOND],
    ["at the end: at the floor", tokenOf(HOUR), HOUR, 9, HOUR + REQUEST_FLOOR_MS],
    ["past the end: at the floor", tokenOf(HOUR), 2 * HOUR, 9, 2 * HOUR + REQUEST_FLOOR_MS],
    [
      "the first time after `refresh_in`: at once",
      tokenOf(HOUR, 30 * MINUTE),
      30 * MINUTE,
      1,
      30 * MINUTE + 5 * SECOND,
    ],
    [
      "the second time: when its cache yields",
      tokenOf(HOUR, 30 * MINUTE),
      31 * MINUTE,
      2,
      HOUR - PROVIDER_CACHE_BOUND_MS,
    ],
    ["a short token: after a tenth of what is left", tokenOf(10 * SECOND), 0, 1, SECOND],
  ])("%s", (_, token, nowMs, unchangedAnswers, expected) => {
    expect(askAgainAtMs(token, nowMs, unchangedAnswers)).toBeCloseTo(expected, 3);
  });

  test("never within the floor, and never so late that 4 minutes of a long token do not remain", () => {
    const random = seededRandom(2);
    for (let run = 0; run < RUNS; run += 1) {
      const token = tokenOf(between(random, SECOND, 24 * HOUR));
      const nowMs = between(random, 0, 1.1 * token.expiresAtMs);
      const atMs = askAgainAtMs(token, nowMs, Math.ceil(between(random, 0, 5)));
      expect(atMs).toBeGreaterThanOrEqual(nowMs + REQUEST_FLOOR_MS);
      const latestMs = Math.max(nowMs + 5 * SECOND, token.expiresAtMs - PROVIDER_CACHE_BOUND_MS);
      expect(atMs).toBeLessThanOrEqual(latestMs);
    }
  });
});

describe("handOutMarginMs", () => {
  test.each([
    [2 * SECOND, 100],
    [100 * SECOND, 5 * SECOND],
    [HOUR, 5 * SECOND],
  ])("of a token that lives %i ms is %i ms", (lifetimeMs, marginMs) => {
    expect(handOutMarginMs(tokenOf(lifetimeMs))).toBe(marginMs);
  });
});

describe("requestTimeoutMs", () => {
  test.each([
    ["without a token: as configured", undefined, 0, 10 * SECOND],
    ["with an expired token: as configured", tokenOf(HOUR), HOUR, 10 * SECOND],
    ["with time: as configured", tokenOf(HOUR), 42 * MINUTE, 10 * SECOND],
    ["with less: half of what is left", tokenOf(HOUR), HOUR - 8 * SECOND, 4 * SECOND],
    ["with next to nothing: a second", tokenOf(HOUR), HOUR - 50, SECOND],
  ])("%s", (_, token, nowMs, expected) => {
    expect(requestTimeoutMs(token, nowMs, resolve())).toBe(expected);
  });

  test("is never longer than configured, not even when that is less than a second", () => {
    expect(requestTimeoutMs(tokenOf(HOUR), HOUR - 50, resolve({ requestTimeoutMs: 200 }))).toBe(200);
  });
});

describe("retryDelayMs", () => {
  const failure: Failure = { attempt: 1, retryAfterMs: undefined, outageMs: 0, remainingMs: HOUR };
  const delay = (change: Partial<Failure>, retry: RetryOptions = {}, random = () => 0): number =>
    retryDelayMs({ ...failure, ...change }, resolve({ retry }).retry, random);

  test.each<[string, Partial<Failure>, RetryOptions, number]>([
    ["the first: the floor", { attempt: 1 }, {}, REQUEST_FLOOR_MS],
    ["doubles", { attempt: 3 }, {}, 1_000],
    ["doubles further", { attempt: 6 }, {}, 8_000],
    ["up to the longest", { attempt: 60 }, {}, 30 * SECOND],
    ["with another factor", { attempt: 3 }, { backoffMultiplier: 4 }, 4_000],
    ["without growth", { attempt: 9 }, { backoffMultiplier: 1, initialDelayMs: 2_000 }, 2_000],
    [
      "no first delay: the floor, after any number of failures",
      { attempt: 2_000 },
      { initialDelayMs: 0 },
      500,
    ],
    ["no longer than 5 % of what is left", { attempt: 60, remainingMs: 2 * MINUTE }, {}, 6 * SECOND],
    ["no longer than 5 % of the outage", { attempt: 60, remainingMs: 0, outageMs: MINUTE }, {}, 3 * SECOND],
    ["urgent: 750 ms", { attempt: 60, remainingMs: SECOND }, {}, 750],
    ["what `Retry-After` says", { retryAfterMs: 3 * SECOND }, {}, 3 * SECOND],
    ["`Retry-After` beyond the longest delay", { retryAfterMs: MINUTE }, {}, MINUTE],
    ["`Retry-After` beyond belief", { retryAfterMs: 24 * HOUR }, {}, HOUR],
    ["`Retry-After: 0`", { retryAfterMs: 0 }, {}, REQUEST_FLOOR_MS],
  ])("%s", (_, change, retry, expected) => {
    expect(delay(change, retry)).toBe(expected);
  });

  test("jitter 0 leaves nothing to chance, jitter 1 everything above the floor", () => {
    expect(delay({ attempt: 6 }, { jitter: 0 }, () => 0.9)).toBe(8_000);
    expect(delay({ attempt: 6 }, { jitter: 0.5 }, () => 0.5)).toBe(6_000);
    expect(delay({ attempt: 6 }, { jitter: 1 }, () => 0.5)).toBe(4_000);
    expect(delay({ attempt: 6 }, { jitter: 1 }, () => 0.999)).toBe(REQUEST_FLOOR_MS);
  });

  test("`Retry-After` is never undercut, and exceeded by at most a second", () => {
    const random = seededRandom(3);
    for (let run = 0; run < RUNS; run += 1) {
      const retryAfterMs = between(random, 0, 10 * MINUTE);
      const delayMs = delay({ retryAfterMs, attempt: run + 1 }, {}, random);
      expect(delayMs).toBeGreaterThanOrEqual(retryAfterMs);
      expect(delayMs).toBeLessThanOrEqual(Math.max(retryAfterMs, REQUEST_FLOOR_MS) + SECOND);
    }
  });

  test("stays between the floor and the longest delay, and finite after any number of failures", () => {
    const random = seededRandom(4);
    for (let run = 0; run < RUNS; run += 1) {
      const maxDelayMs = between(random, REQUEST_FLOOR_MS, 10 * MINUTE);
      const retry = {
        maxDelayMs,
        initialDelayMs: random() * maxDelayMs,
        backoffMultiplier: between(random, 1, 100),
        jitter: random(),
      };
      const change = {
        attempt: Math.ceil(between(random, 0, 5_000)),
        outageMs: between(random, 0, 24 * HOUR),
        remainingMs: random() < 0.5 ? 0 : between(random, 0, HOUR),
      };
      const delayMs = delay(change, retry, random);
      expect(delayMs).toBeGreaterThanOrEqual(REQUEST_FLOOR_MS);
      expect(delayMs).toBeLessThanOrEqual(maxDelayMs);
    }
  });
});
