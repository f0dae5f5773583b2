import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { type Emulator, type Identity as Principal, startEmulator } from "azure-redis-emulator";
import * as ioredis from "ioredis";
import * as redis from "redis";
import { afterAll, beforeAll, expect, type TestContext, test, vi } from "vitest";
import { IoRedisAdapter } from "../../src/adapters/ioredis/index.js";
import { NodeRedisAdapter } from "../../src/adapters/node-redis/index.js";
import { createIdentity, defaultIdentity } from "../../src/azure/entra-id.js";
import type { Clock } from "../../src/core/clock.js";
import { PasswordlessError } from "../../src/core/errors.js";
import { AzureIoRedis } from "../../src/one-call/ioredis.js";
import { AzureNodeRedis } from "../../src/one-call/node-redis.js";
import type { Identity } from "../../src/reauth/identity.js";
import { askAside } from "../../src/reauth/probe.js";
import { ManualClock } from "../../src/testing/index.js";
import { lastLine, run } from "./support.js";

// What `azureRedisClient` does about a cache that does not answer, or not as it should.

let azure: Emulator;
beforeAll(async () => {
  azure = await startEmulator();
});
afterAll(() => azure.close());

type Ending = Pick<TestContext, "onTestFinished">;

function identityOf(context: Ending, principal: Principal): Identity {
  const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost };
  const identity = createIdentity({ managedIdentity: { clientId: principal.clientId } }, env);
  context.onTestFinished(() => identity.close());
  return identity;
}

/** A server on a free port, for this listener; it ends with the test. */
async function listening(
  context: Ending,
  listener: (socket: Socket) => void,
  port = 0,
): Promise<{ readonly server: Server; readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    listener(socket);
  }).listen(port, "127.0.0.1");
  await once(server, "listening");
  context.onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  });
  return { server, port: (server.address() as AddressInfo).port };
}

async function freePort(context: Ending): Promise<number> {
  const { server, port } = await listening(context, () => {});
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Sends a connection on to the cache. */
function forward(socket: Socket): void {
  const upstream = connect({ host: "127.0.0.1", port: azure.redis.port }).on("error", () => socket.destroy());
  socket.pipe(upstream).pipe(socket);
  socket.on("close", () => upstream.destroy());
}

/** `azureRedisClient`, which says each time that it is going to wait for another attempt. */
class Asking {
  attempts = 0;
  readonly #clock: { readonly clock?: Clock };

  constructor(clock?: Clock) {
    this.#clock = clock === undefined ? {} : { clock };
  }

  nodeRedis(
    identity: Identity,
    port: number,
    socket: object = { ca: azure.caCertificate },
  ): Promise<unknown> {
    const one = new AzureNodeRedis(new NodeRedisAdapter(defaultIdentity), this.#options());
    return one.either(redis, { url: `localhost:${port}`, socket }, { identity });
  }

  ioredis(identity: Identity, port: number): Promise<unknown> {
    const one = new AzureIoRedis(new IoRedisAdapter(defaultIdentity), this.#options());
    const options = { host: "localhost", port, tls: { ca: azure.caCertificate }, lazyConnect: true };
    return one.either(ioredis, options, { identity });
  }

  #options() {
    const random = (): number => {
      this.attempts += 1;
      return 0;
    };
    return { env: {}, random, ...this.#clock };
  }
}

async function failure(asking: Promise<unknown>): Promise<PasswordlessError> {
  const error: unknown = await asking.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!PasswordlessError.is(error)) throw new Error("it has not failed");
  return error;
}

test.for(["nodeRedis", "ioredis"] as const)("%s waits for a cache that comes up", async (name, context) => {
  const port = await freePort(context);
  const asking = new Asking();
  const made = asking[name](identityOf(context, azure.userIdentity), port);
  await vi.waitFor(() => expect(asking.attempts).toBeGreaterThan(1));
  await listening(context, forward, port);
  const client = await made;
  if (name === "ioredis") {
    expect(client).toBeInstanceOf(ioredis.Redis);
    return;
  }
  const connected = client as ReturnType<typeof redis.createClient>;
  context.onTestFinished(() => connected.destroy());
  await connected.on("error", () => {}).connect();
  expect(await connected.ping()).toBe("PONG");
});

test("connections that are cut while a cache starts are no answer", async (context) => {
  let connections = 0;
  const { port } = await listening(context, (socket) => {
    connections += 1;
    if (connections < 3) socket.destroy();
    else forward(socket);
  });
  const asking = new Asking();
  await asking.nodeRedis(identityOf(context, azure.userIdentity), port);
  expect({ connections, attempts: asking.attempts }).toEqual({ connections: 3, attempts: 2 });
});

test.for(["node-redis-any", "ioredis-any"])(
  "a process has nothing else to do meanwhile, and waits: %s",
  async (name, context) => {
    let connections = 0;
    const { port } = await listening(context, (socket) => {
      connections += 1;
      if (connections < 4) socket.destroy();
      else forward(socket);
    });
    const env = azure.env(azure.userIdentity, { serviceConnector: true });
    const ended = await run(context, name, [], { ...env, AZURE_REDIS_HOST: `localhost:${port}` });
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(lastLine(ended)).toMatchObject({ read: 100, kind: "single" });
  },
);

test("a cache that stays away ends it after half a minute", async (context) => {
  const clock = new ManualClock();
  const asking = new Asking(clock);
  const port = await freePort(context);
  const startMs = clock.now();
  let error: PasswordlessError | undefined;
  void failure(asking.nodeRedis(identityOf(context, azure.userIdentity), port)).then((reason) => {
    error = reason;
  });
  const advanced = async (): Promise<void> => {
    await clock.advance(250);
    expect(error).toBeDefined();
  };
  await vi.waitFor(advanced, { timeout: 20_000, interval: 1 });
  expect(error).toMatchObject({
    code: "ERR_PASSWORDLESS_CONNECTION_FAILED",
    retryable: true,
    message: expect.stringContaining(`localhost:${port}`) as string,
    rule: "connection-refused",
    remedy: expect.stringContaining("10000 on Azure Managed Redis") as string,
  });
  expect(error?.cause).toMatchObject({ code: "ECONNREFUSED" });
  expect(clock.now() - startMs).toBeGreaterThanOrEqual(30_000);
  expect(asking.attempts).toBeGreaterThan(10);
});

test.for([
  ["Azure's advice", 5_000, {}],
  ["the caller's own connectTimeout", 900, { connectTimeout: 900 }],
] as const)("a server that says nothing is left after %s", async ([, timeoutMs, socket], context) => {
  const { port } = await listening(context, () => {});
  const clock = new ManualClock();
  const asking = new Asking(clock);
  const identity = identityOf(context, azure.userIdentity);
  await identity.getToken();
  const failed = failure(asking.nodeRedis(identity, port, { ca: azure.caCertificate, ...socket }));
  await clock.advance(timeoutMs - 1);
  expect(asking.attempts).toBe(0);
  await clock.advance(1);
  expect(asking.attempts).toBe(1);
  await clock.advance(60_000);
  expect((await failed).message).toContain(`no answer within ${timeoutMs} ms`);
});

test("a certificate that nobody trusts ends it at once", async (context) => {
  const asking = new Asking();
  const error = await failure(
    asking.nodeRedis(identityOf(context, azure.userIdentity), azure.redis.port, {}),
  );
  expect(error).toMatchObject({ code: "ERR_PASSWORDLESS_CONNECTION_FAILED" });
  expect(error.rule).toBe("certificate-untrusted");
  expect(error.remedy).toMatch(/`ca`/);
  expect(error.cause).toMatchObject({ code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
  expect(asking.attempts).toBe(0);
});

test("an identity that the cache refuses ends it at once", async (context) => {
  const stranger = azure.addManagedIdentity({ kind: "user", accessPolicy: null });
  const asking = new Asking();
  const error = await failure(asking.ioredis(identityOf(context, stranger), azure.redis.port));
  expect(error.code).toBe("ERR_PASSWORDLESS_AUTH_REFUSED");
  expect(error.message).toContain(stranger.objectId);
  expect(asking.attempts).toBe(0);
});

test("an identity that Entra ID refuses ends it at once, and no connection is left", async (context) => {
  const gone = azure.addManagedIdentity({ kind: "user" });
  azure.removeIdentity(gone.objectId);
  const asking = new Asking();
  const error = await failure(asking.nodeRedis(identityOf(context, gone), azure.redis.port));
  expect(error.code).toBe("ERR_PASSWORDLESS_IDENTITY_REJECTED");
  expect(error.message).toContain(gone.clientId);
  expect(asking.attempts).toBe(0);
  await vi.waitFor(() => expect(azure.redis.connectionCount).toBe(0));
});

test("when the identity is refused, a connection that fails later is nobody's unhandled rejection", async (context) => {
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  context.onTestFinished(() => void process.off("unhandledRejection", unhandled));
  const refused = new Error("the identity is refused");
  let breakConnection: (error: Error) => void = () => {};
  const dial = () =>
    new Promise<Socket>((_, reject) => {
      breakConnection = reject;
    });
  const asking = askAside(dial, "cache", Promise.reject(refused), ["PING"], new AbortController().signal);
  await expect(asking).rejects.toBe(refused);
  breakConnection(new Error("the connection is reset"));
  // Node reports an unhandled rejection before it goes on to the next phase.
  await setImmediate();
  expect(unhandled).not.toHaveBeenCalled();
});
