import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { startEmulator } from "azure-redis-emulator";
import { describe, expect, test } from "vitest";
import { examine } from "../../../src/diagnose/index.js";
import { address, examined, rules, step, surroundings } from "./examined.js";

/** Accepts connections, and says nothing. */
class SilentServer implements AsyncDisposable {
  readonly sockets: Socket[] = [];
  readonly #server: Server = createServer((socket) => this.sockets.push(socket.on("error", () => {})));

  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** There is no time to be lost: whatever does not answer is given up soon. */
const SOON = { timeoutMs: 1_500 };

describe.concurrent("whoever says nothing is named, and the examination ends", () => {
  test("a server that accepts connections and says nothing", async () => {
    await using azure = await startEmulator();
    await using server = new SilentServer();
    const report = await examined(azure, { ...SOON, endpoint: await server.start() });
    expect(rules(report)).toEqual([expect.stringMatching(/^tls-handshake-timeout /)]);
    expect(step(report, "token").status).toBe("ok");
  });

  test("a login that is never answered", async () => {
    await using azure = await startEmulator();
    azure.redis.injectFault({ kind: "hang" });
    const report = await examined(azure, SOON);
    expect(rules(report)).toEqual([expect.stringMatching(/^server-silent /)]);
    expect(step(report, "whoami").status).toBe("skipped");
  });

  test("a token endpoint that is never done, which leaves the server to be examined", async () => {
    await using azure = await startEmulator();
    azure.injectFault("imds", { kind: "hang" });
    const report = await examined(azure, SOON);
    expect(report.findings.map(({ step }) => step)).toEqual(["token"]);
    expect(report.findings[0]?.code).toBe("ERR_PASSWORDLESS_TOKEN_REQUEST_TIMEOUT");
    expect(step(report, "tls").status).toBe("ok");
  });

  test("a name server that says nothing", async () => {
    await using azure = await startEmulator();
    const never = () => new Promise<never>(() => {});
    const resolver = { lookup: never, cname: never };
    const report = await examined(azure, { ...SOON, around: { resolver } });
    expect(rules(report)).toEqual([expect.stringMatching(/^dns-unavailable /)]);
  });

  test("time that is too short for everything is no success", async () => {
    await using azure = await startEmulator();
    azure.redis.injectFault({ kind: "delay", delayMs: 10_000 });
    const report = await examined(azure, { timeoutMs: 600 });
    expect(report.isHealthy).toBe(false);
    expect(report.findings).not.toEqual([]);
    expect(step(report, "roundTrips").status).toBe("skipped");
  });
});

test("somebody ends it: what is known by then is reported", async () => {
  await using azure = await startEmulator();
  azure.injectFault("imds", { kind: "hang" });
  const stop = new AbortController();
  const connection = { endpoint: address(azure), entraId: { managedIdentity: true as const } };
  const running = examine({ connection, ca: azure.caCertificate }, surroundings(azure), {
    signal: stop.signal,
    onStep: ({ name }) => name === "tls" && stop.abort(),
  });
  const report = await running;
  expect(rules(report)).toEqual(["err_passwordless_aborted certain error"]);
  expect(step(report, "environment").status).toBe("ok");
  expect(step(report, "token").summary).toBe("stopped");
});
