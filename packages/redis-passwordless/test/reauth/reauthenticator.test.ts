import { describe, expect, test } from "vitest";
import { PasswordlessError } from "../../src/core/errors.js";
import { Events } from "../../src/core/events.js";
import { Token } from "../../src/core/token.js";
import { TokenManager } from "../../src/core/token-manager.js";
import { type Connection, type LoginResult, refusedError } from "../../src/reauth/connection.js";
import { type ReauthenticationEvents, Reauthenticator } from "../../src/reauth/reauthenticator.js";
import { ManualClock } from "../../src/testing/manual-clock.js";
import { ScriptedProvider } from "../support/scripted-provider.js";

const MINUTE = 60_000;
const LIFETIME = 60 * MINUTE;
const REFRESH = 42 * MINUTE;

class FakeConnection implements Connection {
  readonly label: string;
  readonly logins: { readonly token: string; readonly atMs: number }[] = [];
  answer: (token: Token) => Promise<LoginResult> = () => Promise.resolve("accepted");
  readonly #clock: ManualClock;

  constructor(label: string, clock: ManualClock) {
    this.label = label;
    this.#clock = clock;
  }

  authenticate(token: Token): Promise<LoginResult> {
    this.logins.push({ token: token.reveal(), atMs: this.#clock.now() });
    return this.answer(token);
  }
}

type Prove = (token: Token, signal: AbortSignal) => Promise<void>;

async function setUp(
  options: {
    prove?: Prove | null;
    isRefusalHarmless?: boolean;
    connections?: number;
    windowMs?: number;
    random?: () => number;
  } = {},
) {
  const { prove = async () => {}, connections: count = 3, windowMs = 30_000, random = () => 0.5 } = options;
  const clock = new ManualClock();
  const start = clock.now();
  const provider = new ScriptedProvider(clock, LIFETIME);
  const manager = new TokenManager(provider, {}, { clock, random });
  const events = new Events<ReauthenticationEvents>();
  const failures: ReauthenticationEvents["reauthenticationFailing"][] = [];
  events.on("reauthenticationFailing", (failure) => failures.push(failure));
  const reauthenticator = new Reauthenticator(manager, events, {
    label: "cache",
    windowMs,
    ...(prove === null ? {} : { prove }),
    isRefusalHarmless: options.isRefusalHarmless ?? false,
  });
  const connections = Array.from(
    { length: count },
    (_, index) => new FakeConnection(`connection ${index}`, clock),
  );
  const token = await reauthenticator.tokenForLogin();
  const enrollments = connections.map((connection) => reauthenticator.enroll(connection, token));
  reauthenticator.accepted(token);
  return { clock, start, provider, manager, reauthenticator, connections, enrollments, failures, token };
}

const refused = (token: Token) => refusedError("cache", token, "WRONGPASS");
const unreachable = () =>
  new PasswordlessError("ERR_PASSWORDLESS_CONNECTION_FAILED", {
    message: "down",
    remedy: "Wait.",
    retryable: true,
  });

describe("a new token", () => {
  test("is tried aside first, then put on every connection, spread over the window", async () => {
    const proven: string[] = [];
    const { clock, start, connections } = await setUp({
      prove: async (token) => void proven.push(token.reveal()),
    });
    await clock.advance(REFRESH);
    expect(proven).toEqual(["token-2"]);
    await clock.advance(30_000);
    const at = connections.map((connection) =>
      connection.logins.map((login) => login.atMs - start - REFRESH),
    );
    expect(at).toEqual([[5_000], [15_000], [25_000]]);
    await clock.advance(10 * MINUTE);
    expect(connections.map((connection) => connection.logins.length)).toEqual([1, 1, 1]);
  });

  test("is put on nothing while it is refused; the next one is requested and tried instead", async () => {
    const tried: string[] = [];
    const { clock, connections, failures } = await setUp({
      prove: async (token) => {
        tried.push(token.reveal());
        if (token.reveal() === "token-2") throw refused(token);
      },
    });
    await clock.advance(REFRESH + MINUTE);
    expect(tried).toContain("token-3");
    expect(connections.map((connection) => connection.logins.map((login) => login.token))).toEqual([
      ["token-3"],
      ["token-3"],
      ["token-3"],
    ]);
    expect(failures[0]?.error).toMatchObject({ code: "ERR_PASSWORDLESS_AUTH_REFUSED" });
  });

  test("a login while the new token is being tried gets the one that works", async () => {
    const { clock, reauthenticator, token } = await setUp({ prove: () => new Promise(() => {}) });
    await clock.advance(REFRESH);
    expect(await reauthenticator.tokenForLogin()).toBe(token);
  });

  test("without a way to try it aside, one connection is the trial and the others wait for it", async () => {
    const { clock, connections } = await setUp({ prove: null });
    const [first] = connections;
    let answer = (_: LoginResult): void => {};
    if (first !== undefined) first.answer = () => new Promise((resolve) => (answer = resolve));
    await clock.advance(REFRESH);
    expect(connections.map((connection) => connection.logins.length)).toEqual([1, 0, 0]);
    answer("accepted");
    await clock.advance(30_000);
    expect(connections.map((connection) => connection.logins.length)).toEqual([1, 1, 1]);
  });

  test("where a refusal is harmless, a live connection proves it while nobody answers aside", async () => {
    const { clock, connections, failures } = await setUp({
      prove: () => new Promise(() => {}),
      isRefusalHarmless: true,
      windowMs: 1_000,
    });
    await clock.advance(REFRESH + 2_000);
    expect(connections.map((connection) => connection.logins.length)).toEqual([1, 1, 1]);
    expect(failures).toEqual([]);
  });

  test("where a refusal is harmless, connections that are held do not delay the verdict from aside", async () => {
    const { clock, connections } = await setUp({ isRefusalHarmless: true, windowMs: 1_000 });
    const [first] = connections;
    if (first !== undefined) first.answer = () => new Promise(() => {});
    await clock.advance(REFRESH + 2_000);
    expect(connections.map((connection) => connection.logins.length)).toEqual([1, 1, 1]);
  });

  test("a refusal on a live connection replaces the token, whatever is heard aside", async () => {
    const { clock, connections, failures } = await setUp({
      prove: () => Promise.reject(unreachable()),
      isRefusalHarmless: true,
    });
    for (const connection of connections) {
      connection.answer = async (token) => {
        if (token.reveal() === "token-2") throw refused(token);
        return "accepted";
      };
    }
    await clock.advance(REFRESH + MINUTE);
    expect(connections.map(({ logins }) => logins.at(-1)?.token)).toEqual(["token-3", "token-3", "token-3"]);
    expect(failures[0]?.error).toMatchObject({ code: "ERR_PASSWORDLESS_AUTH_REFUSED" });
  });

  test("a connection that hangs as the trial does not keep the others from the token", async () => {
    const { clock, connections } = await setUp({ prove: null });
    const [first] = connections;
    if (first !== undefined) first.answer = () => new Promise(() => {});
    await clock.advance(REFRESH + MINUTE);
    expect(connections.slice(1).map((connection) => connection.logins.length)).toEqual([1, 1]);
  });

  test("a server that cannot be asked aside does not cost live connections their token", async () => {
    const { clock, connections, start } = await setUp({ prove: () => Promise.reject(unreachable()) });
    await clock.advance(LIFETIME);
    for (const connection of connections) {
      expect(connection.logins.map((login) => login.token)).toEqual(["token-2"]);
      expect(connection.logins[0]?.atMs).toBeLessThanOrEqual(start + LIFETIME - 3 * MINUTE);
    }
  });

  test("a hanging trial is given up after 5 seconds and repeated", async () => {
    const signals: AbortSignal[] = [];
    const { clock } = await setUp({
      prove: (_, signal) => {
        signals.push(signal);
        return new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason)),
        );
      },
    });
    await clock.advance(REFRESH + 6_000);
    expect(signals.length).toBeGreaterThanOrEqual(2);
    expect(signals[0]?.aborted).toBe(true);
  });

  test("that an older trial still waits for replaces it", async () => {
    let finish = (): void => {};
    const { clock, manager, connections, provider } = await setUp({
      prove: (token) =>
        token.reveal() === "token-2" ? new Promise((resolve) => (finish = resolve)) : Promise.resolve(),
    });
    await clock.advance(REFRESH);
    provider.answer = () => ({ expiresAtMs: clock.now() + LIFETIME });
    manager.refuse(await manager.getToken(), new Error("revoked"));
    await clock.advance(MINUTE);
    finish();
    await clock.advance(MINUTE);
    expect(connections[0]?.logins.map((login) => login.token)).toEqual(["token-3"]);
  });
});

describe("one connection", () => {
  test("whose login is refused is retried on its own; the others are not touched", async () => {
    const { clock, connections, failures } = await setUp();
    const [first] = connections;
    let tries = 0;
    if (first !== undefined) {
      first.answer = (token) => {
        tries += 1;
        return tries < 3 ? Promise.reject(refused(token)) : Promise.resolve("accepted");
      };
    }
    await clock.advance(REFRESH + MINUTE);
    expect(connections.map((connection) => connection.logins.length)).toEqual([3, 1, 1]);
    expect(failures).toHaveLength(2);
    expect(failures[0]).toMatchObject({ connection: "connection 0" });
  });

  test("that never answers is reported before its token ends, and keeps nobody else waiting", async () => {
    const { clock, connections, failures, start, token } = await setUp();
    const [first] = connections;
    if (first !== undefined) first.answer = () => new Promise(() => {});
    await clock.advance(LIFETIME - 30_000 - 1);
    expect(failures).toEqual([]);
    await clock.advance(1);
    expect(failures).toMatchObject([
      { error: { code: "ERR_PASSWORDLESS_AUTH_TIMEOUT" }, authenticatedUntilMs: token.expiresAtMs },
    ]);
    expect(clock.now()).toBeLessThan(start + LIFETIME);
    expect(connections.map((connection) => connection.logins.length)).toEqual([1, 1, 1]);
  });

  test("that stays offline past the end of its token is no longer counted: its handshake enrols it anew", async () => {
    const { clock, connections, reauthenticator } = await setUp();
    for (const connection of connections) connection.answer = () => Promise.resolve("offline");
    await clock.advance(LIFETIME + MINUTE);
    expect(reauthenticator.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test("whose client is gone is no longer counted", async () => {
    const { clock, connections, reauthenticator } = await setUp();
    const [first] = connections;
    if (first !== undefined) first.answer = () => Promise.resolve("gone");
    await clock.advance(REFRESH + MINUTE);
    expect(reauthenticator.size).toBe(2);
  });

  test("that cannot log in is reported once, with its end and the remedy, and tried again quietly", async () => {
    const { clock, connections, failures } = await setUp();
    const [first] = connections;
    if (first !== undefined) first.answer = () => Promise.resolve("unable");
    await clock.advance(REFRESH + 5 * MINUTE);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({ error: { code: "ERR_PASSWORDLESS_CLIENT_UNSUPPORTED" } });
    expect(first?.logins.length).toBeGreaterThan(10);
  });

  test("that is offline is left to its handshake, which gets the newest token", async () => {
    const { clock, connections, failures, reauthenticator } = await setUp();
    const [first] = connections;
    if (first !== undefined) first.answer = () => Promise.resolve("offline");
    await clock.advance(REFRESH + MINUTE);
    expect(failures).toEqual([]);
    expect((await reauthenticator.tokenForLogin()).reveal()).toBe("token-2");
  });

  test("that is closed is never called again", async () => {
    const { clock, connections, enrollments } = await setUp();
    enrollments[0]?.[Symbol.dispose]();
    await clock.advance(REFRESH + MINUTE);
    expect(connections.map((connection) => connection.logins.length)).toEqual([0, 1, 1]);
  });

  test("that is enrolled with an old token gets the new one at once", async () => {
    const { clock, reauthenticator, token } = await setUp();
    await clock.advance(REFRESH + MINUTE);
    const late = new FakeConnection("late", clock);
    reauthenticator.enroll(late, token);
    await clock.advance(0);
    expect(late.logins.map((login) => login.token)).toEqual(["token-2"]);
  });

  test("whose login was overtaken by a newer token logs in once more", async () => {
    const { clock, connections } = await setUp();
    const [first] = connections;
    let answer = (_: LoginResult): void => {};
    if (first !== undefined) {
      first.answer = (token) =>
        token.reveal() === "token-2"
          ? new Promise((resolve) => (answer = resolve))
          : Promise.resolve("accepted");
    }
    await clock.advance(REFRESH + 30_000);
    await clock.advance(REFRESH);
    answer("accepted");
    await clock.advance(MINUTE);
    expect(first?.logins.map((login) => login.token)).toEqual(["token-2", "token-3"]);
  });
});

test("those closest to their end log in first", async () => {
  const { clock, reauthenticator, start } = await setUp({ connections: 0 });
  const ends = [90, 61, 75];
  const connections = ends.map((minutes) => {
    const connection = new FakeConnection(`ends after ${minutes}`, clock);
    const facts = {
      username: "oid-1",
      receivedAtMs: start,
      expiresAtMs: start + minutes * MINUTE,
      refreshAtMs: undefined,
      details: {},
    };
    reauthenticator.enroll(connection, new Token(`until ${minutes}`, facts));
    return connection;
  });
  await clock.advance(REFRESH + MINUTE);
  const inOrder = [...connections].sort((a, b) => (a.logins[0]?.atMs ?? 0) - (b.logins[0]?.atMs ?? 0));
  expect(inOrder.map((connection) => connection.label)).toEqual([
    "ends after 61",
    "ends after 75",
    "ends after 90",
  ]);
});

test("a server whose clients were away while the token changed gets the new one when they are back", async () => {
  const { clock, manager, enrollments, reauthenticator, connections, token } = await setUp();
  // Another server's connections keep the identity going meanwhile.
  manager.subscribe(() => {});
  for (const enrollment of enrollments) enrollment[Symbol.dispose]();
  await clock.advance(REFRESH + 3 * MINUTE);
  const [first] = connections;
  if (first === undefined) throw new Error("three connections were asked for");
  expect(await reauthenticator.tokenForLogin()).toBe(token);
  reauthenticator.enroll(first, token);
  await clock.advance(MINUTE);
  expect(first.logins.map((login) => login.token)).toEqual(["token-2"]);
});

test("a clock set back changes nothing: new tokens are newer, and ended ones have ended", async () => {
  const { clock, reauthenticator, connections } = await setUp();
  await clock.advance(MINUTE);
  clock.step(-2 * 60 * MINUTE);
  for (let rotation = 0; rotation < 3; rotation += 1) await clock.advance(REFRESH + MINUTE);
  expect(connections[0]?.logins.length).toBeGreaterThanOrEqual(3);
  const token = await reauthenticator.tokenForLogin();
  expect(token.reveal()).not.toBe("token-1");
});

test("after a first login, a token that has not been accepted yet is tried before it is handed out", async () => {
  let isRefusing = false;
  const { clock, manager, reauthenticator, enrollments, token } = await setUp({
    prove: async (one) => {
      if (isRefusing) throw refused(one);
    },
  });
  for (const enrollment of enrollments) enrollment[Symbol.dispose]();
  await clock.advance(LIFETIME);
  isRefusing = true;
  await expect(reauthenticator.tokenForLogin()).rejects.toMatchObject({
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
  });
  isRefusing = false;
  await clock.advance(2_000);
  expect((await reauthenticator.tokenForLogin()).isSameAs(token)).toBe(false);
  await manager.close();
});

test("many callers share one trial of a token", async () => {
  let trials = 0;
  const { clock, reauthenticator } = await setUp({
    prove: async () => {
      trials += 1;
    },
  });
  await clock.advance(LIFETIME - 10_000);
  const before = trials;
  await Promise.all(Array.from({ length: 20 }, () => reauthenticator.tokenForLogin()));
  expect(trials - before).toBeLessThanOrEqual(1);
});

test("once closed, it gives out no token and takes no connection", async () => {
  const { manager, reauthenticator, connections, token } = await setUp();
  reauthenticator.close();
  await manager.close();
  await expect(reauthenticator.tokenForLogin()).rejects.toMatchObject({ code: "ERR_PASSWORDLESS_CLOSED" });
  for (const connection of connections)
    expect(() => reauthenticator.enroll(connection, token)).toThrow(/ERR_PASSWORDLESS_CLOSED/);
  expect(reauthenticator.size).toBe(0);
});

test("the server's text never carries the token on, however it quotes it", () => {
  const token = new Token("eyJhbGciOiJSUzI1NiJ9.payload.signature", {
    username: "oid-1",
    receivedAtMs: 0,
    expiresAtMs: 1,
    refreshAtMs: undefined,
    details: {},
  });
  const error = refusedError(
    "cache",
    token,
    "ERR unknown command 'AUTH', with args beginning with: 'oid-1' 'eyJhbGciOiJSUzI1N",
  );
  expect(`${error.message}${JSON.stringify(error.details)}`).not.toContain("eyJhbGci");
  expect(error.message).toContain("unknown command 'AUTH'");
});

test("without connections, nothing is refreshed and no timer is left", async () => {
  const { clock, enrollments, provider } = await setUp();
  for (const enrollment of enrollments) enrollment[Symbol.dispose]();
  await clock.advance(3 * LIFETIME);
  expect(provider.calledAtMs).toHaveLength(1);
  expect(clock.pendingTimers).toBe(0);
});

test("closed in the middle of a spread, it leaves no timer", async () => {
  const { clock, reauthenticator, manager, connections } = await setUp({ connections: 10 });
  await clock.advance(REFRESH + 10_000);
  const logins = connections.reduce((sum, connection) => sum + connection.logins.length, 0);
  reauthenticator.close();
  await manager.close();
  await clock.advance(LIFETIME);
  expect(connections.reduce((sum, connection) => sum + connection.logins.length, 0)).toBe(logins);
  expect(clock.pendingTimers).toBe(0);
});

describe("a command may block", () => {
  test("until somewhere in the window of the next login", async () => {
    for (const [chance, expected] of [
      [0, REFRESH],
      [0.999, REFRESH + 29_970],
    ] as const) {
      const { reauthenticator, connections, start } = await setUp({ random: () => chance });
      const [first] = connections;
      if (first === undefined) throw new Error("three connections were asked for");
      expect(reauthenticator.blockUntilMs(first) - start).toBe(expected);
    }
  });

  test("no longer than half of what is left once a newer token is there, and it logs in when it gives way", async () => {
    const { clock, reauthenticator, connections, token } = await setUp({ random: () => 0.999 });
    const [first] = connections;
    if (first === undefined) throw new Error("three connections were asked for");
    await clock.advance(REFRESH);
    expect(reauthenticator.blockUntilMs(first)).toBeLessThan(token.expiresAtMs - 9 * MINUTE);
    await reauthenticator.loginIfDue(first);
    expect(first.logins.map((login) => login.token)).toEqual(["token-2"]);
    await clock.advance(MINUTE);
    expect(first.logins).toHaveLength(1);
  });
});

test("50 connections log in evenly: no eighth of the window holds more than a quarter of them", async () => {
  let seed = 1;
  const random = (): number => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const windowMs = 400;
  const { clock, connections } = await setUp({ connections: 50, windowMs, random });
  await clock.advance(REFRESH + MINUTE);
  const at = connections.map(({ logins }) => logins.at(-1)?.atMs ?? Number.NaN);
  const first = Math.min(...at);
  expect(Math.max(...at) - first).toBeLessThanOrEqual(windowMs);
  const eighths = Array.from(
    { length: 8 },
    (_, index) => at.filter((ms) => Math.floor((8 * (ms - first)) / (windowMs + 1)) === index).length,
  );
  expect(eighths.reduce((sum, count) => sum + count, 0)).toBe(50);
  expect(Math.max(...eighths)).toBeLessThanOrEqual(13);
});
