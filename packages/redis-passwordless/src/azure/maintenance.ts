/** Where Azure Cache for Redis announces the maintenance of its nodes. Nothing like it is known of Azure Managed Redis. */
export const MAINTENANCE_CHANNEL = "AzureRedisEvents";

/**
 * What is announced: scheduled (up to 15 minutes ahead), starting (about 20 seconds ahead), started, failed over,
 * ended.
 */
export type MaintenanceType =
  | "NodeMaintenanceScheduled"
  | "NodeMaintenanceStarting"
  | "NodeMaintenanceStart"
  | "NodeMaintenanceFailoverComplete"
  | "NodeMaintenanceEnded";

/** An announcement on the channel `AzureRedisEvents`. */
export interface MaintenanceNotification {
  /** What Microsoft may add is passed on as it is. */
  readonly type: MaintenanceType | (string & {});
  /** When it begins, in epoch milliseconds. */
  readonly startsAtMs: number | undefined;
  /** Whether the node is a replica: then clients notice nothing. */
  readonly isReplica: boolean;
  readonly address: string | undefined;
  /** Port of the node for TLS. */
  readonly tlsPort: number | undefined;
  readonly plaintextPort: number | undefined;
}

/**
 * Reads `NotificationType|X|StartTimeInUTC|X|IsReplica|X|IPAddress|X|SSLPort|X|NonSSLPort|X`.
 *
 * @returns `undefined` for a text that names no type
 * @see https://github.com/Azure/AzureCacheForRedis/blob/main/AzureRedisEvents.md
 */
export function parseMaintenance(message: string): MaintenanceNotification | undefined {
  const parts = message.split("|");
  const fields = new Map<string, string>();
  for (let at = 0; at + 1 < parts.length; at += 2) {
    fields.set((parts[at] ?? "").trim().toLowerCase(), (parts[at + 1] ?? "").trim());
  }
  const type = fields.get("notificationtype");
  if (type === undefined || type === "") return undefined;
  return {
    type,
    startsAtMs: instantOf(fields.get("starttimeinutc")),
    isReplica: fields.get("isreplica")?.toLowerCase() === "true",
    address: fields.get("ipaddress") || undefined,
    tlsPort: portOf(fields.get("sslport")),
    plaintextPort: portOf(fields.get("nonsslport")),
  };
}

/** The time has no zone behind it; it is UTC, as the field's name says. */
function instantOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const atMs = Date.parse(/(?:z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`);
  return Number.isNaN(atMs) ? undefined : atMs;
}

function portOf(text: string | undefined): number | undefined {
  const port = Number(text);
  return Number.isInteger(port) && port > 0 ? port : undefined;
}
