import { describe, expect, test } from "vitest";
import * as merge from "../../../src/proxy/router/merge.js";
import { redirectIn } from "../../../src/proxy/router/redirect.js";
import { ReplyOrder } from "../../../src/proxy/router/reply-order.js";
import { nextCursor, positionOf } from "../../../src/proxy/router/scan-cursor.js";
import { asSingleServer } from "../../../src/proxy/router/server-view.js";
import { SlotMap } from "../../../src/proxy/router/slot-map.js";

const frames = (...texts: readonly string[]): Buffer[] => texts.map((text) => Buffer.from(text));
const asked = { host: "cache.example", port: 10_000 };

describe("the map of slots", () => {
  test("reads addresses, empty hosts and unknown ones", () => {
    const map = SlotMap.from(
      [
        [8_192, 16_383, ["", 7_001, "id", []], ["10.0.0.9", 7_009, "id", []]],
        [0, 8_000, ["10.0.0.1", 7_000, "id", ["hostname", "a"]]],
        [8_001, 8_190, ["?", 7_002, "id"]],
      ],
      asked,
    );
    expect(map?.masters.map(({ host, port }) => `${host}:${port}`)).toEqual([
      "10.0.0.1:7000",
      "cache.example:7002",
      "cache.example:7001",
    ]);
    expect([0, 8_001, 8_191, 16_383].map((slot) => map?.nodeOf(slot)?.port)).toEqual([
      7_000,
      7_002,
      undefined,
      7_001,
    ]);
  });

  test("is none where the answer is something else", () => {
    for (const answer of [
      null,
      [],
      "x",
      [[0, 1]],
      [[0, 99_999, ["a", 1]]],
      [[5, 1, ["a", 1]]],
      [[0, 1, ["a", 0]]],
    ]) {
      expect(SlotMap.from(answer, asked)).toBeUndefined();
    }
  });

  test("takes one slot that has moved, to a node that it knows and to one that it does not", () => {
    const map = SlotMap.single(asked);
    const moved = map.with(5, { host: "b", port: 1 }).with(6, { host: "b", port: 1 }).with(7, asked);
    expect([4, 5, 6, 7].map((slot) => moved.nodeOf(slot)?.host)).toEqual([
      "cache.example",
      "b",
      "b",
      "cache.example",
    ]);
    expect([map.equals(SlotMap.single(asked)), map.equals(moved)]).toEqual([true, false]);
  });
});

test.each([
  ["-MOVED 3999 10.0.0.1:6381\r\n", { kind: "moved", slot: 3_999, node: { host: "10.0.0.1", port: 6_381 } }],
  ["-ASK 1 [::1]:6381\r\n", { kind: "ask", slot: 1, node: { host: "::1", port: 6_381 } }],
  ["-MOVED 0 :6381\r\n", { kind: "moved", slot: 0, node: { host: "cache.example", port: 6_381 } }],
  ["-TRYAGAIN Multiple keys request during rehashing of slot\r\n", { kind: "later" }],
  ["-CLUSTERDOWN The cluster is down\r\n", { kind: "later" }],
  ["-MOVED 99999 a:1\r\n", undefined],
  ["-MOVED 1 a:99999\r\n", undefined],
  ["-ERR MOVED 1 a:1\r\n", undefined],
])("%j is a redirection or none", (error, redirect) => {
  expect(redirectIn(Buffer.from(error), asked)).toEqual(redirect);
});

describe("one reply of several", () => {
  test("adds up, puts together, chooses and keeps errors", () => {
    const texts = (reply: Buffer): string => reply.toString();
    expect(texts(merge.sum(frames(":3\r\n", ":9007199254740993\r\n")))).toBe(":9007199254740996\r\n");
    expect(texts(merge.sum(frames(":3\r\n", "-NOPERM no\r\n", "-ERR x\r\n")))).toBe("-NOPERM no\r\n");
    expect(texts(merge.concatenated()(frames("*1\r\n+a\r\n", "*0\r\n", "*2\r\n+b\r\n+a\r\n")))).toBe(
      "*3\r\n+a\r\n+b\r\n+a\r\n",
    );
    expect(texts(merge.concatenated(true)(frames("~1\r\n+a\r\n", "~2\r\n+b\r\n+a\r\n")))).toBe(
      "~2\r\n+a\r\n+b\r\n",
    );
    expect(texts(merge.smallest(frames("*2\r\n:1\r\n:1\r\n", "*2\r\n:1\r\n:0\r\n")))).toBe(
      "*2\r\n:1\r\n:0\r\n",
    );
    expect(texts(merge.counts(frames("*2\r\n+a\r\n:1\r\n", "*2\r\n+a\r\n:2\r\n")))).toBe(
      "*2\r\n+a\r\n:3\r\n",
    );
    expect(texts(merge.anyOf(() => 0.9)(frames("$-1\r\n", "$1\r\na\r\n", "_\r\n")))).toBe("$1\r\na\r\n");
    expect(texts(merge.anyOf(() => 0)(frames("_\r\n", "_\r\n")))).toBe("_\r\n");
    const interleaved = merge.interleaved([[2, 0], [1]]);
    expect(texts(interleaved(frames("*2\r\n$-1\r\n*1\r\n:1\r\n", "*1\r\n$2\r\n\r\n\r\n")))).toBe(
      "*3\r\n*1\r\n:1\r\n$2\r\n\r\n\r\n$-1\r\n",
    );
  });
});

test("a cursor leads through one node after the other, and is a cursor of 64 bits", () => {
  const start = positionOf("0")!;
  expect(start).toEqual({ node: 0, cursor: 0n });
  const second = nextCursor(start, 0n, 3)!;
  expect(positionOf(String(second))).toEqual({ node: 1, cursor: 0n });
  const within = nextCursor({ node: 1, cursor: 0n }, 123_456_789_012n, 3)!;
  expect(positionOf(String(within))).toEqual({ node: 1, cursor: 123_456_789_012n });
  expect(nextCursor({ node: 2, cursor: 5n }, 0n, 3)).toBe(0n);
  expect(nextCursor(start, 1n << 60n, 3)).toBeUndefined();
  expect(["", "-1", "x", "18446744073709551616"].map(positionOf)).toEqual(Array(4).fill(undefined));
});

test("replies come in the order of their places, streamed once theirs has come, with pushes between them", () => {
  const written: string[] = [];
  let isEmpty = 0;
  const order = new ReplyOrder(
    (bytes) => {
      written.push(String(bytes));
      return undefined;
    },
    () => {
      isEmpty += 1;
    },
  );
  const [one, two, three] = [order.next(), order.next(), order.next()];
  void three.put(Buffer.from("3"), true);
  void two.put(Buffer.from("2a"), false);
  expect(written).toEqual([]);
  void one.put(Buffer.from("1a"), false);
  void order.push(Buffer.from("push"));
  void one.put(Buffer.from("1b"), true);
  expect(written).toEqual(["1a", "1b", "push2a"]);
  void two.put(Buffer.from("2b"), true);
  expect([written.slice(3), order.size, isEmpty]).toEqual([["2b", "3"], 0, 1]);
});

test("what a node says of itself is said as by a single server", () => {
  const info = "# Server\r\nredis_mode:cluster\r\n# Cluster\r\ncluster_enabled:1\r\n";
  const shown = "# Server\r\nredis_mode:standalone\r\n# Cluster\r\ncluster_enabled:0\r\n";
  expect(asSingleServer(Buffer.from(`$${info.length}\r\n${info}\r\n`)).toString()).toBe(
    `$${shown.length}\r\n${shown}\r\n`,
  );
  expect(asSingleServer(Buffer.from("-NOPERM x\r\n")).toString()).toBe("-NOPERM x\r\n");
});
