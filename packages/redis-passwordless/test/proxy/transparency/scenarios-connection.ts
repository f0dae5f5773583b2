import { BINARY } from "./fixtures.js";
import type { Scenario } from "./stage.js";

const HUGE = Buffer.alloc(1_500_000, "a value\r\n$5\r\n+OK\r\n");

/** What changes the connection itself. */
export const CONNECTION: readonly Scenario[] = [
  {
    name: "MONITOR",
    masks: ["MONITOR"],
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      const b = await stage.enter("b", protocol);
      // Its login is over, which would be seen otherwise.
      await b.ask("PING");
      await a.ask("MONITOR");
      await b.ask(
        "GET num",
        ["SET", "m", BINARY],
        "MULTI",
        "GET m",
        "EXEC",
        "EVAL return(redis.call('GET','m')) 0",
      );
      // GET, SET, MULTI, GET, EXEC, EVAL and what its script calls.
      await a.read(7);
      await stage.interval();
      await b.ask("SELECT 2", "GET other", "NOSUCH x", "GET");
      await a.read(2);
      a.send("QUIT");
      await a.closed();
    },
  },
  {
    name: "MONITOR of one's own commands",
    masks: ["MONITOR"],
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      await a.ask("MONITOR");
      // It may not read or write keys.
      a.send("PING", "ECHO x", "GET num");
      await a.read(5);
      await stage.interval();
      a.send("MULTI", "PING", "EXEC", "PING end", "CLIENT SETNAME x");
      await a.read(5);
      await stage.interval();
      a.send("QUIT");
      await a.closed();
    },
  },
  {
    name: "CLIENT REPLY",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      a.send("SET r 1", "CLIENT REPLY OFF", "INCR r", "NOSUCH", "GET r", "PING lost");
      await a.read();
      await stage.interval();
      a.send("INCR r", "CLIENT REPLY ON", "GET r");
      await a.read(2);
      a.send("CLIENT REPLY SKIP", "INCR r", "GET r", "CLIENT REPLY SKIP");
      await a.read();
      await stage.interval();
      a.send("INCR r", "GET r", "CLIENT REPLY SKIP", "CLIENT REPLY SKIP", "INCR r", "GET r");
      await a.read(2);
      a.send(
        "CLIENT REPLY OFF",
        "MULTI",
        "INCR r",
        "EXEC",
        "CLIENT REPLY SKIP",
        "CLIENT REPLY ON",
        "GET r",
        "CLIENT REPLY x",
      );
      await a.read(3);
      await stage.interval();
      a.send("CLIENT REPLY OFF", "SUBSCRIBE quiet", "QUIT");
      await a.closed();
    },
  },
  {
    name: "CLIENT TRACKING",
    masks: ["CLIENT|GETREDIR"],
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      const b = await stage.enter("b", protocol);
      if (protocol === 2) {
        await a.ask("CLIENT TRACKING ON", "CLIENT CACHING YES", "CLIENT TRACKINGINFO", "CLIENT GETREDIR");
        const c = await stage.enter("c", 2);
        const id = await c.id();
        c.send("SUBSCRIBE __redis__:invalidate");
        await c.read();
        await a.ask(`CLIENT TRACKING ON REDIRECT ${id}`, "GET num", "GET str");
        await stage.interval();
        await b.ask("SET num 11", "SET str x", "SET num 12", "FLUSHALL");
        await c.read(3);
        await a.ask("GET num", "CLIENT TRACKING OFF", "CLIENT TRACKING ON BCAST PREFIX x");
        return;
      }
      await a.ask("CLIENT TRACKING ON", "GET num", "MGET str num missing", "CLIENT GETREDIR");
      await stage.interval();
      await b.ask("SET num 11", "SET num 12", "SET missing 1", "DEL str");
      await a.read(3);
      await a.ask("GET num");
      // What one changes oneself is told too, before or behind the reply.
      a.send(
        "SET num 13",
        "GET num",
        "CLIENT TRACKING OFF",
        "CLIENT TRACKING ON NOLOOP",
        "GET num",
        "SET num 14",
        "GET num",
      );
      await a.read(8);
      await a.ask(
        "CLIENT TRACKING OFF",
        "CLIENT TRACKING ON OPTIN",
        "GET num",
        "CLIENT CACHING YES",
        "GET str",
      );
      await stage.interval();
      await a.ask("CLIENT CACHING YES");
      await stage.interval();
      await a.ask("GET list1");
      await b.ask("SET num 15", "SET str y", "SET list1 z");
      await a.read(2);
      await a.ask(
        "CLIENT TRACKING OFF",
        "CLIENT TRACKING ON BCAST PREFIX us PREFIX key",
        "CLIENT TRACKINGINFO",
      );
      await b.ask("SET user 1", "SET key2 1", "SET nothing 1", "MSET key3 1 key4 2");
      await a.read(3);
      await b.ask("FLUSHALL");
      await a.read();
      await a.ask(
        "CLIENT TRACKING ON OPTOUT",
        "CLIENT TRACKING OFF",
        "CLIENT TRACKING ON OPTOUT",
        "CLIENT CACHING NO",
        "GET x",
      );
    },
  },
  {
    name: "HELLO in mid-connection",
    masks: ["HELLO"],
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      await a.ask(
        "HGETALL hash",
        "HELLO 3",
        "HGETALL hash",
        "ZRANGE zset 0 -1 WITHSCORES",
        "GET missing",
        "HELLO 2",
      );
      await stage.interval();
      await a.ask(
        "HGETALL hash",
        "HELLO 3 SETNAME renamed",
        "CLIENT GETNAME",
        "HELLO 1",
        "HGETALL hash",
        "HELLO",
      );
      await a.ask(
        "HELLO x",
        "HELLO 3 NOSUCH",
        "HELLO 3 SETNAME",
        ["HELLO", "3", "SETNAME", "a b"],
        "HELLO 2",
        "GET missing",
      );
      await stage.interval();
      a.send("HELLO 3", "SUBSCRIBE c", "HGETALL hash", "UNSUBSCRIBE c", "HELLO 2", "GET missing");
      await a.read(6);
      await a.ask(
        await stage.login(["HELLO", "3"]),
        "HGETALL hash",
        await stage.login(["HELLO", "2"]),
        "GET missing",
      );
    },
  },
  {
    name: "RESET",
    masks: ["HELLO"],
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      await a.ask("SELECT 4", "CLIENT SETNAME named", "MULTI", "GET x", "RESET", await stage.login());
      await stage.interval();
      await a.ask(
        "CLIENT GETNAME",
        "HGETALL hash",
        "EXEC",
        "RESET",
        await stage.login(),
        "RESET x",
        "SELECT 0",
      );
      await a.ask("HELLO 3", "HGETALL hash", "RESET", await stage.login(), "HGETALL hash");
      a.send("CLIENT REPLY OFF", "RESET", await stage.login(), "GET num");
      await a.read(3);
      // The gateway cannot tell logins apart any more: nobody else should get this connection.
      a.send("QUIT");
      await a.closed();
    },
  },
  {
    name: "logins in mid-connection",
    masks: ["HELLO"],
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      await a.ask("AUTH", "AUTH a b c", "GET num", await stage.login(), "GET num", "ACL WHOAMI");
      await stage.interval();
      await a.ask(
        "GET num",
        await stage.login(),
        "GET num",
        "ACL WHOAMI",
        "CLIENT SETNAME x",
        "CLIENT GETNAME",
      );
      await a.ask("MULTI", "GET num", "EXEC", await stage.login(["HELLO", "3"]), "HGETALL hash");
    },
  },
  {
    name: "databases and names",
    masks: ["CLIENT|INFO"],
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      await a.ask(
        "SELECT 5",
        "SET here 1",
        "CLIENT SETNAME somebody",
        "CLIENT INFO",
        "SELECT 99",
        "SELECT x",
      );
      await stage.interval();
      await a.ask(
        "GET here",
        "CLIENT GETNAME",
        "CLIENT INFO",
        "SWAPDB 0 5",
        "GET num",
        "SELECT 0",
        "GET here",
      );
      await a.ask("CLIENT NO-EVICT ON", ["CLIENT", "SETNAME", "a b"], "CLIENT SETNAME ", "CLIENT GETNAME");
    },
  },
  {
    name: "QUIT",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      const b = await stage.enter("b", protocol);
      const c = await stage.enter("c", protocol);
      await a.ask("GET num", "QUIT");
      await a.closed();
      b.send("MULTI", "SET never 1", "QUIT");
      await b.closed();
      c.send("GET never");
      await stage.interval();
      c.raw("quit\r\n");
      await c.closed();
    },
  },
  {
    name: "killed by another client",
    masks: ["MONITOR"],
    play: async (stage, protocol) => {
      const b = await stage.enter("b", protocol);
      for (const before of ["GET num", "SUBSCRIBE c", "MULTI", "MONITOR", "WATCH num"]) {
        const a = await stage.enter(`a in ${before}`, protocol);
        const id = await a.id();
        await a.ask(before);
        await stage.interval();
        // Who has been silent for a second or two, and would lose nothing, gets another connection instead.
        if (before === "GET num") await a.ask(before);
        await b.ask(`CLIENT KILL ID ${id}`, `CLIENT KILL ID ${id}`);
        await a.closed();
      }
      b.send(`CLIENT KILL ID ${await b.id()} SKIPME no`);
      await b.closed();
    },
  },
];

/** What is written in other ways than clients write. */
export const WIRE: readonly Scenario[] = [
  {
    name: "inline commands, empty lines, and arrays of nothing",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      a.raw('PING\r\nPING\nSET inline "a \\x41\\n b"\r\nGET inline\r\n  GET   inline  \r\n\r\n\n\r\n');
      await a.read(5);
      await stage.interval();
      a.raw("*0\r\n*-1\r\n\r\n*0\r\nPING\r\n*0\r\n*1\r\n$4\r\nPING\r\n*-5\r\nECHO 'it''s'\r\nECHO 'it'\r\n");
      await a.read(2);
      await a.closed();
      const b = await stage.enter("b", protocol);
      b.raw(
        "MULTI\r\nset x 1\r\nincr x\r\nexec\r\nsubscribe c\r\nping\r\nunsubscribe\r\nGET x\r\nblpop nothing 0.01\r\nquit\r\n",
      );
      await b.closed();
    },
  },
  {
    name: "commands that arrive in pieces, with time between them",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      for (const half of [
        "*2\r\n$4\r\nECHO\r\n$5\r\nhe",
        "*1",
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\nv",
        "*1\r\n$5\r\nMUL",
        "SUBSCR",
      ]) {
        const rest: Record<string, string> = {
          "*2": "llo\r\n",
          "*1": "\r\n$4\r\nPING\r\n",
          "*3": "al\r\n",
          MU: "TI\r\n",
          SU: "IBE c\r\n",
        };
        a.raw(half);
        await stage.interval();
        a.raw(half.endsWith("MUL") ? (rest["MU"] ?? "") : (rest[half.slice(0, 2)] ?? ""));
        await a.read();
        if (half.endsWith("MUL")) await a.ask("GET k", "EXEC");
      }
    },
  },
  ...[
    ["a bulk string without a length", "*1\r\n+PING\r\n"],
    ["a count that is none", "*abc\r\n"],
    ["a count that is too large", "*2147483648\r\n"],
    ["a length that is negative", "*1\r\n$-1\r\n"],
    ["a length that is none", "*1\r\n$x\r\n"],
    ["a length that is too large", "*2\r\n$4\r\nECHO\r\n$536870913\r\n"],
    ["unbalanced quotes", 'GET "num\r\n'],
    ["a line without an end", `GET ${"x".repeat(70_000)}`],
    ["a count without an end", `*${"1".repeat(70_000)}`],
    ["HTTP", "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    ["no text at all", Buffer.from([255, 254, 13, 10, 1, 2, 3, 13, 10])],
  ].map(
    ([what = "", bytes = ""]): Scenario => ({
      name: `protocol errors: ${String(what)}`,
      play: async (stage, protocol) => {
        const a = await stage.enter("a", protocol);
        await a.ask("SET before 1");
        a.raw(bytes);
        if (what === "no text at all") a.raw("*1\r\n$4\r\nQUIT\r\n");
        await a.closed();
      },
    }),
  ),
  {
    name: "large values, long pipelines, and a client that reads late",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      a.send(
        ["SET", "huge", HUGE],
        "GET huge",
        "STRLEN huge",
        "MGET huge huge missing",
        "GETRANGE huge 1400000 -1",
      );
      await a.read(5);
      for (let n = 0; n < 3_000; n++) a.send(`ECHO ${n}`);
      await a.read(3_000);
      a.pause();
      for (let n = 0; n < 8; n++) a.send("GET huge", "INCR n");
      await stage.interval();
      a.resume();
      await a.read(16);
      const nested = "local t={1} for i=1,30 do t={i,t,'x'} end return t";
      await a.ask(["EVAL", nested, "0"], ["EVAL", "return redis.call('LRANGE','list',0,-1)", "0"]);
    },
  },
  {
    name: "a client that ends its half first",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      a.send("GET num", ["SET", "huge", HUGE], "GET num");
      a.end();
      await a.closed();
      const b = await stage.enter("b", protocol);
      await stage.interval();
      b.end();
      await b.closed();
    },
  },
];
