/** A kind of cache whose limits the gateway imitates. */
export type Product = "managedRedis" | "cacheForRedis";

/** A command as a whole (`true`), or these of its subcommands. */
type Blocked = true | ReadonlySet<string>;

/** The commands that a product does not have, by their names in capitals. */
export type BlockedCommands = ReadonlyMap<string, Blocked>;

/** What changes a cluster, up to Redis 8 and Valkey 8. */
const CLUSTER_WRITES =
  "ADDSLOTS ADDSLOTSRANGE BUMPEPOCH DELSLOTS DELSLOTSRANGE FAILOVER FLUSHSLOTS FORGET MEET REPLICATE RESET " +
  "SAVECONFIG SET-CONFIG-EPOCH SETSLOT";

/**
 * Azure Managed Redis is Redis Enterprise. The list is Redis's table of compatible commands, without what Azure's
 * own page does not block either: FLUSHALL and FLUSHDB, which only active geo-replication takes away.
 *
 * @see https://redis.io/docs/latest/operate/rs/references/compatibility/commands/
 * @see https://learn.microsoft.com/azure/redis/configure
 */
const MANAGED_REDIS: readonly string[] = [
  "ASKING READONLY READWRITE RESET SELECT MOVE SWAPDB",
  "BGREWRITEAOF BGSAVE LASTSAVE SAVE SHUTDOWN DEBUG",
  "FAILOVER MIGRATE PSYNC REPLCONF REPLICAOF RESTORE-ASKING ROLE SLAVEOF SYNC",
  "ACL: DELUSER GENPASS LOAD LOG SAVE SETUSER",
  "CLIENT: GETREDIR NO-EVICT PAUSE REPLY UNPAUSE",
  `CLUSTER: ${CLUSTER_WRITES} COUNT-FAILURE-REPORTS COUNTKEYSINSLOT GETKEYSINSLOT LINKS MYID MYSHARDID REPLICAS SLAVES SLOT-STATS`,
  "CONFIG: RESETSTAT",
  "LATENCY: DOCTOR GRAPH HELP HISTORY LATEST RESET",
  "MEMORY: DOCTOR MALLOC-STATS PURGE STATS",
  "MODULE: HELP LOAD LOADEX UNLOAD",
  "SCRIPT: DEBUG",
];

/** With the Enterprise policy there is no cluster to be seen, which Azure's page on clustering says of these too. */
const ENTERPRISE_POLICY: readonly string[] = [
  ...MANAGED_REDIS.filter((line) => !line.startsWith("CLUSTER:")),
  "CLUSTER",
];

/**
 * Azure Cache for Redis: Microsoft's list, and REPLICAOF, which is SLAVEOF by its later name. Reports of more
 * (ACL, PSYNC, SYNC) are not confirmed.
 *
 * @see https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure
 */
const CACHE_FOR_REDIS: readonly string[] = [
  "BGREWRITEAOF BGSAVE CONFIG DEBUG MIGRATE REPLICAOF SAVE SHUTDOWN SLAVEOF",
  `CLUSTER: ${CLUSTER_WRITES}`,
];

/**
 * Returns what a product blocks.
 *
 * @param isEnterprisePolicy whether a cache of Azure Managed Redis has the Enterprise clustering policy
 */
export function blockedCommands(product: Product, isEnterprisePolicy: boolean): BlockedCommands {
  if (product === "cacheForRedis") return parse(CACHE_FOR_REDIS);
  return parse(isEnterprisePolicy ? ENTERPRISE_POLICY : MANAGED_REDIS);
}

/**
 * Returns the index of the argument that names what is blocked: of a command's name, or of its subcommand's;
 * `undefined` when it is not blocked.
 *
 * What a Lua script calls is not looked at: Azure blocks commands in its proxy, which does not see into scripts.
 */
export function blockedName(
  blocked: BlockedCommands,
  name: string,
  args: readonly Buffer[],
): 0 | 1 | undefined {
  const entry = blocked.get(name);
  if (entry === undefined || args.length === 0) return undefined;
  if (entry === true) return 0;
  return entry.has(args[1]?.toString("latin1").toUpperCase() ?? "") ? 1 : undefined;
}

/** `A B` blocks two commands, `A: B C` two subcommands of one. */
function parse(lines: readonly string[]): BlockedCommands {
  const blocked = new Map<string, Blocked>();
  for (const line of lines) {
    const [names, subcommands] = line.split(": ") as [string, string?];
    for (const name of names.split(" ")) {
      blocked.set(name, subcommands === undefined || new Set(subcommands.split(" ")));
    }
  }
  return blocked;
}
