import type { Socket } from "node:net";
import type { LinkUser } from "./link.js";

/** What becomes of what a client writes. */
export type WriteTarget = Pick<LinkUser, "passTogether" | "take">;

type OnWritten = (error?: Error | null) => void;

/**
 * Stands in the place of a socket's `write`, and gathers the text that is written in one turn of the event loop.
 *
 * A client writes each command by itself: together they are encoded, looked at and written once, which saves more
 * than following them costs. Where one of them needs attention they go on write by write, because a transaction in
 * one write means something else than one in several.
 */
export class ClientWrites {
  readonly #target: WriteTarget;
  readonly #write: (bytes: Buffer, onWritten: OnWritten) => boolean;
  #gathered: string[] = [];
  #isOpen = true;

  constructor(socket: Socket, target: WriteTarget) {
    this.#target = target;
    this.#write = socket.write.bind(socket);
    // Instance properties: other sockets are not touched, and whoever holds this one sees a Socket as before.
    socket.write = (
      chunk: Uint8Array | string,
      encodingOrCallback?: BufferEncoding | OnWritten,
      callback?: OnWritten,
    ) => this.#accept(chunk, encodingOrCallback, callback);
    const end = socket.end.bind(socket) as (...args: unknown[]) => Socket;
    socket.end = (...args: unknown[]) => {
      this.flush();
      return end(...args);
    };
  }

  /** Sends on what has been gathered. */
  flush(): void {
    const writes = this.#gathered;
    if (writes.length === 0) return;
    this.#gathered = [];
    if (!this.#isOpen || this.#target.passTogether(Buffer.from(writes.join("")))) return;
    for (const text of writes) this.#target.take(Buffer.from(text));
  }

  /** Nothing can be sent any more. */
  close(): void {
    this.#isOpen = false;
  }

  #accept(
    chunk: Uint8Array | string,
    encodingOrCallback: BufferEncoding | OnWritten | undefined,
    callback: OnWritten | undefined,
  ): boolean {
    if (typeof chunk === "string" && encodingOrCallback === undefined) {
      if (this.#gathered.length === 0) process.nextTick(() => this.flush());
      this.#gathered.push(chunk);
      return true;
    }
    this.flush();
    const encoding = typeof encodingOrCallback === "string" ? encodingOrCallback : "utf8";
    const onWritten = typeof encodingOrCallback === "function" ? encodingOrCallback : callback;
    const isFlowing = this.#target.take(
      typeof chunk === "string" ? Buffer.from(chunk, encoding) : asBuffer(chunk),
    );
    if (onWritten !== undefined) this.#write(NOTHING, onWritten);
    return isFlowing;
  }
}

const NOTHING = Buffer.alloc(0);

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
