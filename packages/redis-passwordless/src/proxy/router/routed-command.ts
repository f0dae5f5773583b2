import { encodeCommand } from "resp-framing";
import { respError } from "../resp-error.js";
import { lossReply } from "../shared/loss-reply.js";
import type { Loss, Recipient } from "../shared/recipient.js";
import type { SharedConnection } from "../shared/shared-connection.js";
import type { Cluster, ClusterNode } from "./cluster.js";
import { type Redirect, redirectIn } from "./redirect.js";
import type { Retries, Retry } from "./retries.js";

/** Who has sent a command. */
export interface Sender {
  readonly cluster: Cluster;
  /** The connection to a node on which its commands go; `undefined` while none is open. */
  connectionTo(node: ClusterNode): SharedConnection | undefined;
  /** Opens one. */
  openConnectionTo(node: ClusterNode): Promise<SharedConnection>;
  /** The order in which its commands are sent again. */
  readonly retries: Retries;
  /** A command is sent again: others of the same client must wait until everything before them is answered. */
  unsettled(): void;
  /** The connection has ended within a reply, or nobody reads it. */
  giveUp(): void;
}

export interface RoutedCommand {
  readonly command: Buffer;
  /** Replies that it has: a transaction in one piece has several. */
  readonly replies: number;
  /** Where it goes; `undefined` for the node that answers what has no key. */
  readonly slot: number | undefined;
  /** A node that is meant whatever slots it serves. */
  readonly node?: ClusterNode;
  /** Whether it may be sent again when nobody knows whether it has been executed. */
  readonly isReadOnly: boolean;
  /** Gets the reply in pieces. */
  readonly put: (bytes: Buffer, isLast: boolean) => Promise<void> | undefined;
}

/** How often a command is sent, at most; then its client gets the error. */
const MOST_REDIRECTS = 8;
const MOST_DELAYS = 45;
/**
 * Between two tries, in milliseconds: doubling from the first to the second figure; 20 s in all. An unplanned failover
 * of Azure Managed Redis takes 10 to 15 s.
 *
 * @see https://learn.microsoft.com/azure/redis/failover
 */
const DELAYS_MS = [25, 500] as const;
const MINUS = 45;
/** Longer ones redirect nobody. */
const LONGEST_REDIRECT = 1_024;

const ASKING = encodeCommand(["ASKING"]);

/** One command on its way to the node that executes it, wherever that is by now. */
export class CommandOnItsWay implements Recipient, Retry {
  readonly #sender: Sender;
  readonly #what: RoutedCommand;
  readonly number: number;
  #node: ClusterNode;
  #isAsking = false;
  #redirects = 0;
  #delays = 0;
  /** Replies of this try that have ended. */
  #ended = 0;
  /** What has come of this try and may turn out to be a redirection. */
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #isFlowing = false;

  constructor(sender: Sender, what: RoutedCommand) {
    this.#sender = sender;
    this.#what = what;
    this.number = sender.retries.next();
    this.#node = what.node ?? sender.cluster.nodeOf(what.slot);
  }

  send(): void {
    const connection = this.#sender.connectionTo(this.#node);
    if (connection === undefined) void this.#sendLater();
    else this.#sendOn(connection);
  }

  async #sendLater(): Promise<void> {
    this.#sender.unsettled();
    try {
      this.#sendOn(await this.#sender.openConnectionTo(this.#node));
    } catch (error) {
      // The node may be one that has just failed.
      this.#again({ kind: "later" }, Buffer.from(respError(error)));
    }
  }

  #sendOn(connection: SharedConnection): void {
    this.#ended = this.#isAsking ? -1 : 0;
    this.#kept = [];
    this.#keptBytes = 0;
    const { command, replies } = this.#what;
    if (this.#isAsking) connection.send(Buffer.concat([ASKING, command]), this, replies + 1);
    else connection.send(command, this, replies);
  }

  receive(bytes: Buffer, ended: number): Promise<void> | undefined {
    if (this.#isFlowing) {
      this.#ended += ended;
      return this.#put(bytes);
    }
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    this.#ended += ended;
    if (this.#ended < this.#what.replies && this.#mayRedirect) return undefined;
    return this.#decide();
  }

  /** Whether what has come may be a redirection, or comes before one. */
  get #mayRedirect(): boolean {
    const isError = this.#kept[0]?.[0] === MINUS && this.#keptBytes < LONGEST_REDIRECT;
    return this.#isAsking || this.#what.replies > 1 || isError;
  }

  #decide(): Promise<void> | undefined {
    let bytes = this.#kept.length === 1 ? this.#kept[0]! : Buffer.concat(this.#kept);
    // The reply to ASKING.
    if (this.#isAsking) bytes = bytes.subarray(bytes.indexOf("\n") + 1);
    if (this.#ended === this.#what.replies) {
      const redirect = this.#redirectIn(bytes);
      if (redirect !== undefined && this.#again(redirect, bytes)) return undefined;
    }
    this.#kept = [];
    this.#isFlowing = true;
    return this.#put(bytes);
  }

  #put(bytes: Buffer): Promise<void> | undefined {
    const isLast = this.#ended === this.#what.replies;
    const wait = this.#what.put(bytes, isLast);
    if (isLast) this.#sender.retries.settled(this.number);
    return wait;
  }

  #redirectIn(bytes: Buffer): Redirect | undefined {
    const { address } = this.#node;
    if (this.#what.replies === 1) return bytes[0] === MINUS ? redirectIn(bytes, address) : undefined;
    // Where a command of a transaction was not queued, nothing has been executed, and EXEC says so.
    const lines = bytes.toString("latin1").split(/(?<=\r\n)/);
    if (lines.at(-1)?.startsWith("-EXECABORT") !== true) return undefined;
    for (const line of lines) {
      const redirect = line.startsWith("-") ? redirectIn(Buffer.from(line, "latin1"), address) : undefined;
      // ASKING is good for one command: a transaction waits until its slot has moved.
      if (redirect !== undefined) return redirect.kind === "ask" ? { kind: "later" } : redirect;
    }
    return undefined;
  }

  /** @returns whether it is tried again; otherwise the client has to hear of it */
  #again(redirect: Redirect, error: Buffer): boolean {
    const isLater = redirect.kind === "later";
    if (isLater ? this.#delays === MOST_DELAYS : this.#redirects === MOST_REDIRECTS) {
      if (isLater && this.#ended < this.#what.replies) this.#fail(error);
      return false;
    }
    const { cluster } = this.#sender;
    this.#sender.unsettled();
    this.#isAsking = redirect.kind === "ask";
    if (isLater) {
      const delayMs = Math.min(DELAYS_MS[0] * 2 ** this.#delays, DELAYS_MS[1]);
      this.#delays += 1;
      this.#sender.retries.delay(this);
      void cluster.look();
      cluster.clock.schedule(
        () => {
          this.#node = this.#what.node ?? cluster.nodeOf(this.#what.slot);
          this.#sender.retries.send(this);
        },
        delayMs,
        { keepAlive: true },
      );
      return true;
    }
    this.#redirects += 1;
    this.#node = cluster.node(redirect.node);
    if (redirect.kind === "moved") cluster.moved(redirect.slot, redirect.node);
    this.#sender.retries.send(this);
    return true;
  }

  #fail(error: Buffer): void {
    for (let left = this.#what.replies; left > 0; left -= 1) void this.#what.put(error, left === 1);
    this.#sender.retries.settled(this.number);
  }

  lost(loss: Loss): void {
    if (this.#isFlowing) return this.#sender.giveUp();
    const error = lossReply(loss);
    const mayRepeat = !loss.mayHaveRun || this.#what.isReadOnly;
    this.#ended = 0;
    this.#kept = [];
    if (!mayRepeat) {
      // Another node may have taken over.
      void this.#sender.cluster.look();
      this.#fail(error);
    } else this.#again({ kind: "later" }, error);
  }

  giveUp(): void {
    this.#sender.giveUp();
  }
}
