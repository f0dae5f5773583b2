import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type Emulator, startEmulator } from "azure-redis-emulator";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { DoctorReport } from "../../../src/diagnose/index.js";
import { ManualClock } from "../../../src/testing/manual-clock.js";
import { examined, rules, step } from "./examined.js";

let azure: Emulator;
beforeAll(async () => {
  azure = await startEmulator();
});
afterAll(() => azure.close());
afterEach(() => azure.clearFaults());

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

/** Lets the doctor's time pass, second by second, until there is a report. */
async function afterItsTime(
  clock: ManualClock,
  running: Promise<DoctorReport>,
): Promise<[DoctorReport, number]> {
  const startMs = clock.now();
  let report: DoctorReport | undefined;
  const done = running.then((result) => {
    report = result;
  });
  // Whatever does answer does so between two of these.
  while (report === undefined && clock.now() < startMs + 60_000) {
    await Promise.race([done, roundTrip()]);
    if (report === undefined) await clock.advance(250);
  }
  await done;
  return [report as unknown as DoctorReport, clock.now() - startMs];
}

/** As long as an answer on this machine takes, and its consequences. */
async function roundTrip(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) {
    const server = createServer((socket) => socket.end());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    await new Promise((resolve) => server.close(resolve));
  }
}

describe("the examination ends within its time", () => {
  test("a server that accepts connections and says nothing", async () => {
    await using server = new SilentServer();
    const clock = new ManualClock(Date.now());
    const running = examined(azure, { endpoint: await server.start(), around: { clock } });
    const [report, tookMs] = await afterItsTime(clock, running);
    expect(rules(report)[0]).toMatch(/^tls-handshake-timeout /);
    expect(step(report, "token").status).toBe("ok");
    expect(tookMs).toBeLessThanOrEqual(15_000);
  });

  test("a login that is never answered", async () => {
    azure.redis.injectFault({ kind: "hang" });
    const clock = new ManualClock(Date.now());
    const [report, tookMs] = await afterItsTime(clock, examined(azure, { around: { clock } }));
    expect(rules(report)[0]).toMatch(/^server-silent /);
    expect(tookMs).toBeLessThanOrEqual(15_000);
  });

  test("a token endpoint that is never done leaves the server to be examined", async () => {
    azure.injectFault("imds", { kind: "hang" });
    const clock = new ManualClock(Date.now());
    const [report, tookMs] = await afterItsTime(clock, examined(azure, { around: { clock } }));
    expect(report.findings.map(({ step }) => step)).toEqual(["token"]);
    expect(step(report, "tls").status).toBe("ok");
    expect(tookMs).toBeLessThanOrEqual(15_000);
  });

  test("a name server that says nothing", async () => {
    const never = () => new Promise<never>(() => {});
    const clock = new ManualClock(Date.now());
    const around = { clock, resolver: { lookup: never, cname: never } };
    const [report, tookMs] = await afterItsTime(clock, examined(azure, { around }));
    expect(rules(report)[0]).toMatch(/^dns-unavailable /);
    expect(tookMs).toBeLessThanOrEqual(15_000);
  });

  test("time that is too short for everything is named, and no success", async () => {
    azure.injectFault("imds", { kind: "hang" });
    const clock = new ManualClock(Date.now());
    const [report, tookMs] = await afterItsTime(
      clock,
      examined(azure, { timeoutMs: 1_000, around: { clock } }),
    );
    expect(report.isHealthy).toBe(false);
    expect(report.findings[0]?.step).toBe("token");
    expect(step(report, "roundTrips").summary).toContain("time");
    expect(tookMs).toBeLessThanOrEqual(1_000);
  });
});

describe("somebody ends it", () => {
  test("what is known by then is reported", async () => {
    azure.injectFault("imds", { kind: "hang" });
    const stop = new AbortController();
    const { examine } = await import("../../../src/diagnose/index.js");
    const { address, surroundings } = await import("./examined.js");
    const connection = { endpoint: address(azure), entraId: { managedIdentity: true as const } };
    const asked = azure.waitFor("connected");
    const running = examine({ connection, ca: azure.caCertificate }, surroundings(azure), {
      signal: stop.signal,
    });
    await asked;
    stop.abort();
    const report = await running;
    expect(rules(report)).toEqual(["err_passwordless_aborted certain error"]);
    expect(step(report, "environment").status).toBe("ok");
    expect(step(report, "token").summary).toBe("stopped");
  });
});
