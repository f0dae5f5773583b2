import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { readinessReasons } from "../../../src/proxy/http/health.js";
import { PAGE_POLICY, page } from "../../../src/proxy/http/page/page.js";
import { Timeline } from "../../../src/proxy/http/timeline.js";
import { ManualClock } from "../../../src/testing/manual-clock.js";
import {
  connectionRefused,
  IDENTITY,
  NOW_MS,
  ReportedProxy,
  SECRET,
  SERVER,
  tokenUntil,
  USERNAME,
} from "../view.js";

function shown(act: (proxy: ReportedProxy) => void = () => {}) {
  const proxy = new ReportedProxy();
  const timeline = new Timeline(proxy, () => {}, new ManualClock(NOW_MS));
  act(proxy);
  const status = proxy.status();
  const facts = {
    status,
    reasons: readinessReasons(status, new Map(), NOW_MS),
    entries: timeline.entries,
    tokensOf: (identity: string) => timeline.tokensOf(identity),
    nowMs: NOW_MS,
  };
  return page(facts, "1.2.3");
}

/** What is read, without what is only for machines. */
const textOf = (html: string): string =>
  html
    .replaceAll(/<(style|script)>.*?<\/\1>/gs, "")
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll(/\s+/g, " ");

describe("the page without JavaScript", () => {
  test("shows caches, identities and how long the token lasts", () => {
    const html = shown();
    const text = textOf(html);
    for (const what of [
      "Ready Everything works: 3 clients on 1 cache.",
      SERVER,
      "127.0.0.1:6379",
      `Logs in as ${IDENTITY}`,
      USERNAME,
      "45 min of 60 min left",
      "12.1 KiB, 1.2 MiB",
      "2 s ahead of ours",
      "Nothing has happened yet.",
      "Version 1.2.3",
    ]) {
      expect(text).toContain(what);
    }
    expect(html).toContain('value="2700"');
    expect(html).toContain('<a href="./">Reload</a>');
  });

  test("shows rotations with their sums, and each token until its end", () => {
    const html = shown((proxy) => {
      const token = tokenUntil(NOW_MS + 3_600_000);
      proxy.emit("tokenRefreshed", { identity: IDENTITY, token });
      for (let client = 0; client < 3; client++) {
        proxy.emit("reauthenticated", { instance: "orders", server: SERVER, token });
      }
    });
    expect(textOf(html)).toContain("3 connections have logged in with the new token, within 0.0 s.");
    expect(textOf(html)).toContain(`A new token for the ${IDENTITY}, valid for 60 min.`);
    expect(html.match(/<rect class="past"/g)).toHaveLength(1);
    expect(html.match(/<rect class="current"/g)).toHaveLength(1);
    expect(html).toContain(
      `aria-label="Life of the last 2 tokens of the ${IDENTITY}: each came before the one before it ended"`,
    );
  });

  test("shows a failure with what was seen, the remedy and where to read on", () => {
    const error = connectionRefused();
    const html = shown((proxy) => {
      proxy.emit("upstreamFailed", { instance: "orders", server: SERVER, error });
      proxy.emit("upstreamFailed", { instance: "orders", server: SERVER, error });
      proxy.instance.lastFailure = { atMs: NOW_MS - 60_000, error };
    });
    const text = textOf(html);
    expect(text).toContain("Not ready New clients cannot be served everywhere: 1 problem.");
    expect(text).toContain("ECONNREFUSED");
    expect(text).toMatch(/Remedy Check the port/);
    expect(text).toMatch(/A connection to the cache failed. {1,2}2 times since 00:00:00/);
    expect(html).toMatch(/<a id="[\w-]+" href="https:\/\/[^"]+docs\/errors\.md#[\w-]+" rel="noreferrer">/);
    expect(html).toContain("<title>Not ready · redis-passwordless proxy</title>");
  });

  test("warns while the next token does not come, though clients are served", () => {
    const text = textOf(
      shown((proxy) => {
        Object.assign(proxy.identity, { state: "stale", failures: 3, lastError: connectionRefused() });
      }),
    );
    expect(text).toContain("Ready Clients are served, with 1 warning: 3 clients on 1 cache.");
    expect(text).toContain(`No new token for the ${IDENTITY}; the current one lasts for another 45 min.`);
  });

  test("shows what servers and configurations say as text, and no secret", () => {
    const evil = `"><img src=x onerror=alert(1)>'&`;
    const html = shown((proxy) => {
      const error = new Error(`${evil} ${SECRET}`);
      proxy.instance.name = evil;
      proxy.identity.description = evil;
      Object.assign(proxy.identity, { failures: 1, lastError: error, username: evil });
      proxy.emit("reauthenticationFailing", { instance: evil, server: evil, error, attempt: 1 });
      proxy.emit("refreshFailing", {
        identity: evil,
        error,
        attempt: 1,
        lasting: true,
        nextAttemptAtMs: NOW_MS,
      });
    });
    expect(html).not.toContain("<img");
    expect(html).not.toContain(SECRET.slice(0, 20));
    expect(html.split("&quot;&gt;&lt;img src=x onerror=alert(1)&gt;&#39;&amp;").length).toBeGreaterThan(8);
  });

  test("loads nothing, and allows its own style and script only", () => {
    const html = shown();
    for (const [element, directive] of [
      ["style", "style-src"],
      ["script", "script-src"],
    ] as const) {
      const found = [...html.matchAll(new RegExp(`<${element}>(.*?)</${element}>`, "gs"))];
      expect(found).toHaveLength(1);
      const hash = createHash("sha256").update(found[0]![1]!).digest("base64");
      expect(PAGE_POLICY.split("; ")).toContain(`${directive} 'sha256-${hash}'`);
    }
    expect(PAGE_POLICY).toMatch(/^default-src 'none'; /);
    expect(PAGE_POLICY).not.toMatch(/unsafe|\*/);
    expect(html).not.toMatch(/ (?:src|style|on\w+)=/);
    expect(html.match(/(?:href|url\()="?https?:[^"]*/g) ?? []).toEqual([]);
  });

  test("no identifier stands on it twice", () => {
    const html = shown((proxy) => {
      proxy.emit("upstreamFailed", { instance: "orders", server: SERVER, error: connectionRefused() });
      proxy.instance.lastFailure = { atMs: NOW_MS - 60_000, error: connectionRefused() };
      Object.assign(proxy.identity, { failures: 1, lastError: connectionRefused(), expiresAtMs: NOW_MS });
    });
    const ids = [...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(ids.length).toBeGreaterThan(10);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
