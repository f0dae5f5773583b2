import { encodeCommand } from "resp-framing";
import { seededRandom } from "../../support/random.js";
import { type Argument, documentedArguments, pick, withStrangeArgument } from "./arguments.js";
import { EXCLUDED } from "./excluded.js";
import { BIG, BINARY, SCRIPTS } from "./fixtures.js";
import { fieldsOf, type Plain } from "./reply.js";
import type { ServerAdmin } from "./server-admin.js";

/** One command of the server, or one subcommand. */
export interface KnownCommand {
  /** `GET`, `CLIENT|KILL` */
  readonly name: string;
  readonly documented: Plain | undefined;
}

/** One way to call a command. */
export interface Call {
  readonly command: string;
  readonly args: readonly Argument[];
}

/** Calls that go over one connection. */
export interface Session {
  readonly name: string;
  readonly calls: readonly Call[];
}

/** Every command that the server lists, subcommands included, without those that are excluded. */
export async function knownCommands(admin: ServerAdmin): Promise<readonly KnownCommand[]> {
  const [list, docs] = await admin.run([
    ["COMMAND", "LIST"],
    ["COMMAND", "DOCS"],
  ]);
  const documented = new Map<string, Plain>();
  for (const [name, doc] of fieldsOf(docs)) {
    const fields = fieldsOf(doc);
    documented.set(name.toUpperCase(), fields.get("arguments") ?? []);
    for (const [subcommand, inner] of fieldsOf(fields.get("subcommands"))) {
      documented.set(subcommand.toUpperCase(), fieldsOf(inner).get("arguments") ?? []);
    }
  }
  const listed = Array.isArray(list) ? list.map((name) => String(name).toUpperCase()) : [];
  const names = new Set([...listed, ...documented.keys()]);
  return [...names]
    .filter((name) => !Object.hasOwn(EXCLUDED, name) && !Object.hasOwn(EXCLUDED, name.split("|")[0] ?? ""))
    .sort()
    .map((name) => ({ name, documented: documented.get(name) }));
}

/** Calls for which documented arguments picked at random would not do. */
const BY_HAND: Readonly<Record<string, readonly (readonly Argument[])[]>> = {
  // HELLO with AUTH is answered by the proxy, by design.
  HELLO: [
    [],
    ["2"],
    ["3"],
    ["4"],
    ["x"],
    ["3", "SETNAME", "name"],
    ["3", "SETNAME", "a b"],
    ["2", "x"],
    [BIG],
  ],
  EVAL: [...SCRIPTS.map((script) => [script, "0", "argument"]), ["return KEYS", "2", "a"], ["x"]],
  EVAL_RO: [...SCRIPTS.map((script) => [script, "0", "argument"]), ["return redis.call('DEL','str')", "0"]],
  FCALL: [["conformance_fn", "1", "str", BINARY], ["conformance_fn", "x"], ["nosuch", "0"], []],
  FCALL_RO: [
    ["conformance_ro", "1", "str"],
    ["conformance_fn", "0"],
  ],
  // One that exists would have another number in each world, or be the administrator's.
  "CLIENT|KILL": [
    ["ID", "999999999"],
    ["1.2.3.4:5"],
    ["ADDR", "1.2.3.4:5"],
    ["USER", "nobody"],
    ["ID", "x"],
    ["NOSUCH", "x"],
    [],
  ],
  // The whole configuration holds ports and folders.
  "CONFIG|GET": [["maxmemory*"], ["hash-*", "list-*"], ["nosuch"], [], [BINARY]],
  "CONFIG|SET": [
    ["maxmemory", "0"],
    ["nosuch", "1"],
    ["maxmemory", "x"],
    ["hash-max-listpack-entries", "128"],
    [],
  ],
  // Its replies end with the first connection that is no longer idle.
  "CLIENT|REPLY": [["ON"], ["x"], [], ["ON", "x"]],
};

/**
 * After these the connection is not what it was, or says things by itself, or what they leave behind is random: they
 * get a connection of their own.
 */
const STATEFUL =
  /^(CLIENT\|(CACHING|PAUSE|REPLY|TRACKING|NO-TOUCH)|HELLO|MONITOR|MULTI|EXEC|DISCARD|SELECT|SCRIPT\|DEBUG|[PS]?(UN)?SUBSCRIBE|(UN)?WATCH|B[LRZ].*|SORT|SPOP|X?READ.*|WAIT.*)$/;

export interface CorpusOptions {
  readonly seed: number;
  /** Calls of each command with documented arguments, and as many with a strange one. */
  readonly variants: number;
  /** Commands that go over one connection. */
  readonly together: number;
}

/** What is sent: the same for the same seed and server. */
export function sessionsOf(commands: readonly KnownCommand[], options: CorpusOptions): Session[] {
  const random = seededRandom(options.seed);
  const sessions: Session[] = [];
  let group: Call[] = [];
  let names: string[] = [];
  const close = (): void => {
    if (group.length > 0) sessions.push({ name: names.join(" "), calls: group });
    group = [];
    names = [];
  };
  for (const command of commands) {
    const calls = callsOf(command, options.variants, random);
    if (STATEFUL.test(command.name)) {
      sessions.push({ name: command.name, calls });
      continue;
    }
    group.push(...calls);
    names.push(command.name);
    if (names.length >= options.together) close();
  }
  close();
  return sessions;
}

function callsOf({ name, documented }: KnownCommand, variants: number, random: () => number): Call[] {
  const byHand = BY_HAND[name];
  const all: (readonly Argument[])[] = byHand === undefined ? [] : [...byHand];
  if (byHand === undefined) {
    for (let variant = 0; variant < variants; variant++) {
      const args = documentedArguments(documented, random);
      all.push(args, withStrangeArgument(args, random));
    }
    // Wrong arity: too few for whatever wants something, and too many for whatever has an end.
    const args = documentedArguments(documented, random);
    all.push([], args.slice(0, -1), [...args, "extra", "extra"], [pick(["word", "", BINARY, BIG], random)]);
  }
  return all.map((args) => ({ command: name, args }));
}

/** As a client writes it; a name may come in any case. */
export function encodeCall({ command, args }: Call, random: () => number): Buffer {
  const words = command.split("|");
  const shown = random() < 0.3 ? words.map((word) => word.toLowerCase()) : words;
  return encodeCommand([...shown, ...args]);
}
