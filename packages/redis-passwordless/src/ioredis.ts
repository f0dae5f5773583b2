import { IoRedisAdapter } from "./adapters/ioredis/passwordless.js";
import type { PasswordlessSettings } from "./adapters/settings.js";
import { addressMapFor } from "./azure/address-map.js";
import { defaultIdentity } from "./azure/entra-id.js";
import type { MaintenanceNotification, MaintenanceType } from "./azure/maintenance.js";
import { AzureIoRedis } from "./one-call/ioredis.js";
import {
  type IoRedisSubscriber,
  listenWithIoRedis,
  type MaintenanceListener,
} from "./one-call/maintenance.js";
import type { AzureRedisSettings } from "./one-call/settings.js";
import type { Identity } from "./reauth/identity.js";
import type { AddressMap } from "./topology/address-map.js";

export type {
  AddressMap,
  AzureRedisSettings,
  Identity,
  MaintenanceListener,
  MaintenanceNotification,
  MaintenanceType,
  PasswordlessSettings,
};

const adapter = new IoRedisAdapter(defaultIdentity, addressMapFor);
const azure = new AzureIoRedis(adapter);

/** A class of ioredis or iovalkey: `Redis`, or a class that extends it. */
export interface RedisClass {
  new (...args: never[]): { options: object; readonly mode: string };
}

/** A class of ioredis or iovalkey: `Cluster`, or a class that extends it. */
export interface ClusterClass {
  new (nodes: never, options?: never): { options: object; nodes: unknown };
}

/**
 * Options that carry our `Connector`. Its type is none of ioredis's, so that one declaration fits every version of
 * it. What was written as an array is one again: ioredis asks for arrays that can be changed.
 */
export type PasswordlessOptions<O extends object> = {
  -readonly [K in keyof O]: O[K] extends readonly (infer Element)[] ? Element[] : O[K];
} & { readonly Connector: never };

// When a call fits none of them, TypeScript 7 explains why it does not fit the last: so that is the one used most.

/**
 * Makes options passwordless, for a framework that makes the client itself: `connection` of BullMQ, the options of
 * `@fastify/redis` and of Nest's modules. They carry a `Connector`, which ioredis uses for every connection.
 *
 * @example
 * ```ts
 * const connection = passwordless({ host: "my-cache.westus3.redis.azure.net", port: 10000, maxRetriesPerRequest: null });
 * const worker = new Worker("mail", send, { connection });
 * ```
 */
export function passwordless<const O extends object & { readonly prototype?: never }>(
  options: O,
  settings?: PasswordlessSettings,
): PasswordlessOptions<O>;
/**
 * Makes a passwordless cluster client of your own class: every node, nodes that join later, the connections that
 * ask for the slots, and the cluster's own subscribers.
 *
 * @example
 * ```ts
 * const cluster = passwordless(Cluster, [{ host: "my-cache.westus3.redis.azure.net", port: 10000 }]);
 * ```
 */
export function passwordless<C extends ClusterClass>(
  Cluster: C,
  nodes: ConstructorParameters<C>[0],
  options?: InstanceType<C>["options"],
  settings?: PasswordlessSettings,
): InstanceType<C>;
/**
 * Makes a passwordless client of your own class: of ioredis 6, ioredis 5 or iovalkey. The options are ioredis's own;
 * TLS is switched on for every host but this machine.
 *
 * Every connection waits for a valid token and logs in before ioredis gets it, so user name and token are in none
 * of its options, commands or errors. Each new token is put on the live connections between two commands, also on
 * subscribers, behind transactions and around commands that block for ever. Duplicates are covered, and whatever a
 * framework makes of them.
 *
 * @example
 * ```ts
 * import { Redis } from "ioredis";
 * import { passwordless } from "redis-passwordless/ioredis";
 *
 * const redis = passwordless(Redis, { host: "my-cache.westus3.redis.azure.net", port: 10000 });
 * ```
 *
 * The result has the type of your class. Where ioredis 6 is to reply with RESP3's own types, name them:
 * `passwordless(Redis<"resp3">, { replyMapping: "resp3", … })`.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`; `ERR_PASSWORDLESS_CLIENT_UNSUPPORTED` for a class
 * that is none of these; `ERR_PASSWORDLESS_URL_CREDENTIALS` when an address names a user or password;
 * `ERR_PASSWORDLESS_PLAINTEXT_REFUSED` without TLS to another machine
 */
export function passwordless<C extends RedisClass>(
  Redis: C,
  options: string | InstanceType<C>["options"],
  settings?: PasswordlessSettings,
): InstanceType<C>;
export function passwordless(first: unknown, ...rest: unknown[]): unknown {
  if (typeof first !== "function") {
    return adapter.options(first as object, rest[0] as PasswordlessSettings | undefined);
  }
  const Class = first as RedisClass;
  if ("nodes" in ((first.prototype as object | undefined) ?? {})) {
    const [nodes, options, settings] = rest;
    return adapter.cluster(
      Class,
      nodes as readonly unknown[],
      options as object | undefined,
      settings as PasswordlessSettings | undefined,
    );
  }
  return adapter.redis(Class, rest[0] as string | object, rest[1] as PasswordlessSettings | undefined);
}

/**
 * Makes a client or a cluster passwordless that exists already, and returns it: its next connections, its
 * duplicates, and the connection that is open now. Best before it connects (`lazyConnect: true`) or once it is
 * ready; a subscriber that is connected in RESP2 is covered from its next connection on.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_CLIENT_UNSUPPORTED`, and everything that {@link passwordless} throws
 */
export function attach<T extends object>(client: T, settings?: PasswordlessSettings): T {
  return adapter.attach(client, settings);
}

/**
 * Complete options for a framework that makes the client itself, from the environment: address and identity as Azure
 * Service Connector and the platform set them, TLS, timeouts, a PING under Azure's idle limit, and a retry strategy
 * with jitter. Yours are put on top.
 *
 * @param options an address, or options of ioredis; where they name no server, `AZURE_REDIS_HOST` and its siblings do
 *
 * @example
 * ```ts
 * const worker = new Worker("mail", send, { connection: azureRedis({ maxRetriesPerRequest: null }) });
 * ```
 */
export function azureRedis<const O extends object & { readonly prototype?: never }>(
  options?: string | O,
  settings?: AzureRedisSettings,
): PasswordlessOptions<O> & { host: string; port: number };
/**
 * Makes a client of your own `Cluster` for a cache with the OSS cluster policy, the default of Azure Managed Redis.
 * Nodes that announce IP addresses are reached under the cache's name, so that certificates can be verified.
 *
 * @example
 * ```ts
 * const cluster = azureRedis(Cluster);
 * ```
 */
export function azureRedis<C extends ClusterClass>(
  Cluster: C,
  options?: string | InstanceType<C>["options"],
  settings?: AzureRedisSettings,
): InstanceType<C>;
/**
 * Makes a client of your own class, from the environment; for caches without a cluster or with the Enterprise
 * policy. An OSS cluster is noticed at the first login, which fails and names `azureRedis(Cluster)`.
 *
 * @example
 * ```ts
 * const redis = azureRedis(Redis);
 * const other = azureRedis(Redis, "my-cache.westus3.redis.azure.net");
 * ```
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_ENDPOINT_MISSING` when nobody names a server;
 * `ERR_PASSWORDLESS_ENVIRONMENT_CONTRADICTORY`, `ERR_PASSWORDLESS_PRIVATE_LINK_NAME`,
 * `ERR_PASSWORDLESS_ENTRA_ID_UNSUPPORTED`, and everything that {@link passwordless} throws
 */
export function azureRedis<C extends RedisClass>(
  Redis: C,
  options?: string | InstanceType<C>["options"],
  settings?: AzureRedisSettings,
): InstanceType<C>;
export function azureRedis(first?: unknown, ...rest: unknown[]): unknown {
  if (typeof first !== "function") {
    return azure.options(first as string | object | undefined, rest[0] as AzureRedisSettings | undefined);
  }
  const Class = first as RedisClass;
  const [options, settings] = rest as [string | object | undefined, AzureRedisSettings | undefined];
  const isCluster = "nodes" in ((first.prototype as object | undefined) ?? {});
  return isCluster ? azure.cluster(Class, options, settings) : azure.redis(Class, options, settings);
}

/**
 * Asks the cache which client it wants, and makes that one of your own classes.
 *
 * @param options an address, or options of `Redis`; a cluster has them for each of its nodes
 *
 * @example
 * ```ts
 * import { Cluster, Redis } from "ioredis";
 *
 * const redis = await azureRedisClient({ Redis, Cluster });
 * ```
 *
 * @throws {PasswordlessError} as {@link azureRedis}; the identity provider's verdict; `ERR_PASSWORDLESS_AUTH_REFUSED`;
 * `ERR_PASSWORDLESS_CONNECTION_FAILED` when the cache cannot be reached for half a minute
 */
export function azureRedisClient<R extends RedisClass, C extends ClusterClass>(
  classes: { readonly Redis: R; readonly Cluster: C },
  options?: string | InstanceType<R>["options"],
  settings?: AzureRedisSettings,
): Promise<InstanceType<R> | InstanceType<C>> {
  return azure.either(classes, options, settings) as Promise<InstanceType<R> | InstanceType<C>>;
}

/**
 * Calls back for each maintenance that Azure Cache for Redis announces (channel `AzureRedisEvents`): scheduled,
 * starting, failed over, ended. Clients survive it without this; it is for whoever wants to pause heavy work or keep a
 * record. Azure Managed Redis has no such channel.
 *
 * @returns dispose it to stop listening
 *
 * @example
 * ```ts
 * const listening = await onMaintenance(client, ({ type, startsAtMs }) => console.log(type, startsAtMs));
 * await listening[Symbol.asyncDispose]();
 * ```
 */
export function onMaintenance(client: object, listener: MaintenanceListener): Promise<AsyncDisposable> {
  return listenWithIoRedis(client as IoRedisSubscriber, listener);
}
