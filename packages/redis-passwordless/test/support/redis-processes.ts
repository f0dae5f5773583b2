import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createClient } from "redis";
import { findRedisServer } from "../../../azure-redis-emulator/src/redis-server/find-redis-server.js";

export interface TestContext {
  onTestFinished(fn: () => Promise<void>): void;
}

/** The bus of a cluster node listens this far above its port. */
const BUS_OFFSET = 10_000;

const HOST = "127.0.0.1";

/** A free port, whose bus port is free too. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await listenOnce(0);
    const bus = port + BUS_OFFSET;
    if (bus <= 65_535 && (await listenOnce(bus).catch(() => 0)) === bus) return port;
  }
}

/** A real redis-server on loopback, which ends with the test. Its administrator is the user `default`. */
export class RedisProcess {
  readonly host = HOST;
  readonly port: number;
  readonly admin: ReturnType<typeof createClient>;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #log: string[] = [];
  #heard: (() => void) | undefined;

  private constructor(port: number, password: string, folder: string, child: ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#child = child;
    this.admin = createClient({ socket: { host: HOST, port }, password });
    this.admin.on("error", () => {}); // It is stopped while this is connected.
    const { stdout } = child;
    if (stdout === null) throw new Error("The server's output is not piped");
    const hear = (line: string): void => {
      this.#log.push(line);
      this.#heard?.();
    };
    createInterface(stdout)
      .on("line", hear)
      .on("close", () => hear("the server has ended"));
  }

  /** Starts a server with these lines of configuration, and resolves when it accepts connections. */
  static async start(
    test: TestContext,
    options: {
      readonly password: string;
      readonly config?: readonly string[];
      readonly sentinel?: boolean;
    },
  ): Promise<RedisProcess> {
    const port = await freePort();
    const folder = await mkdtemp(join(tmpdir(), "redis-passwordless-"));
    const file = join(folder, "redis.conf");
    const lines = [
      `bind ${HOST}`,
      `port ${port}`,
      `dir ${folder}`,
      'logfile ""',
      ...(options.sentinel === true
        ? []
        : ['save ""', "appendonly no", `requirepass ${options.password}`, `masterauth ${options.password}`]),
      ...(options.config ?? []),
    ];
    await writeFile(file, `${lines.join("\n")}\n`, { mode: 0o600 });
    const bin = await findRedisServer(process.env);
    const child = spawn(bin, [file, ...(options.sentinel === true ? ["--sentinel"] : [])], {
      cwd: folder,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const server = new RedisProcess(port, options.sentinel === true ? "" : options.password, folder, child);
    const killWithUs = (): void => void child.kill("SIGKILL");
    process.once("exit", killWithUs);
    test.onTestFinished(async () => {
      process.off("exit", killWithUs);
      await server.#stop();
    });
    await server.logged(options.sentinel === true ? /\+monitor master/ : /Ready to accept connections/);
    await server.admin.connect();
    return server;
  }

  /** Runs a command as administrator. */
  command(...args: string[]): Promise<unknown> {
    return this.admin.sendCommand(args);
  }

  /** Resolves when the server logs, or has logged, a line like this. */
  async logged(line: RegExp): Promise<void> {
    while (!this.#log.some((logged) => line.test(logged))) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`The server ended before it logged ${line}:\n${this.#log.slice(-5).join("\n")}`);
      }
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  /** The connections of the users whose names match: their server-side ids, with the name. */
  async connections(username: RegExp): Promise<{ readonly id: number; readonly username: string }[]> {
    const list = String(await this.command("CLIENT", "LIST"));
    return list
      .split("\n")
      .map((line) => ({
        id: Number(/^id=(\d+)/.exec(line)?.[1]),
        username: / user=(\S+)/.exec(line)?.[1] ?? "",
      }))
      .filter((connection) => username.test(connection.username));
  }

  async #stop(): Promise<void> {
    if (this.admin.isOpen) this.admin.destroy();
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const exited = new Promise<void>((resolve) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) resolve();
      this.#child.once("exit", () => resolve());
    });
    this.#child.kill("SIGKILL");
    await exited;
  }
}

export function randomPassword(): string {
  return randomBytes(24).toString("base64url");
}

async function listenOnce(port: number): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject);
    probe.listen(port, HOST, resolve);
  });
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") throw new Error("No free port");
  return address.port;
}
