import { describe, expect, test } from "vitest";
import { knows, ownPlace, slotRanges, whatIsMissing } from "../../src/redis-server/cluster-view.js";

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
  const EXPECTED = {
    shards: new Map([
      ["localhost:1", new Set(["localhost:3"])],
      ["localhost:2", new Set<string>()],
    ]),
    // The last one has been killed.
    nodes: new Map([
      ["aa", true],
      ["bb", true],
      ["cc", true],
      ["dd", false],
    ]),
  };
  const UP = {
    info: "cluster_enabled:1\r\ncluster_state:ok\r\n",
    nodes:
      "aa 127.0.0.1:1@11,localhost myself,master,nofailover - 0 0 1 connected 0-8191\n" +
      "bb 127.0.0.1:2@12,localhost master - 0 1700000000000 2 connected 8192-16383\n" +
      "cc 127.0.0.1:3@13,localhost slave aa 0 1700000000000 1 connected\n" +
      "dd 127.0.0.1:4@14,localhost slave,fail bb 0 1700000000000 2 disconnected\n",
    slots: [
      [0, 4000, ["localhost", 1, "aa", ["ip", "127.0.0.1"]], ["localhost", 3, "cc", []]],
      [4001, 8191, ["localhost", 1, "aa", ["ip", "127.0.0.1"]], ["localhost", 3, "cc", []]],
      [8192, 16_383, ["localhost", 2, "bb", ["ip", "127.0.0.1"]]],
    ],
  };

  test("is nothing when the node is connected to all others that run and sends clients to all of them", () => {
    expect(whatIsMissing(UP, EXPECTED)).toBeUndefined();
  });

  test.each<[string, Partial<typeof UP> | { slots: unknown }, string]>([
    ["a cluster that does not serve", { info: "cluster_state:fail\r\n" }, "its cluster state is fail"],
    ["a node it has not heard of", { nodes: UP.nodes.split("\n")[0]! }, "it knows 1 of 4 nodes"],
    ["a lost connection", { nodes: UP.nodes.replace("2 connected", "2 disconnected") }, 'the node "bb '],
    ["a handshake", { nodes: UP.nodes.replace(" master -", " handshake -") }, 'the node "bb '],
    [
      "a node that may have failed",
      { nodes: UP.nodes.replace("slave aa", "slave,fail? aa") },
      'the node "cc ',
    ],
    [
      "a name that it does not know yet",
      { slots: [...UP.slots.slice(0, 2), [8192, 16_383, ["?", 2, "bb", []]]] },
      "it sends clients to localhost:1 (and its replicas localhost:3), ?:2",
    ],
    [
      "a replica that is not there yet",
      { slots: [[0, 8191, ["localhost", 1, "aa", []]], UP.slots[2]!] },
      "it sends clients to localhost:1, localhost:2",
    ],
    ["slots of nobody", { slots: UP.slots.slice(0, 2) }, "it sends clients to localhost:1"],
  ])("is %s", (_name, part, missing) => {
    const view = { ...UP, ...part } as typeof UP;
    expect(whatIsMissing(view, EXPECTED)).toContain(missing);
  });

  test("a node says what it is itself, and whom it knows", () => {
    expect(ownPlace(UP.nodes)).toEqual({ id: "aa", masterId: undefined });
    expect(ownPlace("cc 127.0.0.1:3@13 myself,slave,nofailover aa 0 0 1 connected\n")).toEqual({
      id: "cc",
      masterId: "aa",
    });
    expect(["aa", "bb", "dd", "ee"].map((id) => knows(UP.nodes, id))).toEqual([true, true, false, false]);
  });
});
