import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Emulator, type EmulatorOptions, startEmulator } from "azure-redis-emulator";
import { encodeCommand } from "resp-framing";
import type { TestContext } from "vitest";
import { type Run, start } from "./command-line.js";

/** A local Azure, a folder for files, and proxies as they are shipped; all of it ends with the test. */
export async function proxies({ onTestFinished }: TestContext, options: EmulatorOptions = {}) {
  const azure = await startEmulator(options);
  const folder = mkdtempSync(join(tmpdir(), "cli-proxy-"));
  onTestFinished(async () => {
    await azure.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const cache = `${azure.redis.host}:${azure.redis.port}`;
  const proxy = (
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    node?: string,
  ): Proxy => {
    const run = start(["proxy", ...args], { env: { ...environmentOf(azure), ...env }, node });
    onTestFinished(() => void run.child.kill("SIGKILL"));
    return new Proxy(run);
  };
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  return { azure, cache, folder, proxy, write };
}

/** Where identities are; the cache is always named. */
export function environmentOf(azure: Emulator): Record<string, string> {
  const { REDIS_URL: _, ...env } = azure.env();
  return env;
}

export class Proxy {
  readonly #run: Run;

  constructor(run: Run) {
    this.#run = run;
  }

  get ended() {
    return this.#run.ended;
  }

  get pid(): number {
    return this.#run.child.pid ?? 0;
  }

  said(text: string | RegExp): Promise<string> {
    return this.#run.said(text);
  }

  /** The port of an instance, once it listens. */
  async port(instance: string): Promise<number> {
    const line = new RegExp(`${instance} is on \\S+:(\\d+)(?!.*${instance} is on)`, "s");
    const [, port] = line.exec(await this.said(line)) ?? [];
    return Number(port);
  }

  async statusAddress(): Promise<string> {
    const line = /Health and metrics are at http:\/\/(\S+)/;
    return line.exec(await this.said(line))?.[1] ?? "";
  }

  /** The processes that it has started. */
  children(): number[] {
    const { pid } = this;
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  }

  signal(name: NodeJS.Signals): void {
    this.#run.child.kill(name);
  }
}

/** A client that writes commands and reads what comes. */
export class Client {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  #received = "";

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (data: Buffer) => {
      this.#received += data.toString();
    });
    this.closed = new Promise((resolve) => socket.on("close", () => resolve()));
  }

  static async to(where: number | string): Promise<Client> {
    const socket = typeof where === "number" ? connect(where, "127.0.0.1") : connect(where);
    await once(socket, "connect");
    return new Client(socket);
  }

  write(...command: readonly string[]): void {
    this.socket.write(encodeCommand(command));
  }

  /** All that was received until this is in it. */
  async read(text: string | RegExp): Promise<string> {
    const isThere = (): boolean =>
      typeof text === "string" ? this.#received.includes(text) : text.test(this.#received);
    while (!isThere()) {
      if (this.socket.closed) throw new Error(`It was closed after ${JSON.stringify(this.#received)}`);
      await Promise.race([once(this.socket, "data"), this.closed]);
    }
    const received = this.#received;
    this.#received = "";
    return received;
  }

  async ask(reply: string | RegExp, ...command: readonly string[]): Promise<string> {
    this.write(...command);
    return this.read(reply);
  }
}
