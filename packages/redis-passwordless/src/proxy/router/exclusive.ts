import { encodeCommand } from "resp-framing";
import type { Cluster } from "./cluster.js";
import { OwnLane } from "./own-lane.js";
import { type Redirect, redirectIn } from "./redirect.js";
import type { Route } from "./route.js";
import { nameOf } from "./slot-map.js";
import { Subscriptions } from "./subscriptions.js";
import { Transaction } from "./transaction.js";

/** What the commands of a client that need a connection of its own need of the client. */
export interface ExclusiveHost {
  readonly cluster: Cluster;
  protocol(): 2 | 3;
  /** Shows the client a message or a confirmation. */
  show(frame: Buffer): Promise<void> | undefined;
  /** What a server says to a command that is malformed. */
  complaintAbout(command: Buffer): Promise<Buffer>;
  /** A command that blocked has been broken off, because the client has gone: nothing behind it is executed. */
  brokenOff(): void;
  /** A connection has ended, and with it what the client had on it. */
  lost(error: Error): void;
}

const CROSSSLOT = Buffer.from("-CROSSSLOT Keys in request don't hash to the same slot\r\n");
const OK = Buffer.from("+OK\r\n");
const LOST = Buffer.from(
  "-ERR_PASSWORDLESS_CONNECTION_FAILED The connection to Redis has ended before this command was answered. It may have been executed, or not.\r\n",
);
const NOT_INSIDE = Buffer.from("-ERR This command is not allowed inside a transaction here\r\n");
const NOT_SUBSCRIBED = Buffer.from(
  "-ERR HELLO is not allowed while something is subscribed or watched here\r\n",
);
const ENDS_WATCHING: ReadonlySet<string> = new Set(["UNWATCH", "EXEC", "DISCARD"]);
const ASKING = encodeCommand(["ASKING"]);
const NOTHING: Buffer = Buffer.alloc(0);
const MINUS = 45;
/** How often a command is sent to another node, or again, at most. */
const MOST_TRIES = 20;
const DELAY_MS = 100;

/** Transactions, watched keys, blocking commands and subscriptions of one client: what no shared connection can take. */
export class ExclusiveCommands {
  readonly #host: ExclusiveHost;
  #transaction: Transaction | undefined;
  /** Where keys are watched. */
  #watching: OwnLane | undefined;
  #subscriptions: Subscriptions | undefined;
  /** Every connection that is open for this client. */
  readonly #lanes = new Set<OwnLane>();
  /** Those on which a command may block. */
  readonly #asking = new Set<OwnLane>();
  #hasEnded = false;
  /** Grows with each {@link close}: what was being opened then is of no use any more. */
  #life = 0;

  constructor(host: ExclusiveHost) {
    this.#host = host;
  }

  /** Whether a transaction, a watched key or a subscription stands open. */
  get isActive(): boolean {
    return this.#transaction !== undefined || this.#watching !== undefined || this.isSubscribed;
  }

  get isSubscribed(): boolean {
    return this.#subscriptions?.isActive === true;
  }

  /** Whether a command is one of these, as things stand. */
  takes(name: string, route: Route): boolean {
    if (name === "QUIT" || name === "RESET") return false;
    if (this.#transaction !== undefined) return true;
    if (this.#watching !== undefined && ENDS_WATCHING.has(name)) return true;
    if (this.isActive && name === "HELLO") return true;
    if (this.isSubscribed && this.#host.protocol() === 2 && name === "PING") return true;
    return (
      route.kind === "multi" || route.kind === "watch" || route.kind === "own" || route.kind === "subscribe"
    );
  }

  /** Resolves with what the client gets; `undefined` when it has got it already. */
  async take(
    name: string,
    route: Route,
    args: readonly Buffer[],
    command: Buffer,
  ): Promise<Buffer | undefined> {
    const transaction = this.#transaction;
    if (transaction !== undefined) return this.#takeInside(transaction, name, route, args, command);
    if (name === "HELLO") return NOT_SUBSCRIBED;
    if (name === "UNWATCH") return this.#unwatch(command);
    // Without a MULTI: some servers take it for the end of what is watched.
    if (ENDS_WATCHING.has(name)) return (await this.#watching?.ask(command)) ?? LOST;
    if (name === "PING") return this.#subscriptions?.ping(command);
    if (route.kind === "watch") return this.#watch(args, command);
    if (route.kind === "subscribe") return this.#subscribe(name, args, command);
    if (route.kind === "own") return this.#ask(route.slot, command);
    if (args.length !== 1) return this.#host.complaintAbout(command);
    this.#transaction = new Transaction(this.#transactionHost(), this.#watching);
    return OK;
  }

  /** The client sends nothing more: nothing blocks for it from here on, and takes what others wait for. */
  end(): void {
    this.#hasEnded = true;
    for (const lane of this.#asking) lane.end();
  }

  /** Ends everything. */
  close(): void {
    this.#transaction = undefined;
    this.#watching = undefined;
    this.#subscriptions?.close();
    this.#subscriptions = undefined;
    for (const lane of this.#lanes) lane.discard();
    this.#lanes.clear();
    this.#life += 1;
  }

  async #takeInside(
    transaction: Transaction,
    name: string,
    route: Route,
    args: readonly Buffer[],
    command: Buffer,
  ): Promise<Buffer> {
    const isForbidden = route.kind === "subscribe" || route.kind === "client";
    if (isForbidden) return transaction.refuse(NOT_INSIDE);
    if (route.kind === "answer") return transaction.refuse(route.reply);
    const reply = await transaction.take(name, args, command);
    if (transaction.isOver && this.#transaction === transaction) {
      this.#transaction = undefined;
      this.#watching = undefined;
      const { lane, isClean } = transaction;
      if (lane !== undefined && isClean) this.#giveBack(lane);
      else if (lane !== undefined) this.#discard(lane);
    }
    return reply;
  }

  #transactionHost(): ConstructorParameters<typeof Transaction>[0] {
    const { cluster } = this.#host;
    return {
      routes: cluster.routes,
      laneTo: async (slot) => this.#watching ?? this.#open(slot),
      isOn: (lane, slot) => this.#isOn(lane, slot),
      moved: (slot, node) => cluster.moved(slot, node),
      complaintAbout: (command) => this.#host.complaintAbout(command),
    };
  }

  async #watch(args: readonly Buffer[], command: Buffer): Promise<Buffer> {
    const { cluster } = this.#host;
    const slot = cluster.routes.slotOf(args);
    if (slot === undefined) return this.#host.complaintAbout(command);
    if (slot === "crossed") return CROSSSLOT;
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const lane = this.#watching ?? (await this.#open(slot));
      if (!this.#isOn(lane, slot)) return CROSSSLOT;
      const reply = await lane.ask(command);
      if (reply === undefined) return LOST;
      const redirect = redirectOf(reply, lane);
      if (redirect === undefined) {
        if (reply[0] === MINUS && this.#watching === undefined) this.#giveBack(lane);
        else this.#watching = lane;
        return reply;
      }
      if (this.#watching !== undefined)
        return reply[0] === MINUS && redirect.kind === "later" ? reply : CROSSSLOT;
      this.#giveBack(lane);
      await this.#follow(redirect);
    }
    return LOST;
  }

  async #unwatch(command: Buffer): Promise<Buffer> {
    const lane = this.#watching;
    this.#watching = undefined;
    const reply = await lane?.ask(command);
    if (lane === undefined || reply === undefined) return LOST;
    // What is refused ends nothing.
    if (reply[0] === MINUS) this.#watching = lane;
    else this.#giveBack(lane);
    return reply;
  }

  async #subscribe(name: string, args: readonly Buffer[], command: Buffer): Promise<Buffer | undefined> {
    if (args.length < 2 && !name.includes("UN")) return this.#host.complaintAbout(command);
    this.#subscriptions ??= new Subscriptions({
      open: (slot, onPush) => this.#open(slot, onPush),
      isOn: (lane, slot) => this.#isOn(lane, slot),
      show: (frame) => this.#host.show(frame),
    });
    const subscriptions = this.#subscriptions;
    const error = await subscriptions.take(name, args, command);
    if (!subscriptions.isActive && this.#subscriptions === subscriptions) {
      subscriptions.close();
      this.#subscriptions = undefined;
    }
    return error;
  }

  /** Sends one command on a connection that nobody else waits behind. */
  async #ask(slot: number | undefined, command: Buffer): Promise<Buffer> {
    let node = this.#host.cluster.nodeOf(slot);
    let isAsking = false;
    let reply: Buffer | undefined;
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const lane = await this.#openAt(node);
      if (isAsking) void lane.ask(ASKING);
      reply = await this.#askUntilEnd(lane, command);
      if (reply === undefined) {
        if (!this.#hasEnded) return LOST;
        this.#host.brokenOff();
        return NOTHING;
      }
      const redirect = redirectOf(reply, lane);
      this.#giveBack(lane);
      if (redirect === undefined) return reply;
      await this.#follow(redirect);
      isAsking = redirect.kind === "ask";
      node =
        redirect.kind === "later" ? this.#host.cluster.nodeOf(slot) : this.#host.cluster.node(redirect.node);
    }
    return reply ?? LOST;
  }

  async #askUntilEnd(lane: OwnLane, command: Buffer): Promise<Buffer | undefined> {
    const asked = lane.ask(command);
    if (this.#hasEnded) lane.end();
    this.#asking.add(lane);
    const reply = await asked;
    this.#asking.delete(lane);
    return reply;
  }

  async #follow(redirect: Redirect): Promise<void> {
    const { cluster } = this.#host;
    if (redirect.kind === "moved") cluster.moved(redirect.slot, redirect.node);
    if (redirect.kind !== "later") return;
    await new Promise<void>((resolve) => {
      cluster.clock.schedule(resolve, DELAY_MS, { keepAlive: true });
    });
    await cluster.look();
  }

  #open(slot: number | undefined, onPush?: Parameters<typeof OwnLane.open>[2]): Promise<OwnLane> {
    return this.#openAt(this.#host.cluster.nodeOf(slot), onPush);
  }

  async #openAt(
    node: ReturnType<Cluster["nodeOf"]>,
    onPush: Parameters<typeof OwnLane.open>[2] = () => undefined,
  ): Promise<OwnLane> {
    const life = this.#life;
    const lane: OwnLane = await OwnLane.open(node, this.#host.protocol(), onPush, (error) => {
      this.#lanes.delete(lane);
      this.#subscriptions?.lost(lane);
      const isMissed =
        lane === this.#watching || lane === this.#transaction?.lane || this.#subscriptions !== undefined;
      if (isMissed) this.#host.lost(error);
    });
    this.#lanes.add(lane);
    if (life !== this.#life) this.#discard(lane);
    return lane;
  }

  #giveBack(lane: OwnLane): void {
    this.#lanes.delete(lane);
    lane.giveBack();
  }

  #discard(lane: OwnLane): void {
    this.#lanes.delete(lane);
    lane.discard();
  }

  #isOn(lane: OwnLane, slot: number): boolean {
    return nameOf(this.#host.cluster.nodeOf(slot).address) === nameOf(lane.node.address);
  }
}

function redirectOf(reply: Buffer, lane: OwnLane): Redirect | undefined {
  return reply[0] === MINUS ? redirectIn(reply, lane.node.address) : undefined;
}
