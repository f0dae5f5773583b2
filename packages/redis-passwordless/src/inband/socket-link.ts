import type { Socket } from "node:net";
import { encryptionOf, type LoginFacts } from "../reauth/connection.js";
import { ClientWrites } from "./client-writes.js";
import type { Link, LinkUser, Read } from "./link.js";

/**
 * A link in a socket that a client in this process reads and writes: the client keeps its socket and notices nothing.
 * While nothing is intercepted, the socket's events go their own way.
 */
export class SocketLink implements Link {
  readonly #socket: Socket;
  /** The socket's own `write`. */
  readonly #write: (bytes: Buffer) => boolean;
  #writes: ClientWrites | undefined;
  #read: Read | undefined;
  /** The socket's own `emit` while ours is in its place. */
  #emit: ((event: string, ...args: unknown[]) => boolean) | undefined;
  #ownEmit: PropertyDescriptor | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#write = socket.write.bind(socket);
  }

  get isWritable(): boolean {
    return this.#socket.writable;
  }

  get encryption(): LoginFacts {
    return encryptionOf(this.#socket);
  }

  attach(user: LinkUser): void {
    this.#socket.once("close", () => {
      this.#writes?.close();
      user.close();
    });
    this.#writes = new ClientWrites(this.#socket, user);
  }

  send(bytes: Buffer): boolean {
    return this.#write(bytes);
  }

  flush(): void {
    this.#writes?.flush();
  }

  intercept(read: Read | undefined): void {
    this.#read = read;
    if (read === undefined) this.#restoreEmit();
    else this.#replaceEmit();
  }

  fail(error: Error): void {
    this.#socket.destroy(error);
  }

  #replaceEmit(): void {
    if (this.#emit !== undefined) return;
    const socket = this.#socket;
    this.#emit = socket.emit.bind(socket);
    this.#ownEmit = Object.getOwnPropertyDescriptor(socket, "emit");
    // Public: EventEmitter's own method, shadowed while something is expected and no longer.
    Object.defineProperty(socket, "emit", {
      configurable: true,
      writable: true,
      value: (event: string, ...args: unknown[]) => this.#onEvent(event, args),
    });
  }

  #onEvent(event: string, args: readonly unknown[]): boolean {
    const emit = this.#emit;
    const read = this.#read;
    const [chunk] = args;
    if (emit === undefined) return false;
    if (read === undefined || event !== "data" || !Buffer.isBuffer(chunk)) return emit(event, ...args);
    for (const bytes of read(chunk)) emit("data", bytes);
    return true;
  }

  #restoreEmit(): void {
    if (this.#emit === undefined) return;
    this.#emit = undefined;
    if (this.#ownEmit === undefined) delete (this.#socket as { emit?: unknown }).emit;
    else Object.defineProperty(this.#socket, "emit", this.#ownEmit);
  }
}
