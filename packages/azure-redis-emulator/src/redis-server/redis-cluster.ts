import type { RedisBackend } from "./backend.js";
import type { Member } from "./cluster-members.js";
import { ownPlace, slotRanges } from "./cluster-view.js";
import { RunningCluster } from "./running-cluster.js";
import {
  randomPassword,
  type StartedRedisServer,
  type StartRedisServerOptions,
  startRedisServer,
} from "./start-redis-server.js";

export interface StartRedisClusterOptions {
  /** 1 or more. An OSS cluster has 3 or more, the least with which one survives the loss of another. */
  readonly masters: number;
  /** Of each master; default 0. */
  readonly replicas?: number;
  /** The name under which the nodes send clients to each other; it may look like an IP address. */
  readonly announcedHost: string;
  /** Path of redis-server or valkey-server; default `REDIS_SERVER_BIN`, then PATH. */
  readonly bin?: string;
  /** Further arguments for each server; they win over the emulator's own. */
  readonly args?: readonly string[];
}

/** The address that the nodes have for each other. */
const LOOPBACK_IP = "127.0.0.1";

/**
 * Starts the nodes of a cluster, the masters each with its slots. They learn about each other when the ports are
 * known at which clients reach them: {@link RedisBackend.announce}.
 *
 * @throws {Error} when no server of version 7 is installed or one does not start.
 */
export async function startRedisCluster(options: StartRedisClusterOptions): Promise<RedisBackend> {
  const { masters, replicas = 0, announcedHost, bin, args = [] } = options;
  const settings = {
    isClusterNode: true,
    password: randomPassword(),
    args: [...nodeArgs(announcedHost), ...args],
    ...(bin !== undefined && { bin }),
  };
  const slots = slotRanges(masters);
  const places = [
    ...slots.map((_, index) => ({ master: index })),
    ...slots.flatMap((_, master) => Array.from({ length: replicas }, () => ({ master }))),
  ];
  const starts = await Promise.allSettled(
    places.map(({ master }, index) =>
      startMember(settings, { epoch: index + 1, slots: slots[index], announcedHost, master }),
    ),
  );
  const members = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  const failure = starts.find((start) => start.status === "rejected");
  if (failure !== undefined) {
    await Promise.all(members.map(({ server }) => server.close()));
    throw failure.reason;
  }
  return new RunningCluster(members);
}

interface StartMemberOptions {
  readonly epoch: number;
  readonly slots: readonly [first: number, last: number] | undefined;
  readonly announcedHost: string;
  readonly master: number;
}

/**
 * Starts a server and gives it its slots at once: a node that has been up for 2 s and knows no slots takes that for
 * a minority of the cluster, and then waits for another 5 s before it serves (CLUSTER_MAX_REJOIN_DELAY).
 */
async function startMember(
  settings: StartRedisServerOptions,
  { epoch, slots, announcedHost, master }: StartMemberOptions,
): Promise<Member> {
  const server: StartedRedisServer = await startRedisServer(settings);
  try {
    // Different from the beginning, so that the nodes need not settle whose is the greater.
    await server.command("CLUSTER", "SET-CONFIG-EPOCH", String(epoch));
    if (slots !== undefined) await server.command("CLUSTER", "ADDSLOTSRANGE", ...slots.map(String));
    const { id } = ownPlace(String(await server.command("CLUSTER", "NODES")));
    return { server, id, announced: { host: announcedHost, port: 0 }, master };
  } catch (error) {
    await server.close();
    throw error;
  }
}

function nodeArgs(announcedHost: string): readonly string[] {
  const settings = {
    // The address that the nodes have for each other. Clients are sent to the name, as which Redis also takes what
    // looks like an IP address (letters, digits, dots and hyphens), whether anybody listens there or not.
    "cluster-announce-ip": LOOPBACK_IP,
    "cluster-announce-hostname": announcedHost,
    "cluster-preferred-endpoint-type": "hostname",
    // A replica stays with its master, and becomes one only when it is told to or allowed to: a machine that is
    // busy for some seconds causes no failover that nobody has asked for.
    "cluster-allow-replica-migration": "no",
    "cluster-replica-no-failover": "yes",
    // A replica that comes back is not kept waiting for others that might want the same data (default: 5 s).
    "repl-diskless-sync-delay": "0",
    // Clients are not told of a replica that has received nothing, not even this (default: 10 s).
    "repl-ping-replica-period": "1",
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}
