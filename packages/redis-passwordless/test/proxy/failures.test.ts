import { afterEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../src/core/clock.js";
import { ProxiedCache } from "./support.js";

let cache: ProxiedCache | undefined;
afterEach(async () => {
  await cache?.[Symbol.asyncDispose]();
  cache = undefined;
});

/** What a client gets to read when it connects and says nothing, until its connection ends. */
async function heard(proxied: ProxiedCache): Promise<readonly string[]> {
  const client = await proxied.raw();
  await client.closed;
  return client.frames;
}

describe("a client that cannot be served is told why", () => {
  test("when the identity has no access policy", async () => {
    cache = await ProxiedCache.start();
    await cache.azure.revoke(cache.azure.systemIdentity.objectId);
    const [error, ...rest] = await heard(cache);
    expect(error).toMatch(
      /^-ERR_PASSWORDLESS_AUTH_REFUSED Redis at localhost:\d+ refused the login .*WRONGPASS.* access policy.*\r\n$/s,
    );
    expect(rest).toEqual([]);
    expect(cache.proxy.status().instances[0]?.lastFailure?.error.code).toBe("ERR_PASSWORDLESS_AUTH_REFUSED");
  });

  test("when there is no identity", async () => {
    cache = await ProxiedCache.start(
      {},
      {},
      { managedIdentity: { clientId: "11111111-2222-4333-8444-555555555555" } },
    );
    expect(await heard(cache)).toEqual([
      expect.stringMatching(/^-ERR_PASSWORDLESS_IDENTITY_REJECTED .*Attach the managed identity/),
    ]);
  });

  test("when nobody answers at the address", async () => {
    cache = await ProxiedCache.start({}, { server: { host: "localhost", port: 1, isEncrypted: true } });
    expect(await heard(cache)).toEqual([
      expect.stringMatching(/^-ERR_PASSWORDLESS_CONNECTION_FAILED .*localhost:1 .*ECONNREFUSED/),
    ]);
  });

  test("when the certificate is of an authority that nobody has named", async () => {
    cache = await ProxiedCache.start({}, { secureContext: undefined });
    expect(await heard(cache)).toEqual([
      expect.stringMatching(/^-ERR_PASSWORDLESS_CONNECTION_FAILED .*certificate/),
    ]);
  });

  test("when the server takes no more clients", async () => {
    cache = await ProxiedCache.start();
    cache.azure.redis.setMaxClients(0);
    expect(await heard(cache)).toEqual([
      expect.stringMatching(/^-ERR_PASSWORDLESS_CONNECTION_FAILED .*max number of clients/),
    ]);
  });

  test("when the proxy has as many as it may", async () => {
    cache = await ProxiedCache.start({}, { maxClients: 1 });
    const first = await cache.raw();
    await first.write("PING").read(1);
    expect(await heard(cache)).toEqual([
      expect.stringMatching(/^-ERR_PASSWORDLESS_CONNECTION_FAILED .*1 clients.*--max-clients/),
    ]);
    expect(cache.proxy.status().instances[0]?.counters).toMatchObject({
      openClients: 1,
      clientsOverLimit: 1,
    });
    first.socket.destroy();
  });

  test("but never who comes when the one before has left", async () => {
    cache = await ProxiedCache.start({}, { maxClients: 1 });
    for (let visit = 1; visit <= 30; visit += 1) {
      const client = await cache.raw();
      expect(await client.write("PING").read(1)).toEqual(["+PONG\r\n"]);
      client.socket.destroy();
      await client.closed;
    }
    expect(cache.proxy.status().instances[0]?.counters).toMatchObject({ clients: 30, clientsOverLimit: 0 });
  });

  test("when the server is silent for too long", async () => {
    cache = await ProxiedCache.start({}, { connectTimeoutMs: 300 });
    cache.azure.redis.injectConnectionFault({ kind: "silent" });
    expect(await heard(cache)).toEqual([
      expect.stringMatching(/^-ERR_PASSWORDLESS_CONNECTION_FAILED .*no answer within 0.3 s/),
    ]);
  });
});

describe("what was wrong and is right again", () => {
  test("is forgotten", async () => {
    cache = await ProxiedCache.start();
    await cache.azure.revoke(cache.azure.systemIdentity.objectId);
    await heard(cache);
    await cache.azure.assign(cache.azure.systemIdentity.objectId, "Data Owner");
    await vi.waitFor(
      async () => {
        const client = await cache!.raw();
        client.write("PING");
        expect(await client.read(1)).toEqual(["+PONG\r\n"]);
        client.socket.destroy();
      },
      { timeout: 15_000, interval: 100 },
    );
    expect(cache.proxy.status().instances[0]?.lastFailure).toBeUndefined();
  });
});

describe("a client password", () => {
  test("has to be given before anything else", async () => {
    cache = await ProxiedCache.start({}, { clientPassword: "open sesame" });
    const client = await cache.raw();
    client.write("GET key", "AUTH wrong", "HELLO 3", "AUTH");
    expect(await client.read(4)).toEqual([
      "-NOAUTH Authentication required.\r\n",
      "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
      expect.stringMatching(/^-NOAUTH HELLO must be called/),
      "-ERR wrong number of arguments for 'auth' command\r\n",
    ]);
    // Nothing has been opened for somebody who may never get in.
    expect(cache.proxy.status().instances[0]?.counters.upstreams).toBe(0);
    client.socket.write("*2\r\n$4\r\nAUTH\r\n$11\r\nopen sesame\r\n*1\r\n$4\r\nPING\r\n");
    expect((await client.read(6)).slice(4)).toEqual(["+OK\r\n", "+PONG\r\n"]);
    client.socket.destroy();
  });

  test("may come with HELLO", async () => {
    cache = await ProxiedCache.start({}, { clientPassword: "secret" });
    const client = await cache.raw();
    client.write("HELLO 3 AUTH default secret", "PING");
    expect((await client.read(2))[1]).toBe("+PONG\r\n");
    client.socket.destroy();
  });

  test("does not let in who sends something long instead", async () => {
    cache = await ProxiedCache.start({}, { clientPassword: "secret" });
    const client = await cache.raw();
    client.socket.write("*2\r\n$4\r\nAUTH\r\n$16385\r\n");
    await client.closed;
    expect(client.frames).toEqual([expect.stringMatching(/^-ERR Protocol error/)]);
  });
});

describe("the end", () => {
  test("does not wait for clients that wait for nothing", async () => {
    cache = await ProxiedCache.start();
    const [idle, blocked] = await Promise.all([cache.raw(), cache.raw()]);
    await idle.write("PING").read(1);
    await blocked.write("PING").read(1);
    blocked.write("BLPOP list 0");
    const drained = cache.proxy.drain({ maxMs: 60_000 });
    await idle.closed;
    expect(idle.frames).toEqual(["+PONG\r\n"]);
    await vi.waitFor(() => expect(cache!.proxy.status().instances[0]?.counters.openClients).toBe(1));
    blocked.socket.destroy();
    await drained;
  });

  test("comes when the last client has left, or the time is up", async () => {
    cache = await ProxiedCache.start();
    const [first, second] = await Promise.all([cache.raw(), cache.raw()]);
    await Promise.all([first.write("PING").read(1), second.write("PING").read(1)]);
    const drained = cache.proxy.drain({ maxMs: 60_000 });
    await vi.waitFor(() => expect(cache!.proxy.status().state).toBe("draining"));
    expect(await first.write("PING").read(2)).toHaveLength(2);
    first.socket.end();
    second.socket.end();
    await drained;
    expect(cache.proxy.status().state).toBe("closed");
  });

  test("cuts those who stay too long", async () => {
    cache = await ProxiedCache.start();
    const client = await cache.raw();
    await client.write("PING").read(1);
    const startedMs = systemClock.now();
    await cache.proxy.drain({ maxMs: 50 });
    await client.closed;
    expect(systemClock.now() - startedMs).toBeGreaterThanOrEqual(50);
  });
});
