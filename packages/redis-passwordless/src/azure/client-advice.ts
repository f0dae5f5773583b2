import type { AzureProduct } from "./endpoint.js";

/** How a client should treat its connections to a cache; durations in milliseconds. */
export interface ClientAdvice {
  readonly connectTimeoutMs: number;
  /** After this silence TCP begins to ask whether the other side is still there. */
  readonly keepAliveDelayMs: number;
  /** After this silence the client sends a PING. */
  readonly pingIntervalMs: number;
  /** How long a cluster's node may be unreachable before the client asks the others who has taken its place. */
  readonly topologyRefreshMs: number;
}

/**
 * Microsoft advises to wait 5 s for a connection to Azure Managed Redis and 15 s for one to Azure Cache for Redis.
 * @see https://learn.microsoft.com/azure/redis/best-practices-connection
 */
const CONNECT_TIMEOUT_MS: Readonly<Record<AzureProduct, number>> = {
  managedRedis: 5_000,
  enterprise: 5_000,
  cacheForRedis: 15_000,
  unknown: 5_000,
};

/**
 * Numbers for the connections to a cache. Azure closes connections that are silent for 10 minutes; a PING every
 * minute is Microsoft's advice for Node.js.
 * @see https://github.com/Azure/AzureCacheForRedis — Redis-BestPractices-Node-js.md
 */
export function clientAdvice(product: AzureProduct): ClientAdvice {
  return {
    connectTimeoutMs: CONNECT_TIMEOUT_MS[product],
    keepAliveDelayMs: 30_000,
    pingIntervalMs: 60_000,
    topologyRefreshMs: 500,
  };
}

const FIRST_DELAY_MS = 50;
/** A planned failover takes less than a second, an unplanned one 10 to 15 s: whoever waits longer is late. */
const OUTAGE_DELAY_MS = 1_500;
/** So many attempts take about a minute; what lasts longer is no failover. */
const OUTAGE_ATTEMPTS = 45;
const LONG_OUTAGE_DELAY_MS = 10_000;

/**
 * The wait before the next attempt to connect, in milliseconds: doubling, with jitter, so that many clients do not
 * come back at the same moment. Azure Managed Redis limits the rate of new connections, at a rate that Microsoft does
 * not name.
 *
 * @param attempt 1 for the first attempt after the connection was lost
 * @see https://learn.microsoft.com/azure/redis/failover
 */
export function reconnectDelayMs(attempt: number, random: () => number): number {
  const longestMs = attempt <= OUTAGE_ATTEMPTS ? OUTAGE_DELAY_MS : LONG_OUTAGE_DELAY_MS;
  const delayMs = Math.min(FIRST_DELAY_MS * 2 ** Math.min(attempt - 1, 20), longestMs);
  return Math.round(delayMs * (0.5 + random() / 2));
}
