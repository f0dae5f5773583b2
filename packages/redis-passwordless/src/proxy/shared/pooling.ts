import type { CommandFacts, CommandTable } from "./command-table.js";

/**
 * Where a command may go.
 *
 * - `shared`: on a connection that many use: one reply, and nothing is left behind.
 * - `own`: on a connection of the client's own, and what it leaves behind can be followed: it ends again.
 * - `forever`: on a connection of the client's own until the client goes.
 * - `wait`: on the connection that the client's writes have gone on.
 * - `client`: it is about the client's connection to the proxy, which answers it.
 */
export type Sharing = "shared" | "own" | "forever" | "wait" | "client";

/** Commands of which the name tells it. What is in neither list goes by its flags. */
const BY_NAME: Readonly<Record<string, Sharing>> = {
  ...named("client", "AUTH", "HELLO", "QUIT", "RESET"),
  // A transaction, and what Redis keeps for one.
  ...named("own", "MULTI", "WATCH"),
  // Outside of a transaction they are answered and change nothing.
  ...named("shared", "EXEC", "DISCARD", "UNWATCH", "PUBLISH", "SPUBLISH"),
  // They count the client's own writes.
  ...named("wait", "WAIT", "WAITAOF"),
  ...named("forever", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"),
  ...named("forever", "MONITOR", "SYNC", "PSYNC", "REPLCONF", "SHUTDOWN", "FAILOVER", "DEBUG"),
  ...named("forever", "READONLY", "READWRITE", "ASKING"),
  // Redis ends the connection on which they come, because they are from a web page (server.c, securityWarningCommand).
  ...named("forever", "POST", "HOST:"),
};

/** Of those that consist of others. */
const WITHIN: Readonly<Record<string, Sharing>> = {
  "CLIENT|SETNAME": "client",
  "CLIENT|GETNAME": "client",
  "CLIENT|SETINFO": "client",
  "CLIENT|MAINT_NOTIFICATIONS": "client",
  "CLIENT|LIST": "own",
  "CLIENT|KILL": "own",
  "CLIENT|UNBLOCK": "own",
  "CLIENT|PAUSE": "own",
  "CLIENT|UNPAUSE": "own",
  "CLIENT|HELP": "own",
  // Behind the script that is to be killed they would wait for it.
  "SCRIPT|KILL": "own",
  "FUNCTION|KILL": "own",
  "SCRIPT|DEBUG": "forever",
};

/** Judges where the commands of a server may go. What is not known keeps a connection to itself. */
export class Pooling {
  readonly #table: CommandTable;
  /** By name in any case that has been met; `undefined` where the arguments decide. */
  readonly #judged = new Map<string, Sharing | undefined>();

  constructor(table: CommandTable) {
    this.#table = table;
  }

  /** By its name alone; `undefined` where its arguments decide. */
  byName(name: string): Sharing | undefined {
    const judged = this.#judged.get(name);
    if (judged !== undefined) return judged;
    if (this.#judged.has(name)) return undefined;
    const sharing = this.#judge(name.toUpperCase());
    // Clients may make up as many names as they like.
    if (this.#judged.size < 2_000) this.#judged.set(name, sharing);
    return sharing;
  }

  /** By its name and its arguments. */
  byArguments(args: readonly Buffer[]): Sharing {
    const name = word(args, 0);
    const sharing = this.byName(name);
    if (sharing !== undefined) return sharing;
    if (name === "SELECT") return args.length === 2 && word(args, 1) === "0" ? "shared" : "own";
    if (name === "XREAD" || name === "XREADGROUP") return isBlockingRead(args) ? "own" : "shared";
    const within = WITHIN[`${name}|${word(args, 1)}`];
    if (within !== undefined) return within;
    if (name === "CLIENT") return "forever";
    // A subcommand that does not exist is answered with an error.
    const facts = this.#table.find(args);
    return facts === undefined ? "own" : byFlags(facts);
  }

  #judge(name: string): Sharing | undefined {
    const listed = BY_NAME[name];
    if (listed !== undefined) return listed;
    const facts = this.#table.named(name);
    // What the server does not know either gets an error.
    if (facts === undefined) return this.#table.isComplete && name !== "" ? "own" : "forever";
    if (DECIDED_BY_ARGUMENTS.has(name)) return undefined;
    return byFlags(facts);
  }
}

const DECIDED_BY_ARGUMENTS: ReadonlySet<string> = new Set([
  "SELECT",
  "XREAD",
  "XREADGROUP",
  "CLIENT",
  "SCRIPT",
  "FUNCTION",
  "PUBSUB",
]);

function byFlags(facts: CommandFacts): Sharing {
  if (facts.name.startsWith("PUBSUB|")) return "shared";
  if (facts.isPubSub) return "forever";
  return facts.isBlocking || facts.isAdmin ? "own" : "shared";
}

function isBlockingRead(args: readonly Buffer[]): boolean {
  for (let at = 1; at < args.length; at += 1) {
    const option = word(args, at);
    // Keys behind it may have any name.
    if (option === "STREAMS") return false;
    if (option === "BLOCK") return true;
    if (option === "GROUP") at += 2;
  }
  return false;
}

function named(sharing: Sharing, ...names: readonly string[]): Record<string, Sharing> {
  return Object.fromEntries(names.map((name) => [name, sharing]));
}

function word(args: readonly Buffer[], at: number): string {
  return (args[at]?.toString("latin1", 0, 64) ?? "").toUpperCase();
}
