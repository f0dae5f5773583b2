import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { giveUpPort, listenOnLastingPort } from "../lasting-port.js";
import type { AdminConnection } from "./admin-connection.js";
import {
  checkRedisServer,
  findRedisServer,
  OLDEST_CLUSTER_VERSION,
  OLDEST_VERSION,
} from "./find-redis-server.js";
import { Guard } from "./guard.js";
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
  /** Starts it as a node of a cluster, on its own to begin with. */
  readonly isClusterNode?: boolean;
  /** Of its default user; the nodes of a cluster share one, with which they replicate. Default: a random one. */
  readonly password?: string;
}

/** A server that this process has started. */
export interface StartedRedisServer extends RedisServer {
  /** Where the other nodes of its cluster reach it; `undefined` outside a cluster. */
  readonly busPort: number | undefined;
  /** Changes a setting of the server, restarts included. */
  configure(name: string, value: string): Promise<void>;
  /** Ends its process at once (SIGKILL), as a machine that fails: whatever it has not written to disk is lost. */
  kill(): Promise<void>;
  /** Starts it again after {@link kill}, on the same port and in the same folder. */
  start(): Promise<void>;
}

const HOST = "127.0.0.1";
const CONFIG_FILE = "server.conf";

/** A free port may be taken by somebody else before the server has it. */
const PORT_ATTEMPTS = 5;

/**
 * Starts a Redis server on a loopback port, with a random password for its default user and a private folder
 * that is removed with it.
 *
 * @throws {Error} when no server is installed or it does not start; the message has the end of its log.
 */
export async function startRedisServer(options: StartRedisServerOptions = {}): Promise<StartedRedisServer> {
  const { bin, args = [], port, isClusterNode = false, password = randomPassword() } = options;
  const oldest = isClusterNode ? OLDEST_CLUSTER_VERSION : OLDEST_VERSION;
  if (bin !== undefined) await checkRedisServer(bin, "the option `bin`", oldest);
  // Absolute, because the server runs in a folder of its own.
  const path = resolve(bin ?? (await findRedisServer(process.env, oldest)));
  for (let attempt = 1; ; attempt++) {
    const [freePort, busPort] = await freePorts();
    const server = new LocalRedisServer({
      bin: path,
      args,
      port: port ?? freePort,
      busPort: isClusterNode ? busPort : undefined,
      password,
    });
    if (port !== undefined) giveUpPort(freePort);
    if (!isClusterNode) giveUpPort(busPort);
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

/** In base64url, which needs no quotes in a configuration file or URL. */
export function randomPassword(): string {
  return randomBytes(24).toString("base64url");
}

type State =
  | { readonly name: "stopped" }
  | { readonly name: "running"; readonly process: ServerProcess; readonly connection: AdminConnection }
  | { readonly name: "closed" };

interface LocalRedisServerOptions {
  readonly bin: string;
  readonly args: readonly string[];
  readonly port: number;
  readonly busPort: number | undefined;
  readonly password: string;
}

class LocalRedisServer implements StartedRedisServer {
  readonly host = HOST;
  readonly port: number;
  readonly busPort: number | undefined;
  readonly password: string;
  version = "";

  readonly #bin: string;
  readonly #args: readonly string[];
  /** Settings made while it ran. They come last, so they win. */
  readonly #settings = new Map<string, string>();
  #home: { readonly folder: string; readonly guard: Guard } | undefined;
  #state: State = { name: "stopped" };
  #restarting: Promise<void> | undefined;
  #starting: Promise<void> | undefined;

  constructor({ bin, args, port, busPort, password }: LocalRedisServerOptions) {
    this.#bin = bin;
    this.#args = busPort === undefined ? args : [...clusterNodeArgs(busPort), ...args];
    this.port = port;
    this.busPort = busPort;
    this.password = password;
  }

  get isRunning(): boolean {
    // While it restarts its commands wait for it, so it counts as running: whoever left it out would miss it for good.
    if (this.#restarting !== undefined) return true;
    return this.#state.name === "running" && !this.#state.process.hasExited;
  }

  get adminUrl(): string {
    return `redis://default:${this.password}@${this.host}:${this.port}`;
  }

  start(): Promise<void> {
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #start(): Promise<void> {
    if (this.#state.name === "closed") throw new Error("The Redis server is closed");
    this.#home ??= await this.#createHome();
    const { folder, guard } = this.#home;
    const settings = [...this.#settings].flatMap(([name, value]) => [`--${name}`, value]);
    const process = new ServerProcess({
      bin: this.#bin,
      port: this.port,
      folder,
      configFile: join(folder, CONFIG_FILE),
      args: [...this.#args, ...settings],
      guard,
    });
    const connection = await process.ready(
      { host: HOST, port: this.port, username: "default", password: this.password },
      folder,
    );
    this.#state = { name: "running", process, connection };
    this.version = describeVersion(String(await connection.command("INFO", "server")));
  }

  async #createHome(): Promise<{ readonly folder: string; readonly guard: Guard }> {
    const folder = await mkdtemp(join(tmpdir(), "azure-redis-emulator-"));
    const guard = new Guard(folder);
    const write = (name: string, text: string): Promise<void> =>
      writeFile(join(folder, name), text, { mode: 0o600 });
    const hash = createHash("sha256").update(this.password).digest("hex");
    await write(ACL_FILE, `user default on #${hash} ~* &* +@all\n`);
    // What it logs in with at a master whose replica it is or becomes.
    await write(CONFIG_FILE, `masteruser default\nmasterauth ${this.password}\n`);
    return { folder, guard };
  }

  async command(...args: readonly string[]): Promise<Reply> {
    await this.#restarting;
    return this.#running().connection.command(...args);
  }

  async configure(name: string, value: string): Promise<void> {
    await this.command("CONFIG", "SET", name, value);
    this.#settings.set(name, value);
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

  async kill(): Promise<void> {
    const { process, connection } = this.#running();
    this.#state = { name: "stopped" };
    connection.close();
    await process.kill();
  }

  async close(): Promise<void> {
    // A server that is just starting could not be ended.
    await this.#restarting?.catch(() => undefined);
    await this.#starting?.catch(() => undefined);
    const state = this.#state;
    this.#state = { name: "closed" };
    if (state.name === "running") {
      state.connection.close();
      await state.process.kill();
    }
    giveUpPort(this.port);
    if (this.busPort !== undefined) giveUpPort(this.busPort);
    if (this.#home === undefined) return;
    await rm(this.#home.folder, { recursive: true, force: true });
    this.#home.guard.dismiss();
  }

  #running(): State & { name: "running" } {
    if (this.#state.name !== "running") throw new Error(`The Redis server is ${this.#state.name}`);
    return this.#state;
  }
}

/** By default the bus is 10 000 above the port: where that is no port any more, or taken, a node would not start. */
function clusterNodeArgs(busPort: number): readonly string[] {
  const port = String(busPort);
  return ["--cluster-enabled", "yes", "--cluster-port", port, "--cluster-announce-bus-port", port];
}

/** Two different ones, found while both are held. */
async function freePorts(): Promise<readonly [number, number]> {
  const probes = [createServer(), createServer()] as const;
  try {
    return [await listenOnLastingPort(probes[0], HOST), await listenOnLastingPort(probes[1], HOST)];
  } finally {
    await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
  }
}
