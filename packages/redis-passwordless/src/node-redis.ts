import { NodeRedisAdapter } from "./adapters/node-redis/passwordless.js";
import type { StreamingCredentialsProvider } from "./adapters/node-redis/structural.js";
import type { PasswordlessSettings } from "./adapters/settings.js";
import { defaultIdentity } from "./azure/entra-id.js";

export type { PasswordlessSettings, StreamingCredentialsProvider };

const adapter = new NodeRedisAdapter(defaultIdentity);

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
 * Attaches to a client or a pool that exists, and adds what no option can: logins stay out of a hand-written
 * `MULTI … EXEC`, commands that block for ever (`BLPOP key 0`, `XREAD BLOCK 0`) give way when the token has to be
 * renewed, and the subscriptions of a RESP2 client get a RESP3 connection of their own, which can log in between
 * two messages. Returns the same client; its duplicates are attached too, and every member of a pool.
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
