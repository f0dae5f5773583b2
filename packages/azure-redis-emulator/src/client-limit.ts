import type { RedisServer } from "./redis-server/redis-server.js";

/** How many clients the servers let in; the emulator's own connections and the cluster's are not counted. */
export class ClientLimit {
  readonly #servers: readonly RedisServer[];
  readonly #clientsOf: (node: number) => number;
  /** What each server had at its start. */
  readonly #regular = new Map<RedisServer, string>();

  /** @param clientsOf how many of the connections to a server are those of clients */
  constructor(servers: readonly RedisServer[], clientsOf: (node: number) => number) {
    this.#servers = servers;
    this.#clientsOf = clientsOf;
  }

  /** @throws {RangeError} when it is no number of clients */
  async set(count: number | null): Promise<void> {
    if (count !== null && !(Number.isInteger(count) && count >= 0)) {
      throw new RangeError(`"count" must be a whole number, 0 or more, or null; got ${count}.`);
    }
    for (const [node, server] of this.#servers.entries()) {
      if (!server.isRunning) continue;
      const regular = this.#regular.get(server) ?? (await configured(server));
      this.#regular.set(server, regular);
      const limit =
        count === null ? regular : String((await connected(server)) - this.#clientsOf(node) + count);
      await server.command("CONFIG", "SET", "maxclients", limit);
    }
  }
}

async function configured(server: RedisServer): Promise<string> {
  const [, value] = (await server.command("CONFIG", "GET", "maxclients")) as readonly string[];
  return value ?? "10000";
}

/** As Redis counts them (networking.c, `acceptCommonHandler`): replicas and the links of the cluster as well. */
async function connected(server: RedisServer): Promise<number> {
  const list = String(await server.command("CLIENT", "LIST"));
  const info = String(await server.command("INFO", "clients"));
  const links = /^cluster_connections:(\d+)/m.exec(info)?.[1] ?? "0";
  return list.trim().split("\n").length + Number(links);
}
