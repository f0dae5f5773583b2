import { randomBytes } from "node:crypto";
import { type AddressInfo, connect, createServer } from "node:net";
import { encodeCommand } from "resp-framing";
import { describe, expect, test } from "vitest";
import { PasswordlessError } from "../../../src/index.js";
import { SharedReads } from "../../../src/proxy/io/shared-reads.js";
import { SharedConnection } from "../../../src/proxy/shared/shared-connection.js";
import { ManualClock } from "../../../src/testing/index.js";
import { tokenFor } from "../../inband/support.js";
import { seededRandom } from "../../support/random.js";
import { Bench, Reader } from "./support.js";

const TEXTS = ["a\r\nb", "$3\r\nabc\r\n", "+OK", "", "x".repeat(3_000), "-WRONGPASS"];

/** A random command on keys of one client, whose reply follows from that client's commands before it. */
function randomCommand(random: () => number, client: number): string[] {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const key = `${client}:k${Math.floor(random() * 4)}`;
  return pick<() => string[]>([
    () => ["SET", key, pick(TEXTS)],
    () => ["GET", key],
    () => ["DEL", key],
    () => ["INCR", `n${key}`],
    () => ["LPUSH", `l${key}`, pick(TEXTS)],
    () => ["LRANGE", `l${key}`, "0", "5"],
    () => ["HSET", `h${key}`, pick(TEXTS), pick(TEXTS)],
    () => ["HGETALL", `h${key}`],
    () => ["GET", `l${key}`], // Of the wrong type, when it is there.
    () => ["ECHO", pick(TEXTS)],
    () => ["GET"], // Of the wrong arity.
    () => ["NOSUCHCOMMAND", key],
  ])();
}

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

async function verdict(login: Promise<string>): Promise<string> {
  return login.catch((error: unknown) => {
    if (PasswordlessError.is(error)) return error.code;
    throw error;
  });
}

const REFUSED = "ERR_PASSWORDLESS_AUTH_REFUSED";

describe.each([
  [2, "told apart by markers"],
  [3, "told apart by markers"],
  [2, "not to be told apart"],
] as const)("in RESP%i, with replies %s", (protocol, how) => {
  test("each client gets its own replies in order, however many logins succeed and fail in between", async (t) => {
    const bench = await Bench.start(t);
    const change = how === "not to be told apart" ? { markers: undefined } : {};
    const shared = await bench.share({ protocol }, change);
    const readers = Array.from({ length: 20 }, () => new Reader(shared));
    const sent = readers.map((): Buffer[] => []);
    const due: string[] = [];
    const logins: Promise<string>[] = [];
    const random = seededRandom(protocol);
    for (let round = 0; round < 3_000; round += 1) {
      const client = Math.floor(random() * readers.length);
      const commands = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
        encodeCommand(randomCommand(random, client)),
      );
      sent[client]?.push(...commands);
      shared.send(Buffer.concat(commands), readers[client]!, commands.length);
      if (random() < 0.2) {
        const isGood = random() < 0.5;
        due.push(isGood ? "accepted" : REFUSED);
        logins.push(verdict(shared.authenticate(isGood ? bench.good : bench.bad)));
        // One login at a time, as the re-authentication does it.
        if (how === "not to be told apart") await logins.at(-1);
      }
      if (random() < 0.3) await turn();
    }
    expect(await Promise.all(logins)).toEqual(due);
    await bench.server.command("FLUSHALL");
    const plain = await bench.share({ protocol });
    for (const [client, commands] of sent.entries()) {
      const alone = new Reader(plain);
      plain.send(Buffer.concat(commands), alone, commands.length);
      const expected = await alone.read(commands.length);
      expect(await readers[client]?.read(commands.length)).toEqual(expected);
    }
    expect(shared.outstanding).toBe(0);
    expect(due.length).toBeGreaterThan(400);
  });
});

test("what many clients send in one turn of the event loop reaches the server in one read", async (t) => {
  const bench = await Bench.start(t);
  const shared = await bench.share();
  const reads = async (): Promise<number> => {
    const info = String(await bench.server.command("INFO", "stats"));
    return Number(/total_reads_processed:(\d+)/.exec(info)?.[1]);
  };
  const readers = Array.from({ length: 100 }, () => new Reader(shared));
  const before = await reads();
  for (const [index, reader] of readers.entries()) reader.send(`SET k${index} v`);
  await Promise.all(readers.map((reader) => reader.read(1)));
  // One for them all, and one for the question.
  expect((await reads()) - before).toBe(2);
});

test("a large reply arrives in pieces, and what is answered locally stands in its place behind it", async (t) => {
  const bench = await Bench.start(t);
  const shared = await bench.share();
  const reader = new Reader(shared);
  const value = randomBytes(4_000_000).toString("hex");
  shared.send(encodeCommand(["SET", "big", value]), reader);
  reader.send("GET big");
  shared.answer(Buffer.from("+local\r\n"), reader);
  reader.send("PING");
  await reader.until(() => reader.received > 100);
  expect(reader.frames).toEqual(["+OK\r\n"]);
  expect(await reader.read(4)).toEqual([
    "+OK\r\n",
    `$${value.length}\r\n${value}\r\n`,
    "+local\r\n",
    "+PONG\r\n",
  ]);
  shared.answer(Buffer.from("+at once\r\n"), reader);
  expect(reader.frames.at(-1)).toBe("+at once\r\n");
});

describe("a client that does not read", () => {
  test("is waited for, and goes on", async (t) => {
    const bench = await Bench.start(t);
    const shared = await bench.share({ clock: new ManualClock() });
    const [slow, other] = [new Reader(shared), new Reader(shared)];
    let open = (): void => {};
    slow.room = new Promise((resolve) => {
      open = resolve;
    });
    slow.send(`ECHO ${"x".repeat(1_000_000)}`);
    other.send("PING");
    await slow.until(() => slow.received > 0);
    expect(shared.isHeld).toBe(true);
    slow.room = undefined;
    open();
    expect(await other.read(1)).toEqual(["+PONG\r\n"]);
    expect([slow.frames.length, slow.isGivenUp, shared.isHeld]).toEqual([1, false, false]);
  });

  test("is given up after the time that all have waited for it, and the others are served", async (t) => {
    const bench = await Bench.start(t);
    const clock = new ManualClock();
    const shared = await bench.share({ clock, patienceMs: 500 });
    const [slow, other] = [new Reader(shared), new Reader(shared)];
    slow.room = new Promise(() => {});
    slow.send(`ECHO ${"x".repeat(1_000_000)}`);
    other.send("PING");
    await slow.until(() => slow.received > 0);
    await clock.advance(499);
    expect(slow.isGivenUp).toBe(false);
    slow.room = undefined;
    await clock.advance(1);
    expect(slow.isGivenUp).toBe(true);
    expect(await other.read(1)).toEqual(["+PONG\r\n"]);
  });
});

describe("when the connection ends", () => {
  test("each client hears how many replies it lost, and whether the commands may have run", async (t) => {
    const bench = await Bench.start(t);
    const shared = await bench.share();
    const [first, second] = [new Reader(shared), new Reader(shared)];
    first.send("BLPOP nothing 0", "PING");
    second.send("GET a");
    const ended = new Promise<void>((resolve) => shared.onceClosed(resolve));
    await turn();
    const connections = await bench.server.connections(/somebody/);
    const killed = bench.server.command("CLIENT", "KILL", "ID", String(connections[0]?.id));
    await ended;
    await killed;
    expect([first, second].map(({ losses }) => losses)).toMatchObject([
      [
        {
          replies: 2,
          mayHaveRun: true,
          isTorn: false,
          error: { code: "ERR_PASSWORDLESS_CONNECTION_FAILED" },
        },
      ],
      [{ replies: 1, mayHaveRun: true, isTorn: false }],
    ]);
    first.send("PING");
    expect(first.losses[1]).toMatchObject({ replies: 1, mayHaveRun: false });
  });

  test("commands that have not been sent have not run", async (t) => {
    const bench = await Bench.start(t);
    const shared = await bench.share();
    const [sent, gathered] = [new Reader(shared), new Reader(shared)];
    sent.send("BLPOP nothing 0");
    await turn();
    sent.send("PING");
    gathered.send("SET a b");
    const login = shared.authenticate(bench.good);
    shared.close();
    expect(sent.losses.map(({ mayHaveRun }) => mayHaveRun)).toEqual([true, false]);
    expect(gathered.losses.map(({ mayHaveRun }) => mayHaveRun)).toEqual([false]);
    expect(await login).toBe("offline");
    expect(await bench.server.command("EXISTS", "a")).toBe(0);
  });

  test("a reply that had begun is told as torn", async (t) => {
    const bench = await Bench.start(t);
    const shared = await bench.share();
    const reader = new Reader(shared);
    reader.send(`ECHO ${"x".repeat(4_000_000)}`, "PING");
    await reader.until(() => reader.received > 0);
    shared.close();
    expect(reader.losses).toMatchObject([{ replies: 2, isTorn: true, mayHaveRun: true }]);
  });
});

test("is handed over while nobody waits, with the token that it has logged in with last", async (t) => {
  const bench = await Bench.start(t);
  const shared = await bench.share();
  const reader = new Reader(shared);
  reader.send("PING");
  expect(shared.release()).toBeUndefined();
  await reader.read(1);
  expect(await shared.authenticate(bench.good)).toBe("accepted");
  const ended = new Promise<void>((resolve) => shared.onceClosed(resolve));
  const upstream = shared.release();
  await ended;
  expect([shared.isOpen, upstream?.token]).toEqual([false, bench.good]);
  const next = new SharedConnection(upstream!, { label: bench.label });
  expect(String(await next.ask("PING"))).toBe("+PONG\r\n");
});

test("a silent connection gets a PING, whose reply is nobody's", async (t) => {
  const bench = await Bench.start(t);
  const clock = new ManualClock();
  const shared = await bench.share({ clock, pingIntervalMs: 1_000 });
  const reader = new Reader(shared);
  const pings = async (): Promise<number> => {
    const info = String(await bench.server.command("INFO", "commandstats"));
    return Number(/cmdstat_ping:calls=(\d+)/.exec(info)?.[1] ?? 0);
  };
  const before = await pings();
  await clock.advance(2_000);
  await shared.whenQuiet();
  expect(await pings()).toBe(before + 1);
  reader.send("ECHO x");
  expect(await reader.read(1)).toEqual(["$1\r\nx\r\n"]);
});

test("what is no Redis protocol ends the connection with an error that says so", async (t) => {
  const server = createServer(
    (socket) => void socket.on("data", () => socket.write("HTTP/1.1 400 Bad Request\r\n")),
  );
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  t.onTestFinished(() => void server.close());
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const token = tokenFor("somebody", "x");
  const upstream = { socket, reads: new SharedReads(), token, markers: undefined, tookMs: 1 };
  const reader = new Reader(new SharedConnection(upstream, { label: "127.0.0.1" }));
  reader.send("PING");
  await reader.until(() => reader.losses.length > 0);
  expect(reader.losses).toMatchObject([{ error: { code: "ERR_PASSWORDLESS_CONNECTION_FAILED" } }]);
  expect(reader.losses[0]?.error.message).toContain("not Redis protocol");
});
