import type { RedisArgument } from "./structural.js";

/** Where a blocking command carries its timeout, and in which unit; 0 means for ever in both. */
export interface BlockingCommand {
  readonly timeoutIndex: number;
  readonly unit: "seconds" | "milliseconds";
  /** The timeout that the caller asked for, in milliseconds; `Infinity` for 0. */
  readonly timeoutMs: number;
  /** Positions of `$` among the stream ids of XREAD, with the positions of their keys. */
  readonly newEntriesOnly: readonly { readonly idIndex: number; readonly keyIndex: number }[];
}

/**
 * Commands that hold their connection until something arrives (https://redis.io/docs/latest/commands/blpop/
 * and its siblings). The number is the position of the timeout: from the front, or, negative, from the end.
 */
const TIMEOUT_POSITION: Readonly<Record<string, number>> = {
  BLPOP: -1,
  BRPOP: -1,
  BRPOPLPUSH: -1,
  BLMOVE: -1,
  BZPOPMIN: -1,
  BZPOPMAX: -1,
  BLMPOP: 1,
  BZMPOP: 1,
};

/** Recognises a blocking command; `undefined` for everything else, after a look at its first letter. */
export function blockingCommand(args: readonly RedisArgument[]): BlockingCommand | undefined {
  const first = args[0];
  if (first === undefined || !mayBlock(first)) return undefined;
  const name = String(first).toUpperCase();
  if (name === "XREAD" || name === "XREADGROUP") return blockingRead(args);
  const position = TIMEOUT_POSITION[name];
  if (position === undefined) return undefined;
  const timeoutIndex = position < 0 ? args.length + position : position;
  return {
    timeoutIndex,
    unit: "seconds",
    timeoutMs: asTimeout(args[timeoutIndex], 1_000),
    newEntriesOnly: [],
  };
}

function mayBlock(name: RedisArgument): boolean {
  const letter = (typeof name === "string" ? name.charCodeAt(0) : (name[0] ?? 0)) | 32;
  return letter === 98 /* b */ || letter === 120 /* x */;
}

function blockingRead(args: readonly RedisArgument[]): BlockingCommand | undefined {
  const words = args.map((word) => String(word).toUpperCase());
  const streams = words.indexOf("STREAMS");
  const block = words.indexOf("BLOCK");
  if (block < 0 || streams < 0 || block > streams) return undefined;
  const count = (args.length - streams - 1) / 2;
  const newEntriesOnly = [];
  for (let index = 0; index < count; index += 1) {
    const idIndex = streams + 1 + count + index;
    if (words[idIndex] === "$") newEntriesOnly.push({ idIndex, keyIndex: streams + 1 + index });
  }
  return {
    timeoutIndex: block + 1,
    unit: "milliseconds",
    timeoutMs: asTimeout(args[block + 1], 1),
    newEntriesOnly,
  };
}

function asTimeout(argument: RedisArgument | undefined, unitMs: number): number {
  const value = Number(String(argument));
  return value === 0 ? Number.POSITIVE_INFINITY : value * unitMs;
}

/** The same command with another timeout, in milliseconds; at least one, because 0 would block for ever. */
export function withTimeout(
  args: readonly RedisArgument[],
  command: BlockingCommand,
  timeoutMs: number,
): RedisArgument[] {
  const wholeMs = Math.max(1, Math.ceil(timeoutMs));
  const timeout = command.unit === "seconds" ? (wholeMs / 1_000).toFixed(3) : String(wholeMs);
  return args.with(command.timeoutIndex, timeout);
}
