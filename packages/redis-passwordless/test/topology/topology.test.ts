import { describe, expect, test } from "vitest";
import { TopologyCheck, topologyOf } from "../../src/topology/topology.js";

const THREE_MASTERS = "*3\r\n*3\r\n:0\r\n:5460\r\n";
const NAMES = { used: "createClient", needed: "createCluster" };

describe("topologyOf", () => {
  test.each([
    [THREE_MASTERS, "cluster"],
    ["*2\r\n", "cluster"],
    ["-ERR This instance has cluster support disabled\r\n", "single"],
    ["-ERR unknown command 'CLUSTER', with args beginning with: 'SLOTS' \r\n", "single"],
    ["-ERR unknown subcommand 'SLOTS'. Try CLUSTER HELP.\r\n", "single"],
    ["-ERR command is not allowed\r\n", "single"],
  ])("%j is a %s", (reply, topology) => {
    expect([topologyOf(reply), topologyOf(Buffer.from(reply))]).toEqual([topology, topology]);
  });

  test("one node with all slots serves either kind of client", () => {
    expect(topologyOf("*1\r\n*3\r\n:0\r\n:16383\r\n")).toBe("either");
    for (const expected of ["single", "cluster"] as const) {
      const check = new TopologyCheck(expected, NAMES);
      check.examine("cache:1", "*1\r\n");
      expect(check.question).toBeUndefined();
    }
  });

  test.each([
    "*0\r\n",
    "-NOPERM this user has no permissions to run the 'cluster|slots' command\r\n",
    "-NOPERM command not allowed\r\n",
    "-LOADING Redis is loading the dataset in memory\r\n",
    "-NOAUTH Authentication required.\r\n",
    "+QUEUED\r\n",
    "",
  ])("%j does not tell", (reply) => {
    expect(topologyOf(reply)).toBeUndefined();
  });
});

describe("TopologyCheck", () => {
  test("asks until it is answered, and then no more", () => {
    const check = new TopologyCheck("single", NAMES);
    expect(check.question).toEqual(["CLUSTER", "SLOTS"]);
    check.examine("cache:1", undefined);
    expect(check.question).toEqual(["CLUSTER", "SLOTS"]);
    check.examine("cache:1", "-ERR This instance has cluster support disabled\r\n");
    expect(check.question).toBeUndefined();
  });

  test("a server of the other kind is an error that names the constructor, each time", () => {
    const check = new TopologyCheck("single", NAMES);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(() => check.examine("cache:1", THREE_MASTERS)).toThrow(
        expect.objectContaining({
          code: "ERR_PASSWORDLESS_TOPOLOGY_MISMATCH",
          message: expect.stringMatching(/cache:1 is an OSS cluster.*createClient/),
          remedy: expect.stringContaining("createCluster"),
          retryable: false,
          rule: "moved",
          details: { target: "redis", host: "cache", port: 1, endpoint: "cache:1", topology: "cluster" },
        }),
      );
      expect(check.question).toEqual(["CLUSTER", "SLOTS"]);
    }
  });

  test("a cluster client hears of a server that is no cluster", () => {
    const check = new TopologyCheck("cluster", { used: "createCluster", needed: "createClient" });
    expect(() => check.examine("cache:1", "-ERR This instance has cluster support disabled\r\n")).toThrow(
      /cache:1 is no OSS cluster/,
    );
  });
});
