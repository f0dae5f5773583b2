import { type Emulator, type EmulatorOptions, startEmulator } from "azure-redis-emulator";
import * as ioredis6 from "ioredis";
import * as ioredis5 from "ioredis-5";
import * as iovalkey from "iovalkey";
import { IoRedisAdapter } from "../../src/adapters/ioredis/index.js";
import type { PasswordlessSettings } from "../../src/adapters/settings.js";
import { createIdentity, type EntraIdOptions } from "../../src/azure/entra-id.js";
import type { Identity } from "../../src/reauth/identity.js";
import { TOKEN_LIFETIME_MS } from "./lifetimes.js";

export { ROTATIONS, TOKEN_LIFETIME_MS } from "./lifetimes.js";

export type IoRedis = typeof ioredis6;
export type Client = ioredis6.Redis;
export type Cluster = ioredis6.Cluster;

/** The supported libraries; ioredis 5 and iovalkey are typed as ioredis 6, whose members used here are the same. */
export const IOREDIS = [
  ["ioredis 6", ioredis6],
  ["ioredis 5", ioredis5 as unknown as IoRedis],
  ["iovalkey", iovalkey as unknown as IoRedis],
] as const;

/** Until when a test that waits for rotations may take, however slow the machine. */
export const LONG = 10 * TOKEN_LIFETIME_MS + 15_000;

/** All connections log in at once after a rotation, so that the login of one tells the time of another's. */
export const AT_ONCE = { managedIdentity: true, reauthenticationWindowMs: 1 } as const;

/** iovalkey makes its second attempt with IPv6, where the host may have no address; the others ignore this. */
const SAME_FAMILY = { familyFallback: { enabled: false } };

interface Tracked {
  on(event: "error", listener: (error: Error) => void): unknown;
  disconnect(): void;
}

export interface TestContext {
  onTestFinished(fn: () => Promise<void>): void;
}

export interface IoCacheOptions {
  readonly emulator?: EmulatorOptions;
  readonly identity?: EntraIdOptions;
}

/** A cache in the emulator with one identity, and clients that log in with it; everything ends with the test. */
export class IoCache {
  readonly azure: Emulator;
  readonly identity: Identity;
  readonly adapter: IoRedisAdapter;
  /** What the clients have emitted as `error`. */
  readonly errors: Error[] = [];
  readonly #lib: IoRedis;
  readonly #clients: Tracked[] = [];

  private constructor(azure: Emulator, identity: Identity, lib: IoRedis) {
    this.azure = azure;
    this.identity = identity;
    this.adapter = new IoRedisAdapter(() => identity);
    this.#lib = lib;
  }

  /** Starts a cache that ends with the test: pass the test's own context, so that tests can run side by side. */
  static async start(test: TestContext, lib: IoRedis, options: IoCacheOptions = {}): Promise<IoCache> {
    const azure = await startEmulator({ tokenLifetimeMs: TOKEN_LIFETIME_MS, ...options.emulator });
    const who = options.identity ?? { managedIdentity: true };
    const identity = createIdentity(who, { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost });
    const cache = new IoCache(azure, identity, lib);
    test.onTestFinished(() => cache.close());
    return cache;
  }

  /** A cache that is a cluster of three masters. */
  static startCluster(test: TestContext, lib: IoRedis, options: IoCacheOptions = {}): Promise<IoCache> {
    const redis = { cluster: { masters: 3 } };
    return IoCache.start(test, lib, { ...options, emulator: { ...options.emulator, redis } });
  }

  /** The options of a client, without our part. */
  options(extra: Record<string, unknown> = {}) {
    const { host, port } = this.azure.redis;
    return { host, port, tls: { ca: this.azure.caCertificate }, ...SAME_FAMILY, ...extra };
  }

  /** A client that is connecting; its error events are collected in `errors`. */
  client(extra: Record<string, unknown> = {}, settings?: PasswordlessSettings): Client {
    return this.track(this.adapter.redis(this.#lib.Redis, this.options(extra), settings));
  }

  track<C extends Tracked>(client: C): C {
    client.on("error", (error) => this.errors.push(error));
    this.#clients.push(client);
    return client;
  }

  async connect(count: number, extra: Record<string, unknown> = {}): Promise<Client[]> {
    const clients = Array.from({ length: count }, () => this.client(extra));
    await Promise.all(clients.map((client) => ready(client)));
    return clients;
  }

  async one(extra: Record<string, unknown> = {}): Promise<Client> {
    const client = this.client(extra);
    await ready(client);
    return client;
  }

  /** A cluster client, once it is ready. */
  async cluster(extra: Record<string, unknown> = {}, settings?: PasswordlessSettings): Promise<Cluster> {
    const { host, port } = this.azure.redis;
    const { redisOptions, ...rest } = extra;
    const tls = { ca: this.azure.caCertificate };
    const options = {
      redisOptions: { tls, ...SAME_FAMILY, ...(redisOptions as object) },
      ...rest,
    };
    const cluster = this.track(this.adapter.cluster(this.#lib.Cluster, [{ host, port }], options, settings));
    cluster.on("node error", (error: Error) => this.errors.push(error));
    await ready(cluster);
    return cluster;
  }

  /** Resolves when the identity has got that many more tokens; the newest is then about to be spread. */
  async rotations(count: number): Promise<void> {
    for (let rotation = 0; rotation < count; rotation += 1) {
      await new Promise<void>((resolve) => {
        const listening = this.identity.on("tokenRefreshed", () => {
          listening[Symbol.dispose]();
          resolve();
        });
      });
    }
  }

  /** Resolves when that many logins on live connections have been accepted from now on. */
  async reauthenticated(count = 1): Promise<void> {
    let seen = 0;
    await new Promise<void>((resolve) => {
      const listening = this.identity.on("reauthenticated", () => {
        seen += 1;
        if (seen < count) return;
        listening[Symbol.dispose]();
        resolve();
      });
    });
  }

  /** Resolves when the gateway cuts a connection, from now on, because its token has ended. */
  async evicted(): Promise<void> {
    const since = this.azure.events.length;
    await this.azure.waitFor("disconnected", (event) => event.reason === "tokenExpired", { since });
  }

  logins() {
    return this.azure.events.filter((event) => event.type === "login");
  }

  /** Why logins were refused; those whose connection was cut before the answer are none. */
  refusals(): string[] {
    return this.logins()
      .filter((login) => !login.accepted && login.reason?.startsWith("the connection closed") !== true)
      .map((login) => login.reason ?? "");
  }

  tokenRequests() {
    return this.azure.events.filter((event) => event.type === "tokenRequest");
  }

  /** Connections that the gateway cut because their token had ended. */
  evictions(): number {
    return this.azure.events.filter(
      (event) => event.type === "disconnected" && event.reason === "tokenExpired",
    ).length;
  }

  /** The connections that are open now, by the gateway's numbers. */
  openConnections(): number[] {
    const open = new Set<number>();
    for (const event of this.azure.events) {
      if (event.type === "connected") open.add(event.connectionId);
      if (event.type === "disconnected") open.delete(event.connectionId);
    }
    return [...open];
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    await this.identity.close();
    await this.azure.close();
  }
}

/** Resolves when a client is ready, again or for the first time. */
export async function ready(client: {
  readonly status: string;
  once(event: "ready", listener: () => void): unknown;
}): Promise<void> {
  if (client.status === "ready") return;
  await new Promise<void>((resolve) => {
    client.once("ready", resolve);
  });
}

/** Resolves when a client has lost its connection and is ready on the next one. */
export async function reconnected(client: {
  once(event: "close" | "ready", listener: () => void): unknown;
}): Promise<void> {
  await new Promise<void>((resolve) => {
    client.once("close", () => client.once("ready", resolve));
  });
}

/** What became of a promise, in one word or the error's own. */
export async function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: Error) => `${error.name}: ${error.message}`);
}
