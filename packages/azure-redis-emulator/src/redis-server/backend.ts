import type { RunningCluster } from "./running-cluster.js";
import type { RedisServer } from "./server.js";

/** What a gateway stands in front of: one server, or the nodes of an OSS cluster. */
export interface RedisBackend {
  /** Of a cluster those that start as masters, then those that start as replicas. */
  readonly servers: readonly RedisServer[];
  /** What only a cluster can do. */
  readonly cluster?: RunningCluster;
  /**
   * Tells the servers at which ports clients reach them, in the order of the servers; resolves when they say so
   * to clients and serve all slots.
   */
  announce(ports: readonly number[]): Promise<void>;
  /**
   * Stops the servers that run and starts them again, each on the same port with its data and its ACL users;
   * resolves when they serve again.
   *
   * @throws {Error} when the emulator did not start them.
   */
  restart(): Promise<void>;
  /** Ends the connections to them, and the servers themselves if the emulator started them. */
  close(): Promise<void>;
}

/** One server, which sends nobody anywhere else. */
export function singleServer(server: RedisServer): RedisBackend {
  return {
    servers: [server],
    announce: () => Promise.resolve(),
    restart: () => server.restart(),
    close: () => server.close(),
  };
}
