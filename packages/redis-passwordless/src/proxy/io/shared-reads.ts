import { Socket } from "node:net";

/** The option `onread` of a socket. */
interface OnRead {
  readonly buffer: Buffer;
  readonly callback: (length: number) => boolean;
}

/**
 * Gets what a socket reads. All sockets of a direction read into one buffer, which saves an allocation of 64 KB for
 * each read and keeps the memory of a silent connection small.
 */
export class SharedReads {
  /** Gets the bytes of each read, which are there until it returns. @default they are copied into `data` events */
  onBytes: ((bytes: Buffer) => void) | undefined;
  #socket: Socket | undefined;
  #admits: ((first: Buffer) => boolean) | undefined;

  /** @param admits sees the first bytes; where it says no, nobody gets anything of this socket */
  constructor(admits?: (first: Buffer) => boolean) {
    this.#admits = admits;
  }

  /** The option `onread` of a socket that reads into this buffer. */
  into(buffer: Buffer): OnRead {
    return {
      buffer,
      callback: (length) => {
        const bytes = buffer.subarray(0, length);
        if (this.#admits !== undefined && !this.#isAdmitted(this.#admits, bytes)) return true;
        if (this.onBytes === undefined) this.#keep(bytes);
        else this.onBytes(bytes);
        return true;
      },
    };
  }

  #isAdmitted(admits: (first: Buffer) => boolean, first: Buffer): boolean {
    const isAdmitted = admits(first);
    this.#admits = isAdmitted ? undefined : () => false;
    return isAdmitted;
  }

  /** For whoever listens to the socket itself, now or soon: some servers talk before anybody is asked. */
  #keep(bytes: Buffer): void {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return;
    if (socket.listenerCount("data") > 0) socket.emit("data", Buffer.from(bytes));
    else socket.unshift(Buffer.from(bytes));
  }

  /** Names the socket, which cannot be known before its options are. */
  of(socket: Socket): this {
    this.#socket = socket;
    return this;
  }
}

/** What clients send: a command with a value of 64 KB is read, encrypted and sent in one go. */
const CLIENT_BUFFER = Buffer.allocUnsafeSlow(262_144);
/** What servers send: Node.js hands on one TLS record of 16 KB at a time. */
const SERVER_BUFFER = Buffer.allocUnsafeSlow(65_536);

/** For a connection to a server: the option `onread`, and who gets the bytes. */
export function serverReads(): { readonly reads: SharedReads; readonly onread: OnRead } {
  const reads = new SharedReads();
  return { reads, onread: reads.into(SERVER_BUFFER) };
}

/** A client's socket, and who gets what it reads. */
export interface Client {
  readonly socket: Socket;
  readonly reads: SharedReads;
}

/**
 * Lets a client's socket, which has been accepted and not been read, read into the shared buffer. `net.Server` has no
 * option for that, so this does what the option `onread` does for sockets that one makes; where Node.js does it in
 * another way some day, the socket reads as it always does.
 *
 * @param admits as of {@link SharedReads}
 *
 * Checked on Node.js 20.19, 22 and 24 (lib/net.js, `initSocketHandle`).
 */
export function withSharedReads(accepted: Socket, admits?: (first: Buffer) => boolean): Client {
  const reads = new SharedReads(admits);
  const { buffer, callback } = reads.into(CLIENT_BUFFER);
  const internals = accepted as unknown as Internals;
  const handle = internals._handle;
  if (KEYS === undefined || typeof handle?.useUserBuffer !== "function") {
    accepted.on("data", (bytes: Buffer) => reads.onBytes?.(bytes));
    return { socket: accepted, reads };
  }
  internals[KEYS.buffer] = buffer;
  internals[KEYS.callback] = callback;
  handle.useUserBuffer(CLIENT_BUFFER);
  return { socket: accepted, reads: reads.of(accepted) };
}

interface Internals {
  readonly _handle?: { useUserBuffer?(buffer: Buffer): void } | null;
  [key: symbol]: unknown;
}

/** Where a socket keeps its option `onread`. */
const KEYS = keysOfOnRead();

function keysOfOnRead(): { readonly buffer: symbol; readonly callback: symbol } | undefined {
  const buffer = Buffer.alloc(1);
  const callback = (): boolean => true;
  const socket = new Socket({ onread: { buffer, callback } } as ConstructorParameters<typeof Socket>[0]);
  const keyOf = (value: unknown): symbol | undefined =>
    Object.getOwnPropertySymbols(socket).find((key) => (socket as unknown as Internals)[key] === value);
  const keys = { buffer: keyOf(buffer), callback: keyOf(callback) };
  socket.destroy();
  return keys.buffer === undefined || keys.callback === undefined ? undefined : (keys as typeof KEYS);
}
