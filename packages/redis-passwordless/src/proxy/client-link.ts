import type { Socket } from "node:net";
import type { Link, LinkUser, Read } from "../inband/link.js";
import { encryptionOf, type LoginFacts } from "../reauth/connection.js";
import type { Client, SharedReads } from "./io/shared-reads.js";
import type { InstanceCounters } from "./status.js";

/**
 * From here on the other side is not read until this one has caught up, in bytes. What is buffered counts, not what
 * `write` returns: with a mark of 16 KB every TLS record would cost a pause.
 */
export const HIGH_WATER_BYTES = 262_144;

/** Joins a client's socket with its connection to the server: bytes pass as they are, unless the session has business. */
export class ClientLink implements Link {
  readonly #client: Socket;
  readonly #clientReads: SharedReads;
  readonly #server: Socket;
  readonly #serverReads: SharedReads;
  /** TLS encrypts at once what it is given, as long as nothing waits before it. */
  readonly #isEncrypted: boolean;
  readonly #counters: InstanceCounters;
  #user: LinkUser | undefined;
  #read: Read | undefined;
  #isHeld = false;
  #isServerFull = false;
  #isClientFull = false;
  /** Whether what is being sent lies in a buffer that the next read overwrites. */
  #isShared = false;
  /** Records of one big reply, which are written together. */
  #gathered: Buffer | undefined;
  #gatheredBytes = 0;

  constructor(client: Client, server: Client, counters: InstanceCounters) {
    this.#client = client.socket;
    this.#clientReads = client.reads;
    this.#server = server.socket;
    this.#serverReads = server.reads;
    this.#isEncrypted = encryptionOf(server.socket).isEncrypted === true;
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
    this.#clientReads.onBytes = (bytes) => this.#fromClient(user, bytes);
    this.#serverReads.onBytes = (bytes) => this.#fromServer(bytes);
    server.on("end", () => this.#flush());
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
    const isTakenAtOnce = this.#isEncrypted && server.writableLength === 0;
    server.write(this.#isShared && !isTakenAtOnce ? Buffer.from(bytes) : bytes);
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

  #fromClient(user: LinkUser, bytes: Buffer): void {
    this.#counters.bytesIn += bytes.length;
    this.#isShared = true;
    const hasPassed = user.passTogether(bytes);
    this.#isShared = false;
    // What may be kept must be a copy.
    if (!hasPassed) user.take(Buffer.from(bytes));
  }

  #fromServer(bytes: Buffer): void {
    const read = this.#read;
    if (read !== undefined) {
      this.#flush();
      for (const seen of read(Buffer.from(bytes))) this.#toClient(seen);
    } else if (bytes.length < GATHER_FROM && this.#gathered === undefined) this.#toClient(Buffer.from(bytes));
    else this.#gather(bytes);
  }

  /** A big reply comes in records of 16 KB, each in a read of its own, all of them in one turn of the event loop. */
  #gather(bytes: Buffer): void {
    if (this.#gathered !== undefined && this.#gatheredBytes + bytes.length > GATHER_BYTES) this.#flush();
    if (this.#gathered === undefined) {
      this.#gathered = spare.pop() ?? Buffer.allocUnsafeSlow(GATHER_BYTES);
      gathering.push(this);
      if (gathering.length === 1) setImmediate(flushAll);
    }
    bytes.copy(this.#gathered, this.#gatheredBytes);
    this.#gatheredBytes += bytes.length;
    if (bytes.length < GATHER_FROM) this.#flush();
  }

  /** Writes what has been gathered. */
  flushGathered(): void {
    this.#flush();
  }

  #flush(): void {
    const gathered = this.#gathered;
    if (gathered === undefined) return;
    this.#gathered = undefined;
    const bytes = gathered.subarray(0, this.#gatheredBytes);
    this.#gatheredBytes = 0;
    this.#toClient(bytes);
    if (this.#client.writableLength === 0 && spare.length < SPARE_BUFFERS) spare.push(gathered);
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

/** What is smaller is written at once, in bytes. */
const GATHER_FROM = 4_096;
const GATHER_BYTES = 262_144;
const SPARE_BUFFERS = 16;
/** Buffers whose bytes the system has taken. */
const spare: Buffer[] = [];
const gathering: ClientLink[] = [];

function flushAll(): void {
  for (const link of gathering.splice(0)) link.flushGathered();
}
