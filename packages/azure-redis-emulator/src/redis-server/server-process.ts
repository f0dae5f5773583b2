import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AdminConnection, type ServerAddress } from "./admin-connection.js";
import type { Guard } from "./guard.js";
import { RedisReplyError } from "./reply.js";

/** How long a server may take to answer, loading its data included. */
const START_TIMEOUT_MS = 30_000;

/** How long it may answer with errors: with a password of its own (`--requirepass`) it will do so for ever. */
const REFUSED_MS = 2_000;

/** How often a starting server is asked whether it is ready. */
const POLL_MS = 15;

const LOG_FILE = "server.log";
export const ACL_FILE = "users.acl";

export interface ServerProcessOptions {
  readonly bin: string;
  readonly port: number;
  /** Private folder: everything that the server writes is in here. */
  readonly folder: string;
  /** A configuration file, for what other users of the machine must not see among the arguments. */
  readonly configFile: string;
  readonly args: readonly string[];
  readonly guard: Guard;
}

/** A running redis-server. It ends with this process, however this process ends. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #configFile: string;

  constructor(options: ServerProcessOptions) {
    const { bin, port, folder, configFile, args, guard } = options;
    const settings = {
      bind: "127.0.0.1",
      port: String(port),
      dir: folder,
      logfile: join(folder, LOG_FILE),
      aclfile: join(folder, ACL_FILE),
      daemonize: "no",
      // Nothing is written while it runs; a restart saves by itself (SHUTDOWN SAVE).
      save: "",
      appendonly: "no",
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    // The server takes its file before the flags, which win over it.
    this.#configFile = configFile;
    this.#child = spawn(bin, [configFile, ...flags, ...args], { cwd: folder, stdio: "ignore" });
    guard.watch(this.#child.pid);
    this.#exited = new Promise((resolve) => {
      const ended = (): void => {
        guard.watch(undefined);
        resolve();
      };
      this.#child.once("exit", ended);
      this.#child.once("error", ended);
    });
    this.#child.unref();
  }

  get hasExited(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /**
   * Waits until the server answers and returns a connection to it.
   *
   * @throws {Error} with the end of the server's log when it exits or does not answer in time.
   */
  async ready(address: ServerAddress, folder: string): Promise<AdminConnection> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    let lastError: unknown;
    let refusedSince: number | undefined;
    while (!this.hasExited && performance.now() < deadline) {
      try {
        const connection = await this.#connect(address);
        if (connection !== undefined) return connection;
      } catch (error) {
        lastError = error;
        // LOADING passes. Another error may come from somebody else on the port: ours is about to exit then.
        if (error instanceof RedisReplyError && !error.message.startsWith("LOADING")) {
          refusedSince ??= performance.now();
          if (performance.now() - refusedSince > REFUSED_MS) break;
        }
      }
      await sleep(POLL_MS);
    }
    const why = this.hasExited ? "exited" : "does not answer";
    await this.kill();
    throw new Error(`The Redis server ${why}. Its log ends with:\n${logTail(folder)}`, { cause: lastError });
  }

  /** Another server may have the port, with the same password: ours, which has not got it, is about to exit then. */
  async #connect(address: ServerAddress): Promise<AdminConnection | undefined> {
    const connection = await AdminConnection.open(address);
    try {
      await connection.command("PING");
      const info = String(await connection.command("INFO", "server"));
      if (info.includes(`\nconfig_file:${this.#configFile}\r`)) return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
    connection.close();
    return undefined;
  }

  /** Waits until it has ended by itself. */
  async exited(): Promise<void> {
    this.#child.ref();
    await this.#exited;
  }

  async kill(): Promise<void> {
    if (!this.hasExited) this.#child.kill("SIGKILL");
    await this.exited();
  }
}

function logTail(folder: string): string {
  try {
    return readFileSync(join(folder, LOG_FILE), "utf8").trimEnd().split("\n").slice(-5).join("\n");
  } catch {
    return "(no log)";
  }
}
