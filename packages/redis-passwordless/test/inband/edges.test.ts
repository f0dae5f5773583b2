import { describe, expect, test } from "vitest";
import type { TransactionState } from "../../src/inband/transactions.js";
import { EVERYTHING, Workbench } from "./support.js";

const NO_PING = ["~*", "&*", "+@read", "+echo", "+subscribe", "+unsubscribe"];

test("a command that is written before SUBSCRIBE is confirmed gets Redis's error, in its turn", async (t) => {
  const bench = await Workbench.start(t);
  const [wire, plain] = [await bench.open(), await bench.openPlain()];
  for (const one of [wire, plain]) {
    one.write("SUBSCRIBE news");
    one.write("GET a");
    await one.read(2);
  }
  expect(wire.frames).toEqual(plain.frames);
  expect(await wire.session.authenticate(bench.good)).toBe("accepted");
  expect(wire.frames).toEqual(plain.frames);
});

test("a login that waits for a transaction is not sent when the transaction has subscribed", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  wire.write("MULTI");
  const login = wire.session.authenticate(bench.good);
  wire.write("SUBSCRIBE news");
  wire.write("EXEC");
  wire.write("PING");
  expect(await login).toBe("unable");
  expect(await wire.read(4)).toHaveLength(4);
});

test("after a HELLO 3 that Redis refused, a subscriber is one in RESP2", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  // Stands for a server that refuses RESP3: ioredis 6 goes on in RESP2 without a HELLO 2.
  wire.command("HELLO", "3", "SETNAME", "no blanks");
  wire.write("SUBSCRIBE news");
  await wire.read(2);
  await wire.session.authenticate(bench.good);
  await bench.server.command("PUBLISH", "news", "hi");
  expect((await wire.read(3)).slice(1)).toEqual([
    "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n",
    "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n",
  ]);
});

describe("a user who may not PING", () => {
  test("subscribes in RESP2 and sees RESP2", async (t) => {
    const bench = await Workbench.start(t, { permissions: NO_PING });
    const wire = await bench.open();
    wire.write("SUBSCRIBE news");
    expect(await wire.read(1)).toEqual(["*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n"]);
  });

  test("gets the reply to a HELLO of its own, also when a login comes behind it", async (t) => {
    const bench = await Workbench.start(t, { permissions: NO_PING });
    const wire = await bench.open();
    wire.write("HELLO 3");
    await wire.session.authenticate(bench.good);
    const frames = await wire.settled();
    expect(frames).toHaveLength(1);
    expect(frames[0]).toMatch(/^%\d+\r\n\$6\r\nserver/);
  });
});

test("a transaction stays lost when the next connection is lost too, before its rest was refused", async (t) => {
  const bench = await Workbench.start(t);
  let lost: TransactionState = "none";
  const first = await bench.open();
  first.session.onceClosed((state) => {
    lost = state;
  });
  first.write("MULTI", "SET a 1");
  await first.read(2);
  first.socket.destroy();
  await first.closed;
  expect(lost).toBe("open");
  const second = await bench.open({ lost });
  second.session.onceClosed((state) => {
    lost = state;
  });
  second.write("CLIENT SETNAME handshake");
  await second.read(1);
  second.socket.destroy();
  await second.closed;
  expect(lost).toBe("open");
});

test("a MULTI that Redis refused holds up no login", async (t) => {
  const bench = await Workbench.start(t, { permissions: ["~*", "+@all", "-multi"] });
  const wire = await bench.open();
  wire.write("MULTI");
  await wire.read(1);
  expect(await wire.session.authenticate(bench.good)).toBe("accepted");
});

describe.each([
  ["of a user who may do all", EVERYTHING],
  ["of one who may not PING", [...NO_PING, "+@transaction", "+set"]],
] as const)("a transaction that Redis does not end, %s", (_, permissions) => {
  test("is told its own replies only, and a login waits for its end", async (t) => {
    const bench = await Workbench.start(t, { permissions });
    const wire = await bench.open();
    for (const command of ["MULTI", "SET a 1", "DISCARD now", "SET a 2"]) wire.write(command);
    const login = wire.session.authenticate(bench.good);
    const said = await wire.read(4);
    expect(said.map((reply) => reply.slice(0, 6))).toEqual(["+OK\r\n", "+QUEUE", "-ERR w", "+QUEUE"]);
    wire.write("EXEC");
    wire.write("SET a 3");
    expect((await wire.read(6)).slice(4)).toEqual([expect.stringMatching(/^-EXECABORT /), "+OK\r\n"]);
    expect(await login).toBe("accepted");
    expect(await wire.settled()).toHaveLength(6);
  });

  test("nor when it comes behind ASKING", async (t) => {
    const bench = await Workbench.start(t, { permissions: [...permissions, "+asking"] });
    const wire = await bench.open();
    for (const command of ["MULTI", "ASKING", "DISCARD now", "SET a 2"]) wire.write(command);
    const login = wire.session.authenticate(bench.good);
    await wire.read(4);
    wire.write("EXEC", "SET a 3");
    expect(await login).toBe("accepted");
    const said = await wire.settled();
    expect(said.map((reply) => reply.slice(0, 6))).toEqual([
      "+OK\r\n",
      "+QUEUE",
      "-ERR w",
      "+QUEUE",
      "-EXECA",
      "+OK\r\n",
    ]);
  });

  test("nor when all of it comes in one write", async (t) => {
    const bench = await Workbench.start(t, { permissions: [...permissions, "-discard"] });
    const wire = await bench.open();
    wire.write("MULTI", "SET a 1", "DISCARD");
    wire.write("SET a 2");
    const said = await wire.read(4);
    expect(said.map((reply) => reply.slice(0, 6))).toEqual(["+OK\r\n", "+QUEUE", "-NOPER", "+QUEUE"]);
    const login = wire.session.authenticate(bench.good);
    wire.write("EXEC", "SET a 3");
    expect((await wire.read(6)).slice(4)).toEqual([expect.stringMatching(/^-EXECABORT /), "+OK\r\n"]);
    expect(await login).toBe("accepted");
    expect(await wire.settled()).toHaveLength(6);
  });
});

test.for(["DISCARD", "EXEC now"])("%s ends a transaction where Redis lets it", async (end, t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  for (const command of ["MULTI", "SET a 1", end]) wire.write(command);
  await wire.read(3);
  expect(await wire.session.authenticate(bench.good)).toBe("accepted");
  expect(await wire.settled()).toHaveLength(3);
});

test("after a RESET, which ends the login too, nothing is sent any more", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  wire.write("MULTI");
  wire.write("RESET");
  await wire.read(2);
  expect(await wire.session.authenticate(bench.good)).toBe("unable");
});

test("nothing is written behind end(), whatever was held", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  wire.write("SUBSCRIBE news");
  wire.socket.end();
  await wire.closed;
  expect(wire.errors).toEqual([]);
});

test("a channel whose name looks like RESP3's null is confirmed as it is", async (t) => {
  const bench = await Workbench.start(t);
  const [wire, plain] = [await bench.open(), await bench.openPlain()];
  const raw: Buffer[] = [];
  wire.socket.removeAllListeners("data").on("data", (chunk: Buffer) => raw.push(chunk));
  const expected = "*3\r\n$9\r\nsubscribe\r\n$7\r\na\r\n_\r\nb\r\n:1\r\n";
  plain.command("SUBSCRIBE", "a\r\n_\r\nb");
  expect(await plain.read(1)).toEqual([expected]);
  wire.command("SUBSCRIBE", "a\r\n_\r\nb");
  while (Buffer.concat(raw).length < expected.length) await new Promise(setImmediate);
  expect(Buffer.concat(raw).toString()).toBe(expected);
});

test("a closed socket keeps no emit of ours", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  wire.write("BLPOP list 0");
  const login = wire.session.authenticate(bench.good);
  wire.socket.destroy();
  await wire.closed;
  expect(await login).toBe("offline");
  expect(Object.hasOwn(wire.socket, "emit")).toBe(false);
});

test("RESET is allowed while something is subscribed", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  wire.write("SUBSCRIBE news");
  await wire.read(1);
  wire.write("RESET");
  wire.write(`AUTH somebody ${bench.good.reveal()}`);
  wire.write("GET a");
  expect((await wire.read(4)).slice(1)).toEqual(["+RESET\r\n", "+OK\r\n", "$-1\r\n"]);
});

test("the end of the last sharded subscription ends no other", async (t) => {
  const bench = await Workbench.start(t);
  const [wire, plain] = [await bench.open(), await bench.openPlain()];
  for (const one of [wire, plain]) {
    for (const line of ["SUBSCRIBE news", "SSUBSCRIBE shard", "SUNSUBSCRIBE shard", "PING", "GET a"])
      one.write(line);
    await one.read(5);
  }
  expect(wire.frames).toEqual(plain.frames);
});

// Passes on 7.0.15. Redis 7.2 and later and Valkey drop the error of a login that comes behind other replies, and
// our marker in front of the client's HELLO is such a reply (https://github.com/redis/redis/issues/15640).
test("a HELLO whose login Redis refuses is answered", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  wire.write("HELLO 3 AUTH somebody wrong");
  expect(await wire.read(1)).toEqual([expect.stringMatching(/^-WRONGPASS/)]);
});
