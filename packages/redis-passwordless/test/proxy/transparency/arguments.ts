import { BIG, BINARY, KEYS, MEMBERS } from "./fixtures.js";
import { fieldsOf, type Plain } from "./reply.js";

export type Argument = string | Buffer;

const KEY_NAMES: readonly string[] = Object.values(KEYS);
const NUMBERS: readonly string[] = ["0", "1", "2", "3", "-1", "10", "1000"];

/** What the server documents under a name that means more than its type: nothing here may block for long. */
const BY_NAME: Readonly<Record<string, readonly string[]>> = {
  // Blocked for ever by 0.
  timeout: ["1", "2", "-1"],
  // Of XREAD and XREADGROUP, by the token before it.
  BLOCK: ["2"],
  // Of one that exists in neither world.
  "client-id": ["999999999"],
  clientid: ["999999999"],
  host: ["127.0.0.1"],
  port: ["1"],
  numkeys: ["1", "2"],
  member: MEMBERS,
  field: MEMBERS,
  group: ["group", "other"],
  consumer: ["consumer", "other"],
  id: ["1-1", "2-1", "0", "9-9", "$"],
  username: ["word", "other"],
};

/** A command in full as the server documents its arguments, picked at random: mostly valid, but not always. */
export function documentedArguments(documented: Plain | undefined, random: () => number): Argument[] {
  if (!Array.isArray(documented)) return [];
  return documented.flatMap((argument) => one(fieldsOf(argument), random));
}

function one(argument: ReadonlyMap<string, Plain>, random: () => number): Argument[] {
  const flags = argument.get("flags");
  const has = (flag: string): boolean => Array.isArray(flags) && flags.includes(flag);
  if (has("optional") && random() < 0.5) return [];
  const token = argument.get("token");
  const prefix = typeof token === "string" ? [token] : [];
  const times = has("multiple") ? 1 + Math.floor(random() * 3) : 1;
  const values: Argument[] = [];
  for (let time = 0; time < times; time++) {
    if (time > 0 && has("multiple_token")) values.push(...prefix);
    values.push(...valueOf(argument, random));
  }
  return [...prefix, ...values];
}

function valueOf(argument: ReadonlyMap<string, Plain>, random: () => number): Argument[] {
  const type = String(argument.get("type"));
  const inner = argument.get("arguments");
  if (type === "pure-token") return [];
  if (type === "block") return documentedArguments(inner, random);
  if (type === "oneof" && Array.isArray(inner)) return one(fieldsOf(pick(inner, random)), random);
  const token = argument.get("token");
  const name = token === "BLOCK" ? token : String(argument.get("name")).toLowerCase();
  if (name === "timeout" && type === "double") return ["0.002"];
  // Never the same: with GT and LT it would matter how many milliseconds lie between two calls.
  if (name === "seconds" || name === "milliseconds") {
    return [random() < 0.2 ? "-1" : String(1_000_000 + Math.floor(random() * 1e6) * 1_000)];
  }
  const known = BY_NAME[name];
  if (known !== undefined) return [pick(known, random)];
  switch (type) {
    case "key":
      return [pick(KEY_NAMES, random)];
    case "integer":
      return [pick(NUMBERS, random)];
    case "double":
      return [pick(["1", "2.5", "-1", "inf"], random)];
    case "unix-time":
      return [pick(["9999999999", "1"], random)];
    case "pattern":
      return [pick(["*", "s*", "[", "nosuch"], random)];
    default:
      return [pick([...MEMBERS, "word", "", BINARY, "1", "value"], random)];
  }
}

/** What no command was made for. No number among them: a blocking command would take it for its timeout. */
const STRANGE: readonly Argument[] = ["", BINARY, BIG, "a b", "\r\n", "ключ"];

/** The same command with one argument that it does not expect. */
export function withStrangeArgument(args: readonly Argument[], random: () => number): Argument[] {
  if (args.length === 0) return [pick(STRANGE, random)];
  const at = Math.floor(random() * args.length);
  return args.map((arg, index) => (index === at ? pick(STRANGE, random) : arg));
}

export function pick<T>(from: readonly T[], random: () => number): T {
  const picked = from[Math.floor(random() * from.length)];
  if (picked === undefined) throw new Error("There is nothing to pick from");
  return picked;
}
