import { createClient } from "redis";
import { describe, expect, test } from "vitest";
import { type LogFormat, type LogLevel, ProxyLog } from "../../../src/proxy/logs/index.js";
import { ManualClock } from "../../../src/testing/manual-clock.js";
import { ProxiedCache } from "../support.js";
import { connectionRefused, IDENTITY, NOW_MS, ReportedProxy, SECRET, SERVER, tokenUntil } from "../view.js";

type Line = Readonly<Record<string, unknown>>;

function logOf({ format = "json", level = "info" }: { format?: LogFormat; level?: LogLevel } = {}) {
  const clock = new ManualClock(NOW_MS);
  const proxy = new ReportedProxy();
  const lines: string[] = [];
  const log = new ProxyLog({ write: (line) => lines.push(line), format, level, clock });
  log.follow(proxy);
  const records = () => lines.map((line) => JSON.parse(line) as Line);
  return { clock, proxy, log, lines, records };
}

const failing = { instance: "orders", server: SERVER, error: connectionRefused() };
const client = { instance: "orders", client: 1 };

describe("a line of JSON", () => {
  test("names the time, the level, the event and what it is about", () => {
    const { proxy, records } = logOf();
    proxy.emit("tokenRefreshed", { identity: IDENTITY, token: tokenUntil(NOW_MS + 3_600_000) });
    expect(records()).toEqual([
      {
        time: "2026-01-01T00:00:00.000Z",
        level: "info",
        event: "tokenRefreshed",
        message: `A new token for the ${IDENTITY}, valid for 60 min`,
        identity: IDENTITY,
        username: expect.stringMatching(/^[\d-]{36}$/) as string,
        expiresAt: "2026-01-01T01:00:00.000Z",
      },
    ]);
  });

  test("has the code, the rule, the remedy and where to read on of a failure", () => {
    const { proxy, records } = logOf();
    proxy.emit("upstreamFailed", failing);
    expect(records()).toEqual([
      expect.objectContaining({
        level: "warn",
        instance: "orders",
        server: SERVER,
        code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
        rule: expect.any(String) as string,
        observed: expect.stringContaining("ECONNREFUSED") as string,
        remedy: expect.stringMatching(/\w/) as string,
        docsUrl: expect.stringMatching(/^https:.*docs\/errors\.md#/) as string,
      }),
    ]);
  });

  test("is one line, and cannot be forged by what a server says", () => {
    const { proxy, lines, log } = logOf({ format: "text" });
    const error = new Error('down\n2026-01-01T00:00:00.000Z ERROR forged\u001B[2J\r\n{"level":"error"}');
    proxy.emit("reauthenticationFailing", { instance: "orders", server: SERVER, error, attempt: 1 });
    log[Symbol.dispose]();
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(/\p{Cc}/u);
  });
});

describe("levels", () => {
  const everything = (proxy: ReportedProxy): void => {
    proxy.emit("clientConnected", client);
    proxy.emit("upstreamConnected", { instance: "orders", server: SERVER, tookMs: 12.3 });
    proxy.emit("clientClosed", { ...client, reason: "client", openMs: 5 });
    proxy.emit("stateChanged", { state: "ready" });
    proxy.emit("upstreamFailed", failing);
    proxy.emit("tokenExpired", { identity: IDENTITY, expiredAtMs: NOW_MS });
  };

  test.each([
    ["debug", 6],
    ["info", 3],
    ["warn", 2],
    ["error", 1],
  ] as const)("%s shows %i of six events", (level, count) => {
    const { proxy, records } = logOf({ level });
    everything(proxy);
    expect(records()).toHaveLength(count);
  });

  test("no level shows a token, in either format", () => {
    for (const format of ["json", "text"] as const) {
      const { proxy, lines, log } = logOf({ format, level: "debug" });
      everything(proxy);
      const error = new Error(`HTTP 400: {"client_assertion":"${SECRET}"}`);
      proxy.emit("tokenRefreshed", { identity: IDENTITY, token: tokenUntil(NOW_MS + 3_600_000) });
      proxy.emit("refreshFailing", {
        identity: IDENTITY,
        error,
        attempt: 1,
        lasting: false,
        nextAttemptAtMs: NOW_MS + 1_000,
      });
      proxy.emit("reauthenticationFailing", { instance: "orders", server: SERVER, error, attempt: 1 });
      proxy.emit("reauthenticated", { instance: "orders", server: SERVER, token: tokenUntil(NOW_MS) });
      log.tell({ level: "error", event: "reload", atMs: NOW_MS, text: SECRET, fields: {}, key: "reload" });
      log[Symbol.dispose]();
      expect(lines.length).toBeGreaterThan(9);
      expect(lines.join("\n")).not.toContain(SECRET.slice(0, 20));
    }
  });

  test("a lasting failure of the identity is an error", () => {
    const { proxy, records } = logOf();
    const failure = { identity: IDENTITY, error: connectionRefused(), attempt: 3, nextAttemptAtMs: NOW_MS };
    proxy.emit("refreshFailing", { ...failure, lasting: false });
    proxy.emit("refreshFailing", { ...failure, identity: "another identity", lasting: true });
    expect(records().map(({ level }) => level)).toEqual(["warn", "error"]);
  });
});

describe("what comes again and again", () => {
  test("is told once, and then as a number", async () => {
    const { proxy, records, clock } = logOf();
    for (let time = 0; time < 121; time++) proxy.emit("upstreamFailed", failing);
    expect(records()).toHaveLength(1);
    await clock.advance(30_000);
    expect(records()).toHaveLength(2);
    expect(records()[1]).toMatchObject({
      repeated: 120,
      message: expect.stringMatching(/… and 120 times more within 30 s$/) as string,
    });
  });

  test("is told anew when it has ceased for a while", async () => {
    const { proxy, records, clock } = logOf();
    proxy.emit("upstreamFailed", failing);
    await clock.advance(30_000);
    expect(clock.pendingTimers).toBe(0);
    proxy.emit("upstreamFailed", failing);
    expect(records().map(({ repeated }) => repeated)).toEqual([undefined, undefined]);
  });

  test("does not hide another cause, or another cache", () => {
    const { proxy, records } = logOf();
    proxy.emit("upstreamFailed", failing);
    proxy.emit("upstreamFailed", { ...failing, instance: "sessions" });
    proxy.emit("clientClosed", { ...client, reason: "refused", openMs: 1 });
    expect(records()).toHaveLength(3);
  });

  test("is told when the log ends", () => {
    const { proxy, records, log } = logOf();
    for (let time = 0; time < 3; time++) proxy.emit("upstreamFailed", failing);
    log[Symbol.dispose]();
    proxy.emit("upstreamFailed", failing);
    expect(records().map(({ repeated }) => repeated)).toEqual([undefined, 2]);
  });
});

describe("logins with a new token", () => {
  const rotate = (proxy: ReportedProxy, logins: number) => {
    const token = tokenUntil(NOW_MS + 3_600_000);
    proxy.emit("tokenRefreshed", { identity: IDENTITY, token });
    for (let login = 0; login < logins; login++) {
      proxy.emit("reauthenticated", { instance: "orders", server: SERVER, token });
    }
    return token;
  };
  const sums = (records: readonly Line[]) => records.filter(({ event }) => event === "rotation");

  test("are one line when the last connection has logged in", () => {
    const { proxy, records, clock } = logOf();
    rotate(proxy, 3);
    expect(sums(records())).toEqual([
      expect.objectContaining({ level: "info", connections: 3, expected: 3, failedAttempts: 0 }),
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  test("are summed up after a minute when connections have left meanwhile", async () => {
    const { proxy, records, clock } = logOf();
    rotate(proxy, 2);
    await clock.advance(59_999);
    expect(sums(records())).toEqual([]);
    await clock.advance(1);
    expect(sums(records())).toEqual([
      expect.objectContaining({ connections: 2, expected: 3, tookMs: 60_000 }),
    ]);
  });

  test("are summed up before the next token's begin", () => {
    const { proxy, records } = logOf();
    rotate(proxy, 1);
    rotate(proxy, 3);
    expect(sums(records()).map(({ connections }) => connections)).toEqual([1, 3]);
  });

  test("that fail first are a warning with their number", () => {
    const { proxy, records } = logOf();
    const token = rotate(proxy, 2);
    const failure = { instance: "orders", server: SERVER, error: connectionRefused(), attempt: 1 };
    proxy.emit("reauthenticationFailing", failure);
    proxy.emit("reauthenticated", { instance: "orders", server: SERVER, token });
    expect(sums(records())).toEqual([
      expect.objectContaining({ level: "warn", connections: 3, failedAttempts: 1 }),
    ]);
  });
});

test("a proxy's rotation under clients is told in two lines", async ({ onTestFinished }) => {
  const cache = await ProxiedCache.start({ tokenLifetimeMs: 3_000 }, {}, { reauthenticationWindowMs: 200 });
  onTestFinished(() => cache[Symbol.asyncDispose]());
  const lines: Line[] = [];
  let onLine = (): void => {};
  const log = new ProxyLog({
    write: (line) => {
      lines.push(JSON.parse(line) as Line);
      onLine();
    },
    format: "json",
  });
  log.follow(cache.proxy);
  const rotated = new Promise<void>((resolve) => {
    onLine = () => {
      if (lines.some(({ event }) => event === "rotation")) resolve();
    };
  });
  for (let client = 0; client < 3; client++) {
    const redis = createClient({ url: cache.url });
    onTestFinished(() => redis.destroy());
    await redis.connect();
    await redis.ping();
  }
  await rotated;
  log[Symbol.dispose]();
  const rotation = lines.find(({ event }) => event === "rotation");
  expect(rotation).toMatchObject({ level: "info", connections: 3, failedAttempts: 0 });
  expect(lines.filter(({ event }) => event === "reauthenticated")).toEqual([]);
  expect(lines.filter(({ level }) => level !== "info")).toEqual([]);
});
