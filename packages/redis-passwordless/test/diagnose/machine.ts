import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Emulator, Identity } from "azure-redis-emulator";
import { Laptop, type Tools } from "../identity/developer/laptop.js";

const PRELOADED = new URL("machine.mjs", import.meta.url).href;

export type Variables = Readonly<Record<string, string>>;

/** How a process is started. */
export interface Start {
  readonly args: readonly string[];
  readonly env: Variables;
}

/** What a machine knows of its network; see `machine.mjs`. */
export interface Network {
  readonly hosts?: Readonly<Record<string, string>>;
  readonly aliases?: Readonly<Record<string, string>>;
  readonly routes?: Readonly<Record<string, number>>;
}

/** A machine that the doctor runs on: files, tools, and nothing of the machine that runs the test. */
export class Machine implements AsyncDisposable {
  readonly azure: Emulator;
  readonly #folder = mkdtempSync(join(tmpdir(), "machine-"));
  readonly #closers: (() => unknown)[] = [];

  constructor(azure: Emulator) {
    this.azure = azure;
  }

  /** Name and port of the cache. */
  get address(): string {
    return `${this.azure.redis.host}:${this.azure.redis.port}`;
  }

  /** The variables of a program that runs as this identity; without one nothing says who it is. */
  env(identity?: Identity, extra: Variables = {}): Variables {
    const { REDIS_URL: _, AZURE_REDIS_EMULATOR_URL: __, ...variables } = this.azure.env(identity);
    const { NODE_EXTRA_CA_CERTS: ca = "", AZURE_AUTHORITY_HOST: authority = "" } = variables;
    const named =
      identity === undefined ? { NODE_EXTRA_CA_CERTS: ca, AZURE_AUTHORITY_HOST: authority } : variables;
    return { PATH: this.#folder, HOME: this.#folder, ...named, ...extra };
  }

  /** The doctor at the cache, as this identity. */
  start(identity?: Identity, extra?: Variables): Start {
    return { args: [this.address], env: this.env(identity, extra) };
  }

  /** The doctor on a developer's machine with these tools. */
  laptop(tools: Tools, ...args: readonly string[]): Start {
    const laptop = new Laptop(this.azure, tools);
    this.onClose(() => laptop[Symbol.dispose]());
    const { REDIS_URL: _, ...env } = laptop.env();
    return { args: [this.address, ...args], env: { ...env, HOME: this.#folder } };
  }

  /** The variables that give a program this network. */
  network(network: Network): Variables {
    return { NODE_OPTIONS: `--import=${PRELOADED}`, MACHINE: JSON.stringify(network) };
  }

  /** Writes a file; returns its path. */
  file(name: string, content: string): string {
    const path = join(this.#folder, name);
    writeFileSync(path, content);
    return path;
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  /** A port on which nobody listens, and which no system gives away by itself. */
  async closedPort(): Promise<number> {
    for (;;) {
      const port = randomInt(10_000, 20_000);
      const server = createTcpServer().listen(port, "127.0.0.1");
      const isFree = await new Promise<boolean>((resolve) => {
        server.once("listening", () => resolve(true)).once("error", () => resolve(false));
      });
      if (!isFree) continue;
      await new Promise((resolve) => server.close(resolve));
      return port;
    }
  }

  /** A metadata service that gives this token, or answers this; returns its address. */
  async metadataService(answer: { token: string } | { status: number; body: string }): Promise<string> {
    const expiresOn = Math.floor(Date.now() / 1000) + 3600;
    const [status, body] =
      "token" in answer
        ? [200, JSON.stringify({ access_token: answer.token, expires_on: String(expiresOn) })]
        : [answer.status, answer.body];
    const server = createServer((_, response) => {
      response.writeHead(status, { "content-type": "application/json" }).end(body);
    });
    return this.#listen(server);
  }

  onClose(close: () => unknown): void {
    this.#closers.push(close);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.toReversed()) await close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #listen(server: Server): Promise<string> {
    server.listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    this.onClose(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
}
