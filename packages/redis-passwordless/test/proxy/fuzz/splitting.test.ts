import { CommandScanner, ReplyScanner, RespError } from "resp-framing";
import { describe, expect, test } from "vitest";
import { pingMarker } from "../../../src/inband/marker.js";
import { withoutOwnLines } from "../../../src/inband/monitor-view.js";
import { ReplyFilter, type Translate } from "../../../src/inband/reply-filter.js";
import { Resp2View } from "../../../src/inband/resp2-view.js";
import { ClusterReplies } from "../../../src/proxy/cluster/cluster-replies.js";
import { CommandReader } from "../../../src/proxy/shared/command-reader.js";
import { seededRandom } from "../../support/random.js";
import { LONG } from "../transparency/length.js";
import { conversation, pick, pieces, upTo } from "./client-bytes.js";
import { replyBytes } from "./hostile-server.js";
import { FIRST_SEED, TIMEOUT_MS } from "./length.js";

type Random = () => number;

const STREAMS = LONG ? 4_000 : 120;
/** Streams are short: what is long shows nothing more. */
const MOST_BYTES = 3_000;

/** What a parser makes of a stream: what it has found, and the error that it ended with. */
interface Reading {
  readonly found: readonly string[];
  readonly error: string | undefined;
}

/** Feeds pieces until there are no more, or one is refused. Each lies in a buffer that is overwritten behind it. */
function reading(
  parts: readonly Buffer[],
  feed: (piece: Buffer, find: (text: string) => void) => void,
): Reading {
  const found: string[] = [];
  const shared = Buffer.alloc(MOST_BYTES);
  try {
    for (const part of parts) {
      const piece = shared.subarray(0, part.copy(shared));
      feed(piece, (text) => found.push(text));
      piece.fill("#");
    }
  } catch (error) {
    if (!(error instanceof RespError)) throw error;
    return { found, error: error.code };
  }
  return { found, error: undefined };
}

/** Makes a parser for one stream. */
type Make = () => Parameters<typeof reading>[1];

function expectAlike(name: string, seed: number, make: Make, stream: Buffer, random: Random): void {
  const whole = reading([stream], make());
  const inPieces = reading(pieces(random, stream), make());
  const bytewise = reading(
    Array.from(stream, (byte) => Buffer.from([byte])),
    make(),
  );
  expect(inPieces, `${name}, SEED=${seed}`).toEqual(whole);
  expect(bytewise, `${name}, SEED=${seed}`).toEqual(whole);
}

const COMMANDS: Readonly<Record<string, Make>> = {
  "the scanner of commands": () => {
    const scanner = new CommandScanner({ watch: ["AUTH", "MULTI", "HELLO"], maxBulkLength: 16_384 });
    return (piece, find) => {
      for (let at = 0; at < piece.length; ) {
        const before = scanner.commands;
        at = scanner.scan(piece, at, 1);
        if (scanner.commands > before) {
          find(
            `${scanner.name} ${scanner.watched} ${scanner.elements} ${scanner.commandStart} ${scanner.position}`,
          );
        }
      }
    };
  },
  "the reader of commands": () => {
    const reader = new CommandReader();
    return (piece, find) => {
      reader.feed(piece);
      while (reader.next() === "command")
        find(`${reader.name} ${reader.count} ${reader.command.toString("latin1")}`);
      reader.keep();
    };
  },
};

const REPLIES: Readonly<Record<string, Make>> = {
  "the scanner of replies": () => {
    const scanner = new ReplyScanner({ maxBulkLength: 100_000, maxNesting: 16 });
    return (piece, find) => {
      for (let at = 0; at < piece.length; ) {
        at = scanner.scanFrame(piece, at);
        if (!scanner.atBoundary) continue;
        const { frameType, frameStart, position, preview, lastInteger } = scanner;
        find(`${frameType} ${frameStart} ${position} ${lastInteger} ${preview.toString("latin1")}`);
      }
    };
  },
};

describe("a stream is read alike in any pieces, be it right or wrong", { timeout: TIMEOUT_MS }, () => {
  test("what clients send", () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + STREAMS; seed += 1) {
      const random = seededRandom(seed);
      const stream = Buffer.concat(conversation(random, "password").pieces).subarray(0, MOST_BYTES);
      for (const [name, make] of Object.entries(COMMANDS)) expectAlike(name, seed, make, stream, random);
    }
  });

  test("what servers send", () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + STREAMS; seed += 1) {
      const random = seededRandom(seed);
      const stream = replyBytes(random, MOST_BYTES);
      for (const [name, make] of Object.entries(REPLIES)) expectAlike(name, seed, make, stream, random);
    }
  });

  test("what clients get to see of it, between the replies to commands of ours", () => {
    const views: readonly (() => Translate | undefined)[] = [
      () => undefined,
      () => {
        const view = new Resp2View();
        return (frame, isPush, count) => view.translate(frame, isPush, count);
      },
      () => {
        const view = withoutOwnLines();
        return (frame) => view(frame) ?? Buffer.alloc(0);
      },
    ];
    for (let seed = FIRST_SEED; seed < FIRST_SEED + STREAMS; seed += 1) {
      const random = seededRandom(seed);
      const [begin, end] = [pingMarker(), pingMarker()];
      const parts = [
        replyBytes(random, 400),
        begin.reply,
        replyBytes(random, 400),
        end.reply,
        replyBytes(random, 400),
      ];
      const stream = Buffer.concat(parts);
      const view = pick(random, views);
      const seen = (cut: readonly Buffer[]): { readonly text: string; readonly isOver: boolean } => {
        const filter = new ReplyFilter();
        const translate = view();
        filter.translate(translate);
        const onEnd = (): undefined => undefined;
        filter.expect({ begin, end, onReply: (frame) => (frame[0] === 43 ? undefined : frame), onEnd });
        const { found, error } = reading(cut, (piece, find) => {
          for (const bytes of filter.feed(Buffer.from(piece))) find(bytes.toString("latin1"));
        });
        return { text: found.join(""), isOver: error !== undefined };
      };
      const [whole, cut] = [seen([stream]), seen(pieces(random, stream))];
      expect(cut.isOver, `SEED=${seed}`).toBe(whole.isOver);
      // What came in one read with something that is wrong is not shown any more.
      if (whole.isOver) expect(cut.text.startsWith(whole.text), `SEED=${seed}`).toBe(true);
      else expect(cut.text, `SEED=${seed}`).toBe(whole.text);
    }
  });

  test("what clients of a cluster get to see of it", () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + STREAMS; seed += 1) {
      const random = seededRandom(seed);
      const redirect = Buffer.from(`-MOVED ${upTo(random, 16_383)} 10.0.0.1:7001\r\n`);
      const stream = Buffer.concat([replyBytes(random, 900), redirect, replyBytes(random, 900)]);
      const make: Make = () => {
        let find = (_text: string): void => {};
        const replies = new ClusterReplies({
          origin: { host: "cache.example", isEncrypted: true },
          localHost: "127.0.0.1",
          doors: { portsOf: () => () => 47_001 },
          write: (bytes) => find(bytes.toString("latin1")),
          onReleased: () => {},
        });
        return (piece, finds) => {
          find = finds;
          replies.pass(piece);
        };
      };
      const [whole, cut] = [[stream], pieces(random, stream)].map((parts) =>
        reading(parts, make()).found.join(""),
      );
      expect(cut === whole, `SEED=${seed}`).toBe(true);
    }
  });
});
