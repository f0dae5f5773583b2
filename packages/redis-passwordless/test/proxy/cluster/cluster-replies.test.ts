import { describe, expect, test } from "vitest";
import { ClusterReplies, type LocalPorts } from "../../../src/proxy/cluster/cluster-replies.js";
import type { LocalPort } from "../../../src/proxy/cluster/node-doors.js";
import { seededRandom } from "../../support/random.js";

const SLOTS = [Buffer.from("CLUSTER"), Buffer.from("SLOTS")];

/** Doors that are open, at 40,000 above the node's port; those of `late` ports open when told to. */
class Doors implements LocalPorts {
  readonly #late = new Set<number>();
  readonly #waiting: (() => void)[] = [];
  readonly asked: boolean[] = [];

  constructor(...late: readonly number[]) {
    this.#late = new Set(late);
  }

  portsOf(nodes: Parameters<LocalPorts["portsOf"]>[0], isWhole: boolean): LocalPort | Promise<LocalPort> {
    this.asked.push(isWhole);
    const portOf: LocalPort = ({ port }) => port + 40_000;
    const late = nodes.filter(({ port }) => this.#late.delete(port));
    if (late.length === 0) return portOf;
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve(portOf));
    });
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Opens the door that was asked for first. */
  async openNext(): Promise<void> {
    this.#waiting.shift()?.();
    await new Promise(setImmediate);
  }
}

/** A client, and what it has read. */
class Reader {
  readonly replies: ClusterReplies;
  readonly chunks: Buffer[] = [];
  released = 0;
  #text = "";

  constructor(doors: LocalPorts = new Doors()) {
    this.replies = new ClusterReplies({
      origin: { host: "cache.example", isEncrypted: true },
      localHost: "127.0.0.1",
      doors,
      write: (bytes) => {
        this.chunks.push(bytes);
        this.#text += bytes.toString("latin1");
      },
      onReleased: () => {
        this.released += 1;
      },
    });
  }

  get text(): string {
    return this.#text;
  }

  /** The bytes are overwritten afterwards, as those of a shared buffer are. */
  pass(text: string): boolean {
    const bytes = Buffer.from(text, "latin1");
    const isFlowing = this.replies.pass(bytes);
    bytes.fill("#");
    return isFlowing;
  }
}

/** What a server sends, and what the client gets of it. */
const STREAM: readonly (readonly [sent: string, seen?: string])[] = [
  ["+OK\r\n"],
  ["-MOVED 1 10.0.0.1:7001\r\n", "-MOVED 1 127.0.0.1:47001\r\n"],
  ["$5\r\nvalue\r\n"],
  ["$26\r\n\r\n-MOVED 1 10.0.0.1:7001\r\n\r\n"],
  ["$24\r\n-MOVED 1 10.0.0.1:7001\r\n\r\n"],
  ["*2\r\n-MOVED 1 10.0.0.1:7001\r\n:1\r\n"],
  ["-ASK 9 :7002\r\n", "-ASK 9 127.0.0.1:47002\r\n"],
  ["-ERR -MOVED 1 10.0.0.1:7001\r\n"],
  ["-\r\n"],
  ["-MOVED\r\n"],
  ["-M\r\n"],
  [">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$22\r\n-ASK 1 10.0.0.1:7001\r\n\r\n"],
  ["-ASK 9 10.0.0.1:7002\r\n", "-ASK 9 127.0.0.1:47002\r\n"],
  ["-MOVED 9 10.0.0.1:7003\r\n", "-MOVED 9 127.0.0.1:47003\r\n"],
  ["-EXECABORT Transaction discarded because of previous errors.\r\n"],
  ["%1\r\n$1\r\na\r\n_\r\n"],
  [`$20000\r\n${"-MOVED 1 a:1\r\n".repeat(1_428)}12345678\r\n`],
  ["-ASK 1 ?:7001\r\n"],
  [`-MOVED 1 ${"a".repeat(2_000)}:7001\r\n`],
  [":1\r\n"],
];
const SENT = STREAM.map(([sent]) => sent).join("");
const SEEN = STREAM.map(([sent, seen = sent]) => seen).join("");

function cut(text: string, random: () => number, longest: number): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const length = 1 + Math.floor(random() * longest);
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return pieces;
}

describe("redirects among other replies", () => {
  test("are rewritten, and nothing else is, wherever the stream is cut in two", () => {
    for (let at = 0; at <= SENT.length; at += at < 500 || SENT.length - at < 2_500 ? 1 : 97) {
      const reader = new Reader();
      reader.pass(SENT.slice(0, at));
      reader.pass(SENT.slice(at));
      expect(reader.text === SEEN, `cut at ${at}`).toBe(true);
    }
  });

  test("are rewritten in pieces of any size, while doors open late", async () => {
    const random = seededRandom(6);
    for (let round = 0; round < 200; round += 1) {
      const doors = new Doors(7001, 7002, 7003);
      const reader = new Reader(doors);
      for (const piece of cut(SENT, random, 1 + Math.floor(random() * 400))) {
        reader.pass(piece);
        if (random() < 0.05) await doors.openNext();
      }
      while (doors.waiting > 0) await doors.openNext();
      expect(reader.text === SEEN, `round ${round}`).toBe(true);
    }
  });

  test("by the thousand in one chunk are no burden for the stack", () => {
    const reader = new Reader();
    reader.pass("-MOVED 1 10.0.0.1:7001\r\n".repeat(100_000));
    expect(reader.text).toBe("-MOVED 1 127.0.0.1:47001\r\n".repeat(100_000));
  });

  test("that wait are followed by what came behind them, in order", async () => {
    const doors = new Doors(7001, 7002);
    const reader = new Reader(doors);
    expect(reader.pass("+before\r\n-MOVED 1 a:7001\r\n+between\r\n-MOVED 1 a:7002\r\n+behind\r\n")).toBe(
      false,
    );
    expect(reader.pass("+last\r\n")).toBe(false);
    expect(reader.text).toBe("+before\r\n");
    await doors.openNext();
    expect(reader.text).toBe("+before\r\n-MOVED 1 127.0.0.1:47001\r\n+between\r\n");
    expect(reader.released).toBe(0);
    await doors.openNext();
    expect(reader.text).toBe(
      "+before\r\n-MOVED 1 127.0.0.1:47001\r\n+between\r\n-MOVED 1 127.0.0.1:47002\r\n+behind\r\n+last\r\n",
    );
    expect(reader.released).toBe(1);
    expect(reader.pass("+more\r\n")).toBe(true);
  });
});

test("a chunk without a redirect passes as the very buffer it came in", () => {
  const reader = new Reader();
  const chunks = ["+OK\r\n$5\r\nval", "ue\r\n-ERR no\r\n*2\r\n:1\r\n", ":2\r\n-ERR mo", "re\r\n"].map(
    (text) => Buffer.from(text),
  );
  for (const chunk of chunks) reader.replies.pass(chunk);
  expect(reader.chunks).toEqual(chunks);
  for (const [index, chunk] of chunks.entries()) expect(reader.chunks[index]).toBe(chunk);
});

test("an error that begins like a redirect is not held back once it cannot be one", () => {
  const reader = new Reader();
  reader.pass("+OK\r\n-MO");
  expect(reader.text).toBe("+OK\r\n");
  reader.pass("RE of it");
  expect(reader.text).toBe("+OK\r\n-MORE of it");
  reader.pass(" and -MOVED 1 a:1\r\n-ASK 1 a:7001\r\n");
  expect(reader.text).toBe("+OK\r\n-MORE of it and -MOVED 1 a:1\r\n-ASK 1 127.0.0.1:47001\r\n");
});

describe("topologies", () => {
  const slots = (host: string, port: number): string =>
    `*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$${host.length}\r\n${host}\r\n:${port}\r\n$2\r\nid\r\n`;

  test("are rewritten where the command's reply is, and only there", async () => {
    const doors = new Doors(7001);
    const reader = new Reader(doors);
    const reply = Buffer.from(slots("10.0.0.1", 7_001));
    reader.pass(`+OK\r\n${slots("10.0.0.9", 7_009)}`);
    reader.replies.lookAt(SLOTS)?.(reply);
    expect(reader.replies.pass(reply)).toBe(false);
    reader.pass("-MOVED 1 a:7001\r\n");
    await doors.openNext();
    expect(reader.text).toBe(
      `+OK\r\n${slots("10.0.0.9", 7_009)}${slots("127.0.0.1", 47_001)}-MOVED 1 127.0.0.1:47001\r\n`,
    );
    expect(doors.asked).toEqual([true, false]);
  });

  test("stay what they are when they are something else", () => {
    const doors = new Doors();
    const reader = new Reader(doors);
    for (const text of ["+QUEUED\r\n", "-NOPERM no\r\n", "*0\r\n"]) {
      reader.replies.pass(reader.replies.lookAt(SLOTS)!(Buffer.from(text)));
    }
    reader.pass("-ASK 1 a:7001\r\n");
    expect(reader.text).toBe("+QUEUED\r\n-NOPERM no\r\n*0\r\n-ASK 1 127.0.0.1:47001\r\n");
    expect(doors.asked).toEqual([false]);
  });
});

describe("a door that cannot be opened", () => {
  test.each([
    [
      "at once",
      () => {
        throw new Error("no\r\nport");
      },
    ],
    ["after a while", () => Promise.reject(new Error("no\r\nport"))],
  ])("%s becomes an error in the place of the redirect", async (_, portsOf) => {
    const reader = new Reader({ portsOf });
    reader.pass("+OK\r\n-MOVED 1 a:7001\r\n+OK\r\n");
    await new Promise(setImmediate);
    expect(reader.text).toBe("+OK\r\n-ERR no port\r\n+OK\r\n");
  });
});

test("what is no Redis protocol passes unchanged, whatever it looks like", () => {
  const reader = new Reader();
  const text = "+OK\r\n-MOVED 1 a:7001\r\n@@@ no protocol\r\n-MOVED 1 a:7001\r\n";
  for (const piece of cut(text, seededRandom(1), 9)) reader.pass(piece);
  reader.pass("-MOVED 1 a:7001\r\n");
  expect(reader.text).toBe(`${text.replace("a:7001", "127.0.0.1:47001")}-MOVED 1 a:7001\r\n`);
});

test("nothing is written for a client that has gone", async () => {
  const doors = new Doors(7001);
  const reader = new Reader(doors);
  reader.pass("-MOVED 1 a:7001\r\n+OK\r\n");
  reader.replies.close();
  await doors.openNext();
  expect(reader.chunks).toEqual([]);
  expect(reader.released).toBe(0);
});
