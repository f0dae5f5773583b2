import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { encodeCommand } from "resp-framing";
import { vi } from "vitest";
import type { Proxy } from "../../cli/proxy-process.js";
import { LONG } from "../transparency/length.js";

/** How long nothing may happen before it counts as hanging, in milliseconds. */
export const PATIENCE_MS = LONG ? 60_000 : 20_000;

/** The process of a proxy, seen from outside. */
export class WatchedProxy {
  readonly #pid: number;
  readonly #statusUrl: string;
  maxRssBytes = 0;

  private constructor(pid: number, statusUrl: string) {
    this.#pid = pid;
    this.#statusUrl = statusUrl;
  }

  static async of(proxy: Proxy): Promise<WatchedProxy> {
    return new WatchedProxy(proxy.pid, `http://${await proxy.statusAddress()}/metrics`);
  }

  /** Resident memory now, in bytes; the highest one is remembered. */
  rss(): number {
    const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.#pid}/status`, "utf8")) ?? [];
    const bytes = Number(kilobytes) * 1_024;
    this.maxRssBytes = Math.max(this.maxRssBytes, bytes);
    return bytes;
  }

  /** Clients that are connected, by instance. */
  async openClients(): Promise<Readonly<Record<string, number>>> {
    const response = await fetch(this.#statusUrl);
    const lines = (await response.text()).matchAll(/^\w*open_client_connections\{([^}]*)\} (\d+)/gm);
    return Object.fromEntries(
      [...lines].map(([, labels = "", count]) => [/cache="([^"]*)"/.exec(labels)?.[1], Number(count)]),
    ) as Record<string, number>;
  }

  /** Resolves when there are so many clients of each instance and no more. */
  async settled(expected: Readonly<Record<string, number>>): Promise<void> {
    const same = async (): Promise<void> => {
      const open = await this.openClients();
      for (const [instance, count] of Object.entries(expected)) {
        if (open[instance] !== count)
          throw new Error(`${instance} has ${open[instance]} clients, not ${count}`);
      }
    };
    await vi.waitFor(same, { timeout: PATIENCE_MS, interval: 20 });
  }
}

/** A client that behaves, beside those that do not. */
export class HonestClient {
  readonly #socket: Socket;
  #received = "";
  #heard: (() => void) | undefined;
  asked = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => {});
    socket.on("close", () => this.#heard?.());
    socket.on("data", (chunk: Buffer) => {
      this.#received += chunk.toString("latin1");
      this.#heard?.();
    });
  }

  static async to(port: number, password?: string): Promise<HonestClient> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    const client = new HonestClient(socket);
    if (password !== undefined) await client.#expect(encodeCommand(["AUTH", password]), "+OK\r\n");
    return client;
  }

  /** Asks for an answer that nobody else gets, in a pipeline. */
  async ask(seed: number): Promise<void> {
    const texts = Array.from({ length: 3 }, (_, index) => `honest-${seed}-${this.asked}-${index}`);
    this.asked += 1;
    const replies = texts.map((text) => `$${text.length}\r\n${text}\r\n`).join("");
    await this.#expect(Buffer.concat(texts.map((text) => encodeCommand(["ECHO", text]))), replies);
  }

  close(): void {
    this.#socket.destroy();
  }

  async #expect(request: Buffer, reply: string): Promise<void> {
    this.#socket.write(request);
    const patience = new AbortController();
    const timer = setTimeout(() => {
      patience.abort();
      this.#heard?.();
    }, PATIENCE_MS);
    const mayCome = (): boolean => !patience.signal.aborted && !this.#socket.destroyed;
    while (this.#received.length < reply.length && mayCome()) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
    clearTimeout(timer);
    if (this.#received !== reply)
      throw new Error(
        `An honest client of port ${this.#socket.remotePort} got ${JSON.stringify(this.#received)}`,
      );
    this.#received = "";
  }
}

/** A fresh client is served. */
export async function serves(port: number, seed: number, password?: string): Promise<void> {
  const client = await HonestClient.to(port, password);
  await client.ask(seed);
  client.close();
}

/** What went wrong in a round, and with it how the proxy has ended, if it has. */
export async function failureOf(proxy: Proxy, seed: number, error: unknown, more = ""): Promise<Error> {
  const ended = await Promise.race([
    proxy.ended,
    new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
  ]);
  const end =
    ended === undefined ? "" : ` The proxy has ended with ${ended.code}: ${ended.stderr.slice(-3_000)}`;
  return new Error(`SEED=${seed}: ${(error as Error).message} ${more}${end}`, { cause: error });
}
