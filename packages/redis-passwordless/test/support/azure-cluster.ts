import { type Emulator, type EmulatorOptions, startEmulator } from "azure-redis-emulator";
import { createClient } from "redis";
import { IoRedisAdapter } from "../../src/adapters/ioredis/index.js";
import { NodeRedisAdapter } from "../../src/adapters/node-redis/index.js";
import { createIdentity, type EntraIdOptions } from "../../src/azure/entra-id.js";
import { AzureIoRedis } from "../../src/one-call/ioredis.js";
import { AzureNodeRedis } from "../../src/one-call/node-redis.js";
import type { Identity } from "../../src/reauth/identity.js";
import { NODE_REDIS, type NodeRedis, TOKEN_LIFETIME_MS } from "./cache.js";
import { IOREDIS, type IoRedis, type Cluster as IoRedisCluster, ready } from "./io-cache.js";

type NodeRedisCluster = ReturnType<NodeRedis["createCluster"]>;
type ClusterOptions = NonNullable<NonNullable<EmulatorOptions["redis"]>["cluster"]>;

/** A client of a cluster, whatever library it is of. */
export interface ClusterClient {
  readonly name: string;
  /** What it has emitted as an error, about itself or a node. */
  readonly errors: Error[];
  connect(): Promise<void>;
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<unknown>;
  incr(key: string): Promise<number>;
  rPush(key: string, value: string): Promise<number>;
  lRange(key: string): Promise<string[]>;
  publish(channel: string, message: string): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  /** Sharded; missing where the library has nothing that follows a failover. */
  readonly sharded?: ShardedPubSub;
  destroy(): void;
}

interface ShardedPubSub {
  publish(channel: string, message: string): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
}

export interface MakeOptions {
  /** Whether `attach` follows, which only node-redis needs. Default true. */
  readonly isAttached?: boolean;
}

export type MakeClient = (cache: AzureCluster, options?: MakeOptions) => ClusterClient;

/** What `createCluster(azureRedisCluster())` and `azureRedis(Cluster)` make, of each supported library. */
export const CLUSTER_CLIENTS: readonly (readonly [name: string, make: MakeClient])[] = [
  ...NODE_REDIS.map(([name, redis]): readonly [string, MakeClient] => [
    name,
    (cache, options) => nodeRedisClient(cache, name, redis, options),
  ]),
  ...IOREDIS.map(([name, lib]): readonly [string, MakeClient] => [
    name,
    (cache) => ioRedisClient(cache, name, lib),
  ]),
];

/** An OSS cluster behind Azure's gateway, and clients made with the one call; everything ends with `close`. */
export class AzureCluster {
  readonly azure: Emulator;
  readonly identity: Identity;
  readonly nodeRedis: AzureNodeRedis;
  readonly nodeRedisAdapter: NodeRedisAdapter;
  readonly ioRedis: AzureIoRedis;
  readonly #clients: ClusterClient[] = [];

  private constructor(azure: Emulator, identity: Identity) {
    this.azure = azure;
    this.identity = identity;
    // All that the environment says; who logs in, the settings say.
    const env = { AZURE_REDIS_HOST: `${azure.redis.host}:${azure.redis.port}` };
    this.nodeRedisAdapter = new NodeRedisAdapter(() => identity);
    this.nodeRedis = new AzureNodeRedis(this.nodeRedisAdapter, { env });
    this.ioRedis = new AzureIoRedis(new IoRedisAdapter(() => identity), { env });
  }

  static async start(
    cluster: ClusterOptions,
    options: { readonly emulator?: EmulatorOptions; readonly identity?: EntraIdOptions } = {},
  ): Promise<AzureCluster> {
    const azure = await startEmulator({
      tokenLifetimeMs: TOKEN_LIFETIME_MS,
      ...options.emulator,
      redis: { cluster },
    });
    const who = options.identity ?? { managedIdentity: true };
    return new AzureCluster(
      azure,
      createIdentity(who, { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost }),
    );
  }

  /** One client of each library, connected. */
  async all(): Promise<ClusterClient[]> {
    const clients = CLUSTER_CLIENTS.map(([, make]) => make(this));
    await Promise.all(clients.map((client) => client.connect()));
    return clients;
  }

  track(client: ClusterClient): ClusterClient {
    this.#clients.push(client);
    return client;
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

  /** Connections that the gateway cut because their token had ended. */
  evictions(): number {
    return this.azure.events.filter(
      (event) => event.type === "disconnected" && event.reason === "tokenExpired",
    ).length;
  }

  /** Runs a command on a real server, past its gateway. */
  async onServer<T>(node: number, ...command: string[]): Promise<T> {
    const server = await createClient({ url: this.azure.redis.nodes[node]!.backendUrl }).connect();
    try {
      return (await server.sendCommand(command)) as T;
    } finally {
      server.destroy();
    }
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await this.identity.close();
    await this.azure.close();
  }
}

function nodeRedisClient(
  cache: AzureCluster,
  name: string,
  redis: NodeRedis,
  { isAttached = true }: MakeOptions = {},
): ClusterClient {
  const socket = { ca: cache.azure.caCertificate };
  // node-redis 5 speaks RESP2 by default, in which a subscriber cannot log in again.
  const options = cache.nodeRedis.cluster({ RESP: 3, defaults: { socket } }, { identity: cache.identity });
  const cluster = redis.createCluster(options as never);
  if (isAttached) cache.nodeRedisAdapter.attach(cluster);
  return cache.track(fromNodeRedis(name, cluster));
}

/** Any cluster of node-redis in the form that the tests use. */
export function fromNodeRedis(name: string, created: object): ClusterClient {
  const cluster = created as NodeRedisCluster;
  const errors: Error[] = [];
  cluster.on("error", (error: Error) => errors.push(error));
  cluster.on("node-error", (error: Error) => errors.push(error));
  return {
    name,
    errors,
    connect: async () => {
      await cluster.connect();
    },
    get: (key) => cluster.get(key),
    set: (key, value) => cluster.set(key, value),
    incr: (key) => cluster.incr(key),
    rPush: (key, value) => cluster.rPush(key, value),
    lRange: (key) => cluster.lRange(key, 0, -1),
    publish: (channel, message) => cluster.publish(channel, message),
    subscribe: (channel, listener) => cluster.subscribe(channel, listener),
    sharded: {
      publish: (channel, message) => cluster.sPublish(channel, message),
      subscribe: (channel, listener) => cluster.sSubscribe(channel, listener),
    },
    destroy: () => {
      if (cluster.isOpen) cluster.destroy();
    },
  };
}

function ioRedisClient(cache: AzureCluster, name: string, lib: IoRedis): ClusterClient {
  const tls = { ca: cache.azure.caCertificate };
  // iovalkey does not know `shardedSubscribers`, and has none that follow a failover.
  const cluster = cache.ioRedis.cluster(
    lib.Cluster,
    { lazyConnect: true, shardedSubscribers: true, redisOptions: { tls } },
    { identity: cache.identity },
  );
  return cache.track(fromIoRedis(name, cluster as IoRedisCluster));
}

/** Any cluster of ioredis or iovalkey in the form that the tests use. */
export function fromIoRedis(name: string, cluster: IoRedisCluster): ClusterClient {
  const errors: Error[] = [];
  cluster.on("error", (error: Error) => errors.push(error));
  cluster.on("node error", (error: Error) => errors.push(error));
  return {
    name,
    errors,
    connect: async () => {
      // This promise stays open when the first of several attempts fails.
      cluster.connect().catch(() => {});
      await ready(cluster);
    },
    get: (key) => cluster.get(key),
    set: (key, value) => cluster.set(key, value),
    incr: (key) => cluster.incr(key),
    rPush: (key, value) => cluster.rpush(key, value),
    lRange: (key) => cluster.lrange(key, 0, -1),
    publish: (channel, message) => cluster.publish(channel, message),
    subscribe: async (channel, listener) => {
      cluster.on("message", (from: string, message: string) => {
        if (from === channel) listener(message);
      });
      await cluster.subscribe(channel);
    },
    ...(name === "iovalkey" ? {} : { sharded: shardedOf(cluster) }),
    destroy: () => cluster.disconnect(),
  };
}

function shardedOf(cluster: IoRedisCluster): ShardedPubSub {
  return {
    publish: (channel, message) => cluster.spublish(channel, message),
    subscribe: async (channel, listener) => {
      cluster.on("smessage", (from: string, message: string) => {
        if (from === channel) listener(message);
      });
      await cluster.ssubscribe(channel);
    },
  };
}
