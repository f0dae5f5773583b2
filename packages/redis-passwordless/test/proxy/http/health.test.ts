import { describe, expect, test } from "vitest";
import type { ProxyState } from "../../../src/proxy/events.js";
import { livenessReasons, readinessReasons, startupReasons } from "../../../src/proxy/http/health.js";
import { Tally } from "../../../src/proxy/metrics/tally.js";
import { connectionRefused, NOW_MS, ReportedProxy, SECRET, SERVER } from "../view.js";

const names = (reasons: readonly { readonly reason: string }[]) => reasons.map(({ reason }) => reason);
const ready = (proxy: ReportedProxy, since = new Map<string, number>(), nowMs = NOW_MS) =>
  readinessReasons(proxy.status(), since, nowMs);

function inState(state: ProxyState): ReportedProxy {
  const proxy = new ReportedProxy();
  proxy.more.state = state;
  return proxy;
}

describe("startup", () => {
  test("is over when everything listens", () => {
    expect(names(startupReasons(inState("starting").status(), false))).toEqual(["starting"]);
    expect(startupReasons(inState("ready").status(), false)).toEqual([]);
  });

  test("with a connection test is over when each cache has been reached", () => {
    const proxy = new ReportedProxy();
    proxy.instance.lastConnectedAtMs = undefined;
    proxy.instance.lastFailure = { atMs: NOW_MS, error: connectionRefused() };
    expect(startupReasons(proxy.status(), false)).toEqual([]);
    expect(startupReasons(proxy.status(), true)).toMatchObject([
      { reason: "untested", instance: "orders", trouble: { code: "ERR_PASSWORDLESS_CONNECTION_FAILED" } },
    ]);
    proxy.instance.lastConnectedAtMs = NOW_MS;
    expect(startupReasons(proxy.status(), true)).toEqual([]);
  });
});

describe("readiness", () => {
  test.each([
    ["starting", ["starting"]],
    ["ready", []],
    ["draining", ["draining"]],
    ["closed", ["closed"]],
  ] as const)("of a proxy that is %s", (state, expected) => {
    expect(names(ready(inState(state)))).toEqual(expected);
  });

  test("ends while as many clients are connected as may be", () => {
    const proxy = new ReportedProxy();
    proxy.instance.maxClients = 4;
    expect(ready(proxy)).toEqual([]);
    proxy.instance.counters.openClients = 4;
    expect(names(ready(proxy))).toEqual(["clientLimit"]);
  });

  test("lasts while a token is valid, even though the next one does not come", () => {
    const proxy = new ReportedProxy();
    Object.assign(proxy.identity, { state: "stale", failures: 7, lastError: connectionRefused() });
    expect(ready(proxy)).toEqual([]);
    expect(names(ready(proxy, new Map(), proxy.identity.expiresAtMs))).toEqual(["noToken"]);
  });

  test("lasts while the first token is on its way, and ends when it is refused", () => {
    const proxy = new ReportedProxy();
    Object.assign(proxy.identity, { state: "requesting", expiresAtMs: undefined, issuedAtMs: undefined });
    expect(ready(proxy)).toEqual([]);
    Object.assign(proxy.identity, { state: "refused", failures: 1, lastError: connectionRefused() });
    expect(ready(proxy)).toMatchObject([
      { reason: "noToken", trouble: { remedy: expect.any(String) as string } },
    ]);
  });

  test("ends when no connection has succeeded for 10 seconds, and returns a minute after the last failure", () => {
    const proxy = new ReportedProxy();
    const tally = new Tally(proxy, () => NOW_MS);
    const error = connectionRefused();
    proxy.emit("upstreamFailed", { instance: "orders", server: SERVER, error });
    proxy.instance.lastFailure = { atMs: NOW_MS + 12_000, error };
    const at = (sinceMs: number) => names(ready(proxy, tally.failingSinceMs, NOW_MS + sinceMs));
    expect(at(9_999)).toEqual([]);
    expect(at(10_000)).toEqual(["unreachable"]);
    expect(at(72_000)).toEqual(["unreachable"]);
    expect(at(72_001)).toEqual([]);
  });

  test("counts failures in a row only", () => {
    const proxy = new ReportedProxy();
    let nowMs = NOW_MS;
    const tally = new Tally(proxy, () => nowMs);
    const error = connectionRefused();
    proxy.emit("upstreamFailed", { instance: "orders", server: SERVER, error });
    proxy.emit("upstreamConnected", { instance: "orders", server: SERVER, tookMs: 1 });
    nowMs += 20_000;
    proxy.emit("upstreamFailed", { instance: "orders", server: SERVER, error });
    proxy.instance.lastFailure = { atMs: nowMs, error };
    expect(ready(proxy, tally.failingSinceMs, nowMs)).toEqual([]);
  });

  test("reasons hold no secret", () => {
    const proxy = new ReportedProxy();
    const lastError = new Error(`refused: ${SECRET}`);
    Object.assign(proxy.identity, { state: "expired", failures: 1, expiresAtMs: undefined, lastError });
    const text = JSON.stringify(ready(proxy));
    expect(text).toContain("refused: [token removed]");
    expect(text).not.toContain(SECRET.slice(0, 20));
  });
});

test("liveness does not depend on Azure: only a proxy that has ended asks for a restart", () => {
  const proxy = new ReportedProxy();
  proxy.instance.lastFailure = { atMs: NOW_MS - 1, error: connectionRefused() };
  Object.assign(proxy.identity, { state: "refused", failures: 9, expiresAtMs: NOW_MS - 1 });
  for (const state of ["starting", "ready", "draining"] as const) {
    proxy.more.state = state;
    expect(livenessReasons(proxy.status())).toEqual([]);
  }
  proxy.more.state = "closed";
  expect(names(livenessReasons(proxy.status()))).toEqual(["closed"]);
});
