import { encodeCommand } from "resp-framing";
import { describe, expect, test } from "vitest";
import { PasswordlessError } from "../../src/index.js";
import { seededRandom } from "../support/random.js";
import { NEVER_DUE, slicesOf, type Wire, Workbench } from "./support.js";

type Random = () => number;

const TEXTS = [
  "a\r\nb",
  "$3\r\nabc\r\n",
  "$32\r\n",
  "+OK\r\n",
  "",
  "x".repeat(3_000),
  "*1\r\n$4\r\nPING\r\n",
];

const pick = <T>(random: Random, from: readonly T[]): T => {
  const picked = from[Math.floor(random() * from.length)];
  if (picked === undefined) throw new Error("nothing to pick from");
  return picked;
};

/** A random command whose reply follows from the commands before it. */
function randomCommand(random: Random): string[] {
  const key = `k${Math.floor(random() * 6)}`;
  const makers: (() => string[])[] = [
    () => ["SET", key, pick(random, TEXTS)],
    () => ["GET", key],
    () => ["APPEND", key, "$32\r\n"],
    () => ["DEL", key],
    () => ["INCR", `n${key}`],
    () => ["LPUSH", `l${key}`, pick(random, TEXTS), pick(random, TEXTS)],
    () => ["LRANGE", `l${key}`, "0", "20"],
    () => ["LTRIM", `l${key}`, "0", "20"],
    () => ["HSET", `h${key}`, pick(random, TEXTS), pick(random, TEXTS)],
    () => ["HGETALL", `h${key}`],
    () => ["GET", `l${key}`], // Of the wrong type, when it is there.
    () => ["ECHO", pick(random, TEXTS)],
    () => ["PING", pick(random, TEXTS)],
    () => ["PING"],
    () => ["GET"], // Of the wrong arity.
    () => ["NOSUCHCOMMAND", key],
    () => ["EVAL", "return {1,{'a',{2,false}},redis.status_reply('fine')}", "0"],
    () => ["EVAL", "return string.rep('$32\\r\\n', 20000)", "0"],
  ];
  return pick(random, makers)();
}

/** Commands, some of them in transactions, as they are written: each chunk in one go. */
function randomChunks(random: Random, commands: number): Buffer[] {
  const all: string[][] = [];
  while (all.length < commands) {
    if (random() < 0.1) {
      const inside = Array.from({ length: 1 + Math.floor(random() * 4) }, () => randomCommand(random));
      all.push(["MULTI"], ...inside, [random() < 0.2 ? "DISCARD" : "EXEC"]);
    } else if (random() < 0.002) all.push(["BLPOP", "nothing", "0.001"]);
    else all.push(randomCommand(random));
  }
  const chunks: Buffer[] = [];
  while (all.length > 0) {
    const size = random() < 0.5 ? 1 : 1 + Math.floor(random() * 30);
    chunks.push(Buffer.concat(all.splice(0, size).map((command) => encodeCommand(command))));
  }
  return chunks;
}

/** Lets the event loop turn, so that what has arrived is read. */
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

async function whoAmI(wire: Wire): Promise<string | undefined> {
  wire.write("ACL WHOAMI");
  return (await wire.settled()).at(-1);
}

describe.each([2, 3] as const)("in RESP%i", (protocol) => {
  test("all replies are those of an undisturbed connection, however many logins come in between", async (t) => {
    const bench = await Workbench.start(t);
    const wire = await bench.open();
    const plain = await bench.openPlain();
    const logins: Promise<string>[] = [];
    const due: string[] = [];
    wire.write(`HELLO ${protocol}`, "SELECT 0");
    plain.write(`HELLO ${protocol}`, "SELECT 1");
    const random = seededRandom(protocol);
    for (const chunk of randomChunks(random, 4_000)) {
      wire.socket.write(chunk);
      plain.socket.write(chunk);
      if (random() < 0.3) {
        const isGood = random() < 0.5;
        due.push(isGood ? "accepted" : REFUSED);
        logins.push(verdict(wire.session.authenticate(isGood ? bench.good : bench.bad)));
      }
      if (random() < 0.2) await turn();
    }
    const [seen, expected] = await Promise.all([wire.settled(), plain.settled()]);
    expect(await Promise.all(logins)).toEqual(due);
    expect(due.length).toBeGreaterThan(50);
    expect(seen.slice(1)).toEqual(expected.slice(1));
    expect(Object.hasOwn(wire.socket, "emit")).toBe(false);
  });
});

test("a login waits for the end of a transaction, and is not part of it", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  wire.write("MULTI");
  const login = wire.session.authenticate(bench.good);
  wire.write("SET a 1");
  wire.write("EXEC");
  wire.write("MULTI");
  wire.write("GET a");
  expect(await login).toBe("accepted");
  wire.write("EXEC");
  expect(await wire.settled()).toEqual([
    "+OK\r\n",
    "+QUEUED\r\n",
    "*1\r\n+OK\r\n",
    "+OK\r\n",
    "+QUEUED\r\n",
    "*1\r\n$1\r\n1\r\n",
  ]);
});

test("a subscriber in RESP2 logs in and sees RESP2 all the time", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  const plain = await bench.openPlain();
  const both = async (...lines: string[]): Promise<void> => {
    const before = wire.frames.length;
    for (const one of [wire, plain]) for (const line of lines) one.write(line);
    await plain.read(before + lines.length);
    expect(await wire.read(before + lines.length)).toEqual(plain.frames);
  };
  await both("SET a 1", "SUBSCRIBE news", "PSUBSCRIBE n*");
  expect(await wire.session.authenticate(bench.good)).toBe("accepted");
  expect(await verdict(wire.session.authenticate(bench.bad))).toBe(REFUSED);
  const published: Promise<unknown>[] = [];
  for (let message = 0; message < 200; message += 1) {
    published.push(bench.server.command("PUBLISH", "news", `$32\r\n${message}`));
    if (message % 10 === 0) expect(await wire.session.authenticate(bench.good)).toBe("accepted");
  }
  await Promise.all(published);
  const all = 3 + 2 * 200;
  expect(await wire.read(all)).toEqual(await plain.read(all));
  await both("PING", "PING hello", "SUBSCRIBE", "UNSUBSCRIBE news", "PUNSUBSCRIBE n*");
  await both("UNSUBSCRIBE", "PING", "PING hello", "GET a", "HGETALL a", "SUBSCRIBE more", "UNSUBSCRIBE more");
  await both("GET a");
  expect(await wire.session.authenticate(bench.good)).toBe("accepted");
  expect(wire.isTorn).toBe(false);
});

test("commands that are written behind a SUBSCRIBE and an UNSUBSCRIBE in one go are answered in order", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  wire.write("ECHO 1", "SUBSCRIBE news", "PING", "UNSUBSCRIBE news", "ECHO 2", "GET a");
  expect(await wire.settled()).toEqual([
    "$1\r\n1\r\n",
    "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n",
    "*2\r\n$4\r\npong\r\n$0\r\n\r\n",
    "*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:0\r\n",
    "$1\r\n2\r\n",
    "$-1\r\n",
  ]);
});

test("a subscriber in RESP3 logs in among its messages", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  wire.write("HELLO 3", "SUBSCRIBE news");
  await wire.read(2);
  const published: Promise<unknown>[] = [];
  for (let message = 0; message < 100; message += 1) {
    published.push(bench.server.command("PUBLISH", "news", String(message)));
    if (message % 10 !== 0) continue;
    expect(await wire.session.authenticate(bench.good)).toBe("accepted");
    expect(await verdict(wire.session.authenticate(bench.bad))).toBe(REFUSED);
  }
  await Promise.all(published);
  const messages = (await wire.read(102)).slice(2).map((frame) => frame.split("\r\n").at(-2));
  expect(messages).toEqual(Array.from({ length: 100 }, (_, message) => String(message)));
});

test("a connection that monitors logs in, and goes on monitoring", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  wire.write("MONITOR");
  await wire.read(1);
  expect(await wire.session.authenticate(bench.good)).toBe("accepted");
  expect(await verdict(wire.session.authenticate(bench.bad))).toBe(REFUSED);
  await bench.server.command("SET", "monitored", "1");
  while (!wire.frames.some((frame) => frame.includes('"monitored"'))) await wire.read(wire.frames.length + 1);
  expect(wire.frames.filter((frame) => !/^\+(?:OK|\d+\.\d+ \[)/.test(frame))).toEqual([]);
  expect(wire.frames.join("")).not.toContain(bench.good.reveal());
});

describe("blocked commands", () => {
  test("are answered, and what is behind them in order, when what they wait for comes", async (t) => {
    const bench = await Workbench.start(t);
    const logins: string[] = [];
    const wire = await bench.open({
      schedule: slicesOf(60, async () => {
        logins.push(await wire.session.authenticate(bench.good));
      }),
    });
    wire.write("ECHO 1", "BLPOP list 0", "ECHO 2");
    wire.write("ECHO 3");
    while (logins.length < 2) await turn();
    await bench.server.command("LPUSH", "list", "there");
    expect(await wire.settled()).toEqual([
      "$1\r\n1\r\n",
      "*2\r\n$4\r\nlist\r\n$5\r\nthere\r\n",
      "$1\r\n2\r\n",
      "$1\r\n3\r\n",
    ]);
    expect(new Set(logins)).toEqual(new Set(["accepted"]));
  });

  test("XREAD from $ misses no entry between two slices, and none from before", async (t) => {
    const bench = await Workbench.start(t);
    const wire = await bench.open({
      schedule: slicesOf(50, async () => {
        // Between two slices, when nobody is reading.
        await bench.server.command("XADD", "stream", "2-1", "found", "me");
      }),
    });
    await bench.server.command("XADD", "stream", "1-1", "not", "me");
    wire.write("XREAD BLOCK 0 STREAMS stream $");
    const [frame] = await wire.read(1);
    expect(frame).toContain("2-1");
    expect(frame).not.toContain("1-1");
  });

  test("a finite timeout ends in one null", async (t) => {
    const bench = await Workbench.start(t);
    const wire = await bench.open({ schedule: slicesOf(50) });
    wire.write("BLPOP list 0.12", "BRPOP list 0.01", "ECHO 1");
    expect(await wire.settled()).toEqual(["*-1\r\n", "*-1\r\n", "$1\r\n1\r\n"]);
  });

  test("inside a transaction they do not block and are not touched", async (t) => {
    const bench = await Workbench.start(t);
    const wire = await bench.open({ schedule: slicesOf(50) });
    wire.write("MULTI", "BLPOP list 0", "EXEC");
    expect(await wire.settled()).toEqual(["+OK\r\n", "+QUEUED\r\n", "*1\r\n*-1\r\n"]);
  });

  test("CLIENT UNBLOCK ends them", async (t) => {
    const bench = await Workbench.start(t);
    const wire = await bench.open({ schedule: slicesOf(60_000) });
    wire.write("CLIENT ID");
    const [id] = await wire.read(1);
    wire.write("BLPOP list 0");
    while ((await bench.server.command("CLIENT", "UNBLOCK", id?.slice(1).trim() ?? "")) === 0);
    expect((await wire.settled()).at(-1)).toBe("*-1\r\n");
  });
});

describe("a user who may not PING", () => {
  const permissions = ["~*", "&*", "+@read", "+echo", "+acl|whoami", "+monitor"];

  test.for([2, 3] as const)(
    "logs in by the errors for commands that do not exist, in RESP%i",
    async (protocol, t) => {
      const bench = await Workbench.start(t, { permissions });
      const wire = await bench.open();
      wire.write(`HELLO ${protocol}`);
      await wire.read(1);
      const random = seededRandom(7);
      const logins: Promise<string>[] = [];
      const due: string[] = [];
      const echoed: string[] = [];
      for (let round = 0; round < 300; round += 1) {
        wire.write(`ECHO ${round}`);
        echoed.push(`$${String(round).length}\r\n${round}\r\n`);
        const isGood = random() < 0.5;
        due.push(isGood ? "accepted" : REFUSED);
        logins.push(verdict(wire.session.authenticate(isGood ? bench.good : bench.bad)));
        if (random() < 0.2) await turn();
      }
      expect(await Promise.all(logins)).toEqual(due);
      expect((await wire.settled()).slice(1)).toEqual(echoed);
      expect(await whoAmI(wire)).toBe("$8\r\nsomebody\r\n");
    },
  );
});

describe("when the socket closes, every login settles and nothing is left", () => {
  const states = {
    idle: [],
    blocked: ["BLPOP list 0"],
    "in a transaction": ["MULTI", "SET a 1"],
    subscribed: ["SUBSCRIBE news"],
    "about to leave the subscriber mode": ["SUBSCRIBE news", "UNSUBSCRIBE news", "GET a"],
    monitoring: ["MONITOR"],
  } as const;

  async function closeIn(bench: Workbench, lines: readonly string[], how: "destroy" | "end" | "killed") {
    for (const schedule of [NEVER_DUE, slicesOf(60_000)]) {
      const wire = await bench.open({ schedule });
      let closed = 0;
      wire.session.onceClosed(() => {
        closed += 1;
      });
      for (const line of lines) wire.write(line);
      const login = wire.session.authenticate(bench.good);
      if (how === "destroy") wire.socket.destroy();
      else if (how === "end") wire.socket.end();
      else await bench.server.command("CLIENT", "KILL", "USER", "somebody");
      await wire.closed;
      expect(["accepted", "offline"]).toContain(await login);
      expect(await wire.session.authenticate(bench.good)).toBe("offline");
      // Whatever was on its way when the server cut the connection may fail.
      const errors = wire.errors.map(String).filter((error) => !/EPIPE|ECONNRESET/.test(error));
      expect([closed, wire.isTorn, errors]).toEqual([1, false, []]);
    }
  }

  test.for(Object.entries(states))("%s", async ([, lines], t) => {
    const bench = await Workbench.start(t);
    await closeIn(bench, lines, "destroy");
    await closeIn(bench, lines, "killed");
  });

  test.for(["idle", "blocked", "in a transaction", "monitoring"] as const)(
    "%s, by end()",
    async (state, t) => {
      await closeIn(await Workbench.start(t), states[state], "end");
    },
  );

  // What was held is written behind the end.
  test.for(["subscribed", "about to leave the subscriber mode"] as const)(
    "%s, by end()",
    async (state, t) => {
      await closeIn(await Workbench.start(t), states[state], "end");
    },
  );
});

test("what was written in the turn of an end() is sent before it", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  wire.write("SET a 1");
  wire.write("GET a");
  wire.socket.end();
  expect(await wire.read(2)).toEqual(["+OK\r\n", "$1\r\n1\r\n"]);
});

test("callbacks of write are called, in order, also for what is held", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open({ schedule: slicesOf(50) });
  const called: number[] = [];
  const ping = "*1\r\n$4\r\nPING\r\n";
  wire.socket.write(ping, () => called.push(1));
  wire.socket.write(ping, "latin1", () => called.push(2));
  wire.socket.write(Buffer.from(ping), () => called.push(3));
  wire.write("BLPOP list 0.1");
  wire.socket.write(new Uint8Array(Buffer.from(ping)), () => called.push(4));
  await wire.read(5);
  while (called.length < 4) await turn();
  expect(called).toEqual([1, 2, 3, 4]);
  wire.socket.destroy();
  const failure = await new Promise((resolve) => {
    wire.socket.write(ping, resolve);
  });
  expect(failure).toBeInstanceOf(Error);
});

test("text is written in the encoding that the client names", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  wire.socket.write("*2\r\n$4\r\nECHO\r\n$1\r\n\xe9\r\n", "latin1");
  wire.socket.write("*2\r\n$4\r\nECHO\r\n$2\r\n\xe9\r\n");
  expect(await wire.settled()).toEqual(["$1\r\n\xe9\r\n", "$2\r\n\xc3\xa9\r\n"]);
});

test("a client that writes no commands is left alone", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  wire.socket.write("*1\r\n$4\r\nPING\r\n*1\r\n!garbage\r\n");
  expect(await wire.session.authenticate(bench.good)).toBe("unable");
  await wire.closed;
  expect(wire.frames).toEqual(["+PONG\r\n", "-ERR Protocol error: expected '$', got '!'\r\n"]);
});

test("inline commands are commands", async (t) => {
  const bench = await Workbench.start(t);
  const wire = await bench.open();
  wire.socket.write("MULTI\r\n");
  const login = wire.session.authenticate(bench.good);
  wire.socket.write("SET a '1 2'\r\n");
  wire.socket.write("exec\n");
  expect(await login).toBe("accepted");
  wire.socket.write("get a\r\n");
  expect(await wire.settled()).toEqual(["+OK\r\n", "+QUEUED\r\n", "*1\r\n+OK\r\n", "$3\r\n1 2\r\n"]);
});
