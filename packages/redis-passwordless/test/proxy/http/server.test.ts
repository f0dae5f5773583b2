import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import {
  type StatusServer,
  type StatusServerOptions,
  startStatusServer,
} from "../../../src/proxy/http/index.js";
import { connectionRefused, ReportedProxy, SECRET, SERVER } from "../view.js";
import { ask } from "./client.js";

const servers: StatusServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(options: Partial<StatusServerOptions> = {}) {
  const proxy = new ReportedProxy();
  const address = { host: "127.0.0.1", port: 0 };
  const server = await startStatusServer({ address, view: proxy, version: "1.2.3", ...options });
  servers.push(server);
  return { proxy, server, get: (path: string, headers = {}) => ask(server.url, path, { headers }) };
}

describe("health", () => {
  test("is 200 while all is well, and 503 with the reasons when not", async () => {
    const { proxy, get } = await serve();
    for (const path of ["/startup", "/readiness", "/liveness"]) {
      expect(await get(path)).toMatchObject({ status: 200, headers: { "content-type": /json/ } });
    }
    Object.assign(proxy.identity, { state: "refused", failures: 2, expiresAtMs: undefined });
    proxy.identity.lastError = connectionRefused();
    const { status, body } = await get("/readiness");
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ status: "not ok", reasons: [{ reason: "noToken" }] });
    expect(await get("/liveness")).toMatchObject({ status: 200 });
  });

  test("before there is a proxy it is alive, and neither started nor ready", async () => {
    let begin: (proxy: ReportedProxy) => void = () => {};
    const view = new Promise<ReportedProxy>((resolve) => {
      begin = resolve;
    });
    const { get } = await serve({ view });
    const statuses = async () =>
      Promise.all(
        ["/startup", "/readiness", "/liveness", "/", "/status", "/metrics"].map(
          async (path) => (await get(path)).status,
        ),
      );
    expect(await statuses()).toEqual([503, 503, 200, 503, 503, 200]);
    begin(new ReportedProxy());
    expect(await statuses()).toEqual([200, 200, 200, 200, 200, 200]);
  });

  test("a start that is over stays over while the proxy drains", async () => {
    const { proxy, get } = await serve();
    expect(await get("/startup")).toMatchObject({ status: 200 });
    proxy.more.state = "starting";
    expect(await get("/startup")).toMatchObject({ status: 200 });
  });
});

describe("/status", () => {
  test("has instances, identities and events, and no secret", async () => {
    const { proxy, get } = await serve();
    const error = new Error(`HTTP 400 ${SECRET}`);
    proxy.emit("reauthenticationFailing", { instance: "orders", server: SERVER, error, attempt: 1 });
    proxy.identity.lastError = error;
    const { body } = await get("/status");
    expect(JSON.parse(body)).toMatchObject({
      schema: 1,
      version: "1.2.3",
      state: "ready",
      instances: [{ name: "orders", endpoint: SERVER, counters: { openClients: 3 } }],
      identities: [{ state: "fresh", expiresAt: "2026-01-01T00:45:00.000Z" }],
      events: [{ id: 1, level: "warn", event: "reauthenticationFailing", instance: "orders" }],
    });
    expect(body).not.toContain(SECRET.slice(0, 20));
  });

  test("keeps the last 200 events, and one for what comes again and again", async () => {
    const { proxy, get } = await serve();
    for (let time = 0; time < 3; time++) {
      proxy.emit("upstreamFailed", { instance: "orders", server: SERVER, error: connectionRefused() });
    }
    expect(JSON.parse((await get("/status")).body)).toMatchObject({ events: [{ times: 3 }] });
    for (let time = 0; time < 250; time++) {
      proxy.emit("recovered", { identity: `${time}`, failures: 1, outageMs: 1 });
    }
    const { events } = JSON.parse((await get("/status")).body) as { events: { identity: string }[] };
    expect(events).toHaveLength(200);
    expect(events[0]).toMatchObject({ identity: "249" });
    expect(events.at(-1)).toMatchObject({ identity: "50" });
  });
});

test("/metrics answers in the format that is asked for", async () => {
  const { get } = await serve();
  expect(await get("/metrics")).toMatchObject({
    headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
    body: expect.stringContaining('redis_passwordless_open_client_connections{cache="orders"} 3\n') as string,
  });
  const { headers, body } = await get("/metrics", { accept: "application/openmetrics-text; version=1.0.0" });
  expect(headers["content-type"]).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
  expect(body).toMatch(/\n# EOF\n$/);
});

describe("who may ask", () => {
  test.each(["127.0.0.1", "localhost", "localhost:8080", "[::1]:1", "10.0.0.7:9090", "proxy.localhost"])(
    "%s is a name to ask by",
    async (host) => {
      const { get } = await serve();
      expect(await get("/status", { host })).toMatchObject({ status: 200 });
    },
  );

  test.each(["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "user@localhost", "%"])(
    "%s is refused: its owner could let it point here",
    async (host) => {
      const { get } = await serve();
      for (const path of ["/", "/status", "/metrics", "/events", "/readiness"]) {
        const { status, body } = await get(path, { host });
        expect({ path, status }).toEqual({ path, status: 421 });
        expect(body).toContain("--http-allow-host");
      }
    },
  );

  test("a name that is allowed is a name to ask by", async () => {
    const { get } = await serve({ allowedHosts: ["proxy.monitoring.svc"] });
    expect(await get("/metrics", { host: "proxy.monitoring.svc:9090" })).toMatchObject({ status: 200 });
    expect(await get("/metrics", { host: "other.monitoring.svc:9090" })).toMatchObject({ status: 421 });
  });

  test("no page of another site may read or frame an answer", async () => {
    const { get } = await serve();
    for (const path of ["/", "/status", "/metrics", "/nowhere"]) {
      const { headers } = await get(path, { origin: "http://evil.example" });
      expect(headers).toMatchObject({
        "cache-control": "no-store",
        "content-security-policy": /default-src 'none'.*frame-ancestors 'none'/,
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
      });
      expect(headers).not.toHaveProperty("access-control-allow-origin");
    }
  });

  test("only GET and HEAD are taken where nothing changes", async () => {
    const { server } = await serve();
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
      expect(await ask(server.url, "/status", { method })).toMatchObject({
        status: 405,
        headers: { allow: "GET, HEAD" },
      });
    }
    const { status, headers, body } = await ask(server.url, "/status", { method: "HEAD" });
    expect({ status, body }).toEqual({ status: 200, body: "" });
    expect(Number(headers["content-length"])).toBeGreaterThan(100);
    expect(await ask(server.url, "/events", { method: "HEAD" })).toMatchObject({
      status: 200,
      headers: { "content-type": "text/event-stream; charset=utf-8" },
    });
  });
});

describe("/quitquitquit", () => {
  test("ends the proxy once, by POST, if that is allowed", async () => {
    let quits = 0;
    const { server } = await serve({ onQuit: () => (quits += 1) });
    expect(await ask(server.url, "/quitquitquit")).toMatchObject({ status: 405, headers: { allow: "POST" } });
    expect(quits).toBe(0);
    expect(await ask(server.url, "/quitquitquit", { method: "POST" })).toMatchObject({ status: 202 });
    expect(await ask(server.url, "/quitquitquit", { method: "POST" })).toMatchObject({ status: 202 });
    expect(quits).toBe(1);
  });

  test("is refused when nobody has allowed it", async () => {
    const { server } = await serve();
    const { status, body } = await ask(server.url, "/quitquitquit", { method: "POST" });
    expect({ status, body }).toEqual({
      status: 403,
      body: expect.stringContaining("--quitquitquit") as string,
    });
  });

  test.each([
    { origin: "http://evil.example" },
    { origin: "null" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
  ])("is refused to a page of another site: %o", async (headers) => {
    let quits = 0;
    const { server } = await serve({ onQuit: () => (quits += 1) });
    expect(await ask(server.url, "/quitquitquit", { method: "POST", headers: { ...headers } })).toMatchObject(
      {
        status: 403,
      },
    );
    expect(quits).toBe(0);
  });
});

describe("trouble", () => {
  test("a proxy that cannot say how it is gets a 500 without a stack", async () => {
    const { proxy, get } = await serve();
    proxy.status = () => {
      throw new Error("inner secret at /home/someone");
    };
    for (const path of ["/", "/status", "/readiness", "/liveness", "/metrics"]) {
      const { status, body } = await get(path);
      expect({ path, status }).toEqual({ path, status: 500 });
      expect(body).not.toMatch(/secret|someone|at /);
    }
  });

  test("an address that is in use is named with the option", async () => {
    const { server } = await serve();
    const address = { host: "127.0.0.1", port: server.port };
    await expect(serve({ address })).rejects.toMatchObject({
      code: "ERR_PASSWORDLESS_INVALID_OPTION",
      observed: expect.stringContaining(`127.0.0.1:${server.port}`) as string,
      details: { option: "httpAddress", systemError: "EADDRINUSE" },
    });
  });

  test("what is no HTTP gets a 400 and is let go", async () => {
    const { server } = await serve();
    const socket = connect(server.port, "127.0.0.1");
    socket.write("*1\r\n$4\r\nPING\r\n");
    let reply = "";
    socket.on("data", (data: Buffer) => {
      reply += data.toString();
    });
    await once(socket, "close");
    expect(reply).toMatch(/^HTTP\/1\.1 400 /);
  });

  test.each(["//", "/..%2f..%2fetc/passwd", "/constructor", "/__proto__", "/metrics/x", "*"])(
    "%s is no page",
    async (path) => {
      const { server } = await serve();
      const reply = await new Promise<number | undefined>((resolve, reject) => {
        const options = { host: "127.0.0.1", port: server.port, path, agent: false };
        request(options, (response) => resolve(response.resume().statusCode))
          .on("error", reject)
          .end();
      });
      expect(reply).toBe(404);
    },
  );
});

describe("/events", () => {
  test("sends the parts of the page that have changed, as soon as something happens", async () => {
    const { proxy, server } = await serve();
    const page = await openPage(server);
    await page.until(/"timeline":.*Nothing has happened yet/);
    page.text = "";
    proxy.emit("upstreamFailed", { instance: "<script>", server: SERVER, error: connectionRefused() });
    await page.until(/"timeline":/);
    expect(page.text).toContain("&lt;script&gt;");
    expect(page.text).not.toContain("<script>");
    expect(page.text).not.toContain('"caches"');
    await server.close();
    await expect(page.until(/never/)).rejects.toThrow("It ended");
  });

  test("has room for 16 pages", async () => {
    const { server } = await serve();
    const open = await Promise.all(Array.from({ length: 16 }, () => openPage(server)));
    const statusOfNext = async () => (await ask(server.url, "/events", { method: "HEAD" })).status;
    expect(await statusOfNext()).toBe(503);
    open[0]!.close();
    await expect.poll(statusOfNext).toBe(200);
  });

  test("goes on when a proxy can say again how it is", async () => {
    const { proxy, server } = await serve();
    const known = proxy.status();
    proxy.status = () => {
      throw new Error("not now");
    };
    const page = await openPage(server);
    known.instances[0]!.counters.openClients = 44;
    proxy.status = () => known;
    await page.until(/44 clients/);
  });

  test("a page that does not read gets the newest when it does, and not all that was before", async () => {
    const { proxy, server } = await serve();
    // Twice what Linux keeps of what nobody reads (4 MB with the sender, 6 MB with the reader), as often as it changes.
    const large = 1 << 22;
    proxy.instance.name = "x".repeat(large);
    const slow = await openPage(server, "slow");
    const quick = await openPage(server);
    const changes = 6;
    for (let change = 1; change <= changes; change++) {
      proxy.instance.counters.openClients = change;
      proxy.emit("recovered", { identity: "any", failures: change, outageMs: 1 });
      quick.text = "";
      await quick.until(new RegExp(`after ${change} failure`));
    }
    await slow.until(new RegExp(`after ${changes} failures`));
    const events = slow.text.split("event: parts").filter(({ length }) => length > large);
    expect(events.length).toBeLessThan(changes);
  });
});

/** A page that is open; a slow one reads only while somebody waits for what it gets. */
async function openPage(server: StatusServer, speed: "quick" | "slow" = "quick") {
  const socket = connect(server.port, "127.0.0.1").setEncoding("utf8");
  socket.write("GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n");
  let isClosed = false;
  let wake = (): void => {};
  const page = {
    text: "",
    async until(what: RegExp): Promise<void> {
      // Whole messages only, which end their chunk: a pattern is slow on a large text.
      while (!(page.text.endsWith("\n\n\r\n") && what.test(page.text))) {
        if (isClosed) throw new Error(`It ended without ${String(what)}.`);
        const more = new Promise<void>((resolve) => {
          wake = resolve;
        });
        socket.resume();
        await more;
      }
    },
    close: () => void socket.destroy(),
  };
  socket.on("data", (text: string) => {
    page.text += text;
    wake();
  });
  socket.on("close", () => {
    isClosed = true;
    wake();
  });
  await page.until(/text\/event-stream/);
  if (speed === "slow") socket.pause();
  return page;
}
