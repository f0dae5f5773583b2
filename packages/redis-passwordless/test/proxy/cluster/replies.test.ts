import { describe, expect, test } from "vitest";
import { decodeReply, type Reply } from "../../../src/inband/reply.js";
import { redirect } from "../../../src/proxy/cluster/redirect.js";
import type { AnnouncedNode, LocalAddress, ReplyOrigin } from "../../../src/proxy/cluster/rewriting.js";
import { topologyCommand } from "../../../src/proxy/cluster/topology-command.js";
import { CAPTURED, type CapturedReply, named } from "./captured.js";

const ORIGIN: ReplyOrigin = { host: "cache.example", isEncrypted: true };

/** Every node is found at an address that no server announces. */
const LOCAL: LocalAddress = ({ port }) => ({ host: "::1", port: 50_000 + (port % 1_000) });

function rewritten(command: string, reply: string, origin: Partial<ReplyOrigin> = {}): string {
  const frame = Buffer.from(reply, "latin1");
  const words = command.split(" ").map((word) => Buffer.from(word));
  const found = topologyCommand(words)!.read(frame, { ...ORIGIN, ...origin });
  return (found?.apply(LOCAL) ?? frame).toString("latin1");
}

function announced(
  command: string,
  reply: string,
  origin: Partial<ReplyOrigin> = {},
): readonly AnnouncedNode[] {
  const words = command.split(" ").map((word) => Buffer.from(word));
  return topologyCommand(words)!.read(Buffer.from(reply), { ...ORIGIN, ...origin })?.nodes ?? [];
}

/** What a reply says apart from addresses. */
function besidesAddresses(reply: Reply): Reply {
  if (typeof reply === "string")
    return reply.replaceAll(/(?:127\.0\.0\.1|host\d\.example|::1)(?::\d+)?/g, "HOST");
  if (typeof reply === "number") return isClientPort(reply) ? "PORT" : reply;
  if (!Array.isArray(reply)) return reply;
  const items = reply as readonly Reply[];
  const isAddress = (item: Reply | undefined): boolean =>
    ["ip", "hostname", "tls-port"].includes(String(item));
  // Null, nothing and `?` are endpoints, the first field of three at least.
  const first = items.length > 2 && [null, "?"].includes(items[0] as string | null) ? ["HOST"] : [];
  return [...first, ...items.slice(first.length)]
    .filter((item, index) => !isAddress(item) && !isAddress(items[index - 1]))
    .map((item, index, kept) => (kept[index - 1] === "endpoint" ? "HOST" : besidesAddresses(item)));
}

function isClientPort(number: number): boolean {
  return (number >= 17_000 && number < 18_000) || number >= 50_000;
}

describe("replies of real servers", () => {
  test.each(CAPTURED.map((captured): [string, CapturedReply] => [named(captured), captured]))(
    "%s: no address is left",
    (_, { command, reply, isEncrypted }) => {
      const seen = rewritten(command, reply, { isEncrypted });
      expect(seen).not.toMatch(/127\.0\.0\.1|\.example|\?|tls-port|\$0\r|:17\d{3}[@\r]/);
      expect(announced(command, reply, { isEncrypted }).length).toBeGreaterThan(0);
      const decoded = [seen, reply].map((text) => besidesAddresses(decodeReply(Buffer.from(text, "latin1"))));
      expect(decoded[0]).toEqual(decoded[1]);
      // Whoever reads the new one as a topology finds the local addresses, each of them.
      const again = announced(command, seen, { isEncrypted: false });
      expect(new Set(again.map(({ host, port }) => `${host} ${port}`))).toEqual(
        new Set(announced(command, reply, { isEncrypted }).map((node) => `::1 ${LOCAL(node).port}`)),
      );
      expect(again).toHaveLength(announced(command, reply, { isEncrypted }).length);
    },
  );
});

describe("CLUSTER SLOTS", () => {
  test("loses what stands beside the endpoint", () => {
    const reply =
      "*1\r\n*4\r\n:0\r\n:16383\r\n" +
      "*4\r\n$9\r\n127.0.0.1\r\n:17100\r\n$2\r\nm1\r\n*2\r\n$8\r\nhostname\r\n$13\r\nhost0.example\r\n" +
      "*4\r\n$9\r\n127.0.0.1\r\n:17103\r\n$2\r\nr1\r\n*4\r\n$4\r\nzone\r\n$1\r\n2\r\n$2\r\nip\r\n$4\r\n::ff\r\n";
    expect(rewritten("CLUSTER SLOTS", reply)).toBe(
      "*1\r\n*4\r\n:0\r\n:16383\r\n" +
        "*4\r\n$3\r\n::1\r\n:50100\r\n$2\r\nm1\r\n*0\r\n" +
        "*4\r\n$3\r\n::1\r\n:50103\r\n$2\r\nr1\r\n*2\r\n$4\r\nzone\r\n$1\r\n2\r\n",
    );
  });

  test("in RESP3 has a map there", () => {
    const reply =
      "*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n_\r\n:17100\r\n$2\r\nm1\r\n%2\r\n$2\r\nip\r\n$4\r\n::ff\r\n$4\r\nzone\r\n$1\r\n2\r\n";
    expect(rewritten("CLUSTER SLOTS", reply)).toBe(
      "*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$3\r\n::1\r\n:50100\r\n$2\r\nm1\r\n%1\r\n$4\r\nzone\r\n$1\r\n2\r\n",
    );
  });

  test.each([
    ["null in RESP2", "$-1\r\n", "cache.example"],
    ["null in RESP3", "_\r\n", "cache.example"],
    ["empty", "$0\r\n\r\n", "cache.example"],
    ["unknown, with an address beside it", "$1\r\n?\r\n", "10.0.0.9"],
  ])("an endpoint that is %s means a host all the same", (_, endpoint, host) => {
    const metadata = "*2\r\n$2\r\nip\r\n$8\r\n10.0.0.9\r\n";
    const reply = `*1\r\n*3\r\n:0\r\n:9\r\n*4\r\n${endpoint}:17100\r\n$2\r\nm1\r\n${metadata}`;
    expect(announced("CLUSTER SLOTS", reply)).toEqual([{ host, port: 17_100 }]);
  });

  test("before Redis 7 has no metadata", () => {
    const reply = "*1\r\n*3\r\n:0\r\n:9\r\n*3\r\n$9\r\n127.0.0.1\r\n:17100\r\n$2\r\nm1\r\n";
    expect(rewritten("CLUSTER SLOTS", reply)).toBe(
      "*1\r\n*3\r\n:0\r\n:9\r\n*3\r\n$3\r\n::1\r\n:50100\r\n$2\r\nm1\r\n",
    );
  });

  test("leaves nodes alone that nobody can reach", () => {
    const unknown = "*1\r\n*3\r\n:0\r\n:9\r\n*4\r\n$1\r\n?\r\n:17100\r\n$2\r\nm1\r\n*0\r\n";
    expect(rewritten("CLUSTER SLOTS", unknown)).toBe(unknown);
    const portless = "*1\r\n*3\r\n:0\r\n:9\r\n*4\r\n$9\r\n127.0.0.1\r\n:0\r\n$2\r\nm1\r\n*0\r\n";
    expect(rewritten("CLUSTER SLOTS", portless)).toBe(portless);
  });
});

describe("CLUSTER SHARDS", () => {
  const shards = (node: string): string =>
    `*1\r\n*4\r\n$5\r\nslots\r\n*2\r\n:0\r\n:9\r\n$5\r\nnodes\r\n*1\r\n${node}`;

  test("names a port without TLS, and no other", () => {
    const both =
      "*8\r\n$4\r\nport\r\n:17100\r\n$8\r\ntls-port\r\n:17200\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n";
    const local = "*6\r\n$4\r\nport\r\n:50200\r\n$2\r\nip\r\n$3\r\n::1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n";
    expect(rewritten("CLUSTER SHARDS", shards(both))).toBe(shards(local));
    const encrypted =
      "*6\r\n$8\r\ntls-port\r\n:17200\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n";
    expect(rewritten("CLUSTER SHARDS", shards(encrypted))).toBe(shards(local));
  });

  test("in RESP3 counts pairs", () => {
    const both = "%3\r\n$8\r\ntls-port\r\n:17200\r\n$4\r\nport\r\n:17100\r\n$8\r\nendpoint\r\n$0\r\n\r\n";
    expect(rewritten("CLUSTER SHARDS", shards(both))).toBe(
      shards("%2\r\n$4\r\nport\r\n:50200\r\n$8\r\nendpoint\r\n$3\r\n::1\r\n"),
    );
    expect(announced("CLUSTER SHARDS", shards(both))).toEqual([{ host: "cache.example", port: 17_200 }]);
  });

  test("over a connection without TLS means the ports without TLS", () => {
    const both = "*6\r\n$4\r\nport\r\n:17100\r\n$8\r\ntls-port\r\n:17200\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n";
    expect(announced("CLUSTER SHARDS", shards(both), { isEncrypted: false })).toEqual([
      { host: "127.0.0.1", port: 17_100 },
    ]);
  });
});

describe("CLUSTER NODES", () => {
  const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

  test("is rewritten line by line, and stays what it is in between", () => {
    const text =
      "aa 127.0.0.1:17100@27100,host0.example myself,master - 0 0 1 connected 0-5460 [93-<-bb]\n" +
      "bb 10.0.0.2:17101@27101,,shard-id=ff master - 0 1 2 connected 5461-10922\n" +
      "cc 2001:db8::7:17102@27102 slave,fail aa 0 1 3 disconnected\n" +
      "dd 10.0.0.4:17103 master - 0 1 4 connected\n" +
      "ee :0@0 master,noaddr - 0 1 5 disconnected\n";
    expect(rewritten("CLUSTER NODES", bulk(text))).toBe(
      bulk(
        "aa ::1:50100@27100,::1 myself,master - 0 0 1 connected 0-5460 [93-<-bb]\n" +
          "bb ::1:50101@27101,,shard-id=ff master - 0 1 2 connected 5461-10922\n" +
          "cc ::1:50102@27102 slave,fail aa 0 1 3 disconnected\n" +
          "dd ::1:50103 master - 0 1 4 connected\n" +
          "ee :0@0 master,noaddr - 0 1 5 disconnected\n",
      ),
    );
    expect(announced("CLUSTER NODES", bulk(text))).toEqual([
      { host: "host0.example", port: 17_100, otherHost: "127.0.0.1" },
      { host: "10.0.0.2", port: 17_101 },
      { host: "2001:db8::7", port: 17_102 },
      { host: "10.0.0.4", port: 17_103 },
    ]);
  });

  test("of a node that does not know its own address leads to where it was asked", () => {
    const text = "aa :17100@27100 myself,master - 0 0 1 connected\n";
    expect(announced("CLUSTER NODES", bulk(text))).toEqual([{ host: "cache.example", port: 17_100 }]);
  });

  test("is a verbatim string in RESP3", () => {
    expect(rewritten("CLUSTER NODES", "=30\r\ntxt:aa 10.0.0.1:17100@0 master\r\n")).toBe(
      "=25\r\ntxt:aa ::1:50100@0 master\r\n",
    );
  });
});

describe("redirects", () => {
  const moved = (error: string): string => {
    return (redirect(Buffer.from(error), ORIGIN)?.apply(LOCAL) ?? "unchanged").toString();
  };

  test.each([
    ["-MOVED 12182 127.0.0.1:17392\r\n", "-MOVED 12182 ::1:50392\r\n"],
    ["-ASK 5061 node2.example:17392\r\n", "-ASK 5061 ::1:50392\r\n"],
    ["-MOVED 12182 :17392\r\n", "-MOVED 12182 ::1:50392\r\n"],
    ["-MOVED 0 2001:db8::1:17392\r\n", "-MOVED 0 ::1:50392\r\n"],
    ["-MOVED 866 13.90.202.154:13000 (shard 4)\r\n", "-MOVED 866 ::1:50000 (shard 4)\r\n"],
  ])("%j", (error, expected) => {
    expect(moved(error)).toBe(expected);
  });

  test("without a host lead to where the command was sent", () => {
    expect(redirect(Buffer.from("-MOVED 12182 :17392\r\n"), ORIGIN)?.nodes).toEqual([
      { host: "cache.example", port: 17_392 },
    ]);
  });

  test.each([
    "-MOVED\r\n",
    "-MOVED 1 host:99999\r\n",
    "-MOVED 1 host\r\n",
    "-MOVED 1 ?:6379\r\n",
    "-ASKING 1 host:1\r\n",
    "-ERR MOVED 1 host:1\r\n",
    "+MOVED 1 host:1\r\n",
  ])("are not %j", (error) => {
    expect(moved(error)).toBe("unchanged");
  });
});

describe("what is no topology passes as it is", () => {
  const nested = (depth: number): string => `${"*1\r\n".repeat(depth)}:1\r\n`;

  test.each([
    ["an error", "-ERR This instance has cluster support disabled\r\n"],
    ["a queued command", "+QUEUED\r\n"],
    ["null", "*-1\r\n"],
    ["an integer", ":1\r\n"],
    ["no shards", "*0\r\n"],
    ["a count that nothing bears out", "*2147483647\r\n*3\r\n:0\r\n:1\r\n"],
    ["a map that nothing bears out", "%900000000000000\r\n"],
    ["a length that nothing bears out", "*1\r\n$536870912\r\nshort\r\n"],
    ["a length of too many digits", `*${"9".repeat(40)}\r\n`],
    ["a length below zero", "*1\r\n$-7\r\n"],
    ["too deep a nesting", nested(5_000)],
    ["half a reply", "*1\r\n*3\r\n:0\r\n:9\r\n*4\r\n$9\r\n127.0"],
    ["a reply and a half", "*0\r\n*0\r\n"],
    ["an unknown type", "*1\r\n^3\r\n"],
    ["ranges of no slots", "*1\r\n*3\r\n$1\r\n0\r\n:9\r\n*3\r\n$9\r\n127.0.0.1\r\n:17100\r\n$2\r\nm1\r\n"],
    ["a port that is text", "*1\r\n*3\r\n:0\r\n:9\r\n*3\r\n$9\r\n127.0.0.1\r\n$5\r\n17100\r\n$2\r\nm1\r\n"],
    [
      "a node with two ips",
      "*1\r\n*2\r\n$5\r\nnodes\r\n*1\r\n*6\r\n$4\r\nport\r\n:17100\r\n$2\r\nip\r\n$1\r\na\r\n$2\r\nip\r\n$1\r\nb\r\n",
    ],
    ["a text without lines of nodes", "$22\r\n127.0.0.1:17100@27100 \r\n"],
    ["a text of colons", `$60000\r\n${"aa:1,@".repeat(10_000)}\r\n`],
  ])("%s", (_, reply) => {
    for (const command of ["SLOTS", "SHARDS", "NODES", "REPLICAS x", "SLAVES x"]) {
      expect(rewritten(`CLUSTER ${command}`, reply)).toBe(reply);
    }
  });
});

describe("commands whose replies are looked at", () => {
  const query = (command: string): boolean =>
    topologyCommand(command.split(" ").map((word) => Buffer.from(word))) !== undefined;

  test.each(["CLUSTER SLOTS", "cluster shards", "Cluster Nodes", "CLUSTER REPLICAS id", "CLUSTER SLAVES id"])(
    "%s",
    (command) => expect(query(command)).toBe(true),
  );

  test.each([
    "CLUSTER",
    "CLUSTER INFO",
    "CLUSTER MYID",
    "READONLY",
    "ASKING",
    "INFO",
    "CLIENT LIST",
    "GET SLOTS",
  ])("not %s", (command) => expect(query(command)).toBe(false));
});
