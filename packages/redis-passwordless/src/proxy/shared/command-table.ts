import type { Reply } from "../../inband/reply.js";
import { KNOWN_COMMANDS } from "./known-commands.js";

/** What is known of a command, or of one within another (`CONFIG|GET`). */
export interface CommandFacts {
  /** In capitals, with `|` before the name of one within another. */
  readonly name: string;
  /** How many arguments it takes, its name included; negative: at least so many. */
  readonly arity: number;
  readonly isReadOnly: boolean;
  readonly isWrite: boolean;
  /** Whether it may hold its connection until something arrives. */
  readonly isBlocking: boolean;
  readonly isPubSub: boolean;
  readonly isAdmin: boolean;
  /** Whether only the arguments tell where the keys, or some of them, are. */
  readonly hasMovableKeys: boolean;
  /** Positions of the first and the last key, the name being 0 and the last argument -1; 0 when there is none. */
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
}

/** What a server asks to be asked for its commands. */
export const COMMANDS_QUESTION = ["COMMAND"] as const;

/** The commands of a server. */
export class CommandTable {
  /** By name in small letters and in capitals, as most clients write it. */
  readonly #commands = new Map<string, CommandFacts>();
  /** Whether the server itself has told: it has no other commands. */
  readonly isComplete: boolean;
  /** Those that consist of others. */
  readonly #containers = new Set<string>();

  private constructor(commands: Iterable<CommandFacts>, isComplete: boolean) {
    this.isComplete = isComplete;
    for (const facts of commands) {
      const { name } = facts;
      this.#commands.set(name, facts).set(name.toLowerCase(), facts);
      const bar = name.indexOf("|");
      if (bar > 0) this.#containers.add(name.slice(0, bar));
    }
  }

  /** What Redis and Valkey have in common with each other and with most servers: for those that do not tell. */
  static known(): CommandTable {
    return (known ??= new CommandTable(knownCommands(), false));
  }

  /**
   * The commands that a server tells of in its answer to {@link COMMANDS_QUESTION}, beside those that are known
   * anyway; the latter alone when it refused to answer.
   */
  static from(answer: Reply): CommandTable {
    if (!Array.isArray(answer) || answer.length === 0) return CommandTable.known();
    const commands = new Map([...knownCommands()].map((facts) => [facts.name, facts]));
    const take = (told: Reply): void => {
      const facts = factsIn(told);
      if (facts === undefined) return;
      const before = commands.get(facts.name);
      const isBlocking = facts.isBlocking || before?.isBlocking === true;
      commands.set(facts.name, { ...facts, isBlocking });
      // Since Redis 7.0 (https://redis.io/docs/latest/commands/command/).
      const inner = (told as readonly Reply[])[9];
      if (Array.isArray(inner)) for (const one of inner as readonly Reply[]) take(one);
    };
    for (const told of answer as readonly Reply[]) take(told);
    return new CommandTable(commands.values(), true);
  }

  /** The facts of a command by its name, in any case. */
  named(name: string): CommandFacts | undefined {
    return this.#commands.get(name) ?? this.#commands.get(name.toLowerCase());
  }

  /** The facts of a command with its arguments: of the one within it, where it consists of others. */
  find(args: readonly Uint8Array[]): CommandFacts | undefined {
    const facts = this.named(text(args[0]));
    if (facts === undefined || args.length < 2 || !this.#containers.has(facts.name)) return facts;
    return this.named(`${facts.name}|${text(args[1]).toUpperCase()}`);
  }
}

let known: CommandTable | undefined;

function text(bytes: Uint8Array | undefined): string {
  return bytes === undefined
    ? ""
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

function* knownCommands(): Generator<CommandFacts> {
  for (const line of KNOWN_COMMANDS.trim().split("\n")) {
    const [name = "", arity, flags = "", first, last, step] = line.split(" ");
    yield {
      name: name.toUpperCase(),
      arity: Number(arity),
      isReadOnly: flags.includes("r"),
      isWrite: flags.includes("w"),
      isBlocking: flags.includes("b"),
      isPubSub: flags.includes("p"),
      isAdmin: flags.includes("a"),
      hasMovableKeys: flags.includes("m"),
      firstKey: Number(first ?? 0),
      lastKey: Number(last ?? 0),
      keyStep: Number(step ?? 0),
    };
  }
}

function factsIn(told: Reply): CommandFacts | undefined {
  if (!Array.isArray(told)) return undefined;
  const [name, arity, flags, first, last, step] = told as readonly Reply[];
  if (typeof name !== "string" || typeof arity !== "number" || !Array.isArray(flags)) return undefined;
  const has = (flag: string): boolean => (flags as readonly Reply[]).includes(flag);
  return {
    name: name.toUpperCase(),
    arity,
    isReadOnly: has("readonly"),
    isWrite: has("write"),
    isBlocking: has("blocking"),
    isPubSub: has("pubsub"),
    isAdmin: has("admin"),
    hasMovableKeys: has("movablekeys"),
    firstKey: Number(first),
    lastKey: Number(last),
    keyStep: Number(step),
  };
}

/** Whether a command with so many arguments, its name included, can be one of these. */
export function takes(facts: CommandFacts, count: number): boolean {
  return facts.arity < 0 ? count >= -facts.arity : count === facts.arity;
}
