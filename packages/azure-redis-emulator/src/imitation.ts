import type { EmulatorOptions } from "./api.js";
import { AccessKey } from "./gateway/access-key.js";
import type { Imitation } from "./gateway/command-rules.js";

type RedisOptions = NonNullable<EmulatorOptions["redis"]>;

/**
 * Returns which cache the options ask the gateway to look like; `undefined` for the real server with all it can do.
 *
 * @throws {RangeError} when a product or a clustering policy is none.
 * @throws {TypeError} when options contradict each other.
 */
export function imitationOf({ product, cluster }: RedisOptions = {}): Imitation | undefined {
  // Callers in JavaScript, and the command line, have not been checked by the compiler.
  assertOneOf("redis.product", product, ["managedRedis", "cacheForRedis"]);
  assertOneOf("redis.cluster.policy", cluster?.policy, ["oss", "enterprise"]);
  if (cluster?.policy !== "enterprise") return product && { product, isEnterprisePolicy: false };
  if (product === "cacheForRedis") {
    throw new TypeError(
      '"redis.cluster.policy" "enterprise" goes with "redis.product" "managedRedis", which it implies: ' +
        "Azure Cache for Redis has no such policy.",
    );
  }
  for (const option of ["masters", "replicas", "announce"] as const) {
    if (cluster[option] === undefined) continue;
    throw new TypeError(
      `Leave out "redis.cluster.${option}", or choose "redis.cluster.policy" "oss": with "enterprise" there is ` +
        "one endpoint, and clients see nothing of the nodes behind it.",
    );
  }
  return { product: "managedRedis", isEnterprisePolicy: true };
}

/** @throws {TypeError} when it can be no key; the message does not have it. */
export function accessKeyOf({ accessKey }: RedisOptions = {}): AccessKey | undefined {
  if (accessKey === undefined) return undefined;
  return accessKey === true ? AccessKey.random() : new AccessKey(accessKey);
}

function assertOneOf(option: string, value: string | undefined, accepted: readonly string[]): void {
  if (value === undefined || accepted.includes(value)) return;
  const names = accepted.map((name) => `"${name}"`).join(" or ");
  throw new RangeError(`"${option}" must be ${names}; got ${JSON.stringify(value)}.`);
}
