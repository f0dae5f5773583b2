import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type Marker, pingMarker, unknownCommand, unknownCommandMarkers } from "../../src/inband/marker.js";
import { type Exchange, ReplyFilter } from "../../src/inband/reply-filter.js";
import { seededRandom } from "../support/random.js";

type Random = () => number;

const PUSHES = [
  ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n",
  ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n",
  ">2\r\n$10\r\ninvalidate\r\n_\r\n",
];

/** A marker, with a whole reply to it. */
interface Sign {
  readonly marker: Marker;
  readonly reply: string;
}

function pingSign(): Sign {
  const marker = pingMarker();
  return { marker, reply: marker.reply.toString("latin1") };
}

function errorSign(): Sign {
  const probe = unknownCommand();
  const error = Buffer.from(`-ERR unknown command '${probe.nonce}', with args beginning with: \r\n`);
  const marker = unknownCommandMarkers(probe, error)?.();
  if (marker === undefined) throw new Error("the error does not repeat the name");
  return { marker, reply: marker.reply.toString("latin1") };
}

const pick = <T>(random: Random, from: readonly T[]): T => {
  const picked = from[Math.floor(random() * from.length)];
  if (picked === undefined) throw new Error("nothing to pick from");
  return picked;
};

const count = (random: Random, most: number): number => Math.floor(random() * (most + 1));

/** Text that looks like protocol, and like the beginning of one of the markers that are on their way. */
function text(random: Random, lookalikes: readonly string[]): string {
  const parts = [
    "\r\n",
    "$",
    "*",
    "+OK\r\n",
    "$32\r\n",
    "-ERR unknown command '",
    "x".repeat(count(random, 40)),
    "",
  ];
  return Array.from({ length: count(random, 5) }, () => {
    if (random() < 0.7 || lookalikes.length === 0) return pick(random, parts);
    const wanted = pick(random, lookalikes);
    return wanted.slice(0, count(random, wanted.length - 1));
  }).join("");
}

const bulk = (content: string): string => `$${content.length}\r\n${content}\r\n`;

/** One reply, RESP2 or RESP3, of any shape. */
function reply(random: Random, lookalikes: readonly string[], depth = 0): string {
  const inner = (): string => reply(random, lookalikes, depth + 1);
  const many = (perElement: number): string =>
    Array.from({ length: perElement * count(random, 3) }, inner).join("");
  const kind = count(random, depth > 3 ? 8 : 11);
  const counted = (type: string, perElement: number): string => {
    const elements = Array.from({ length: count(random, 3) }, () =>
      Array.from({ length: perElement }, inner).join(""),
    );
    return `${type}${elements.length}\r\n${elements.join("")}`;
  };
  if (kind <= 2) return bulk(text(random, lookalikes));
  if (kind === 3) return `:${count(random, 1e6) - 5e5}\r\n`;
  if (kind === 4) return "$-1\r\n";
  if (kind === 5)
    return pick(random, ["_\r\n", "*-1\r\n", "#t\r\n", ",1.5\r\n", "(123456789012345678901234567890\r\n"]);
  if (kind === 6) return pick(random, ["+OK\r\n", "+QUEUED\r\n", "+PONG\r\n"]);
  if (kind === 7) return "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
  if (kind === 8) return random() < 0.05 ? bulk("y$32\r\n".repeat(count(random, 20_000))) : bulk(many(1));
  if (kind === 9) return counted("*", 1);
  if (kind === 10) return counted("%", 2);
  return counted("~", 1);
}

/** Cuts a stream anywhere: into single bytes, small pieces, large ones, or all of them. */
function chunks(random: Random, stream: Buffer): Buffer[] {
  const style = count(random, 3);
  const largest = [1, 7, 100, 5_000][style] ?? 1;
  const cut: Buffer[] = [];
  // A stream of a hundred thousand single bytes would show nothing that a short one does not.
  const least = Math.ceil(stream.length / 5_000);
  for (let at = 0; at < stream.length; ) {
    const size = Math.max(least, 1 + count(random, largest - 1));
    cut.push(stream.subarray(at, at + size));
    at += size;
  }
  return cut;
}

interface Planned {
  readonly exchange: Exchange;
  /** Where its replies begin in the stream: it is expected no later than that. */
  readonly at: number;
  readonly due: readonly string[];
  readonly got: string[];
  isEnded: boolean;
}

interface Story {
  readonly stream: Buffer;
  /** How much of the stream has come, and what the client must have seen of it by then, at each boundary. */
  readonly shown: { readonly at: number; readonly length: number }[];
  readonly seen: string;
  readonly plans: readonly Planned[];
}

/** A stream with exchanges at random boundaries, and what a client has to see of it. */
function story(random: Random, sign: () => Sign, isHello: boolean): Story {
  const signs: string[] = [];
  let stream = "";
  let seen = "";
  const plans: Planned[] = [];
  const shown: { at: number; length: number }[] = [];
  const pass = (frame: string): void => {
    stream += frame;
    seen += frame;
  };
  for (let step = count(random, 12); step >= 0; step -= 1) {
    for (let left = count(random, 6); left > 0; left -= 1) {
      pass(random() < 0.15 ? pick(random, PUSHES) : reply(random, signs));
      shown.push({ at: stream.length, length: seen.length });
    }
    if (random() < 0.3) continue;
    const begin = sign();
    const end = sign();
    if (!isHello) signs.push(begin.reply, end.reply);
    const at = stream.length;
    const got: string[] = [];
    stream += begin.reply;
    if (random() < 0.2) {
      // A marker alone, with something for the client in its place.
      const answer = random() < 0.5 ? "-EXECABORT lost\r\n" : "";
      seen += answer;
      const plan: Planned = {
        at,
        due: [],
        got,
        isEnded: false,
        exchange: {
          begin: begin.marker,
          onReply: (frame) => frame,
          onEnd: () => {
            plan.isEnded = true;
            return answer === "" ? undefined : Buffer.from(answer, "latin1");
          },
        },
      };
      plans.push(plan);
      continue;
    }
    const isShown = random() < 0.3;
    const due: string[] = [];
    for (let left = count(random, 2); left > 0; left -= 1) {
      if (random() < 0.4) pass(pick(random, PUSHES));
      const ours = reply(random, signs);
      due.push(ours);
      stream += ours;
      if (isShown) seen += ours;
    }
    if (random() < 0.3) pass(pick(random, PUSHES));
    stream += end.reply;
    const plan: Planned = {
      at,
      due,
      got,
      isEnded: false,
      exchange: {
        begin: begin.marker,
        end: end.marker,
        onReply: (frame) => {
          got.push(frame.toString("latin1"));
          return isShown ? frame : undefined;
        },
        onEnd: () => {
          plan.isEnded = true;
          return undefined;
        },
      },
    };
    plans.push(plan);
    shown.push({ at: stream.length, length: seen.length });
  }
  return { stream: Buffer.from(stream, "latin1"), seen, plans, shown };
}

/** Feeds a story in random pieces as a socket would: while nothing is expected, the filter is not asked. */
function play(random: Random, { stream, plans, shown }: Story): string {
  const filter = new ReplyFilter();
  const waiting = [...plans];
  let seen = "";
  let at = 0;
  for (const chunk of chunks(random, stream)) {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const isLastMoment = next.at < at + chunk.length;
      if (!isLastMoment && random() < 0.7) break;
      filter.expect(next.exchange);
      waiting.shift();
    }
    if (filter.isActive) for (const bytes of filter.feed(chunk)) seen += bytes.toString("latin1");
    else seen += chunk.toString("latin1");
    at += chunk.length;
    const isPending = plans.slice(0, plans.length - waiting.length).some((plan) => !plan.isEnded);
    const boundary = shown.findLast((known) => known.at <= at);
    if (!isPending && boundary !== undefined) expect(seen.length).toBeGreaterThanOrEqual(boundary.length);
  }
  expect(filter.isActive).toBe(false);
  return seen;
}

describe.each([
  ["PING", pingSign, false],
  ["HELLO", errorSign, true],
] as const)("markers by %s", (_, sign, isHello) => {
  test("the client sees the stream without our replies, in order, whatever the pieces", () => {
    for (let seed = 1; seed <= 250; seed += 1) {
      const random = seededRandom(seed);
      const told = story(random, sign, isHello);
      const seen = play(random, told);
      expect(seen === told.seen, `seed ${seed}`).toBe(true);
      for (const plan of told.plans) {
        expect(plan.isEnded, `seed ${seed}`).toBe(true);
        expect(plan.got, `seed ${seed}`).toEqual(plan.due);
      }
    }
  });
});

describe("one exchange", () => {
  const begin = pingSign();
  const end = pingSign();

  function exchange(): Exchange & { readonly got: string[] } {
    const got: string[] = [];
    return {
      got,
      begin: begin.marker,
      end: end.marker,
      onReply: (frame) => {
        got.push(frame.toString());
        return undefined;
      },
      onEnd: () => {
        got.push("end");
        return undefined;
      },
    };
  }

  const feed = (filter: ReplyFilter, bytes: string): string =>
    Buffer.concat(filter.feed(Buffer.from(bytes))).toString();

  test("an error that the server drops is noticed: nothing comes between the markers", () => {
    const filter = new ReplyFilter();
    const ours = exchange();
    filter.expect(ours);
    expect(feed(filter, `+OK\r\n${begin.reply}${end.reply}:1\r\n`)).toBe("+OK\r\n:1\r\n");
    expect(ours.got).toEqual(["end"]);
  });

  test("a complete reply is not held back while an exchange is under way", () => {
    const filter = new ReplyFilter();
    filter.expect(exchange());
    expect(feed(filter, "$5\r\nhello\r\n")).toBe("$5\r\nhello\r\n");
    expect(feed(filter, "*1\r\n:1\r\n")).toBe("*1\r\n:1\r\n");
  });

  test("what only began like a marker is handed over when it goes on otherwise", () => {
    const filter = new ReplyFilter();
    filter.expect(exchange());
    expect(feed(filter, begin.reply.slice(0, 20))).toBe("");
    expect(feed(filter, "?")).toBe(`${begin.reply.slice(0, 20)}?`);
  });

  test("a marker that begins inside what looked like its beginning is found", () => {
    const filter = new ReplyFilter();
    const ours = exchange();
    filter.expect(ours);
    const halting = `$5\r\n${begin.reply.slice(0, 5)}\r\n`;
    expect(feed(filter, halting + begin.reply + end.reply)).toBe(halting);
    expect(ours.got).toEqual(["end"]);
  });

  test("an exchange that is expected while another one is under way takes its turn", () => {
    const filter = new ReplyFilter();
    const first = exchange();
    const later = pingSign();
    let isSeen = false;
    filter.expect(first);
    filter.feed(Buffer.from(begin.reply));
    filter.expect({
      begin: later.marker,
      onReply: (frame) => frame,
      onEnd: () => {
        isSeen = true;
        return Buffer.from("+yes\r\n");
      },
    });
    expect(feed(filter, `+OK\r\n${end.reply}:1\r\n${later.reply}:2\r\n`)).toBe(":1\r\n+yes\r\n:2\r\n");
    expect(first.got).toEqual(["+OK\r\n", "end"]);
    expect(isSeen).toBe(true);
  });

  test("what comes before the first exchange of a connection's next client is for nobody", () => {
    const stale = `+late\r\n$40\r\n${"$32\r\n".repeat(8)}\r\n${begin.reply.slice(0, 20)}:1\r\n`;
    const stream = `${stale}${begin.reply}:2\r\n+next\r\n`;
    for (let cut = 0; cut <= stream.length; cut++) {
      const filter = new ReplyFilter();
      filter.expect({
        begin: begin.marker,
        isFirst: true,
        onReply: (frame) => frame,
        onEnd: () => undefined,
      });
      expect(feed(filter, stream.slice(0, cut)) + feed(filter, stream.slice(cut))).toBe(":2\r\n+next\r\n");
      expect(filter.isActive).toBe(false);
    }
  });

  test("translation begins behind the exchange that asks for it, and ends behind the one that ends it", () => {
    const filter = new ReplyFilter();
    const [on, off] = [pingSign(), pingSign()];
    const shout = (frame: Buffer): Buffer => Buffer.from(frame.toString().toUpperCase());
    const turning = (sign: Sign, translate: typeof shout | undefined): Exchange => ({
      begin: sign.marker,
      onReply: (frame) => frame,
      onEnd: () => {
        filter.translate(translate);
        return undefined;
      },
    });
    filter.expect(turning(on, shout));
    expect(feed(filter, `+a\r\n${on.reply}+b\r\n$3\r\nbcd`)).toBe("+a\r\n+B\r\n");
    expect(filter.isActive).toBe(true);
    expect(feed(filter, "\r\n")).toBe("$3\r\nBCD\r\n");
    filter.expect(turning(off, undefined));
    expect(feed(filter, `+c\r\n${off.reply}+d\r\n`)).toBe("+C\r\n+d\r\n");
    expect(filter.isActive).toBe(false);
  });

  test("bytes that are no protocol inside an exchange are an error, not a wrong reply", () => {
    const filter = new ReplyFilter();
    filter.expect(exchange());
    expect(() => filter.feed(Buffer.concat([Buffer.from(begin.reply), randomBytes(1).fill(1)]))).toThrow(
      "Expected a type",
    );
  });
});
