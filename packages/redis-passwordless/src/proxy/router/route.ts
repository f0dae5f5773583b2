import { encodeCommand } from "resp-framing";
import { hashSlot } from "../../topology/hash-slot.js";
import type { CommandTable } from "../shared/command-table.js";
import { keyPositions } from "../shared/keys.js";
import type { Pooling } from "../shared/pooling.js";
import { anyOf, concatenated, counts, first, interleaved, type Merge, smallest, sum } from "./merge.js";

/** A part of a command that goes to one slot. */
export interface Part {
  readonly slot: number;
  readonly command: Buffer;
}

/** What becomes of a command of a client that takes the cluster for one server. */
export type Route =
  /** To the node of a slot; without one, to the one that answers whatever has no key. */
  | { readonly kind: "node"; readonly slot: number | undefined; readonly isReadOnly: boolean }
  /** The same, on a connection that nobody else waits behind. */
  | { readonly kind: "own"; readonly slot: number | undefined }
  | {
      readonly kind: "parts";
      readonly parts: readonly Part[];
      readonly merge: Merge;
      readonly isReadOnly: boolean;
    }
  /** To every node that serves slots. */
  | { readonly kind: "all"; readonly merge: Merge; readonly isReadOnly: boolean }
  | { readonly kind: "scan" }
  | { readonly kind: "multi" | "watch" | "subscribe" }
  /** About the client's connection to the proxy. */
  | { readonly kind: "client" }
  | { readonly kind: "answer"; readonly reply: Buffer };

const CROSSSLOT = Buffer.from("-CROSSSLOT Keys in request don't hash to the same slot\r\n");
const ONE_DATABASE = Buffer.from("-ERR SELECT is not allowed in cluster mode\r\n");
const NO_CLUSTER = Buffer.from("-ERR This instance has cluster support disabled\r\n");

/** Finds the way of each command. */
export class Routes {
  readonly #table: CommandTable;
  readonly #pooling: Pooling;

  constructor(table: CommandTable, pooling: Pooling) {
    this.#table = table;
    this.#pooling = pooling;
  }

  of(args: readonly Buffer[]): Route {
    const facts = this.#table.find(args) ?? this.#table.named(word(args, 0));
    const name = facts?.name ?? word(args, 0);
    const special = SPECIAL[name] ?? SPECIAL[word(args, 0)];
    if (special !== undefined) return special;
    if (isSelectOfAnother(name, args)) return { kind: "answer", reply: ONE_DATABASE };
    const sharing = this.#pooling.byArguments(args);
    if (sharing === "client") return { kind: "client" };
    if (sharing === "forever" || sharing === "wait") return { kind: "answer", reply: unsupported(name) };
    const isReadOnly = facts?.isReadOnly === true;
    const positions = facts === undefined ? undefined : keyPositions(facts, args);
    const slots = (positions ?? []).map((at) => hashSlot(args[at]!));
    const [slot] = slots;
    if (slots.some((other) => other !== slot)) {
      const parts = partsOf(name, args, positions ?? [], slots);
      return parts === undefined ? { kind: "answer", reply: CROSSSLOT } : { ...parts, isReadOnly };
    }
    if (sharing === "own") return { kind: "own", slot };
    return { kind: "node", slot, isReadOnly };
  }

  /** The one slot of a command's keys; `undefined` when it has none, `crossed` when there are several. */
  slotOf(args: readonly Buffer[]): number | "crossed" | undefined {
    const facts = this.#table.find(args);
    const slots =
      facts === undefined ? [] : (keyPositions(facts, args) ?? []).map((at) => hashSlot(args[at]!));
    return slots.some((slot) => slot !== slots[0]) ? "crossed" : slots[0];
  }

  /** Whether a server would queue this command in a transaction, as far as its name and the number of arguments tell. */
  isWellFormed(args: readonly Buffer[]): boolean {
    const facts = this.#table.find(args);
    // One that a server has not told of, because it may not be asked, is left to it.
    if (facts === undefined) return !this.#table.isComplete;
    return facts.arity < 0 ? args.length >= -facts.arity : args.length === facts.arity;
  }
}

const all = (merge: Merge, isReadOnly = true): Route => ({ kind: "all", merge, isReadOnly });
const allWrite = all(first, false);

/**
 * Commands of which one server's answer would be only a part of the truth, or change only a part, and those that would
 * tell a client that it talks to a cluster.
 */
const SPECIAL: Readonly<Record<string, Route>> = {
  DBSIZE: all(sum),
  KEYS: all(concatenated()),
  RANDOMKEY: all(anyOf(Math.random)),
  FLUSHALL: allWrite,
  FLUSHDB: allWrite,
  "SCRIPT|LOAD": all(first),
  "SCRIPT|EXISTS": all(smallest),
  "SCRIPT|FLUSH": allWrite,
  "FUNCTION|LOAD": allWrite,
  "FUNCTION|DELETE": allWrite,
  "FUNCTION|FLUSH": allWrite,
  "FUNCTION|RESTORE": allWrite,
  "CONFIG|SET": allWrite,
  "CONFIG|RESETSTAT": allWrite,
  "PUBSUB|CHANNELS": all(concatenated(true)),
  "PUBSUB|SHARDCHANNELS": all(concatenated(true)),
  "PUBSUB|NUMPAT": all(sum),
  "PUBSUB|NUMSUB": all(counts),
  "PUBSUB|SHARDNUMSUB": all(counts),
  "CLIENT|ID": { kind: "client" },
  SCAN: { kind: "scan" },
  MULTI: { kind: "multi" },
  WATCH: { kind: "watch" },
  SUBSCRIBE: { kind: "subscribe" },
  PSUBSCRIBE: { kind: "subscribe" },
  SSUBSCRIBE: { kind: "subscribe" },
  UNSUBSCRIBE: { kind: "subscribe" },
  PUNSUBSCRIBE: { kind: "subscribe" },
  SUNSUBSCRIBE: { kind: "subscribe" },
  CLUSTER: { kind: "answer", reply: NO_CLUSTER },
  READONLY: { kind: "answer", reply: NO_CLUSTER },
  READWRITE: { kind: "answer", reply: NO_CLUSTER },
  ASKING: { kind: "answer", reply: NO_CLUSTER },
};

/** Commands that mean the same when each key is asked for by itself, with the arguments of a key and the merge. */
const DIVISIBLE: Readonly<Record<string, readonly [width: number, merge: Merge | "interleaved"]>> = {
  MGET: [1, "interleaved"],
  MSET: [2, first],
  DEL: [1, sum],
  EXISTS: [1, sum],
  UNLINK: [1, sum],
  TOUCH: [1, sum],
};

function partsOf(
  name: string,
  args: readonly Buffer[],
  positions: readonly number[],
  slots: readonly number[],
): { readonly kind: "parts"; readonly parts: readonly Part[]; readonly merge: Merge } | undefined {
  const divisible = DIVISIBLE[name];
  if (divisible === undefined) return undefined;
  const [width, merge] = divisible;
  const bySlot = new Map<number, { readonly args: Buffer[]; readonly places: number[] }>();
  for (const [place, at] of positions.entries()) {
    const slot = slots[place]!;
    const part = bySlot.get(slot) ?? { args: [args[0]!], places: [] };
    bySlot.set(slot, part);
    part.args.push(...args.slice(at, at + width));
    part.places.push(place);
  }
  const parts = [...bySlot].map(([slot, part]) => ({ slot, command: encodeCommand(part.args) }));
  const places = [...bySlot.values()].map((part) => part.places);
  return { kind: "parts", parts, merge: merge === "interleaved" ? interleaved(places) : merge };
}

/** Valkey 9 has several databases in a cluster; a connection that is given back must not stay in another one. */
function isSelectOfAnother(name: string, args: readonly Buffer[]): boolean {
  return name === "SELECT" && args.length === 2 && /^-?[1-9]\d*$/.test(String(args[1]));
}

function unsupported(name: string): Buffer {
  const shown = name
    .replaceAll(/[^\x20-\x7e]/g, "?")
    .slice(0, 64)
    .replace("|", " ");
  return Buffer.from(
    `-ERR_PASSWORDLESS_COMMAND_REFUSED "${shown}" concerns one connection to one server, and this endpoint stands for several. Connect to the cache without --single-endpoint for it.\r\n`,
  );
}

function word(args: readonly Buffer[], at: number): string {
  return (args[at]?.toString("latin1", 0, 64) ?? "").toUpperCase();
}
