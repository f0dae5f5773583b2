import type { Client } from "../io/shared-reads.js";
import { refuse } from "../refuse.js";
import type { InstanceCounters } from "../status.js";

/** Who has sent nothing for this long, in milliseconds, may be one that has nothing to say: between two commands. */
const SILENCE_MS = 1_000;

/** Bytes that a client may leave unread before it is waited for. */
const FULL_AT = 1_048_576;

export interface PortUser {
  /** What the client has sent; the bytes are there until it returns. */
  onBytes(bytes: Buffer): void;
  /** The client sends nothing more. */
  onEnd(): void;
  /** The connection has ended. */
  onClose(): void;
}

/** A client's socket: who serves it reads while nothing has to be waited for. */
export class ClientPort {
  readonly #client: Client;
  readonly #counters: Pick<InstanceCounters, "bytesIn" | "bytesOut"> | undefined;
  readonly #reasons = new Set<string>();
  #heardAtMs = performance.now();
  #room: Promise<void> | undefined;
  #makeRoom: (() => void) | undefined;

  constructor(
    client: Client,
    user: PortUser,
    counters: Pick<InstanceCounters, "bytesIn" | "bytesOut"> | undefined,
  ) {
    this.#client = client;
    this.#counters = counters;
    const { socket, reads } = client;
    reads.onBytes = (bytes) => {
      if (counters !== undefined) counters.bytesIn += bytes.length;
      this.#heardAtMs = performance.now();
      user.onBytes(bytes);
    };
    socket.on("drain", () => this.#drained());
    socket.on("end", () => user.onEnd());
    socket.on("error", () => {});
    socket.once("close", () => {
      this.#drained();
      user.onClose();
    });
    socket.resume();
  }

  get isOpen(): boolean {
    return this.#client.socket.writable;
  }

  /** Whether nothing has come from the client for a while. */
  get isSilent(): boolean {
    return performance.now() - this.#heardAtMs >= SILENCE_MS;
  }

  /** Sends replies; returns something to wait for when the client does not read them. */
  write(bytes: Buffer): Promise<void> | undefined {
    const { socket } = this.#client;
    if (!socket.writable) return undefined;
    if (this.#counters !== undefined) this.#counters.bytesOut += bytes.length;
    socket.write(bytes);
    if (socket.writableLength < FULL_AT) return undefined;
    this.hold("unread replies");
    return (this.#room ??= new Promise((resolve) => {
      this.#makeRoom = resolve;
    }));
  }

  /** Reads no further, for this reason among others. */
  hold(reason: string): void {
    if (this.#reasons.size === 0) this.#client.socket.pause();
    this.#reasons.add(reason);
  }

  /** This reason is there no longer. */
  go(reason: string): void {
    if (this.#reasons.delete(reason) && this.#reasons.size === 0) this.#client.socket.resume();
  }

  /** Ends the connection behind what has been written. */
  end(): void {
    if (this.isOpen) refuse(this.#client.socket, "");
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.#client.socket.destroy();
  }

  #drained(): void {
    this.go("unread replies");
    this.#makeRoom?.();
    this.#makeRoom = undefined;
    this.#room = undefined;
  }
}
