import type { RedisNode } from "./api.js";
import type { RedisServer, RunningCluster } from "./redis-server/redis-server.js";

/** The certificate covers this name only, so clients must connect by it. */
export const HOST_NAME = "localhost";

export interface RunningNodeOptions {
  readonly server: RedisServer;
  readonly index: number;
  /** Of its gateway. */
  readonly port: number;
  readonly cluster: RunningCluster | undefined;
}

/** A gateway and the server behind it, as they are now. */
export class RunningNode implements RedisNode {
  readonly host = HOST_NAME;
  readonly port: number;
  readonly #options: RunningNodeOptions;

  constructor(options: RunningNodeOptions) {
    this.port = options.port;
    this.#options = options;
  }

  get backendUrl(): string {
    return this.#options.server.adminUrl;
  }

  get role(): RedisNode["role"] {
    const { cluster, index } = this.#options;
    return cluster === undefined || cluster.isMaster(index) ? "master" : "replica";
  }

  get announced(): RedisNode["announced"] {
    const { cluster, index, port } = this.#options;
    return cluster?.members[index]?.announced ?? { host: HOST_NAME, port };
  }

  get isRunning(): boolean {
    return this.#options.server.isRunning;
  }

  /** Without the address of the server, which has a password. */
  toJSON(): Omit<RedisNode, "backendUrl"> {
    const { host, port, role, announced, isRunning } = this;
    return { host, port, role, announced, isRunning };
  }
}
