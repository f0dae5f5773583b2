import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AdminConnection } from "./admin-connection.js";
import { checkRedisServer, findRedisServer } from "./find-redis-server.js";
import type { Reply } from "./reply.js";
import { describeVersion, type RedisServer } from "./server.js";
import { ACL_FILE, ServerProcess } from "./server-process.js";

export interface StartRedisServerOptions {
  /** Path of redis-server or valkey-server; default `REDIS_SERVER_BIN`, then PATH. */
  readonly bin?: string;
  /** Further arguments, such as `["--maxmemory", "64mb"]`; they win over the emulator's own. */
  readonly args?: readonly string[];
  /** Default: a free one. */
  readonly port?: number;
}

const HOST = "127.0.0.1";

/** A free port may be taken by somebody else before the server has it. */
const PORT_ATTEMPTS = 5;

/**
 * Starts a Redis server on a loopback port, with a random password for its default user and a private folder
 * that is removed with it.
 *
 * @throws {Error} when no server is installed or it does not start; the message has the end of its log.
 */
export async function startRedisServer(options: StartRedisServerOptions = {}): Promise<RedisServer> {
  const { bin, args = [], port } = options;
  if (bin !== undefined) await checkRedisServer(bin, "the option `bin`");
  const path = bin ?? (await findRedisServer(process.env));
  for (let attempt = 1; ; attempt++) {
    const server = new LocalRedisServer(path, args, port ?? (await freePort()));
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.close();
      const isTaken = error instanceof Error && error.message.includes("Address already in use");
      if (!isTaken || port !== undefined || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

type State =
  | { readonly name: "stopped" }
  | { readonly name: "running"; readonly process: ServerProcess; readonly connection: AdminConnection }
  | { readonly name: "closed" };

class LocalRedisServer implements RedisServer {
  readonly host = HOST;
  readonly port: number;
  readonly password = randomBytes(24).toString("base64url");
  version = "";

  readonly #bin: string;
  readonly #args: readonly string[];
  #folder: string | undefined;
  #state: State = { name: "stopped" };
  #restarting: Promise<void> | undefined;

  constructor(bin: string, args: readonly string[], port: number) {
    this.#bin = bin;
    this.#args = args;
    this.port = port;
  }

  get adminUrl(): string {
    return `redis://default:${this.password}@${this.host}:${this.port}`;
  }

  async start(): Promise<void> {
    if (this.#folder === undefined) {
      this.#folder = await mkdtemp(join(tmpdir(), "azure-redis-emulator-"));
      const hash = createHash("sha256").update(this.password).digest("hex");
      await writeFile(join(this.#folder, ACL_FILE), `user default on #${hash} ~* &* +@all\n`, {
        mode: 0o600,
      });
    }
    const folder = this.#folder;
    const process = new ServerProcess({ bin: this.#bin, port: this.port, folder, args: this.#args });
    const connection = await process.ready(
      { host: HOST, port: this.port, username: "default", password: this.password },
      folder,
    );
    this.#state = { name: "running", process, connection };
    this.version = describeVersion(String(await connection.command("INFO", "server")));
  }

  async command(...args: readonly string[]): Promise<Reply> {
    await this.#restarting;
    return this.#running().connection.command(...args);
  }

  restart(): Promise<void> {
    this.#restarting ??= this.#restart().finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  async #restart(): Promise<void> {
    const { process, connection } = this.#running();
    await connection.command("ACL", "SAVE");
    // It answers by closing the connection, or with an error if it cannot save.
    await connection.command("SHUTDOWN", "SAVE").catch((error: unknown) => {
      if (!connection.isClosed) throw error;
    });
    await process.exited();
    this.#state = { name: "stopped" };
    await this.start();
  }

  async close(): Promise<void> {
    // A server that is just starting could not be ended.
    await this.#restarting?.catch(() => undefined);
    const state = this.#state;
    this.#state = { name: "closed" };
    if (state.name === "running") {
      state.connection.close();
      await state.process.kill();
    }
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  #running(): State & { name: "running" } {
    if (this.#state.name !== "running") throw new Error(`The Redis server is ${this.#state.name}`);
    return this.#state;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject);
    probe.listen(0, HOST, resolve);
  });
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") throw new Error("No free port");
  return address.port;
}
