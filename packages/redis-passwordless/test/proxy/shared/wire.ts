import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeCommand, ReplyScanner } from "resp-framing";
import type { RedisProcess } from "../../support/redis-processes.js";

/** A plain client that writes bytes and reads frames. */
export class Wire {
  readonly socket: Socket;
  /** Every frame read so far, as latin1 text. */
  readonly frames: string[] = [];
  readonly #scanner = new ReplyScanner();
  #partial: Buffer[] = [];
  #heard: (() => void) | undefined;
  #taken = 0;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("close", () => this.#heard?.());
    socket.on("data", (chunk: Buffer) => {
      for (let at = 0; at < chunk.length; ) {
        const end = this.#scanner.scanFrame(chunk, at);
        this.#partial.push(chunk.subarray(at, end));
        at = end;
        if (!this.#scanner.atBoundary) continue;
        this.frames.push(Buffer.concat(this.#partial).toString("latin1"));
        this.#partial = [];
      }
      this.#heard?.();
    });
  }

  /** An administrator's connection to a server. */
  static async open(server: RedisProcess): Promise<Wire> {
    const wire = await Wire.dial(server.port);
    const password = String(server.admin.options.password);
    await wire.ask("AUTH", "default", password);
    return wire;
  }

  static async dial(port: number): Promise<Wire> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    return new Wire(socket);
  }

  /** Writes commands in one go, as words separated by blanks. */
  write(...lines: readonly string[]): void {
    this.socket.write(Buffer.concat(lines.map((line) => encodeCommand(line.split(" ")))));
  }

  /** Resolves with so many frames that have not been taken yet. */
  async take(count: number): Promise<string[]> {
    while (this.frames.length < this.#taken + count) {
      if (this.socket.destroyed) {
        throw new Error(`closed after ${JSON.stringify(this.frames.slice(this.#taken))}`);
      }
      await this.heard();
    }
    this.#taken += count;
    return this.frames.slice(this.#taken - count, this.#taken);
  }

  /** Sends one command and resolves with the next frame. */
  async ask(...args: readonly (string | Buffer)[]): Promise<Buffer> {
    this.socket.write(encodeCommand(args));
    const [frame = ""] = await this.take(1);
    return Buffer.from(frame, "latin1");
  }

  /** The same as text, for lines of words. */
  async say(line: string): Promise<string> {
    return (await this.ask(...line.split(" "))).toString("latin1");
  }

  /** Resolves when something has arrived, or the connection has ended. */
  heard(): Promise<void> {
    return new Promise((resolve) => {
      this.#heard = resolve;
    });
  }

  /** Resolves when the other side has closed the connection. */
  async closed(): Promise<void> {
    while (!this.socket.destroyed) {
      await this.heard();
    }
  }

  close(): void {
    this.socket.destroy();
  }
}
