import { BINARY } from "./fixtures.js";
import type { Scenario } from "./stage.js";

const HUGE = Buffer.alloc(1_500_000, "a value\r\n$5\r\n+OK\r\n");

/** Transactions, and what can go wrong in them. */
export const TRANSACTIONS: readonly Scenario[] = [
  {
    name: "transactions",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      await a.ask("MULTI", "SET t 1", "INCR t", "HGETALL hash", "LPUSH t x", "EXEC");
      await a.ask("MULTI", "SET t 1");
      await stage.interval();
      await a.ask("GET t", "MULTI", "EXEC", "EXEC", "DISCARD");
      await a.ask("MULTI", "NOSUCH", "EXEC", "MULTI", "SET t", "SET t 2", "EXEC", "GET t");
      await a.ask("MULTI x", "SET t 3", "EXEC", "MULTI", "EXEC x", "EXEC");
      await a.ask("MULTI", "INCR t");
      await stage.interval();
      await a.ask("DISCARD", "GET t", "UNWATCH", "WATCH", "WATCH t", "WATCH t t");
      await a.ask("MULTI", "INCR t", "DISCARD x");
      await stage.interval();
      await a.ask("INCR t", "EXEC", "GET t", "MULTI", "INCR t", "EXEC x");
      await stage.interval();
      await a.ask("GET t", "MULTI", "INCR t", "DISCARD x", "DISCARD", "GET t");
    },
  },
  {
    name: "WATCH, and a transaction that came too late",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      const b = await stage.enter("b", protocol);
      await a.ask("WATCH w", "GET w");
      await stage.interval();
      await b.ask("SET w 1");
      await a.ask("MULTI", "SET w 2");
      await stage.interval();
      await a.ask("EXEC", "GET w", "WATCH w", "MULTI", "SET w 3", "EXEC");
      await a.ask("WATCH w");
      await b.ask("SET w 4");
      await a.ask("UNWATCH", "MULTI", "GET w", "EXEC", "MULTI", "WATCH w", "UNWATCH", "EXEC");
    },
  },
  {
    name: "what is queued and not meant to be",
    masks: ["HELLO"],
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      await a.ask("MULTI", "HELLO 2", "BLPOP missing 0", "XREAD BLOCK 0 STREAMS stream $", "INFO", "DISCARD");
      await a.ask("MULTI", "BLPOP missing 0", "XREAD BLOCK 0 STREAMS stream $", "WAIT 1 0", "EXEC");
      await a.ask("MULTI", "EVAL return{1,{2,{3,{4}}}} 0", ["SET", "t", BINARY], "GET t", "EXEC");
      await a.ask("MULTI", "SELECT 3", "SET in3 1", "EXEC", "GET in3", "SELECT 0", "GET in3");
      await a.ask("MULTI", "PUBLISH c x", "FLUSHALL", "EXEC", "KEYS *");
    },
  },
  {
    name: "a subscription in a transaction",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      const b = await stage.enter("b", protocol);
      a.send("MULTI", "SUBSCRIBE inside", "PSUBSCRIBE in*", "EXEC", "PING end");
      await a.read(5);
      await stage.interval();
      await b.ask("PUBLISH inside x");
      a.send("UNSUBSCRIBE", "PUNSUBSCRIBE", "QUIT");
      await a.closed();
    },
  },
];

/** Messages, with RESP2's mode for them and with RESP3's pushes. */
export const SUBSCRIPTIONS: readonly Scenario[] = [
  {
    name: "channels and patterns",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      const b = await stage.enter("b", protocol);
      a.send("SUBSCRIBE one two three", "PSUBSCRIBE o* [", "SUBSCRIBE one");
      await a.read(6);
      await stage.interval();
      await b.ask(
        "PUBLISH one x",
        ["PUBLISH", "two", BINARY],
        ["PUBLISH", "three", HUGE],
        ["PUBLISH", "one", ""],
      );
      await a.read(6);
      await a.ask("PING", "PING text", ["PING", BINARY], "PING a b", "GET str", "SUBSCRIBE", "HELLO 9");
      await stage.interval();
      await b.ask("PUBLISH other x", "PUBLISH one y");
      await a.read(3);
      a.send(
        "UNSUBSCRIBE two three nosuch",
        "UNSUBSCRIBE",
        "PUNSUBSCRIBE o*",
        "PUNSUBSCRIBE",
        "PUNSUBSCRIBE",
        "UNSUBSCRIBE",
      );
      await a.read(3 + 1 + 1 + 1 + 1 + 1);
      await a.ask("GET num", "PING", "PING text");
      await stage.interval();
      a.send("SUBSCRIBE again", "UNSUBSCRIBE again", "GET num");
      await a.read(3);
    },
  },
  {
    name: "sharded channels",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      const b = await stage.enter("b", protocol);
      a.send("SSUBSCRIBE s1 s2", "SSUBSCRIBE s1", "SUBSCRIBE plain");
      await a.read(4);
      await stage.interval();
      await b.ask("SPUBLISH s1 x", "PUBLISH s1 no", "PUBLISH plain y", "SPUBLISH s2 z");
      await a.read(3);
      a.send(
        "SUNSUBSCRIBE s1",
        "PING",
        "SUNSUBSCRIBE",
        "PING",
        "UNSUBSCRIBE",
        "PING",
        "SUNSUBSCRIBE",
        "GET num",
      );
      await a.read(8);
    },
  },
  {
    name: "messages to oneself, and between pipelined commands",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      const b = await stage.enter("b", protocol);
      a.send("SUBSCRIBE own");
      await a.read();
      await stage.interval();
      if (protocol === 3) {
        a.send("GET num", "PUBLISH own x", "GET num", "MULTI", "PUBLISH own y", "GET num", "EXEC", "GET str");
        await a.read(10);
      }
      for (let n = 0; n < 300; n++) b.send(`PUBLISH own ${n}`);
      await b.read(300);
      await a.read(300);
      a.send("UNSUBSCRIBE", "GET num");
      await a.read(2);
    },
  },
  {
    name: "QUIT and RESET of a subscriber",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      const b = await stage.enter("b", protocol);
      await a.ask("SUBSCRIBE x", "PSUBSCRIBE y");
      await stage.interval();
      await a.ask("RESET", await stage.login(), "GET num");
      await b.ask("PUBLISH x 1", "PUBSUB NUMSUB x", "SUBSCRIBE z", "QUIT");
      await b.closed();
      await stage.interval();
      await a.ask("PUBSUB CHANNELS", "SUBSCRIBE x", "UNSUBSCRIBE", "SET k v", "QUIT");
      await a.closed();
    },
  },
];

/** Commands that wait for others. */
export const BLOCKING: readonly Scenario[] = [
  {
    name: "blocked until somebody pushes",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      const b = await stage.enter("b", protocol);
      // To a group that begins at 0 something comes at once, and it would wait for nobody.
      await b.ask("XGROUP CREATE stream late $");
      const cases: readonly (readonly [blocking: string, push: string])[] = [
        ["BLPOP q1 q2 0", "RPUSH q2 x y z"],
        ["BRPOP q3 30", "RPUSH q3 x"],
        ["BLMOVE q4 q5 LEFT RIGHT 0", "RPUSH q4 x"],
        ["BRPOPLPUSH q6 q7 0", "RPUSH q6 x"],
        ["BLMPOP 0 2 q8 q9 LEFT COUNT 2", "RPUSH q9 x y z"],
        ["BZPOPMIN z1 0", "ZADD z1 1.5 m"],
        ["BZPOPMAX z2 0", "ZADD z2 2.5 m"],
        ["BZMPOP 0 1 z3 MIN", "ZADD z3 3 m"],
        ["XREADGROUP GROUP late consumer BLOCK 0 STREAMS stream >", "XADD stream 98-1 f v"],
        ["XREAD BLOCK 0 STREAMS stream $", "XADD stream 99-1 f v"],
        ["XREAD COUNT 2 BLOCK 0 STREAMS s1 0-0", "XADD s1 1-1 f v"],
      ];
      for (const [blocking, push] of cases) {
        // What stands behind it in the same packet waits as well.
        a.send("GET num", blocking, "ECHO behind");
        await stage.blocked(1);
        if (blocking.startsWith("BLPOP") || blocking.startsWith("XREAD BLOCK")) await stage.interval();
        a.send("GET num");
        await b.ask(push);
        await a.read(4);
      }
      await a.ask("LRANGE q2 0 -1", "LRANGE q9 0 -1", "LRANGE q5 0 -1");
    },
  },
  {
    name: "blocked until the time is over",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      a.send(
        "BLPOP q 0.03",
        "BRPOP q q2 0.01",
        "BLMOVE q q2 LEFT LEFT 0.01",
        "BLMPOP 0.01 1 q LEFT",
        "BZPOPMIN z 0.01",
        "BZMPOP 0.01 1 z MAX",
        "XREAD BLOCK 20 STREAMS stream $",
        "XREADGROUP GROUP group c2 BLOCK 20 COUNT 1 STREAMS stream >",
        "WAIT 1 20",
        "WAIT 0 0",
        "BLPOP str 0",
        "BLPOP q -1",
        "BLPOP q x",
        "BLPOP q",
        "BLPOP list 0",
        "XREAD BLOCK x STREAMS stream $",
        "XREAD BLOCK 0 STREAMS stream 0",
        "XREAD STREAMS stream $",
        "PING end",
      );
      await a.read(19);
    },
  },
  {
    name: "unblocked, and killed, by another client",
    play: async (stage, protocol) => {
      const a = await stage.enter("a", protocol);
      const b = await stage.enter("b", protocol);
      const id = await a.id();
      a.send("BLPOP q 0", "GET num");
      await stage.blocked(1);
      await stage.interval();
      await b.ask(`CLIENT UNBLOCK ${id}`);
      await a.read(2);
      a.send("BZPOPMIN q 0", "GET num");
      await stage.blocked(1);
      await b.ask(`CLIENT UNBLOCK ${id} ERROR`);
      await a.read(2);
      await b.ask(`CLIENT UNBLOCK ${id} TIMEOUT`, `CLIENT UNBLOCK ${id} x`);
      a.send("BLPOP q 0");
      await stage.blocked(1);
      await b.ask(`CLIENT KILL ID ${id}`);
      await a.closed();
    },
  },
];
