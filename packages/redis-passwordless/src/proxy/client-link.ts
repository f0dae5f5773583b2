import type { Socket } from "node:net";
import type { Link, LinkUser, Read } from "../inband/link.js";
import { encryptionOf, type LoginFacts } from "../reauth/connection.js";
import type { InstanceCounters } from "./status.js";

/**
 * From here on the other side is not read until this one has caught up, in bytes. What is buffered counts, not what
 * `write` returns: with a mark of 16 KB every TLS record would cost a pause.
 */
export const HIGH_WATER_BYTES = 262_144;

/** Joins a client's socket with its connection to the server: bytes pass as they are, unless the session has business. */
export class ClientLink implements Link {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #counters: InstanceCounters;
  #user: LinkUser | undefined;
  #read: Read | undefined;
  #isHeld = false;
  #isServerFull = false;
  #isClientFull = false;

  constructor(client: Socket, server: Socket, counters: InstanceCounters) {
    this.#client = client;
    this.#server = server;
    this.#counters = counters;
  }

  get isWritable(): boolean {
    return this.#server.writable;
  }

  get encryption(): LoginFacts {
    return encryptionOf(this.#server);
  }

  attach(user: LinkUser): void {
    this.#user = user;
    const client = this.#client;
    const server = this.#server;
    client.on("data", (chunk: Buffer) => this.#fromClient(user, chunk));
    server.on("data", (chunk: Buffer) => this.#fromServer(chunk));
    client.on("drain", () => {
      this.#isClientFull = false;
      server.resume();
    });
    server.on("drain", () => {
      this.#isServerFull = false;
      this.#resumeClient();
    });
  }

  /** Lets it flow: nothing is read before. */
  start(): void {
    this.#server.resume();
    this.#resumeClient();
  }

  /** What the client has sent before its session was there. */
  replay(chunk: Buffer): void {
    if (this.#user !== undefined) this.#fromClient(this.#user, chunk);
  }

  send(bytes: Buffer): boolean {
    const server = this.#server;
    server.write(bytes);
    if (server.writableLength <= HIGH_WATER_BYTES) return true;
    if (!this.#isServerFull) {
      this.#isServerFull = true;
      this.#client.pause();
    }
    return false;
  }

  flush(): void {}

  intercept(read: Read | undefined): void {
    this.#read = read;
  }

  fail(error: Error): void {
    this.#server.destroy(error);
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    if (isHeld) this.#client.pause();
    else this.#resumeClient();
  }

  #fromClient(user: LinkUser, chunk: Buffer): void {
    this.#counters.bytesIn += chunk.length;
    if (!user.passTogether(chunk)) user.take(chunk);
  }

  #fromServer(chunk: Buffer): void {
    const read = this.#read;
    if (read === undefined) this.#toClient(chunk);
    else for (const bytes of read(chunk)) this.#toClient(bytes);
  }

  #toClient(bytes: Buffer): void {
    const client = this.#client;
    if (!client.writable) return;
    this.#counters.bytesOut += bytes.length;
    client.write(bytes);
    if (client.writableLength > HIGH_WATER_BYTES && !this.#isClientFull) {
      this.#isClientFull = true;
      this.#server.pause();
    }
  }

  #resumeClient(): void {
    if (!this.#isHeld && !this.#isServerFull) this.#client.resume();
  }
}
