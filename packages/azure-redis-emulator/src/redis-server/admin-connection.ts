import { connect, type Socket } from "node:net";
import { encodeCommand, ReplyScanner } from "resp-framing";
import { decodeReply, RedisReplyError, type Reply } from "./reply.js";

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** "" logs nobody in. */
  readonly password: string;
}

interface Waiter {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** One connection to the server, for commands that the emulator itself runs, one after the other. */
export class AdminConnection {
  readonly #socket: Socket;
  readonly #waiters: Waiter[] = [];
  readonly #scanner = new ReplyScanner();
  #partial: Buffer = Buffer.alloc(0);
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("The connection to the Redis server closed")));
  }

  /** Connects and logs in. */
  static async open(address: ServerAddress): Promise<AdminConnection> {
    const { host, port, username, password } = address;
    const connection = new AdminConnection(connect({ host, port, noDelay: true }));
    if (password !== "") {
      try {
        await connection.command("AUTH", username, password);
      } catch (error) {
        connection.close();
        throw error;
      }
    }
    return connection;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @throws {RedisReplyError} when the server answers with an error */
  command(...args: readonly string[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(new Error("The connection to the Redis server is closed"));
        return;
      }
      this.#waiters.push({ resolve, reject });
      this.#socket.write(encodeCommand(args));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length) {
      const from = offset;
      offset = this.#scanner.scanFrame(chunk, from);
      this.#partial = Buffer.concat([this.#partial, chunk.subarray(from, offset)]);
      if (!this.#scanner.atBoundary) return;
      const reply = decodeReply(this.#partial);
      this.#partial = Buffer.alloc(0);
      const waiter = this.#waiters.shift();
      if (reply instanceof RedisReplyError) waiter?.reject(reply);
      else waiter?.resolve(reply);
    }
  }

  #fail(error: Error): void {
    this.#isClosed = true;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}
