import { decodeReply } from "../../inband/reply.js";
import { hashSlot } from "../../topology/hash-slot.js";
import { elementsOf, listOf } from "./merge.js";
import type { OnPush, OwnLane } from "./own-lane.js";

/** What subscriptions need of their client. */
export interface SubscriptionHost {
  /** Opens a connection of the client's own to the node of a slot, or to the one for what has no slot. */
  open(slot: number | undefined, onPush: OnPush): Promise<OwnLane>;
  /** Whether the node of this slot is the one of the lane. */
  isOn(lane: OwnLane, slot: number): boolean;
  /** Shows the client a message or a confirmation. */
  show(frame: Buffer): Promise<void> | undefined;
}

const CROSSSLOT = Buffer.from("-CROSSSLOT Keys in request don't hash to the same slot\r\n");
const LOST = Buffer.from("-ERR_PASSWORDLESS_CONNECTION_FAILED The connection to Redis has ended.\r\n");

/** Confirmations that are still to come for a command. */
interface Awaited {
  left: number;
  readonly settle: (error?: Buffer) => void;
}

/** A lane with the subscriptions on it. */
interface Subscribed {
  readonly lane: OwnLane;
  readonly names: Readonly<Record<"" | "p" | "s", Set<string>>>;
  awaited: Awaited | undefined;
}

/**
 * What one client has subscribed to. Channels and patterns are all on one node, since the nodes of a cluster tell each
 * other of messages; channels of sharded Pub/Sub are on the nodes of their slots.
 */
export class Subscriptions {
  readonly #host: SubscriptionHost;
  #home: Promise<Subscribed> | undefined;
  readonly #shards: Subscribed[] = [];

  constructor(host: SubscriptionHost) {
    this.#host = host;
  }

  /** Whether anything is subscribed: a client of RESP2 may do little else then. */
  get isActive(): boolean {
    return this.#all.some(hasAny);
  }

  #known: Subscribed | undefined;

  get #all(): readonly Subscribed[] {
    return this.#known === undefined ? this.#shards : [this.#known, ...this.#shards];
  }

  /**
   * Subscribes or unsubscribes; resolves when all is confirmed.
   *
   * @returns the error that the client gets instead
   */
  async take(name: string, args: readonly Buffer[], command: Buffer): Promise<Buffer | undefined> {
    if (name.startsWith("S") && name !== "SUBSCRIBE") return this.#takeSharded(name, args, command);
    this.#home ??= this.#open(undefined);
    const home = await this.#home;
    this.#known = home;
    return this.#run(home, name.startsWith("P") ? "p" : "", name, args, command);
  }

  async #takeSharded(name: string, args: readonly Buffer[], command: Buffer): Promise<Buffer | undefined> {
    const slots = args.slice(1).map((channel) => hashSlot(channel));
    const [slot] = slots;
    if (slots.some((other) => other !== slot)) return CROSSSLOT;
    if (slot === undefined) {
      // All of them, on every node; where there is none, one node says so.
      const active = this.#shards.filter(({ names }) => names.s.size > 0);
      for (const shard of active) {
        const error = await this.#run(shard, "s", name, args, command);
        if (error !== undefined) return error;
      }
      if (active.length > 0) return undefined;
    }
    let shard = this.#shards.find(({ lane }) => this.#host.isOn(lane, slot ?? 0));
    if (shard === undefined) {
      shard = await this.#open(slot ?? 0);
      this.#shards.push(shard);
    }
    return this.#run(shard, "s", name, args, command);
  }

  /** The PING of a subscriber of RESP2, to which a server answers as to a subscription. */
  ping(command: Buffer): Promise<Buffer | undefined> {
    // One without subscriptions would answer as to anybody.
    const home = this.#all.find(hasAny);
    if (home === undefined) return Promise.resolve(LOST);
    return new Promise((resolve) => {
      const settle = (error?: Buffer): void => {
        home.awaited = undefined;
        resolve(error);
      };
      home.awaited = { left: 1, settle };
      home.lane.tell(command);
    });
  }

  /** A connection has ended: what was asked on it is not confirmed any more. */
  lost(lane: OwnLane): void {
    for (const one of this.#all) if (one.lane === lane) one.awaited?.settle(LOST);
  }

  /** Ends all subscriptions, and their connections. */
  close(): void {
    for (const { lane, awaited } of this.#all) {
      awaited?.settle(LOST);
      lane.discard();
    }
    this.#home = undefined;
    this.#known = undefined;
    this.#shards.length = 0;
  }

  async #open(slot: number | undefined): Promise<Subscribed> {
    const names = { "": new Set<string>(), p: new Set<string>(), s: new Set<string>() };
    let subscribed: Subscribed | undefined;
    const lane = await this.#host.open(slot, (frame) =>
      subscribed === undefined ? undefined : this.#onFrame(subscribed, frame),
    );
    subscribed = { lane, names, awaited: undefined };
    return subscribed;
  }

  #run(
    subscribed: Subscribed,
    kind: "" | "p" | "s",
    name: string,
    args: readonly Buffer[],
    command: Buffer,
  ): Promise<Buffer | undefined> {
    const isEnd = name.includes("UNSUBSCRIBE");
    const left = args.length > 1 ? args.length - 1 : isEnd ? Math.max(1, subscribed.names[kind].size) : 1;
    return new Promise((resolve) => {
      const settle = (error?: Buffer): void => {
        subscribed.awaited = undefined;
        resolve(error);
      };
      subscribed.awaited = { left, settle };
      subscribed.lane.tell(command);
    });
  }

  #onFrame(subscribed: Subscribed, frame: Buffer): Promise<void> | undefined {
    const { awaited } = subscribed;
    if (frame[0] === MINUS) {
      awaited?.settle(frame);
      return undefined;
    }
    const [type = Buffer.alloc(0), channel = Buffer.alloc(0)] = elementsOf(frame);
    const word = String(decodeReply(type));
    if (!word.endsWith("subscribe")) {
      const wait = this.#host.show(frame);
      if (word === "pong") awaited?.settle();
      return wait;
    }
    const kind = word.startsWith("p") ? "p" : word === "subscribe" || word === "unsubscribe" ? "" : "s";
    const names = subscribed.names[kind];
    if (word.endsWith("unsubscribe")) names.delete(channel.toString("latin1"));
    else names.add(channel.toString("latin1"));
    const wait = this.#host.show(kind === "s" ? this.#counted(frame) : frame);
    if (awaited !== undefined) {
      awaited.left -= 1;
      if (awaited.left === 0) awaited.settle();
    }
    return wait;
  }

  /** Each node counts its own; the client gets the number of all. */
  #counted(frame: Buffer): Buffer {
    const elements = [...elementsOf(frame)];
    const count = this.#shards.reduce((sum, { names }) => sum + names.s.size, 0);
    return listOf([...elements.slice(0, 2), Buffer.from(`:${count}\r\n`)], frame[0]);
  }
}

/** Whether anything is subscribed on a connection. */
function hasAny({ names }: Subscribed): boolean {
  return names[""].size + names.p.size + names.s.size > 0;
}

const MINUS = 45;
