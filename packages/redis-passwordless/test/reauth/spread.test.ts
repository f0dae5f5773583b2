import { describe, expect, test } from "vitest";
import { Token } from "../../src/core/token.js";
import { safetyMarginMs, spreadMs, windowMs } from "../../src/reauth/spread.js";
import { between, seededRandom } from "../support/random.js";

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const RUNS = 500;

function tokenOf(lifetimeMs: number): Token {
  return new Token("t", {
    username: "u",
    receivedAtMs: 0,
    expiresAtMs: lifetimeMs,
    refreshAtMs: undefined,
    details: {},
  });
}

describe("safetyMarginMs", () => {
  test.each([
    [2 * SECOND, 100],
    [10 * SECOND, 500],
    [10 * MINUTE, 30 * SECOND],
    [HOUR, 30 * SECOND],
    [24 * HOUR, 30 * SECOND],
  ])("of a token that lives %i ms is %i ms", (lifetimeMs, marginMs) => {
    expect(safetyMarginMs(tokenOf(lifetimeMs))).toBe(marginMs);
  });
});

describe("windowMs", () => {
  test.each([
    ["the configured one, when there is time", 30 * SECOND, 42 * MINUTE, HOUR, 30 * SECOND],
    ["half of what is left before the safety margin", 30 * SECOND, HOUR - 50 * SECOND, HOUR, 10 * SECOND],
    ["nothing at the safety margin", 30 * SECOND, HOUR - 30 * SECOND, HOUR, 0],
    ["nothing after the end", 30 * SECOND, 2 * HOUR, HOUR, 0],
    ["nothing when none is configured", 0, 0, HOUR, 0],
    ["half of it all, when a short token is the only one", 30 * SECOND, 0, 10 * SECOND, 4_750],
  ])("is %s", (_, configuredMs, nowMs, lifetimeMs, expected) => {
    expect(windowMs(configuredMs, nowMs, tokenOf(lifetimeMs))).toBe(expected);
  });

  test("is never negative, never longer than configured, and ends before the safety margin", () => {
    const random = seededRandom(1);
    for (let run = 0; run < RUNS; run += 1) {
      const token = tokenOf(between(random, SECOND, 24 * HOUR));
      const configuredMs = between(random, 0, HOUR);
      const nowMs = between(random, 0, 1.2 * token.expiresAtMs);
      const window = windowMs(configuredMs, nowMs, token);
      expect(window).toBeGreaterThanOrEqual(0);
      expect(window).toBeLessThanOrEqual(configuredMs);
      if (window > 0) expect(nowMs + window).toBeLessThan(token.expiresAtMs - safetyMarginMs(token));
    }
  });
});

describe("spreadMs", () => {
  test("no connections, no delays", () => {
    expect(spreadMs(0, 30 * SECOND, () => 0.5)).toEqual([]);
  });

  test("each connection has its own share of the window, and one place in it", () => {
    expect(spreadMs(4, 400, () => 0)).toEqual([0, 100, 200, 300]);
    expect(spreadMs(4, 400, () => 0.5)).toEqual([50, 150, 250, 350]);
  });

  test("without a window, all at once", () => {
    expect(spreadMs(3, 0, seededRandom(2))).toEqual([0, 0, 0]);
  });

  test("rises, stays in the window, and leaves no two shares between neighbours", () => {
    const random = seededRandom(3);
    for (let run = 0; run < RUNS; run += 1) {
      const count = Math.ceil(between(random, 0, 200));
      const window = between(random, 1, MINUTE);
      const delays = spreadMs(count, window, random);
      expect(delays).toHaveLength(count);
      for (const [index, delayMs] of delays.entries()) {
        expect(delayMs).toBeGreaterThanOrEqual((index / count) * window * (1 - 1e-9));
        expect(delayMs).toBeLessThan(((index + 1) / count) * window * (1 + 1e-9));
      }
    }
  });

  test("two processes do not fall into step", () => {
    expect(spreadMs(5, SECOND, seededRandom(4))).not.toEqual(spreadMs(5, SECOND, seededRandom(5)));
  });
});
