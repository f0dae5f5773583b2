export type RedisArgument = string | Buffer;

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
 * and its siblings): the position of the timeout, from the front, or, negative, from the end; and the fewest
 * arguments, the name included.
 */
const TIMEOUTS: Readonly<Record<string, readonly [position: number, fewest: number]>> = {
  BLPOP: [-1, 3],
  BRPOP: [-1, 3],
  BRPOPLPUSH: [-1, 4],
  BLMOVE: [-1, 6],
  BZPOPMIN: [-1, 3],
  BZPOPMAX: [-1, 3],
  BLMPOP: [1, 5],
  BZMPOP: [1, 5],
};

/** Commands that may hold their connection until something arrives. */
export const BLOCKING_COMMANDS: ReadonlySet<string> = new Set([
  ...Object.keys(TIMEOUTS),
  "XREAD",
  "XREADGROUP",
]);

/** How many arguments each option of XREAD and XREADGROUP takes, itself included. */
const READ_OPTIONS: Readonly<Record<string, number>> = { COUNT: 2, BLOCK: 2, CLAIM: 2, NOACK: 1, GROUP: 3 };

/**
 * What Redis takes for a timeout, as far as applications write it: anything else is left to Redis, which
 * answers it with an error of its own. BLOCK takes no fraction and no leading zero.
 */
const DECIMAL = { seconds: /^(?:\d+\.?\d*|\.\d+)$/, milliseconds: /^(?:0|[1-9]\d*)$/ } as const;

/** Recognises a command that blocks for a valid time; `undefined` for everything else. */
export function blockingCommand(args: readonly RedisArgument[]): BlockingCommand | undefined {
  const name = String(args[0]).toUpperCase();
  if (name === "XREAD" || name === "XREADGROUP") return blockingRead(name, args);
  const timeout = TIMEOUTS[name];
  if (timeout === undefined) return undefined;
  const [position, fewest] = timeout;
  if (args.length < fewest) return undefined;
  return blockingAt(args, position < 0 ? args.length + position : position, "seconds", []);
}

/** By position, because keys, groups and consumers may have any name, `BLOCK` and `STREAMS` included. */
function blockingRead(
  name: "XREAD" | "XREADGROUP",
  args: readonly RedisArgument[],
): BlockingCommand | undefined {
  let timeoutIndex: number | undefined;
  let index = 1;
  for (; index < args.length; index += 1) {
    const option = String(args[index]).toUpperCase();
    if (option === "STREAMS") break;
    const length = READ_OPTIONS[option];
    if (length === undefined) return undefined;
    if (option === "BLOCK") timeoutIndex = index + 1;
    index += length - 1;
  }
  const first = index + 1;
  const count = (args.length - first) / 2;
  if (timeoutIndex === undefined || count <= 0 || !Number.isInteger(count)) return undefined;
  // XREADGROUP knows no `$`: Redis refuses it.
  const newEntriesOnly =
    name === "XREADGROUP"
      ? []
      : Array.from({ length: count }, (_, stream) => ({
          idIndex: first + count + stream,
          keyIndex: first + stream,
        })).filter(({ idIndex }) => String(args[idIndex]) === "$");
  return blockingAt(args, timeoutIndex, "milliseconds", newEntriesOnly);
}

function blockingAt(
  args: readonly RedisArgument[],
  timeoutIndex: number,
  unit: BlockingCommand["unit"],
  newEntriesOnly: BlockingCommand["newEntriesOnly"],
): BlockingCommand | undefined {
  const argument: unknown = args[timeoutIndex];
  // node-redis refuses numbers, even though they look right.
  if (typeof argument !== "string" && !Buffer.isBuffer(argument)) return undefined;
  const text = String(argument);
  if (!DECIMAL[unit].test(text)) return undefined;
  const askedMs = Number(text) * (unit === "seconds" ? 1_000 : 1);
  if (askedMs > Number.MAX_SAFE_INTEGER) return undefined;
  return {
    timeoutIndex,
    unit,
    timeoutMs: askedMs === 0 ? Number.POSITIVE_INFINITY : askedMs,
    newEntriesOnly,
  };
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
