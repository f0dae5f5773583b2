import { encodeCommand } from "resp-framing";
import type { OwnLane } from "./own-lane.js";
import { redirectIn } from "./redirect.js";
import type { Routes } from "./route.js";

/** What a transaction needs of its client. */
export interface TransactionHost {
  readonly routes: Routes;
  /** Opens a connection of the client's own to the node of a slot, or takes the one on which it watches keys. */
  laneTo(slot: number | undefined): Promise<OwnLane>;
  /** Whether the node of this slot is the one of the lane. */
  isOn(lane: OwnLane, slot: number): boolean;
  /** A node has said that a slot is elsewhere. */
  moved(slot: number, node: Parameters<typeof redirectIn>[1]): void;
  /** What a server says to a command that is malformed. */
  complaintAbout(command: Buffer): Promise<Buffer>;
}

const MULTI = encodeCommand(["MULTI"]);
const DISCARD = encodeCommand(["DISCARD"]);
const UNWATCH = encodeCommand(["UNWATCH"]);
const OK = Buffer.from("+OK\r\n");
const QUEUED = Buffer.from("+QUEUED\r\n");
const NESTED = Buffer.from("-ERR MULTI calls can not be nested\r\n");
const WATCH_INSIDE = Buffer.from("-ERR WATCH inside MULTI is not allowed\r\n");
const CROSSSLOT = Buffer.from("-CROSSSLOT Keys in request don't hash to the same slot\r\n");
const ABORTED = Buffer.from("-EXECABORT ");
const EXECABORT = Buffer.from("-EXECABORT Transaction discarded because of previous errors.\r\n");
const LOST = Buffer.from(
  "-ERR_PASSWORDLESS_CONNECTION_FAILED The connection to Redis has ended. Whether the transaction has been executed is not known.\r\n",
);
const MOVED_AWAY = Buffer.from(
  "-TRYAGAIN The keys of this transaction have just moved to another node; send it again\r\n",
);
const MINUS = 45;

/**
 * A transaction that a client sends command by command. Which node it goes to shows with its first key; what comes
 * before that is kept, and answered as the server would. A key on another node is refused as by a server of a cluster:
 * the transaction is lost then.
 */
export class Transaction {
  readonly #host: TransactionHost;
  readonly #kept: Buffer[] = [];
  #lane: OwnLane | undefined;
  #isAborted = false;
  #hasBegun = false;
  /** Why the server has not begun it. */
  #refusal: Buffer | undefined;
  /** Whether EXEC or DISCARD has ended it. */
  isOver = false;
  #isClean = true;

  constructor(host: TransactionHost, lane: OwnLane | undefined) {
    this.#host = host;
    this.#lane = lane;
  }

  /** Where it goes, as far as that is known. */
  get lane(): OwnLane | undefined {
    return this.#lane;
  }

  /** Once it is over: whether it has left nothing behind on its connection, as far as the server has said so. */
  get isClean(): boolean {
    return this.#isClean;
  }

  /** Resolves with what the client gets for its next command. */
  async take(name: string, args: readonly Buffer[], command: Buffer): Promise<Buffer> {
    if (name === "EXEC" && args.length === 1) return this.#execute(command);
    if (name === "DISCARD" && args.length === 1) return this.#discard();
    if (!this.#host.routes.isWellFormed(args)) {
      this.#isAborted = true;
      const complaint = await this.#host.complaintAbout(command);
      // An EXEC with arguments ends it on some servers.
      if (complaint.subarray(0, ABORTED.length).equals(ABORTED)) await this.#drop();
      return complaint;
    }
    if (name === "MULTI") return NESTED;
    if (name === "WATCH") return WATCH_INSIDE;
    const slot = this.#host.routes.slotOf(args);
    if (slot === "crossed") return this.#abort(CROSSSLOT);
    if (slot === undefined && this.#lane === undefined) {
      this.#kept.push(Buffer.from(command));
      return QUEUED;
    }
    this.#lane ??= await this.#host.laneTo(slot);
    if (slot !== undefined && !this.#host.isOn(this.#lane, slot)) return this.#abort(CROSSSLOT);
    await this.#begin(this.#lane);
    if (this.#refusal !== undefined) return this.#refusal;
    return this.#shown(await this.#lane.ask(command), this.#lane);
  }

  /** A command that cannot be part of it. */
  refuse(error: Buffer): Buffer {
    return this.#abort(error);
  }

  #abort(error: Buffer): Buffer {
    this.#isAborted = true;
    return error;
  }

  /** Sends what has been kept; a MULTI that is refused lets nothing through that would be executed at once. */
  async #begin(lane: OwnLane): Promise<void> {
    if (this.#hasBegun || this.#refusal !== undefined) return;
    const begun = await lane.ask(MULTI);
    if (begun?.equals(OK) !== true) {
      this.#refusal = this.#abort(begun ?? LOST);
      return;
    }
    this.#hasBegun = true;
    const replies = await Promise.all(this.#kept.splice(0).map((command) => lane.ask(command)));
    if (replies.some((reply) => reply === undefined || reply[0] === MINUS)) this.#isAborted = true;
  }

  /** A client of one server knows no other nodes. */
  #shown(reply: Buffer | undefined, lane: OwnLane): Buffer {
    if (reply === undefined) return this.#abort(LOST);
    const redirect = reply[0] === MINUS ? redirectIn(reply, lane.node.address) : undefined;
    if (redirect === undefined || redirect.kind === "later") return reply;
    if (redirect.kind === "moved") this.#host.moved(redirect.slot, redirect.node);
    return this.#abort(MOVED_AWAY);
  }

  async #execute(command: Buffer): Promise<Buffer> {
    if (this.#isAborted) {
      await this.#drop();
      return EXECABORT;
    }
    this.#lane ??= await this.#host.laneTo(undefined);
    await this.#begin(this.#lane);
    if (this.#refusal !== undefined) return this.#execute(command);
    const reply = await this.#lane.ask(command);
    this.isOver = true;
    if (reply === undefined) return LOST;
    this.#isClean = reply[0] !== MINUS || reply.subarray(0, ABORTED.length).equals(ABORTED);
    return this.#shown(reply, this.#lane);
  }

  async #discard(): Promise<Buffer> {
    await this.#drop();
    return OK;
  }

  /** Ends it on its connection, and what is watched there. */
  async #drop(): Promise<void> {
    const reply = await this.#lane?.ask(this.#hasBegun ? DISCARD : UNWATCH);
    this.#isClean = reply?.equals(OK) === true;
    this.isOver = true;
  }
}
