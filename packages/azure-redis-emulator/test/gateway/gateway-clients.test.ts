import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { connect as connectTls } from "node:tls";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startGateway } from "../../src/gateway/gateway.js";
import { connectRedisServer, startRedisServer } from "../../src/redis-server/redis-server.js";
import { GatewayFixture } from "../support/gateway.js";

let fixture: GatewayFixture;
let objectId: string;
beforeAll(async () => {
  fixture = await GatewayFixture.start();
  objectId = await fixture.identity();
});
afterAll(() => fixture[Symbol.asyncDispose]());

describe.each([2, 3] as const)("node-redis in RESP%d through the gateway", (RESP) => {
  /** A client that never reconnects by itself: a silent reconnect would hide a lost connection. */
  async function connect(password = fixture.issue(objectId)) {
    const client = createClient({
      url: `rediss://localhost:${fixture.gateway.port}`,
      RESP,
      username: objectId,
      password,
      socket: { tls: true, ca: fixture.caCertificate, reconnectStrategy: false },
    });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }

  test("writes and reads a value of 10 MB", async () => {
    const client = await connect();
    const value = "0123456789".repeat(1_000_000);
    await client.set("large", value);
    expect((await client.get("large")) === value).toBe(true);
    await client.close();
  });

  test("runs a pipeline of 10,000 commands in order", async () => {
    const client = await connect();
    const replies = await Promise.all(
      Array.from({ length: 10_000 }, (_, index) => client.echo(String(index))),
    );
    expect(replies).toEqual(Array.from({ length: 10_000 }, (_, index) => String(index)));
    await client.close();
  });

  test("receives every message in order, with re-authentication on the publishing side", async () => {
    const subscriber = await connect();
    const publisher = await connect();
    const received: string[] = [];
    let done = (): void => undefined;
    const all = new Promise<void>((resolve) => {
      done = resolve;
    });
    await subscriber.subscribe("channel", (message) => {
      if (received.push(message) === 1_000) done();
    });
    for (let index = 0; index < 1_000; index++) {
      if (index % 100 === 0) await publisher.auth({ username: objectId, password: fixture.issue(objectId) });
      await publisher.publish("channel", String(index));
    }
    await all;
    expect(received).toEqual(Array.from({ length: 1_000 }, (_, index) => String(index)));
    await subscriber.close();
    await publisher.close();
  });

  test("is refused with the server's words", async () => {
    await expect(connect("wrong")).rejects.toThrow(
      "WRONGPASS invalid username-password pair or user is disabled.",
    );
  });
});

describe("the connection", () => {
  test("is not read further while its client does not read, and loses nothing", async () => {
    const size = 200_000;
    const count = 500;
    await fixture.server.command("SET", "big", "x".repeat(size));
    const client = await fixture.login(objectId);
    client.socket.pause();
    for (let index = 0; index < count; index++) client.send("GET", "big");
    // The server keeps what the gateway does not take: its output buffer fills.
    const omem = async (): Promise<number> => {
      const line = String(await fixture.server.command("CLIENT", "LIST"))
        .split("\n")
        .find((line) => line.includes(objectId));
      return Number(/ tot-mem=(\d+)/.exec(line ?? "")?.[1]);
    };
    while ((await omem()) < (size * count) / 2);
    client.socket.resume();
    for (const frame of await client.frames(count)) expect(frame).toHaveLength(size + 11);
    client.close();
  });

  test("passes on the end of a client that has sent everything", async () => {
    const client = await fixture.login(objectId);
    const since = fixture.events.length;
    client.send("SET", "half", "closed");
    client.socket.end();
    await client.closed;
    expect(await fixture.server.command("GET", "half")).toBe("closed");
    await fixture.waitFor("disconnected", ({ reason }) => reason === "client", since);
  });

  test("closes behind QUIT", async () => {
    const client = await fixture.login(objectId);
    expect(await client.call("QUIT")).toBe("+OK\r\n");
    await client.closed;
  });

  test("survives bytes that are no RESP: the server answers them and closes", async () => {
    const client = await fixture.login(objectId);
    client.sendBytes("*1\r\n:oops\r\n");
    expect(await client.frames(1)).toEqual([expect.stringMatching(/^-ERR Protocol error/)]);
    await client.closed;
  });

  test("is encrypted with TLS 1.2 at least", async () => {
    const socket = connectTls({
      host: "127.0.0.1",
      port: fixture.gateway.port,
      servername: "localhost",
      ca: fixture.caCertificate,
      minVersion: "TLSv1.1",
      maxVersion: "TLSv1.1",
    });
    await once(socket, "error");
  });
});

describe("a restart of the server", () => {
  test("drops connections, keeps data and users, and new logins work", async () => {
    await using own = await GatewayFixture.start();
    const user = await own.identity();
    const client = await own.login(user);
    await client.call("SET", "kept", "yes");
    const { port } = own.server;
    await own.server.restart();
    await client.closed;
    await own.waitFor("disconnected", ({ reason }) => reason === "server");
    expect(own.server.port).toBe(port);
    const again = await own.login(user);
    expect(await again.call("GET", "kept")).toBe("$3\r\nyes\r\n");
    again.close();
  });
});

describe("the gateway", () => {
  test("breaks every connection when it closes, and closing twice is no error", async () => {
    const own = await GatewayFixture.start();
    const client = await own.login(await own.identity());
    const stranger = await own.connectPlaintext();
    await Promise.all([own.gateway.close(), own.gateway.close()]);
    await Promise.all([client.closed, stranger.closed]);
    expect(own.gateway.connectionCount).toBe(0);
    await own.server.close();
  });

  test("stands in front of a server of one's own, and leaves none of its users there", async () => {
    const server = await startRedisServer();
    await using own = await GatewayFixture.start({ servers: [await connectRedisServer(server.adminUrl)] });
    const client = await own.login(await own.identity());
    expect(await client.call("PING")).toBe("+PONG\r\n");
    await own.gateway.close();
    expect(await server.command("ACL", "USERS")).toEqual(["default"]);
    await server.close();
  });

  test("gives the servers after the first the ports that follow a fixed one", async () => {
    const server = await startRedisServer();
    const port = await firstOfFreePorts(3);
    await using own = await GatewayFixture.start({ servers: [server, server, server], port });
    expect(own.gateway.nodes.map((node) => node.port)).toEqual([port, port + 1, port + 2]);
  });

  test("refuses a server that lets everybody in", async () => {
    const server = await startRedisServer();
    await server.command("ACL", "SETUSER", "default", "nopass");
    const options = {
      tls: { cert: "", key: "" },
      host: "127.0.0.1",
      servers: [server],
      idleTimeoutMs: 0,
    } as const;
    await expect(
      startGateway({
        ...options,
        verifyLogin: () => Promise.reject(new Error("unused")),
        now: () => Date.now(),
        onEvent: () => undefined,
      }),
    ).rejects.toThrow("lets everybody in without a password");
    await server.close();
  });
});

/** The first of so many ports in a row of which nobody uses one now. */
async function firstOfFreePorts(count: number): Promise<number> {
  for (;;) {
    const probes: Server[] = [];
    try {
      let first = 0;
      for (let index = 0; index < count; index++) {
        const probe = createServer().listen(index === 0 ? 0 : first + index, "127.0.0.1");
        probes.push(probe);
        await once(probe, "listening");
        first ||= (probe.address() as AddressInfo).port;
      }
      return first;
    } catch {
      // One of them is taken: another row.
    } finally {
      await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
    }
  }
}
