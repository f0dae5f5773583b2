import { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { IoRedisAdapter } from "../../../src/adapters/ioredis/index.js";
import { type Client, IOREDIS, outcome, ready } from "../../support/io-cache.js";
import { RedisProcess, randomPassword, type TestContext } from "../../support/redis-processes.js";
import { RotatingUser } from "../../support/rotating-user.js";

async function setUp(test: TestContext) {
  const server = await RedisProcess.start(test, { password: randomPassword() });
  const user = new RotatingUser(test, [server], 60_000);
  const adapter = new IoRedisAdapter(() => user.identity);
  const track = (client: Client): Client => {
    client.on("error", () => {});
    test.onTestFinished(async () => void client.stream?.destroy());
    return client;
  };
  const options = { host: "127.0.0.1", port: server.port, enableReadyCheck: false };
  return { server, adapter, options, track };
}

function ended(client: Client): Promise<void> {
  return new Promise((resolve) => {
    if (client.status === "end") resolve();
    else client.once("end", () => resolve());
  });
}

/** Breaks a client's connection and resolves when it is ready on the next one. */
async function reconnect(client: Client): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    client.once("close", () => resolve());
  });
  client.stream.destroy();
  await closed;
  await ready(client);
}

describe.each(IOREDIS)("%s", (_, lib) => {
  test("a command that is sent before SUBSCRIBE is confirmed is answered", async (t) => {
    const { adapter, options, track } = await setUp(t);
    const client = track(adapter.redis(lib.Redis, { ...options, protocol: 2 }));
    await ready(client);
    const subscribed = client.subscribe("news");
    const got = outcome(client.get("a"));
    expect(await subscribed).toBe(1);
    expect(await got).toMatch(/only \(P\|S\)SUBSCRIBE/);
  });

  describe("disconnect() ends a client that was attached to", () => {
    test.for(["subscribed", "ready", "connecting", "monitoring"] as const)("while %s", async (state, t) => {
      const { server, adapter, options, track } = await setUp(t);
      await server.command("ACL", "SETUSER", "default", "nopass");
      let client = track(new lib.Redis({ ...options, protocol: 2 }));
      if (state !== "connecting") await ready(client);
      if (state === "subscribed") await client.subscribe("news");
      if (state === "monitoring") {
        const other = client;
        client = track(await client.monitor());
        other.disconnect();
      }
      adapter.attach(client);
      client.disconnect();
      await ended(client);
    });
  });

  test.for(["", 0, false, null])(
    "tls: %j sends no token in clear text to another machine",
    async (tls, t) => {
      const { adapter, options } = await setUp(t);
      // Loopback by a name that this library does not take for this machine.
      const open = () => adapter.redis(lib.Redis, { ...options, host: "127.1", tls: tls as never });
      expect(open).toThrow(expect.objectContaining({ code: "ERR_PASSWORDLESS_PLAINTEXT_REFUSED" }));
    },
  );

  test("the rest of a transaction is refused, also after two lost connections", async (t) => {
    const { server, adapter, options, track } = await setUp(t);
    const client = track(adapter.redis(lib.Redis, { ...options, retryStrategy: () => 10 }));
    await ready(client);
    await client.multi({ pipeline: false });
    await client.set("a", 1);
    await reconnect(client);
    await reconnect(client);
    await outcome(client.set("b", 2));
    await outcome(client.exec());
    expect(await server.command("GET", "b")).toBeNull();
  });

  test("disconnect() in the moment in which the login has succeeded ends the client", async (t) => {
    const { adapter, options, track } = await setUp(t);
    const client = track(adapter.redis(lib.Redis, { ...options, lazyConnect: true }));
    const pause = Object.getOwnPropertyDescriptor(Socket.prototype, "pause");
    if (pause === undefined) throw new Error("Socket no longer has a pause of its own");
    const restore = (): void => void Object.defineProperty(Socket.prototype, "pause", pause);
    t.onTestFinished(restore);
    // The login ends by pausing the socket; what runs next in the same turn may be the application.
    Socket.prototype.pause = function (this: Socket) {
      if (this.remotePort === options.port) {
        restore();
        queueMicrotask(() => queueMicrotask(() => client.disconnect()));
      }
      return (pause.value as () => Socket).call(this);
    };
    client.connect().catch(() => {});
    await ended(client);
  });
});
