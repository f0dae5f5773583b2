import { describe, expect, test } from "vitest";
import { clientAdvice, reconnectDelayMs } from "../../src/azure/client-advice.js";

const longest = () => 1 - Number.EPSILON;
const shortest = () => 0;
const attempts = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("the wait before the next attempt to connect", () => {
  test("doubles from 50 ms to 1.5 s, where a failover is over", () => {
    expect(attempts(1, 8).map((attempt) => reconnectDelayMs(attempt, longest))).toEqual([
      50, 100, 200, 400, 800, 1_500, 1_500, 1_500,
    ]);
  });

  test("is between a half and all of it, by chance", () => {
    for (const attempt of attempts(1, 60)) {
      const all = reconnectDelayMs(attempt, longest);
      expect(reconnectDelayMs(attempt, shortest)).toBe(all / 2);
      expect(reconnectDelayMs(attempt, () => 0.5)).toBe(Math.round(all * 0.75));
    }
  });

  test("is 1.5 s at most for the first minute, whatever chance says, and 10 s from then on", () => {
    const total = (random: () => number) =>
      attempts(1, 45).reduce((sum, attempt) => sum + reconnectDelayMs(attempt, random), 0);
    expect(total(longest)).toBe(61_550);
    expect(total(() => 0.5)).toBeGreaterThan(45_000);
    expect(reconnectDelayMs(45, longest)).toBe(1_500);
    expect(reconnectDelayMs(46, longest)).toBe(10_000);
  });

  test("never shrinks, never ends and is never nothing", () => {
    const delays = [...attempts(1, 200), 1_000, 2 ** 31, Number.MAX_SAFE_INTEGER].map((attempt) =>
      reconnectDelayMs(attempt, longest),
    );
    expect(delays).toEqual(delays.toSorted((a, b) => a - b));
    expect(Math.max(...delays)).toBe(10_000);
    expect(Math.min(...attempts(1, 200).map((attempt) => reconnectDelayMs(attempt, shortest)))).toBe(25);
  });
});

describe("numbers for the connections", () => {
  test.each([
    ["managedRedis", 5_000],
    ["enterprise", 5_000],
    ["cacheForRedis", 15_000],
    ["unknown", 5_000],
  ] as const)("%s is given %d ms to connect", (product, connectTimeoutMs) => {
    expect(clientAdvice(product).connectTimeoutMs).toBe(connectTimeoutMs);
  });

  test("a PING comes long before Azure closes a silent connection, even when one is missed", () => {
    const { pingIntervalMs, keepAliveDelayMs } = clientAdvice("managedRedis");
    expect(pingIntervalMs).toBe(60_000);
    expect(2 * pingIntervalMs).toBeLessThan(600_000);
    expect(keepAliveDelayMs).toBeLessThan(600_000);
  });
});
