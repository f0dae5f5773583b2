import type { Socket } from "node:net";
import type { Link, LinkUser, Read } from "../inband/link.js";
import { encryptionOf, type LoginFacts } from "../reauth/connection.js";
import type { ClusterReplies } from "./cluster/cluster-replies.js";
import type { ClusterConnection } from "./cluster/cluster-view.js";
import type { Farewells } from "./io/farewells.js";
import { ReplyGatherer } from "./io/reply-gatherer.js";
import type { Client, SharedReads } from "./io/shared-reads.js";
import type { InstanceCounters } from "./status.js";

/**
 * From here on the other side is not read until this one has caught up, in bytes. What is buffered counts, not what
 * `write` returns: with a mark of 16 KB every TLS record would cost a pause.
 */
export const HIGH_WATER_BYTES = 262_144;

/**
 * Joins a connection to the server with the client that uses it: bytes pass as they are, unless the session has
 * business. Clients come and go; the connection stays.
 */
export class ClientLink implements Link, ClusterConnection {
  readonly #server: Socket;
  readonly #serverReads: SharedReads;
  readonly #counters: InstanceCounters;
  readonly #farewells: Farewells | undefined;
  /** TLS encrypts at once what it is given, as long as nothing waits before it. */
  readonly #isEncrypted: boolean;
  readonly #gatherer = new ReplyGatherer((bytes) => this.#show(bytes));
  #client: Client | undefined;
  /** What a cluster sends, with the addresses of its nodes turned into local ones. */
  #replies: ClusterReplies | undefined;
  #user: LinkUser | undefined;
  #read: Read | undefined;
  #isHeld = false;
  /** What the client has sent while it waits. */
  #heldBytes = 0;
  #isServerFull = false;
  #isClientFull = false;
  /** Whether what is being sent lies in a buffer that the next read overwrites. */
  #isShared = false;
  /** Whether the client has sent something since this was last set to `false`. */
  hasTalked = false;

  /** @param farewells is told when the server gets something to do */
  constructor(server: Client, counters: InstanceCounters, farewells?: Farewells) {
    this.#server = server.socket;
    this.#serverReads = server.reads;
    this.#isEncrypted = encryptionOf(server.socket).isEncrypted === true;
    this.#counters = counters;
    this.#farewells = farewells;
  }

  get isWritable(): boolean {
    return this.#server.writable;
  }

  get encryption(): LoginFacts {
    return encryptionOf(this.#server);
  }

  attach(user: LinkUser): void {
    this.#user = user;
    const server = this.#server;
    this.#serverReads.onBytes = (bytes) => this.#fromServer(bytes);
    server.on("end", () => this.#gatherer.flush());
    server.on("drain", () => {
      this.#isServerFull = false;
      this.#resumeClient();
    });
    server.resume();
  }

  /** Lets this client use the connection, which nobody else does. */
  bind(client: Client): void {
    this.#client = client;
    const user = this.#user!;
    client.reads.onBytes = (bytes) => this.#fromClient(user, bytes);
    client.socket.on("drain", () => {
      if (this.#client !== client) return;
      this.#isClientFull = false;
      this.#resumeServer();
    });
    this.#resumeClient();
  }

  /** From here on everything that the client gets to read passes through these. */
  passThrough(replies: ClusterReplies | undefined): void {
    this.#replies = replies;
  }

  /** Writes to the client; for what is not held back. */
  write(bytes: Buffer): void {
    this.#toClient(bytes);
  }

  /** Nothing is held back any more. */
  onReleased(): void {
    this.#resumeServer();
  }

  /** The client's local end. */
  get localAddress(): string | undefined {
    return this.#client?.socket.localAddress;
  }

  /** Takes the client off; what the server still sends is for nobody. */
  unbind(): void {
    this.#gatherer.flush();
    this.#client = undefined;
    this.#replies?.close();
    this.#replies = undefined;
    this.#isClientFull = false;
    this.#server.resume();
  }

  /** Takes the client off, and leaves to the next connection what it sends from now on. */
  unbindUnread(): void {
    const client = this.#client;
    this.unbind();
    client?.socket.pause();
  }

  /** What the client has sent before it was bound. */
  replay(bytes: Buffer): void {
    if (this.#user !== undefined) this.#fromClient(this.#user, bytes);
  }

  send(bytes: Buffer): boolean {
    const server = this.#server;
    const isTakenAtOnce = this.#isEncrypted && server.writableLength === 0;
    server.write(this.#isShared && !isTakenAtOnce ? Buffer.from(bytes) : bytes);
    this.#farewells?.takeTime();
    if (server.writableLength <= HIGH_WATER_BYTES) return true;
    if (!this.#isServerFull) {
      this.#isServerFull = true;
      this.#client?.socket.pause();
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

  /** A client that waits is read on for a while, to notice when it goes away. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#heldBytes = 0;
    if (!isHeld) this.#resumeClient();
  }

  /** Writes what has been gathered of a big reply. */
  flushReplies(): void {
    this.#gatherer.flush();
  }

  #fromClient(user: LinkUser, bytes: Buffer): void {
    this.hasTalked = true;
    this.#counters.bytesIn += bytes.length;
    this.#isShared = true;
    const hasPassed = user.passTogether(bytes);
    if (!hasPassed) user.take(bytes);
    this.#isShared = false;
    if (hasPassed || !this.#isHeld) return;
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > HIGH_WATER_BYTES) this.#client?.socket.pause();
  }

  #fromServer(bytes: Buffer): void {
    const read = this.#read;
    if (read === undefined) this.#gatherer.add(bytes);
    else {
      this.#gatherer.flush();
      for (const seen of read(Buffer.from(bytes))) this.#show(seen);
    }
  }

  /** Returns whether the system has taken all of it, or it is kept elsewhere. */
  #show(bytes: Buffer): boolean {
    const replies = this.#replies;
    if (replies === undefined) return this.#toClient(bytes);
    if (!replies.pass(bytes)) this.#server.pause();
    return (this.#client?.socket.writableLength ?? 0) === 0;
  }

  #resumeServer(): void {
    if (!this.#isClientFull && this.#replies?.isHolding !== true) this.#server.resume();
  }

  /** Returns whether the system has taken all of it. */
  #toClient(bytes: Buffer): boolean {
    const client = this.#client?.socket;
    if (client === undefined || !client.writable) return true;
    this.#counters.bytesOut += bytes.length;
    client.write(bytes);
    if (client.writableLength > HIGH_WATER_BYTES && !this.#isClientFull) {
      this.#isClientFull = true;
      this.#server.pause();
    }
    return client.writableLength === 0;
  }

  #resumeClient(): void {
    if (this.#heldBytes <= HIGH_WATER_BYTES && !this.#isServerFull) this.#client?.socket.resume();
  }
}
