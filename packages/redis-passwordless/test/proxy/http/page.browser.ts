import { createClient } from "redis";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type StatusServer, startStatusServer } from "../../../src/proxy/http/index.js";
import type { ProxyView } from "../../../src/proxy/view.js";
import { ProxiedCache } from "../support.js";
import { connectionRefused, IDENTITY, NOW_MS, ReportedProxy, SERVER, tokenUntil } from "../view.js";
import { Chromium, type Page } from "./chromium.js";

let chromium: Chromium;
beforeAll(() => {
  chromium = new Chromium();
});
afterAll(() => chromium[Symbol.asyncDispose]());

const servers: StatusServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(view: ProxyView): Promise<StatusServer> {
  const server = await startStatusServer({ address: { host: "127.0.0.1", port: 0 }, view, version: "1.2.3" });
  servers.push(server);
  return server;
}

/** A proxy with all that the page can show. */
function eventful(): ReportedProxy {
  const proxy = new ReportedProxy();
  const nowMs = Date.now();
  Object.assign(proxy.identity, { issuedAtMs: nowMs - 600_000, expiresAtMs: nowMs + 3_000_000, failures: 1 });
  proxy.identity.lastError = connectionRefused();
  return proxy;
}

function happen(proxy: ReportedProxy): void {
  const token = tokenUntil(Date.now() + 3_600_000, Date.now());
  proxy.emit("stateChanged", { state: "ready" });
  proxy.emit("tokenRefreshed", { identity: IDENTITY, token });
  for (let client = 0; client < 3; client++) {
    proxy.emit("reauthenticated", { instance: "orders", server: SERVER, token });
  }
  proxy.emit("upstreamFailed", { instance: "orders", server: SERVER, error: connectionRefused() });
  proxy.emit("tokenExpired", { identity: IDENTITY, expiredAtMs: NOW_MS });
}

const live = (page: Page) => expect.poll(() => page.value("document.getElementById('live').textContent"));
const parts = (page: Page) => expect.poll(() => page.text());

describe("the page in a browser", () => {
  test("follows a proxy: clients, rotations and outages appear without a reload", async ({
    onTestFinished,
  }) => {
    const lifecycle = { reauthenticationWindowMs: 200 };
    const cache = await ProxiedCache.start({ tokenLifetimeMs: 3_000 }, {}, lifecycle);
    onTestFinished(() => cache[Symbol.asyncDispose]());
    const server = await serve(cache.proxy);
    const page = await chromium.open(server.url);
    await live(page).toBe("Live");
    await page.value("window.isTheSame = true");
    expect(await page.text()).toContain("0 clients");
    const { url } = cache;
    const redis = createClient({ url });
    redis.on("error", () => {});
    onTestFinished(() => redis.destroy());
    await redis.connect();
    await redis.ping();
    await parts(page).toContain("Everything works: 1 client on 1 cache.");
    await expect
      .poll(() => page.text(), { timeout: 10_000 })
      .toMatch(/1 connection has logged in with the new token, within \d\.\d s\./);
    cache.azure.redis.setEntraId(false);
    const refused = createClient({ url, socket: { reconnectStrategy: false } });
    refused.on("error", () => {});
    await expect(refused.connect()).rejects.toThrow();
    await parts(page).toMatch(/Not ready|Clients are served, with \d warnings?/);
    await parts(page).toMatch(/Remedy .*\s+More about/);
    await parts(page).toContain("Why, and what to do");
    expect(await page.value("window.isTheSame")).toBe(true);
    expect(page.complaints).toEqual([]);
    expect(new Set(page.requested)).toEqual(new Set([`${server.url}/`, `${server.url}/events`]));
  });

  test("leaves what is open, focused or selected as it is while figures change", async () => {
    const proxy = eventful();
    const server = await serve(proxy);
    happen(proxy);
    const page = await chromium.open(server.url);
    await live(page).toBe("Live");
    // By keyboard alone.
    const focused = () => page.value<string>("document.activeElement?.id ?? ''");
    await expect
      .poll(async () => {
        await page.press("Tab", 9);
        return await focused();
      })
      .toMatch(/^event-\d+-why$/);
    const summary = await focused();
    await page.press("Enter", 13);
    const isOpen = () => page.value(`document.getElementById("${summary}").parentElement.open`);
    expect(await isOpen()).toBe(true);
    proxy.emit("recovered", { identity: IDENTITY, failures: 41, outageMs: 1_000 });
    await parts(page).toContain("after 41 failures");
    expect({ isOpen: await isOpen(), focused: await focused() }).toEqual({ isOpen: true, focused: summary });

    await page.value("getSelection().selectAllChildren(document.querySelector('#timeline li'))");
    const selected = await page.value<string>("getSelection().toString()");
    proxy.instance.counters.openClients = 77;
    proxy.emit("recovered", { identity: IDENTITY, failures: 42, outageMs: 1_000 });
    await parts(page).toContain("77 clients");
    expect(await page.value("getSelection().toString()")).toBe(selected);
    expect(await page.text()).not.toContain("after 42 failures");
    await page.value("getSelection().removeAllRanges()");
    await parts(page).toContain("after 42 failures");
    expect(page.complaints).toEqual([]);
  });

  test("says that it is cut off, and goes on when the proxy is back", async () => {
    const proxy = eventful();
    const server = await serve(proxy);
    const page = await chromium.open(server.url);
    await live(page).toBe("Live");
    await server.close();
    await live(page).toBe("Not connected; trying again");
    proxy.instance.counters.openClients = 55;
    const again = { address: { host: "127.0.0.1", port: server.port }, view: proxy, version: "1.2.3" };
    servers.push(await startStatusServer(again));
    await expect.poll(() => page.text(), { timeout: 10_000 }).toContain("55 clients");
    await live(page).toBe("Live");
  });

  test("runs nothing that a server or a configuration says", async () => {
    const proxy = eventful();
    const evil = `</style></script><img src=x onerror="window.isEvil=true"><script>window.isEvil=true</script>`;
    proxy.instance.name = evil;
    const server = await serve(proxy);
    const page = await chromium.open(server.url);
    await live(page).toBe("Live");
    const error = new Error(evil);
    proxy.emit("reauthenticationFailing", { instance: evil, server: evil, error, attempt: 1 });
    await parts(page).toContain("could not be given the new token");
    expect(await page.text()).toContain(evil);
    expect(await page.value("window.isEvil")).toBeUndefined();
    expect(page.complaints).toEqual([]);
  });

  test("is complete without JavaScript", async () => {
    const proxy = eventful();
    const server = await serve(proxy);
    happen(proxy);
    const page = await chromium.open(server.url, { javaScript: false });
    await parts(page).toContain("Version 1.2.3");
    const text = await page.text();
    for (const what of [
      SERVER,
      "50 min of 60 min left",
      "3 connections have logged in",
      "Remedy",
      "Reload",
    ]) {
      expect(text).toContain(what);
    }
    expect(await page.value("document.getElementById('live').textContent")).toBe("");
    expect(page.requested).toEqual([`${server.url}/`]);
  });
});

/** The contrast of each text with what is behind it (WCAG 2.2, 1.4.3), where it is less than it must be. */
const POOR_CONTRASTS = `(() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour[3] === undefined || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const own = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
  const texts = [...document.body.querySelectorAll("*")].filter((one) => own(one) && one.checkVisibility() && !["SCRIPT", "METER"].includes(one.tagName));
  return [texts.length, texts.flatMap((one) => {
    const [a, b] = [luminance(channels(getComputedStyle(one).color)), luminance(behind(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return ratio < 4.5 ? [one.textContent + " " + ratio.toFixed(2)] : [];
  })];
})()`;

describe("for everybody", () => {
  test.each(["light", "dark"])("every text can be read in %s colours", async (value) => {
    const proxy = eventful();
    const server = await serve(proxy);
    happen(proxy);
    const page = await chromium.open("about:blank");
    await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
    await page.send("Page.navigate", { url: server.url });
    await parts(page).toContain("Version 1.2.3");
    expect(await page.value(`matchMedia("(prefers-color-scheme: ${value})").matches`)).toBe(true);
    await page.value("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
    const [texts, poor] = await page.value<[number, string[]]>(POOR_CONTRASTS);
    expect(texts).toBeGreaterThan(40);
    expect(poor).toEqual([]);
  });

  test("nothing runs out of a narrow screen", async () => {
    const proxy = eventful();
    proxy.instance.name = "a-name-without-any-blank-".repeat(8);
    const server = await serve(proxy);
    happen(proxy);
    const page = await chromium.open("about:blank");
    const screen = { width: 320, height: 640, deviceScaleFactor: 1, mobile: true };
    await page.send("Emulation.setDeviceMetricsOverride", screen);
    await page.send("Page.navigate", { url: server.url });
    await parts(page).toContain("Version 1.2.3");
    expect(await page.value("[innerWidth, document.documentElement.scrollWidth]")).toEqual([320, 320]);
  });

  test("a screen reader hears headings, meters with their names, and changes of the verdict", async () => {
    const proxy = eventful();
    const server = await serve(proxy);
    happen(proxy);
    const page = await chromium.open(server.url);
    await live(page).toBe("Live");
    const { nodes } = await page.send<{
      nodes: readonly { role?: { value: string }; name?: { value: string } }[];
    }>("Accessibility.getFullAXTree");
    const named = (role: string) =>
      nodes.filter((node) => node.role?.value === role).map((node) => node.name?.value);
    expect(named("heading")).toEqual(
      expect.arrayContaining(["redis-passwordless proxy", "Caches", "Identities", "Timeline"]),
    );
    expect(named("region")).toEqual(["Caches", "Identities", "Timeline"]);
    expect(named("meter")).toEqual([`Life of the token of the ${IDENTITY}`]);
    expect(named("image")).toEqual([expect.stringMatching(/^Life of the last \d tokens? of the /)]);
    expect(nodes.some(({ role }) => role?.value === "status")).toBe(true);
    for (const role of ["link", "meter", "heading"]) expect(named(role)).not.toContain("");
  });
});
