import { createClient } from "redis";
import { describe, expect, type TestContext, test, vi } from "vitest";
import { Client, proxies } from "./proxy-process.js";

const CLUSTER = { redis: { cluster: { masters: 3, announce: "hostname" } } } as const;

const MODES = [
  { name: "a connection for each client", args: [], azure: {} },
  { name: "a pool", args: ["--pool=2"], azure: {} },
  { name: "a cluster as one server", args: ["--single-endpoint"], azure: CLUSTER },
] as const;

const PATIENT = { timeout: 20_000, interval: 50 };

describe.concurrent("SIGTERM under load", () => {
  test.for(MODES)(
    "$name: every write that was acknowledged is there",
    async ({ args, azure: options }, context) => {
      const { azure, cache, proxy } = await proxies(context, options);
      const running = proxy([`c=${cache}`, "--listen=0", "--max-drain=500ms", ...args]);
      const port = await running.port("c");
      const counters = await Promise.all(
        [0, 1, 2, 3].map((index) => counter(context, port, `count:${index}`)),
      );
      await vi.waitFor(
        () => expect(Math.min(...counters.map((one) => one.count))).toBeGreaterThan(50),
        PATIENT,
      );
      running.signal("SIGTERM");
      await running.said("The proxy is draining");
      const atSignal = counters.map(({ count }) => count);
      // One that has come to its end is let go at once, without waiting for the others.
      counters[0]!.finish();
      const { code, stderr } = await running.ended;
      await Promise.all(counters.map(({ over }) => over));
      expect(code).toBe(143);
      expect(stderr).toContain("3 clients had not finished, and were cut off");
      for (const [index, { key, count, sent }] of counters.entries()) {
        const stored = Number(
          await onServers(
            azure.redis.nodes.map(({ backendUrl }) => backendUrl),
            key,
          ),
        );
        // Who is inside is served until the end.
        expect(count).toBeGreaterThan(atSignal[index]!);
        expect(stored).toBeGreaterThanOrEqual(count);
        expect(stored).toBeLessThanOrEqual(sent);
      }
    },
  );
});

describe.concurrent("--min-drain", () => {
  test("lets new clients in although the proxy is not ready any more, and then nobody", async (context) => {
    const { cache, proxy } = await proxies(context);
    const running = proxy([
      `c=${cache}`,
      "--listen=0",
      "--http-address=0",
      "--min-drain=1500ms",
      "--max-drain=20s",
    ]);
    const port = await running.port("c");
    const readiness = async () => (await fetch(`http://${await running.statusAddress()}/readiness`)).status;
    const inside = await Client.to(port);
    await inside.ask("+OK", "MULTI");
    expect(await readiness()).toBe(200);
    running.signal("SIGTERM");
    await running.said("The proxy is draining");
    expect(await readiness()).toBe(503);
    const late = await Client.to(port);
    await late.ask("+PONG", "PING");
    await vi.waitFor(() => expect(Client.to(port)).rejects.toThrow("ECONNREFUSED"), PATIENT);
    // Those who came late may finish as those before.
    await late.ask("+PONG", "PING");
    late.socket.end();
    expect(await inside.ask(/^\*0/, "EXEC")).toBe("*0\r\n");
    inside.socket.end();
    const { code, stderr } = await running.ended;
    expect(code).toBe(143);
    expect(stderr).not.toContain("cut off");
  });
});

/** A client that counts as fast as it can, until it is told to finish or loses its connection. */
async function counter(context: TestContext, port: number, key: string) {
  const client = createClient({ socket: { port, reconnectStrategy: false } });
  client.on("error", () => {});
  await client.connect();
  context.onTestFinished(() => client.destroy());
  const finished = new AbortController();
  const state = { key, count: 0, sent: 0, finish: () => finished.abort(), over: Promise.resolve() };
  state.over = (async () => {
    while (!finished.signal.aborted) {
      state.sent += 1;
      state.count = await client.incr(key);
    }
    await client.close();
  })().catch(() => {});
  return state;
}

/** The value of a key, past all gateways. */
async function onServers(urls: readonly string[], key: string): Promise<string | null> {
  for (const url of urls) {
    const server = await createClient({ url }).connect();
    try {
      return await server.get(key);
    } catch {
      // Another node of the cluster has it.
    } finally {
      server.destroy();
    }
  }
  return null;
}
