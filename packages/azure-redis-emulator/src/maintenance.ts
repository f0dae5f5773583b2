import type { MaintenanceEvent, RedisNode } from "./api.js";

/** Where Azure Cache for Redis publishes what it is about to do to a node. */
export const MAINTENANCE_CHANNEL = "AzureRedisEvents";

const TYPES: ReadonlySet<string> = new Set<MaintenanceEvent["type"]>([
  "NodeMaintenanceScheduled",
  "NodeMaintenanceStarting",
  "NodeMaintenanceStart",
  "NodeMaintenanceFailoverComplete",
  "NodeMaintenanceEnded",
]);

/** These come when it happens, so they name no time. */
const WITHOUT_TIME: ReadonlySet<string> = new Set<MaintenanceEvent["type"]>([
  "NodeMaintenanceStart",
  "NodeMaintenanceFailoverComplete",
]);

export interface MaintainedNode extends Pick<RedisNode, "role" | "port" | "announced"> {
  readonly plaintextPort: number;
}

/**
 * A message on the channel {@link MAINTENANCE_CHANNEL}. Fields without a value stay, empty.
 *
 * @see https://github.com/Azure/AzureCacheForRedis/blob/main/AzureRedisEvents.md
 * @throws {RangeError} when the type is none that Azure has, or the time is none.
 */
export function maintenanceMessage(event: MaintenanceEvent, node: MaintainedNode, nowMs: number): string {
  if (!TYPES.has(event.type)) {
    throw new RangeError(
      `"type" must be one of ${[...TYPES].join(", ")}; got ${JSON.stringify(event.type)}.`,
    );
  }
  const startTime = event.startTimeUtc ?? (WITHOUT_TIME.has(event.type) ? undefined : new Date(nowMs));
  if (startTime !== undefined && Number.isNaN(startTime.getTime())) {
    throw new RangeError('"startTimeUtc" must be a valid date.');
  }
  const isReplica = event.isReplica ?? node.role === "replica";
  const { host } = node.announced;
  const fields = {
    NotificationType: event.type,
    // Whole seconds, without a time zone: 2021-03-02T23:26:57
    StartTimeInUTC: startTime?.toISOString().slice(0, 19) ?? "",
    IsReplica: isReplica ? "True" : "False",
    // A node that is announced by name has an address all the same.
    IPAddress: /^[\d.]+$/.test(host) ? host : "127.0.0.1",
    SSLPort: String(node.port),
    NonSSLPort: String(node.plaintextPort),
  };
  return Object.entries(fields).flat().join("|");
}
