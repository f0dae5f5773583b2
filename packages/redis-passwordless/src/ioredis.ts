import { IoRedisAdapter } from "./adapters/ioredis/passwordless.js";
import type { PasswordlessSettings } from "./adapters/settings.js";
import { defaultIdentity } from "./azure/entra-id.js";

export type { PasswordlessSettings };

const adapter = new IoRedisAdapter(defaultIdentity);

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
