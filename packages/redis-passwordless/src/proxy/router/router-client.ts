import { encodeCommand, RespError } from "resp-framing";
import { PasswordlessError } from "../../core/errors.js";
import type { LoginDesk } from "../../inband/foreign-client.js";
import { subscriberError } from "../../inband/resp2-view.js";
import { LONGEST_OF_STRANGER, STRANGER_TOO_LONG } from "../client-gate.js";
import { HIGH_WATER_BYTES } from "../client-link.js";
import type { ClientEnd } from "../events.js";
import type { Client } from "../io/shared-reads.js";
import { respError } from "../resp-error.js";
import { ClientPort } from "../shared/client-port.js";
import { CommandReader, type Found } from "../shared/command-reader.js";
import { OwnConnection } from "../shared/own-connection.js";
import type { SharedConnection } from "../shared/shared-connection.js";
import { type TransactionPart, transactionPart } from "../shared/transaction-part.js";
import type { InstanceCounters } from "../status.js";
import type { Cluster, ClusterNode } from "./cluster.js";
import { ExclusiveCommands } from "./exclusive.js";
import type { Merge } from "./merge.js";
import { ReplyOrder } from "./reply-order.js";
import { Retries } from "./retries.js";
import type { Route } from "./route.js";
import { CommandOnItsWay, type RoutedCommand, type Sender } from "./routed-command.js";
import { nextScan, scanAt } from "./scan.js";
import { asSingleServer } from "./server-view.js";

export interface RouterClientOptions {
  readonly client: Client;
  readonly cluster: Cluster;
  /** Who decides what the client's own logins mean. */
  readonly desk: LoginDesk;
  /** What CLIENT ID answers. */
  readonly id: number;
  readonly counters?: Pick<InstanceCounters, "bytesIn" | "bytesOut">;
}

/** Commands of one client that are under way at the same time, at most. */
const MOST_AT_ONCE = 4_096;

/**
 * One client that takes a cluster for one server: each of its commands goes to the node of its key, and the replies come
 * back in the order of the commands.
 *
 * Commands that are sent without waiting for replies may be executed at the same time on different nodes; those for one
 * node, and so for one key, in their order. PUBLISH and what goes to all nodes wait for everything before them.
 */
export class RouterClient implements Sender {
  readonly cluster: Cluster;
  readonly retries = new Retries();
  readonly #id: number;
  readonly #desk: LoginDesk;
  readonly #port: ClientPort;
  readonly #reader = new CommandReader();
  readonly #connection: OwnConnection;
  readonly #order: ReplyOrder;
  readonly #own: ExclusiveCommands;
  /** Where commands for a node go, while replies are under way. */
  readonly #connections = new Map<ClusterNode, SharedConnection>();
  /** The version of the cluster's map that the commands under way went by. */
  #version = 0;
  /** Everything under way has to be answered first. */
  #mustSettle = false;
  /** Something has to happen before the next command is looked at. */
  #isWaiting = false;
  #hasEnded = false;
  #isOver = false;
  #isOpen = true;
  #reason: ClientEnd | undefined;
  #settle: (reason: ClientEnd) => void = () => {};
  /** Resolves when the client's connection has ended. */
  readonly ended: Promise<ClientEnd>;

  constructor(options: RouterClientOptions) {
    this.cluster = options.cluster;
    this.#id = options.id;
    this.#desk = options.desk;
    this.#connection = new OwnConnection(options.desk);
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    const user = {
      onBytes: (bytes: Buffer) => this.#fromClient(bytes),
      onEnd: () => {
        this.#hasEnded = true;
        this.#own.end();
        this.#pump();
      },
      onClose: () => this.#closed(),
    };
    this.#port = new ClientPort(options.client, user, options.counters);
    this.#order = new ReplyOrder(
      (bytes) => this.#port.write(bytes),
      () => this.#emptied(),
    );
    this.#own = new ExclusiveCommands({
      cluster: this.cluster,
      protocol: () => this.#connection.protocol,
      show: (frame) => this.#order.push(frame),
      complaintAbout: (command) => this.#complaintAbout(command),
      brokenOff: () => {
        this.#isOver = true;
      },
      lost: (error) => this.#lost(error),
    });
    this.#wait(
      this.cluster.ready().catch((error: unknown) => {
        this.#reason ??= "unreachable";
        this.#isOver = true;
        void this.#port.write(Buffer.from(respError(error)));
      }),
    );
  }

  /** Whether nothing is under way for it. */
  get isIdle(): boolean {
    return this.#order.size === 0 && !this.#isWaiting && !this.#own.isActive;
  }

  /** Between two commands a client that is at work waits for nothing either. */
  dismiss(): void {
    if (this.#port.isSilent) this.destroy("idle");
  }

  /** Ends the client's connection at once. */
  destroy(reason: ClientEnd): void {
    this.#reason ??= reason;
    this.#port.destroy();
  }

  connectionTo(node: ClusterNode): SharedConnection | undefined {
    const known = this.#connections.get(node);
    if (known?.isOpen === true) return known;
    const picked = node.pool.pick(this.#connection.protocol);
    if (picked !== undefined) this.#connections.set(node, picked);
    return picked;
  }

  async openConnectionTo(node: ClusterNode): Promise<SharedConnection> {
    const connection = await node.pool.get(this.#connection.protocol);
    this.#connections.set(node, connection);
    return connection;
  }

  unsettled(): void {
    this.#mustSettle = true;
  }

  giveUp(): void {
    this.destroy("server");
  }

  #fromClient(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#reader.feed(bytes);
    this.#pump();
    this.#reader.keep();
    const isFull = this.#isWaiting && this.#reader.rest.length > HIGH_WATER_BYTES;
    if (isFull) this.#port.hold("something has to come first");
  }

  #pump(): void {
    while (this.#isOpen && !this.#isWaiting && !this.#isOver && this.#mayGoOn()) {
      const found = this.#next();
      if (this.#desk.isLocked && this.#reader.rest.length > LONGEST_OF_STRANGER) {
        this.#sendAway(STRANGER_TOO_LONG);
        break;
      }
      if (found === "more") break;
      if (found === "command") this.#take();
      else this.#breakOff(found);
    }
    const isDone = this.#order.size === 0 && !this.#isWaiting;
    if (isDone && (this.#isOver || this.#hasEnded)) this.#port.end();
  }

  #next(): Found | RespError {
    try {
      return this.#reader.next();
    } catch (error) {
      if (error instanceof RespError) return error;
      throw error;
    }
  }

  /** Commands must not overtake those before them that are being sent elsewhere again. */
  #mayGoOn(): boolean {
    const isFree = this.#order.size === 0;
    const isOutdated = this.#version !== this.cluster.version;
    if (!isFree && (this.#mustSettle || isOutdated || this.#order.size >= MOST_AT_ONCE)) {
      this.#port.hold("replies");
      return false;
    }
    if (isFree) {
      this.#mustSettle = false;
      this.#version = this.cluster.version;
    }
    this.#port.go("replies");
    return true;
  }

  #emptied(): void {
    this.#connections.clear();
    queueMicrotask(() => this.#pump());
  }

  #take(): void {
    const reader = this.#reader;
    const name = reader.name.toUpperCase();
    const refusal = this.#desk.isLocked ? this.#connection.refusal(name) : undefined;
    if (refusal !== undefined) return this.#answer(refusal);
    const { args } = reader;
    const route = this.cluster.routes.of(args);
    const takesAlone = this.#own.takes(name, route) || NEEDS_SILENCE.has(route.kind) || name === "HELLO";
    if ((takesAlone || waitsForOthers(name, route)) && this.#order.size > 0) {
      // Looked at again when everything before it has been answered.
      reader.rewind();
      this.#mustSettle = true;
      return;
    }
    const command = Buffer.from(reader.command);
    if (this.#connection.protocol === 2 && this.#own.isSubscribed && !FOR_SUBSCRIBERS.has(name)) {
      return this.#answer(subscriberError(name));
    }
    if (route.kind === "client" && !(name === "HELLO" && this.#own.isActive)) this.#answerItself(args);
    else if (route.kind === "multi" && !this.#own.isActive && this.#takeTransaction(command)) return;
    else if (takesAlone) this.#takeAlone(this.#own.take(name, route, args.map(copyOf), command));
    else this.#send(name, route, args, command);
  }

  #send(name: string, route: Route, args: readonly Buffer[], command: Buffer): void {
    switch (route.kind) {
      case "node": {
        const { slot, isReadOnly } = route;
        this.#route({ command, slot, isReadOnly, replies: 1 }, name === "INFO" ? asSingleServer : undefined);
        break;
      }
      case "parts":
        this.#merge(
          route.parts.map(({ slot, command }) => ({
            command,
            slot,
            isReadOnly: route.isReadOnly,
            replies: 1,
          })),
          route.merge,
        );
        break;
      case "all":
        this.#merge(
          this.cluster.masters.map((node) => ({
            command,
            node,
            slot: undefined,
            isReadOnly: route.isReadOnly,
            replies: 1,
          })),
          route.merge,
        );
        break;
      case "scan":
        this.#scan(args);
        break;
      case "answer":
        this.#answer(route.reply);
        break;
      default:
        throw new Error(`${route.kind} is no way for a shared connection`);
    }
  }

  /** Sends a command to one node. */
  #route(what: Omit<RoutedCommand, "put">, shown?: (frame: Buffer) => Buffer): void {
    const place = this.#order.next();
    const put =
      shown === undefined
        ? (bytes: Buffer, isLast: boolean) => place.put(bytes, isLast)
        : whole((frame) => place.put(shown(frame), true));
    new CommandOnItsWay(this, { ...what, put }).send();
  }

  /** Sends the parts of a command, and makes one reply of theirs. */
  #merge(parts: readonly Omit<RoutedCommand, "put">[], merge: Merge): void {
    const place = this.#order.next();
    const frames: Buffer[] = [];
    let left = parts.length;
    for (const [index, part] of parts.entries()) {
      const put = whole((frame) => {
        frames[index] = frame;
        left -= 1;
        return left === 0 ? place.put(merge(frames), true) : undefined;
      });
      new CommandOnItsWay(this, { ...part, put }).send();
    }
  }

  #scan(args: readonly Buffer[]): void {
    const nodes = this.cluster.masters;
    const scan = scanAt(args, nodes.length);
    if (scan.kind === "answer") return this.#answer(scan.reply);
    const node = nodes[scan.position.node]!;
    this.#route({ command: scan.command, node, slot: undefined, isReadOnly: true, replies: 1 }, (frame) =>
      nextScan(frame, scan.position, nodes.length),
    );
  }

  /** A transaction on one slot that has come in one piece is sent in one piece. */
  #takeTransaction(begin: Buffer): boolean {
    const reader = this.#reader;
    const start = reader.mark;
    const parts = [begin];
    let slot: number | undefined;
    for (let part: TransactionPart = "inside"; part !== "end"; ) {
      const route = this.#next() === "command" ? this.cluster.routes.of(reader.args) : undefined;
      if (route?.kind === "node") {
        const isElsewhere = route.slot !== undefined && slot !== undefined && route.slot !== slot;
        part = isElsewhere ? "apart" : transactionPart(reader.name.toUpperCase(), reader.count);
        slot ??= route.slot;
      } else part = "apart";
      if (part === "apart") {
        reader.backTo(start);
        // Found again, so that it is taken as the beginning of a transaction.
        this.#next();
        return false;
      }
      parts.push(Buffer.from(reader.command));
    }
    this.#route({ command: Buffer.concat(parts), slot, isReadOnly: false, replies: parts.length });
    return true;
  }

  #answerItself(args: readonly Buffer[]): void {
    if (String(args[1]).toUpperCase() === "ID" && String(args[0]).toUpperCase() === "CLIENT") {
      return this.#answer(Buffer.from(`:${this.#id}\r\n`));
    }
    const answer = this.#connection.answer(args);
    if (answer.kind === "hello") {
      // The connections so far speak what the client spoke.
      this.#connections.clear();
      const command = encodeCommand(answer.command);
      return this.#route({ command, slot: undefined, isReadOnly: true, replies: 1 }, asSingleServer);
    }
    if (String(args[0]).toUpperCase() === "RESET") {
      this.#own.close();
      this.#connections.clear();
    }
    this.#answer(answer.reply);
    if (answer.ends === true) this.#isOver = true;
  }

  #answer(reply: Buffer): void {
    void this.#order.next().put(reply, true);
  }

  /** Takes a command before which everything is answered, and behind which everything waits for it. */
  #takeAlone(reply: Promise<Buffer | undefined>): void {
    const place = this.#order.next();
    this.#wait(
      reply.then(
        (frame) => void place.put(frame ?? NOTHING, true),
        (error: unknown) => void place.put(Buffer.from(respError(error)), true),
      ),
      true,
    );
  }

  #complaintAbout(command: Buffer): Promise<Buffer> {
    return new Promise((resolve) => {
      const put = whole((frame) => {
        resolve(frame);
        return undefined;
      });
      new CommandOnItsWay(this, { command, slot: undefined, isReadOnly: true, replies: 1, put }).send();
    });
  }

  /** @param isLong whether the client is read on for a while, to notice when it goes away */
  #wait(until: Promise<void>, isLong = false): void {
    this.#isWaiting = true;
    if (!isLong) this.#port.hold("something has to come first");
    void until.then(() => {
      this.#isWaiting = false;
      this.#port.go("something has to come first");
      this.#pump();
    });
  }

  /** What the client had on a connection of its own is gone. */
  #lost(error: Error): void {
    if (!PasswordlessError.is(error)) return this.destroy("server");
    this.#reason ??= "expiry";
    this.#isOver = true;
    this.#answer(Buffer.from(respError(error)));
    this.#pump();
  }

  #breakOff(found: "long" | RespError): void {
    const text =
      found === "long"
        ? "-ERR_PASSWORDLESS_COMMAND_REFUSED A command is too long for an endpoint that stands for several servers\r\n"
        : `-ERR Protocol error: ${found.message}\r\n`;
    this.#sendAway(text);
  }

  #sendAway(answer: string): void {
    this.#reason ??= "refused";
    this.#isOver = true;
    this.#answer(Buffer.from(answer));
  }

  #closed(): void {
    this.#isOpen = false;
    this.#own.close();
    this.#settle(this.#reason ?? "client");
  }
}

const NOTHING = Buffer.alloc(0);
const NEEDS_SILENCE: ReadonlySet<Route["kind"]> = new Set(["own", "watch", "subscribe"]);
const FOR_SUBSCRIBERS: ReadonlySet<string> = new Set([
  "SUBSCRIBE",
  "PSUBSCRIBE",
  "SSUBSCRIBE",
  "UNSUBSCRIBE",
  "PUNSUBSCRIBE",
  "SUNSUBSCRIBE",
  "PING",
  "QUIT",
  "RESET",
]);

/** Others would see what it does before they see what was done before it, if it did not wait. */
function waitsForOthers(name: string, route: Route): boolean {
  return (route.kind === "all" && !route.isReadOnly) || name === "PUBLISH" || name === "SPUBLISH";
}

function copyOf(bytes: Buffer): Buffer {
  return Buffer.from(bytes);
}

/** Gathers a reply until it is whole. */
function whole(then: (frame: Buffer) => Promise<void> | undefined): RoutedCommand["put"] {
  const parts: Buffer[] = [];
  return (bytes, isLast) => {
    parts.push(bytes);
    return isLast ? then(Buffer.concat(parts)) : undefined;
  };
}
