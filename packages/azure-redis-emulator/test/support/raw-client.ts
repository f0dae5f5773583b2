import { once } from "node:events";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { encodeCommand, ReplyScanner } from "resp-framing";

export interface RawClientOptions {
  readonly port: number;
  /** PEM of the authority; without it the connection is not encrypted. */
  readonly ca?: string;
}

/** A client that sends exactly the bytes it is told to, and shows replies as they are on the wire. */
export class RawClient {
  readonly socket: Socket;
  /** Resolves when the connection is closed, however. */
  readonly closed: Promise<void>;
  readonly #scanner = new ReplyScanner();
  readonly #frames: string[] = [];
  readonly #waiters: {
    readonly count: number;
    resolve(frames: string[]): void;
    reject(error: Error): void;
  }[] = [];
  #partial: Buffer = Buffer.alloc(0);
  #isClosed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#isClosed = true;
        for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#closedError());
        resolve();
      });
    });
  }

  static async connect({ port, ca }: RawClientOptions): Promise<RawClient> {
    const socket =
      ca === undefined
        ? connectPlain({ host: "127.0.0.1", port })
        : connectTls({ host: "127.0.0.1", servername: "localhost", port, ca });
    await once(socket, ca === undefined ? "connect" : "secureConnect");
    return new RawClient(socket);
  }

  send(...args: readonly string[]): this {
    return this.sendBytes(encodeCommand(args));
  }

  sendBytes(bytes: string | Buffer): this {
    this.socket.write(bytes);
    return this;
  }

  /** The next `count` frames, pushes included. */
  frames(count: number): Promise<string[]> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ count, resolve, reject });
      this.#serve();
      if (this.#isClosed) reject(this.#closedError());
    });
  }

  async call(...args: readonly string[]): Promise<string> {
    const [frame] = await this.send(...args).frames(1);
    return frame!;
  }

  close(): void {
    this.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length) {
      const from = offset;
      offset = this.#scanner.scanFrame(chunk, from);
      const part = chunk.subarray(from, offset);
      this.#partial = this.#partial.length === 0 ? part : Buffer.concat([this.#partial, part]);
      if (!this.#scanner.atBoundary) break;
      this.#frames.push(this.#partial.toString("latin1"));
      this.#partial = Buffer.alloc(0);
    }
    this.#serve();
  }

  #serve(): void {
    for (
      let waiter = this.#waiters[0];
      waiter && this.#frames.length >= waiter.count;
      waiter = this.#waiters[0]
    ) {
      this.#waiters.shift();
      waiter.resolve(this.#frames.splice(0, waiter.count));
    }
  }

  #closedError(): Error {
    return new Error(`The connection closed; unread: ${JSON.stringify(this.#frames)}`);
  }
}
