import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ExchangeFailure, exchange, parseRetryAfter } from "../../src/identity/http.js";
import { type Certificates, makeCertificates, startServer, type TestServer } from "./support.js";

const NOW = Date.parse("2026-11-21T12:00:00Z");
let certificates: Certificates;
let server: TestServer;

beforeAll(async () => {
  certificates = makeCertificates();
  server = await startServer(certificates.server);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  certificates[Symbol.dispose]();
});

const get = (url: string, more: object = {}) =>
  exchange({
    url: new URL(url),
    method: "GET",
    headers: {},
    signal: AbortSignal.timeout(10_000),
    ...more,
  });
const failure = async (action: Promise<unknown>): Promise<ExchangeFailure> => {
  const error = await action.then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof ExchangeFailure) return error;
  throw error;
};

describe("Retry-After", () => {
  test.each([
    ["5", 5000],
    [" 120 ", 120_000],
    ["Sat, 21 Nov 2026 12:00:30 GMT", 30_000],
    ["Sat, 21 Nov 2026 11:00:00 GMT", 0],
    ["soon", undefined],
    [undefined, undefined],
  ])("%s means a wait of %s ms", (value, expected) => {
    expect(parseRetryAfter(value, NOW)).toBe(expected);
  });
});

describe("an exchange", () => {
  test("gives status, body and the other side's clock", async () => {
    server.answer = {
      status: 429,
      headers: { date: "Sat, 21 Nov 2026 12:00:00 GMT", "retry-after": "Sat, 21 Nov 2026 12:01:00 GMT" },
      body: { error: "x" },
    };
    expect(await get(server.origin, { ca: certificates.ca })).toMatchObject({
      status: 429,
      body: '{"error":"x"}',
      serverTimeMs: NOW,
      retryAfterMs: 60_000,
    });
  });

  test("trusts the authority it is given, and no other", async () => {
    server.answer = {};
    expect((await get(server.origin, { ca: [certificates.ca] })).status).toBe(200);
    const error = await failure(get(server.origin));
    expect(error.isCertificateProblem).toBe(true);
    const wrongName = await failure(
      get(server.origin.replace("localhost", "127.0.0.1"), { ca: certificates.ca }),
    );
    expect(wrongName).toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID", isCertificateProblem: true });
  });

  test("does not follow a redirect", async () => {
    server.received.length = 0;
    server.answer = { status: 302, headers: { location: "/elsewhere" } };
    expect((await get(server.origin, { ca: certificates.ca })).status).toBe(302);
    expect(server.received).toHaveLength(1);
  });

  test("refuses a body that is too large", async () => {
    server.answer = { body: "x".repeat(300 * 1024) };
    const error = await failure(get(server.origin, { ca: certificates.ca }));
    expect(error.message).toContain("larger than");
  });

  test("a refused connection is a failure with a code, without headers", async () => {
    const error = await failure(get("http://127.0.0.1:1/", { headers: { authorization: "Bearer xyzzy" } }));
    expect(error.code).toBe("ECONNREFUSED");
    expect(inspect(error, { depth: 10 })).not.toContain("xyzzy");
  });

  test("a connection that is cut in the middle of the body is a failure", async () => {
    server.answer = (_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half");
      setImmediate(() => response.destroy());
      return undefined;
    };
    expect((await failure(get(server.origin, { ca: certificates.ca }))).code).toMatch(/ECONNRESET|UNKNOWN/);
  });

  test("ends with the signal's reason when it aborts", async () => {
    const controller = new AbortController();
    server.answer = () => {
      controller.abort(new Error("enough"));
      return undefined;
    };
    const pending = get(server.origin, { ca: certificates.ca, signal: controller.signal });
    await expect(pending).rejects.toThrow("enough");
    await expect(get(server.origin, { signal: controller.signal })).rejects.toThrow("enough");
  });

  test("gives up a connection that does not come about", async () => {
    // A stopped process does not accept, and the kernel ignores what exceeds its short queue.
    const script = `
      const server = require("node:net").createServer();
      server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
        process.stdout.write(String(server.address().port));
      });`;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const [port] = (await once(child.stdout, "data")) as [Buffer];
    child.kill("SIGSTOP");
    const fillers = Array.from({ length: 6 }, () =>
      connect(Number(String(port)), "127.0.0.1").on("error", () => {}),
    );
    // A queue of one takes two connections on Linux; the others stay outside.
    await Promise.all(fillers.slice(0, 2).map((filler) => once(filler, "connect")));
    try {
      const error = await failure(get(`http://127.0.0.1:${String(port)}/`, { connectTimeoutMs: 200 }));
      expect(error.code).toBe("ETIMEDOUT");
      expect(error.message).toContain("200 ms");
    } finally {
      for (const filler of fillers) filler.destroy();
      child.kill("SIGKILL");
    }
  });

  test("past every proxy for endpoints on this machine", async () => {
    await using local = await startServer();
    const { Agent, globalAgent } = await import("node:http");
    const proxied = new Agent();
    let count = 0;
    const createConnection = proxied.createConnection.bind(proxied);
    proxied.createConnection = (...args) => {
      count += 1;
      return createConnection(...args);
    };
    const http = createRequire(import.meta.url)("node:http") as { globalAgent: unknown };
    http.globalAgent = proxied;
    try {
      await get(local.origin, { isLocal: true });
      expect(count).toBe(0);
      await get(local.origin);
      expect(count).toBe(1);
    } finally {
      http.globalAgent = globalAgent;
    }
  });
});
