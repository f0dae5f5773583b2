import { describe, expect, test } from "vitest";
import { EventLog } from "../../src/events/event-log.js";
import type { EmulatorEvent } from "../../src/index.js";

const connected = (connectionId: number): EmulatorEvent => ({ type: "connected", atMs: 0, connectionId });

describe("waitFor", () => {
  test("ignores what happened before", async () => {
    const log = new EventLog();
    log.append(connected(1));
    const next = log.waitFor("connected");
    log.append(connected(2));
    expect(await next).toMatchObject({ connectionId: 2 });
  });

  test("counts from an earlier index when asked to", async () => {
    const log = new EventLog();
    log.append(connected(1));
    expect(await log.waitFor("connected", undefined, { since: 0 })).toMatchObject({ connectionId: 1 });
  });

  test("passes over events of another type and those that do not match", async () => {
    const log = new EventLog();
    const wanted = log.waitFor("connected", ({ connectionId }) => connectionId === 3);
    log.append({ type: "disconnected", atMs: 0, connectionId: 3, reason: "client" });
    log.append(connected(2));
    log.append(connected(3));
    expect(await wanted).toEqual(connected(3));
  });

  test("rejects when its signal aborts, before or while it waits", async () => {
    const log = new EventLog();
    await expect(log.waitFor("login", undefined, { signal: AbortSignal.abort() })).rejects.toThrow("aborted");
    const controller = new AbortController();
    const waiting = log.waitFor("login", undefined, { signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toThrow("aborted");
  });

  test("rejects when the emulator closes", async () => {
    const log = new EventLog();
    const waiting = log.waitFor("login");
    log.close();
    await expect(waiting).rejects.toThrow("closed");
    await expect(log.waitFor("login")).rejects.toThrow("closed");
  });

  test("a predicate that throws rejects its own waiter only", async () => {
    const log = new EventLog();
    const broken = log.waitFor("connected", () => {
      throw new Error("predicate");
    });
    const sound = log.waitFor("connected");
    log.append(connected(1));
    await expect(broken).rejects.toThrow("predicate");
    expect(await sound).toEqual(connected(1));
  });
});

test("the counters tell requests from tokens and accepted from refused logins", () => {
  const log = new EventLog();
  const request = { type: "tokenRequest", atMs: 0, endpoint: "imds", query: {}, headers: {} } as const;
  const login = { type: "login", atMs: 0, connectionId: 1, objectId: "oid", command: "AUTH" } as const;
  log.append({ ...request, status: 200, issued: true });
  log.append({ ...request, status: 500, issued: false });
  log.append(connected(1));
  log.append({ ...login, accepted: true });
  log.append({ ...login, accepted: false, reason: "why" });
  log.append({ ...login, accepted: false, reason: "why" });
  expect(log.counters()).toEqual({
    tokenRequests: 2,
    tokensIssued: 1,
    loginsAccepted: 1,
    loginsRefused: 2,
    connected: 1,
    disconnected: 0,
  });
});
