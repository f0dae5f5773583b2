import { describe, expect, test } from "vitest";
import { slotRanges, whatIsMissing } from "../../src/redis-server/cluster-view.js";

describe("slotRanges", () => {
  test.each([3, 4, 7, 16_384])("gives %i masters even shares, without gaps", (masters) => {
    const ranges = slotRanges(masters);
    const sizes = ranges.map(([first, last]) => last - first + 1);
    expect(ranges).toHaveLength(masters);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    expect(ranges.flatMap(([first, last]) => [first - 1, last])).toEqual([
      -1,
      ...ranges.slice(0, -1).flatMap(([, last]) => [last, last]),
      16_383,
    ]);
  });
});

describe("whatIsMissing", () => {
  const ENDPOINTS = new Set(["localhost:1", "localhost:2"]);
  const UP = {
    info: "cluster_enabled:1\r\ncluster_state:ok\r\n",
    nodes:
      "aa 127.0.0.1:1@11,localhost myself,master - 0 0 1 connected 0-8191\n" +
      "bb 127.0.0.1:2@12,localhost master - 0 1700000000000 2 connected 8192-16383\n",
    slots: [
      [0, 8191, ["localhost", 1, "aa", ["ip", "127.0.0.1"]]],
      [8192, 16_383, ["localhost", 2, "bb", ["ip", "127.0.0.1"]]],
    ],
  };

  test("is nothing when the node is connected to all others and sends clients to all of them", () => {
    expect(whatIsMissing(UP, ENDPOINTS)).toBeUndefined();
  });

  test.each<[string, Partial<typeof UP> | { slots: null }, string]>([
    ["a cluster that does not serve", { info: "cluster_state:fail\r\n" }, "its cluster state is fail"],
    ["a node it has not heard of", { nodes: UP.nodes.split("\n")[0]! }, "it knows 1 of 2 nodes"],
    ["a lost connection", { nodes: UP.nodes.replace("2 connected", "2 disconnected") }, 'the node "bb '],
    ["a handshake", { nodes: UP.nodes.replace(" master", " handshake") }, 'the node "bb '],
    [
      "a name that it does not know yet",
      { slots: [UP.slots[0]!, [8192, 16_383, ["?", 2, "bb", []]]] },
      "it sends clients to localhost:1, ?:2",
    ],
    ["slots of nobody", { slots: [UP.slots[0]!] }, "it sends clients to localhost:1"],
  ])("is %s", (_name, part, missing) => {
    expect(whatIsMissing({ ...UP, ...part }, ENDPOINTS)).toContain(missing);
  });
});
