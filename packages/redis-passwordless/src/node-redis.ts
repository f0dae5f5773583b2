import { NodeRedisAdapter } from "./adapters/node-redis/passwordless.js";
import type { StreamingCredentialsProvider } from "./adapters/node-redis/structural.js";
import type { PasswordlessSettings } from "./adapters/settings.js";
import { addressMapFor } from "./azure/address-map.js";
import { defaultIdentity } from "./azure/entra-id.js";
import type { MaintenanceNotification, MaintenanceType } from "./azure/maintenance.js";
import {
  listenWithNodeRedis,
  type MaintenanceListener,
  type NodeRedisSubscriber,
} from "./one-call/maintenance.js";
import {
  type AzureClientOptions,
  type AzureClusterOptions,
  AzureNodeRedis,
  type NodeRedisModule,
} from "./one-call/node-redis.js";
import type { AzureRedisSettings } from "./one-call/settings.js";
import type { Identity } from "./reauth/identity.js";
import type { AddressMap } from "./topology/address-map.js";

export type {
  AddressMap,
  AzureClientOptions,
  AzureClusterOptions,
  AzureRedisSettings,
  Identity,
  MaintenanceListener,
  MaintenanceNotification,
  MaintenanceType,
  NodeRedisModule,
  PasswordlessSettings,
  StreamingCredentialsProvider,
};

const adapter = new NodeRedisAdapter(defaultIdentity, addressMapFor);
const azure = new AzureNodeRedis(adapter);

/**
 * Complete options for `createClient`, from the environment: address and identity as Azure Service Connector and the
 * platform set them, TLS, timeouts, a PING under Azure's idle limit, and a reconnect strategy with jitter. Yours are
 * put on top.
 *
 * For caches without a cluster or with the Enterprise policy. An OSS cluster is noticed at the first login:
 * `connect()` then rejects and names {@link azureRedisCluster}.
 *
 * @param options an address, or options of node-redis; where they name no server, `AZURE_REDIS_HOST` and its siblings do
 *
 * @example
 * ```ts
 * const client = createClient(azureRedis());
 * const other = createClient(azureRedis("my-cache.westus3.redis.azure.net"));
 * ```
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_ENDPOINT_MISSING` when nobody names a server;
 * `ERR_PASSWORDLESS_ENVIRONMENT_CONTRADICTORY`, `ERR_PASSWORDLESS_PRIVATE_LINK_NAME`,
 * `ERR_PASSWORDLESS_ENTRA_ID_UNSUPPORTED`, and everything that {@link passwordless} throws
 */
export function azureRedis<const O extends object>(
  options?: string | O,
  settings?: AzureRedisSettings,
): O & AzureClientOptions {
  return azure.client(options, settings) as O & AzureClientOptions;
}

/**
 * The same for `createCluster`: for caches with the OSS cluster policy, the default of Azure Managed Redis. Nodes that
 * announce IP addresses are reached under the cache's name, so that certificates can be verified.
 *
 * With {@link attach} the cluster rejects nothing during a failover but writes that were on their way when their
 * connection broke; node-redis 5 needs it to find the successor of a dead node at all. A cluster of node-redis 5 that
 * subscribes needs `RESP: 3`: in RESP2 a subscriber cannot log in again.
 *
 * @example
 * ```ts
 * const cluster = attach(createCluster(azureRedisCluster()));
 * ```
 */
export function azureRedisCluster<const O extends object>(
  options?: string | O,
  settings?: AzureRedisSettings,
): O & AzureClusterOptions {
  return azure.cluster(options, settings) as O & AzureClusterOptions;
}

/**
 * Asks the cache which client it wants, and makes that one with your own `createClient` or `createCluster`. The
 * client is not connected yet, and {@link attach}ed.
 *
 * @param options an address, or options of `createClient`; a cluster has them for each of its nodes
 *
 * @example
 * ```ts
 * const client = await azureRedisClient({ createClient, createCluster });
 * client.on("error", (error) => console.error(error));
 * await client.connect();
 * ```
 *
 * @throws {PasswordlessError} as {@link azureRedis}; the identity provider's verdict; `ERR_PASSWORDLESS_AUTH_REFUSED`;
 * `ERR_PASSWORDLESS_CONNECTION_FAILED` when the cache cannot be reached for half a minute
 */
export function azureRedisClient<R extends NodeRedisModule>(
  redis: R,
  options?: string | object,
  settings?: AzureRedisSettings,
): Promise<ReturnType<R["createClient"]> | ReturnType<R["createCluster"]>> {
  return azure.either(redis, options, settings) as Promise<
    ReturnType<R["createClient"]> | ReturnType<R["createCluster"]>
  >;
}

/**
 * Makes the options of a node-redis client passwordless: for `createClient`, and as the client options of
 * `createClientPool`. Duplicates of the client are covered.
 *
 * Every handshake waits for a valid token; each new token is tried once aside and then put on the live
 * connections, spread over a window. The types of your client stay what they are.
 *
 * @example
 * ```ts
 * import { createClient } from "redis";
 * import { passwordless } from "redis-passwordless/node-redis";
 *
 * const client = createClient(passwordless({ url: "rediss://my-cache.westus3.redis.azure.net:10000" }));
 * await client.connect();
 * ```
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`; `ERR_PASSWORDLESS_URL_CREDENTIALS` when the URL
 * names a user or password; `ERR_PASSWORDLESS_PLAINTEXT_REFUSED` without TLS to another machine
 */
export function passwordless<const O extends object>(
  options: O,
  settings?: PasswordlessSettings,
): O & { credentialsProvider: StreamingCredentialsProvider } {
  return adapter.client(options, settings);
}

/**
 * The same for the options of `createCluster`: every node, nodes that join later, and the cluster's own
 * subscribers. Nodes that the cluster announces are reached with TLS when the root nodes are.
 */
export function passwordlessCluster<const O extends object>(options: O, settings?: PasswordlessSettings): O {
  return adapter.cluster(options, settings);
}

/** The same for the options of `createSentinel`; the sentinels themselves keep their own credentials. */
export function passwordlessSentinel<const O extends object>(options: O, settings?: PasswordlessSettings): O {
  return adapter.sentinel(options, settings);
}

/**
 * Attaches to a client, a pool or a cluster that exists, and adds what no option can: logins stay out of a hand-written
 * `MULTI … EXEC`, commands that block for ever (`BLPOP key 0`, `XREAD BLOCK 0`) give way when the token has to be
 * renewed, and the subscriptions of a RESP2 client get a RESP3 connection of their own, which can log in between
 * two messages. Returns the same client; its duplicates are attached too, and every member of a pool.
 *
 * A cluster, made with {@link passwordlessCluster} or {@link azureRedisCluster}, survives failovers: commands that
 * wait for a node that is replaced go to its successor, those that the cluster refuses while it elects a master are
 * sent again for up to 30 s, and so are those that only read when their connection breaks. `connect()` waits for the
 * successor of a node that is gone.
 *
 * @example
 * ```ts
 * const worker = attach(createClient(passwordless({ url })));
 * ```
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_CLIENT_UNSUPPORTED`; for a client made without
 * {@link passwordless}, everything that `passwordless` throws
 */
export function attach<C>(client: C, settings?: PasswordlessSettings): C {
  return adapter.attach(client, settings);
}

/**
 * Calls back for each maintenance that Azure Cache for Redis announces (channel `AzureRedisEvents`): scheduled,
 * starting, failed over, ended. Clients survive it without this; it is for whoever wants to pause heavy work or keep a
 * record. Azure Managed Redis has no such channel. node-redis's own maintenance notifications
 * (`maintNotifications`) stay as they are: on where the server offers them.
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
  return listenWithNodeRedis(client as NodeRedisSubscriber, listener);
}
