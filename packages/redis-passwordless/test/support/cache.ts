import { type Emulator, type EmulatorOptions, startEmulator } from "azure-redis-emulator";
import * as redis6 from "redis";
import * as redis5 from "redis-5";
import { NodeRedisAdapter, type PasswordlessSettings } from "../../src/adapters/node-redis/index.js";
import { createIdentity, type EntraIdOptions } from "../../src/azure/entra-id.js";
import type { Identity } from "../../src/reauth/identity.js";
import { TOKEN_LIFETIME_MS } from "./lifetimes.js";

export { ROTATIONS, TOKEN_LIFETIME_MS } from "./lifetimes.js";

/** The supported majors of node-redis; 5 is typed as 6, whose members used here are the same. */
export const NODE_REDIS = [
  ["node-redis 6", redis6],
  ["node-redis 5", redis5 as unknown as typeof redis6],
] as const;

export type NodeRedis = typeof redis6;
export type Client = ReturnType<typeof redis6.createClient>;

/** A cache in the emulator with one identity, and clients that log in with it; everything ends with the test. */
export class Cache {
  readonly azure: Emulator;
  readonly identity: Identity;
  readonly adapter: NodeRedisAdapter;
  readonly errors: Error[] = [];
  readonly #redis: NodeRedis;
  readonly #clients: { destroy(): void; isOpen: boolean }[] = [];

  private constructor(azure: Emulator, identity: Identity, redis: NodeRedis) {
    this.azure = azure;
    this.identity = identity;
    this.adapter = new NodeRedisAdapter(() => identity);
    this.#redis = redis;
  }

  /** Starts a cache that ends with the test: pass the test's own context, so that tests can run side by side. */
  static async start(
    test: { onTestFinished(fn: () => Promise<void>): void },
    redis: NodeRedis,
    options: { readonly emulator?: EmulatorOptions; readonly identity?: EntraIdOptions } = {},
  ): Promise<Cache> {
    const azure = await startEmulator({ tokenLifetimeMs: TOKEN_LIFETIME_MS, ...options.emulator });
    const who = options.identity ?? { managedIdentity: true };
    const identity = createIdentity(who, { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost });
    const cache = new Cache(azure, identity, redis);
    test.onTestFinished(() => cache.close());
    return cache;
  }

  /** The options of a client, without our part. */
  options(extra: Record<string, unknown> = {}): { url: string; socket: { tls: true; ca: string } } {
    const { socket, ...rest } = extra;
    return {
      url: this.azure.redis.url,
      socket: { tls: true, ca: this.azure.caCertificate, ...(socket as object) },
      ...rest,
    };
  }

  /** A client that is not connected yet; its error events are collected in `errors`. */
  client(extra: Record<string, unknown> = {}, settings?: PasswordlessSettings): Client {
    const client = this.#redis.createClient(
      this.adapter.client(this.options(extra), settings),
    ) as unknown as Client;
    return this.track(client);
  }

  /** A client whose login and transactions are guarded. */
  attached(extra: Record<string, unknown> = {}): Client {
    return this.adapter.attach(this.client(extra));
  }

  track<
    C extends {
      destroy(): void;
      isOpen: boolean;
      on(event: "error", listener: (error: Error) => void): unknown;
    },
  >(client: C): C {
    client.on("error", (error) => this.errors.push(error));
    this.#clients.push(client);
    return client;
  }

  async connect(count: number, extra: Record<string, unknown> = {}): Promise<Client[]> {
    const clients = Array.from({ length: count }, () => this.client(extra));
    await Promise.all(clients.map((client) => client.connect()));
    return clients;
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

  logins() {
    return this.azure.events.filter((event) => event.type === "login");
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

  async close(): Promise<void> {
    for (const client of this.#clients) if (client.isOpen) client.destroy();
    await this.identity.close();
    await this.azure.close();
  }
}
