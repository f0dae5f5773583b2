import { encodeCommand } from "resp-framing";

type Random = () => number;

/** What a client may write on one connection, right or wrong, in the pieces in which it does. */
export interface Conversation {
  readonly pieces: readonly Buffer[];
  /** How the client leaves: it closes its half, or is gone at once. */
  readonly isAbrupt: boolean;
}

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!;
}

export function upTo(random: Random, most: number): number {
  return Math.floor(random() * (most + 1));
}

/** Commands that change how a connection is used, and those that just ask; none that harms other connections. */
export const COMMANDS: readonly (readonly string[])[] = [
  ["PING"],
  ["ECHO", "text"],
  ["GET", "k"],
  ["SET", "k", "v"],
  ["MGET", "k", "l", "m"],
  ["INCR", "n"],
  ["LRANGE", "list", "0", "-1"],
  ["RPUSH", "list", "a"],
  ["BLPOP", "list", "0"],
  ["BLPOP", "nothing", "0.01"],
  ["BLMOVE", "list", "other", "LEFT", "RIGHT", "0"],
  ["XADD", "stream", "*", "f", "v"],
  ["XREAD", "BLOCK", "0", "STREAMS", "stream", "$"],
  ["XREAD", "COUNT", "1", "STREAMS", "stream", "0"],
  ["MULTI"],
  ["EXEC"],
  ["DISCARD"],
  ["WATCH", "k"],
  ["UNWATCH"],
  ["SELECT", "1"],
  ["SELECT", "99999999999999999999"],
  ["HELLO"],
  ["HELLO", "2"],
  ["HELLO", "3"],
  ["HELLO", "3", "AUTH", "user", "password", "SETNAME", "me"],
  ["AUTH", "password"],
  ["AUTH", "user", "password"],
  ["AUTH"],
  ["RESET"],
  ["QUIT"],
  ["SUBSCRIBE", "news"],
  ["PSUBSCRIBE", "n*"],
  ["SSUBSCRIBE", "news"],
  ["UNSUBSCRIBE"],
  ["PUBLISH", "news", "hello"],
  ["MONITOR"],
  ["CLIENT", "SETNAME", "me"],
  ["CLIENT", "REPLY", "OFF"],
  ["CLIENT", "REPLY", "SKIP"],
  ["CLIENT", "REPLY", "ON"],
  ["CLIENT", "TRACKING", "ON"],
  ["CLIENT", "CACHING", "YES"],
  ["CLIENT", "ID"],
  ["CLUSTER", "SLOTS"],
  ["ASKING"],
  ["READONLY"],
  ["INFO", "server"],
  ["EVAL", "return ARGV", "0", "a", "b"],
  ["SCRIPT", "EXISTS", "0"],
  ["SCAN", "0"],
  ["COMMAND", "COUNT"],
  ["no-such-command", "x"],
];

/** What parsers stumble over. */
const TROUBLE: readonly string[] = [
  "\r\n",
  "\n",
  "\r",
  " ",
  "\t",
  "\v",
  "\0",
  '"',
  "'",
  "\\",
  "*",
  "$",
  "*1\r\n",
  "*-1\r\n",
  "*0\r\n",
  "*3\r\n",
  "$-1\r\n",
  "$0\r\n\r\n",
  "$4\r\n",
  "*2147483647\r\n",
  "*2147483648\r\n",
  "*99999999999999999999\r\n",
  "$536870912\r\n",
  "$536870913\r\n",
  "$9999999999999999\r\n",
  "*01\r\n$04\r\nPING\r\n",
  "*+1\r\n",
  ":1\r\n",
  "+OK\r\n",
  "-ERR no\r\n",
  ">2\r\n",
  "%1\r\n",
  "_\r\n",
  "GET k\r\n",
  'SET k "a b\\x00\\n"\r\n',
  "SELECT '0\r\n",
  "  AUTH a b\r\n",
  "MULTI\n",
  "SUBSCRIBE news\r\n",
  "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
];

function command(random: Random): Buffer {
  const args = [...pick(random, COMMANDS)];
  if (random() < 0.1) args.push("x".repeat(pick(random, [0, 1, 63, 64, 65, 1_000, 16_384, 16_385, 70_000])));
  if (random() < 0.1) args.splice(upTo(random, args.length), 0, pick(random, TROUBLE));
  const name = args[0]!;
  if (random() < 0.2)
    args[0] = random() < 0.5 ? name.toLowerCase() : `${name[0]}${name.slice(1).toLowerCase()}`;
  if (random() < 0.15 && args.every((arg) => /^[\w*$.-]+$/.test(arg)))
    return Buffer.from(`${args.join(" ")}\r\n`);
  return encodeCommand(args);
}

/** One thing that is too much of something. */
function excess(random: Random): Buffer {
  const kind = upTo(random, 6);
  if (kind === 0) return Buffer.from("*1\r\n".repeat(1 + upTo(random, 20_000)));
  if (kind === 1)
    return Buffer.from(pick(random, ["x", " ", '"', "\\", "AUTH "]).repeat(1 + upTo(random, 90_000)));
  if (kind === 2) return Buffer.from(`*${"1".repeat(upTo(random, 40))}`);
  if (kind === 3)
    return Buffer.concat([Buffer.from("*2\r\n$4\r\nAUTH\r\n$200000\r\n"), Buffer.alloc(200_000, 97)]);
  if (kind === 4) return Buffer.from(`*100000\r\n${"$1\r\na\r\n".repeat(upTo(random, 400))}`);
  if (kind === 5) return Buffer.from(Array.from({ length: upTo(random, 2_000) }, () => upTo(random, 255)));
  return Buffer.from("\r\n".repeat(upTo(random, 50_000)));
}

/** Changes a few bytes: turns some over, leaves some out, doubles some, puts trouble between them. */
export function mutated(random: Random, bytes: Buffer, trouble: readonly string[] = TROUBLE): Buffer {
  let result = bytes;
  for (let left = 1 + upTo(random, 3); left > 0; left -= 1) {
    const at = upTo(random, result.length);
    const end = Math.min(result.length, at + upTo(random, 8));
    const [before, part, behind] = [result.subarray(0, at), result.subarray(at, end), result.subarray(end)];
    const kind = upTo(random, 4);
    if (kind === 0) result = Buffer.concat([before, behind]);
    else if (kind === 1) result = Buffer.concat([before, part, part, behind]);
    else if (kind === 2)
      result = Buffer.concat([before, Buffer.from(pick(random, trouble), "latin1"), part, behind]);
    else if (kind === 3)
      result = Buffer.concat([before, part.map((byte) => byte ^ (1 << upTo(random, 7))), behind]);
    else result = before;
  }
  return result;
}

/** Cuts bytes anywhere: mostly into few pieces, sometimes into single bytes. */
export function pieces(random: Random, bytes: Buffer): Buffer[] {
  const largest = pick(random, [bytes.length, bytes.length, 4_096, 200, 7]);
  // A long stream in single bytes shows nothing that a short one does not.
  const least = Math.ceil(bytes.length / 200);
  const cut: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = Math.max(least, 1 + upTo(random, Math.max(0, largest - 1)));
    cut.push(bytes.subarray(at, at + size));
    at += size;
  }
  return cut;
}

/** Behind a command that blocks, more is not read: nobody could notice then that the client has left. */
const MOST_BYTES = 240_000;

/** @param password what lets a client in, which some conversations begin with */
export function conversation(random: Random, password: string): Conversation {
  const parts: Buffer[] = [];
  if (random() < 0.6) parts.push(encodeCommand(["AUTH", password]));
  for (let left = upTo(random, 12); left >= 0; left -= 1) {
    const kind = random();
    if (kind < 0.55) parts.push(command(random));
    else if (kind < 0.8) parts.push(mutated(random, command(random)));
    else if (kind < 0.93) parts.push(Buffer.from(pick(random, TROUBLE), "latin1"));
    else parts.push(excess(random));
  }
  const bytes = Buffer.concat(parts).subarray(0, MOST_BYTES);
  return { pieces: pieces(random, bytes), isAbrupt: random() < 0.2 };
}
