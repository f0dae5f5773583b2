import { setTimeout as sleep } from "node:timers/promises";
import type { RedisBackend } from "./backend.js";
import { slotRanges, whatIsMissing } from "./cluster-view.js";
import type { RedisServer } from "./server.js";
import {
  type StartedRedisServer,
  type StartRedisServerOptions,
  startRedisServer,
} from "./start-redis-server.js";

export interface StartRedisClusterOptions {
  /** 1 or more. An OSS cluster has 3 or more, the least with which one survives the loss of another. */
  readonly masters: number;
  /** A name, or the IP address of loopback. */
  readonly announcedHost: string;
  /** Path of redis-server or valkey-server; default `REDIS_SERVER_BIN`, then PATH. */
  readonly bin?: string;
  /** Further arguments for each server; they win over the emulator's own. */
  readonly args?: readonly string[];
}

/** The address that the nodes have for each other; clients see it only where no name is announced. */
export const LOOPBACK_IP = "127.0.0.1";

/** How long the nodes may take to agree. After a start they wait for 2 s before they serve (CLUSTER_WRITABLE_DELAY). */
const UP_TIMEOUT_MS = 30_000;

/**
 * A node tells each other one its name twice in this time. At a start the first telling may go amiss, because it is
 * left out until the other is known to understand it; the server's own 15 s would make that a wait of 7.5 s.
 */
const NODE_TIMEOUT_MS = 5_000;

/** How often a node is asked whether its cluster is up. */
const POLL_MS = 20;

/**
 * Starts the masters of a cluster, each with its slots. They learn about each other when the ports are known at
 * which clients reach them: {@link RedisBackend.announce}.
 *
 * @throws {Error} when no server of version 7 is installed or one does not start.
 */
export async function startRedisCluster(options: StartRedisClusterOptions): Promise<RedisBackend> {
  const { masters, announcedHost, bin, args = [] } = options;
  const settings = {
    isClusterNode: true,
    args: [...nodeArgs(announcedHost), ...args],
    ...(bin !== undefined && { bin }),
  };
  const starts = await Promise.allSettled(
    slotRanges(masters).map((slots, index) => startMaster(settings, slots, index + 1)),
  );
  const servers = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  const failure = starts.find((start) => start.status === "rejected");
  if (failure !== undefined) {
    await Promise.all(servers.map((server) => server.close()));
    throw failure.reason;
  }
  return new RedisCluster(servers, announcedHost);
}

/**
 * Starts a server and gives it its slots at once: a node that has been up for 2 s and knows no slots takes that for
 * a minority of the cluster, and then waits for another 5 s before it serves (CLUSTER_MAX_REJOIN_DELAY).
 */
async function startMaster(
  settings: StartRedisServerOptions,
  slots: readonly [first: number, last: number],
  epoch: number,
): Promise<StartedRedisServer> {
  const server = await startRedisServer(settings);
  try {
    // Different from the beginning, so that the nodes need not settle whose is the greater.
    await server.command("CLUSTER", "SET-CONFIG-EPOCH", String(epoch));
    await server.command("CLUSTER", "ADDSLOTSRANGE", ...slots.map(String));
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

function nodeArgs(host: string): readonly string[] {
  const address = ["--cluster-announce-ip", LOOPBACK_IP, "--cluster-node-timeout", String(NODE_TIMEOUT_MS)];
  return host === LOOPBACK_IP
    ? address
    : [...address, "--cluster-announce-hostname", host, "--cluster-preferred-endpoint-type", "hostname"];
}

class RedisCluster implements RedisBackend {
  readonly servers: readonly StartedRedisServer[];
  readonly #announcedHost: string;
  #endpoints: ReadonlySet<string> = new Set();
  #restarting: Promise<void> | undefined;

  constructor(servers: readonly StartedRedisServer[], announcedHost: string) {
    this.servers = servers;
    this.#announcedHost = announcedHost;
  }

  async announce(ports: readonly number[]): Promise<void> {
    this.#endpoints = new Set(ports.map((port) => `${this.#announcedHost}:${port}`));
    // The nodes talk on their bus ports; this one is for clients only.
    await Promise.all(
      this.servers.map((server, index) => server.configure("cluster-announce-port", String(ports[index]))),
    );
    await this.#introduce();
    await this.#up();
  }

  restart(): Promise<void> {
    this.#restarting ??= this.#restart().finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  async close(): Promise<void> {
    await this.#restarting?.catch(() => undefined);
    await Promise.all(this.servers.map((server) => server.close()));
  }

  async #restart(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.restart()));
    await this.#up();
  }

  /** Everybody meets everybody, which is sooner done than gossip. */
  async #introduce(): Promise<void> {
    const meetings = this.servers.flatMap((server, index) =>
      this.servers
        .slice(index + 1)
        .map(({ host, port, busPort }) =>
          server.command("CLUSTER", "MEET", host, String(port), String(busPort)),
        ),
    );
    await Promise.all(meetings);
  }

  async #up(): Promise<void> {
    const deadline = performance.now() + UP_TIMEOUT_MS;
    await Promise.all(this.servers.map((server) => this.#nodeUp(server, deadline)));
  }

  async #nodeUp(server: RedisServer, deadline: number): Promise<void> {
    for (;;) {
      const [info, nodes, slots] = await Promise.all(
        ["INFO", "NODES", "SLOTS"].map((about) => server.command("CLUSTER", about)),
      );
      const view = { info: String(info), nodes: String(nodes), slots: slots! };
      const missing = whatIsMissing(view, this.#endpoints);
      if (missing === undefined) return;
      if (performance.now() > deadline) {
        throw new Error(`The Redis cluster does not come up: to its node at port ${server.port} ${missing}.`);
      }
      await sleep(POLL_MS);
    }
  }
}
