import { type CommandFacts, takes } from "./command-table.js";

type Arguments = readonly Buffer[];
/** Tells the positions of the keys among the arguments, the command's name being at 0. */
type Rule = (args: Arguments) => readonly number[] | undefined;

/**
 * Where the keys of a command are: positions among its arguments, its name being at 0; also the channels of sharded
 * Pub/Sub, which have a slot like keys.
 *
 * @returns `undefined` when nobody can tell: the command is malformed, or one of a module that has not been heard of
 */
export function keyPositions(facts: CommandFacts, args: Arguments): readonly number[] | undefined {
  const rule = RULES[facts.name];
  if (rule !== undefined) return takes(facts, args.length) ? rule(args) : undefined;
  if (facts.hasMovableKeys) return undefined;
  if (facts.firstKey === 0) return NONE;
  const { firstKey, keyStep } = facts;
  const last = facts.lastKey < 0 ? args.length + facts.lastKey : facts.lastKey;
  if (!takes(facts, args.length) || last >= args.length || keyStep <= 0) return undefined;
  if (last === firstKey) return [firstKey];
  const positions: number[] = [];
  for (let at = firstKey; at <= last; at += keyStep) positions.push(at);
  return positions;
}

const NONE: readonly number[] = [];

/** The key is followed by options, some with arguments of their own, and one of these words by a further key. */
function withDestination(
  firstOption: number,
  words: readonly string[],
  lengths: Readonly<Record<string, number>> = {},
): Rule {
  return (args) => {
    let destination: number | undefined;
    for (let at = firstOption; at < args.length; at += 1) {
      const option = word(args, at);
      if (words.includes(option) && at + 1 < args.length) {
        // Redis takes the last of several.
        at += 1;
        destination = at;
      } else at += lengths[option] ?? 0;
    }
    return destination === undefined ? [1] : [1, destination];
  };
}

/** A number tells how many keys follow it. */
function counted(position: number, ...others: readonly number[]): Rule {
  return (args) => {
    const text = word(args, position);
    const count = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isNaN(count) || position + count >= args.length) return undefined;
    return [...others, ...Array.from({ length: count }, (_, index) => position + 1 + index)];
  };
}

/** How many arguments each option of XREAD and XREADGROUP takes, itself included. */
const READ_OPTIONS: Readonly<Record<string, number>> = { COUNT: 2, BLOCK: 2, CLAIM: 2, NOACK: 1, GROUP: 3 };

function streams(args: Arguments): readonly number[] | undefined {
  for (let at = 1; at < args.length; ) {
    const option = word(args, at);
    if (option === "STREAMS") {
      const count = (args.length - at - 1) / 2;
      if (count < 1 || !Number.isInteger(count)) return undefined;
      return Array.from({ length: count }, (_, index) => at + 1 + index);
    }
    at += READ_OPTIONS[option] ?? args.length;
  }
  return undefined;
}

function migrated(args: Arguments): readonly number[] | undefined {
  if (args[3]?.length !== 0) return [3];
  for (let at = 6; at < args.length; at += 1) {
    const option = word(args, at);
    if (option === "KEYS") return Array.from({ length: args.length - at - 1 }, (_, index) => at + 1 + index);
    if (option === "AUTH") at += 1;
    else if (option === "AUTH2") at += 2;
  }
  return undefined;
}

/** MSETEX of Redis 8.4: so many pairs of key and value follow. */
function pairs(args: Arguments): readonly number[] | undefined {
  const positions = counted(1)(args);
  if (positions === undefined || 1 + 2 * positions.length >= args.length) return undefined;
  return positions.map((_, index) => 2 + 2 * index);
}

/**
 * Where flags and positions of the command tables are not enough, from each command's own page
 * (https://redis.io/docs/latest/commands/); compared with `COMMAND GETKEYS` of real servers by a test.
 */
const RULES: Readonly<Record<string, Rule>> = {
  EVAL: counted(2),
  EVALSHA: counted(2),
  EVAL_RO: counted(2),
  EVALSHA_RO: counted(2),
  FCALL: counted(2),
  FCALL_RO: counted(2),
  ZUNION: counted(1),
  ZINTER: counted(1),
  ZDIFF: counted(1),
  ZINTERCARD: counted(1),
  SINTERCARD: counted(1),
  LMPOP: counted(1),
  ZMPOP: counted(1),
  BLMPOP: counted(2),
  BZMPOP: counted(2),
  ZUNIONSTORE: counted(2, 1),
  ZINTERSTORE: counted(2, 1),
  ZDIFFSTORE: counted(2, 1),
  XREAD: streams,
  XREADGROUP: streams,
  SORT: withDestination(2, ["STORE"], { LIMIT: 2, GET: 1, BY: 1 }),
  SORT_RO: () => [1],
  GEORADIUS: withDestination(5, ["STORE", "STOREDIST"]),
  GEORADIUSBYMEMBER: withDestination(5, ["STORE", "STOREDIST"]),
  MIGRATE: migrated,
  MSETEX: pairs,
};

function word(args: Arguments, position: number): string {
  return (args[position]?.toString("latin1", 0, 16) ?? "").toUpperCase();
}
