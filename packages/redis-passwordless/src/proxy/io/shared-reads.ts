import { type OnReadOpts, Socket } from "node:net";

/** Bytes of one read. */
const READ_BYTES = 65_536;

/**
 * Gets what a socket reads. All sockets of a direction read into one buffer, which saves an allocation of 64 KB for
 * each read and keeps the memory of a silent connection small.
 */
export class SharedReads {
  /** Gets the bytes of each read, which are there until it returns. @default they are copied into `data` events */
  onBytes: ((bytes: Buffer) => void) | undefined;
  #socket: Socket | undefined;

  /** The option `onread` of a socket that reads into this buffer. */
  into(buffer: Buffer): OnReadOpts {
    return {
      buffer,
      callback: (length, filled) => {
        const bytes = (filled as Buffer).subarray(0, length);
        if (this.onBytes === undefined) this.#keep(bytes);
        else this.onBytes(bytes);
        return true;
      },
    };
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

/** What clients send. */
const CLIENT_BUFFER = Buffer.allocUnsafeSlow(READ_BYTES);
/** What servers send. */
const SERVER_BUFFER = Buffer.allocUnsafeSlow(READ_BYTES);

/** For a connection to a server: the option `onread`, and who gets the bytes. */
export function serverReads(): { readonly reads: SharedReads; readonly onread: OnReadOpts } {
  const reads = new SharedReads();
  return { reads, onread: reads.into(SERVER_BUFFER) };
}

/** A client's socket, and who gets what it reads. */
export interface Client {
  readonly socket: Socket;
  readonly reads: SharedReads;
}

/**
 * Moves a client's connection, which has been accepted and not been read, into a socket that reads into the shared
 * buffer. `net.Server` has no option for that, so the handle is taken out of the one that it made; where Node.js keeps
 * it elsewhere some day, the socket stays as it is.
 *
 * Checked on Node.js 20.19, 22 and 24.
 */
export function withSharedReads(accepted: Socket): Client {
  const reads = new SharedReads();
  const internals = accepted as unknown as { _handle?: unknown };
  const handle = internals._handle;
  if (handle === undefined || handle === null || typeof handle !== "object" || !("useUserBuffer" in handle)) {
    accepted.on("data", (bytes: Buffer) => reads.onBytes?.(bytes));
    return { socket: accepted, reads };
  }
  internals._handle = null;
  const socket = new Socket({
    handle,
    allowHalfOpen: true,
    pauseOnCreate: true,
    onread: reads.into(CLIENT_BUFFER),
  } as ConstructorParameters<typeof Socket>[0]);
  return { socket, reads: reads.of(socket) };
}
