import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { PasswordlessError } from "../../src/core/errors.js";
import type { RefreshOptions } from "../../src/core/options.js";
import { TokenManager } from "../../src/core/token-manager.js";
import { ManualClock } from "../../src/testing/manual-clock.js";
import { ScriptedProvider } from "../support/scripted-provider.js";

const HOUR = 3_600_000;
const MINUTE = 60_000;

function setUp(options: RefreshOptions & { lifetimeMs?: number; random?: () => number } = {}) {
  const { lifetimeMs = HOUR, random = () => 0.5, ...refresh } = options;
  const clock = new ManualClock();
  const provider = new ScriptedProvider(clock, lifetimeMs);
  const manager = new TokenManager(provider, refresh, { clock, random });
  const tokens: string[] = [];
  const start = clock.now();
  return {
    clock,
    provider,
    manager,
    tokens,
    start,
    subscribe: () => manager.subscribe((token) => tokens.push(token.reveal())),
  };
}

/** Settles promises that wait on the clock without letting time pass. */
const now = (clock: ManualClock) => clock.advance(0);

const transient = (message = "HTTP 500") =>
  new PasswordlessError("ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", {
    message,
    remedy: "Wait.",
    retryable: true,
  });
const permanent = () =>
  new PasswordlessError("ERR_PASSWORDLESS_IDENTITY_REJECTED", {
    message: "AADSTS7000215",
    remedy: "Use the secret's value.",
  });

describe("when a token is refreshed", () => {
  test("at 70 % of the lifetime", async () => {
    const { clock, provider, subscribe, start, tokens } = setUp();
    subscribe();
    await clock.advance(42 * MINUTE - 1);
    expect(provider.calledAtMs).toEqual([start]);
    await clock.advance(1);
    expect(provider.calledAtMs).toEqual([start, start + 42 * MINUTE]);
    expect(tokens).toEqual(["token-1", "token-2"]);
  });

  test("three minutes before the end when the ratio would be later", async () => {
    const { clock, provider, subscribe, start } = setUp({ expirationRefreshRatio: 0.99 });
    subscribe();
    await clock.advance(HOUR - 1);
    expect(provider.calledAtMs[1]).toBe(start + HOUR - 3 * MINUTE);
  });

  test("30 % of the lifetime before the end for a short token", async () => {
    const { clock, provider, subscribe, start } = setUp({ expirationRefreshRatio: 0.99, lifetimeMs: 10_000 });
    subscribe();
    await clock.advance(9_000);
    expect(provider.calledAtMs[1]).toBe(start + 7_000);
  });

  test("when the provider suggests, if that is earlier", async () => {
    const { clock, provider, subscribe, start } = setUp();
    provider.answer = () => ({ expiresAtMs: clock.now() + 24 * HOUR, refreshAtMs: clock.now() + 12 * HOUR });
    subscribe();
    await clock.advance(12 * HOUR);
    expect(provider.calledAtMs).toEqual([start, start + 12 * HOUR]);
  });

  test("only while somebody subscribes", async () => {
    const { clock, provider, subscribe } = setUp();
    const subscription = subscribe();
    await clock.advance(10 * MINUTE);
    subscription[Symbol.dispose]();
    await clock.advance(3 * HOUR);
    expect(provider.calledAtMs).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });

  test("for 1,000 tokens of 10 seconds, never twice within the floor", async () => {
    const { clock, provider, subscribe } = setUp({ lifetimeMs: 10_000 });
    subscribe();
    await clock.advance(7_000_000);
    expect(provider.calledAtMs).toHaveLength(1_001);
  });
});

describe("a caller that waits for a token", () => {
  test("shares one request with all others", async () => {
    const { manager, provider } = setUp();
    const tokens = await Promise.all(Array.from({ length: 10 }, () => manager.getToken()));
    expect(new Set(tokens).size).toBe(1);
    expect(provider.calledAtMs).toHaveLength(1);
  });

  test("never gets a token that has ended, nor one about to end", async () => {
    const { clock, manager, provider } = setUp({ lifetimeMs: 10_000 });
    const first = await manager.getToken();
    await clock.advance(9_499);
    expect(await manager.getToken()).toBe(first);
    await clock.advance(1);
    expect((await manager.getToken()).reveal()).toBe("token-2");
    expect(provider.calledAtMs).toHaveLength(2);
  });

  test("is rejected with the last error after `maxAttempts` failures, while the refresh goes on", async () => {
    const { clock, manager, provider, subscribe } = setUp({ retry: { maxAttempts: 3 } });
    provider.answer = (_, call) => Promise.reject(transient(`failure ${call}`));
    subscribe();
    const waiting = manager.getToken();
    const outcome = expect(waiting).rejects.toThrow("failure 3");
    await clock.advance(10_000);
    await outcome;
    expect(provider.calledAtMs.length).toBeGreaterThan(10);
  });

  test("is rejected at once by a permanent refusal, together with all others", async () => {
    const { manager, provider } = setUp();
    provider.answer = () => Promise.reject(permanent());
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => manager.getToken()));
    expect(outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.code)).toEqual(
      Array.from({ length: 10 }, () => "ERR_PASSWORDLESS_IDENTITY_REJECTED"),
    );
    expect(provider.calledAtMs).toHaveLength(1);
  });

  test("leaves alone when its signal aborts; the others get their token", async () => {
    const { clock, manager, provider } = setUp();
    provider.answer = (_, call) =>
      call === 1 ? Promise.reject(transient()) : { expiresAtMs: clock.now() + HOUR };
    const abort = new AbortController();
    const leaving = manager.getToken({ signal: abort.signal });
    const staying = manager.getToken();
    const left = expect(leaving).rejects.toMatchObject({ code: "ERR_PASSWORDLESS_ABORTED" });
    abort.abort(new Error("shutting down"));
    await left;
    await clock.advance(1_000);
    expect((await staying).reveal()).toBe("token-2");
  });

  test("is rejected when the manager closes, and so is everybody after", async () => {
    const { manager, provider } = setUp();
    provider.answer = () => new Promise(() => {});
    const waiting = manager.getToken();
    const outcome = expect(waiting).rejects.toMatchObject({ code: "ERR_PASSWORDLESS_CLOSED" });
    await manager.close();
    await outcome;
    await expect(manager.getToken()).rejects.toMatchObject({ code: "ERR_PASSWORDLESS_CLOSED" });
    expect(() => manager.subscribe(() => {})).toThrow(PasswordlessError);
  });
});

describe("while requests fail", () => {
  test("the current token is served until it ends, then callers wait, then everything recovers by itself", async () => {
    const { clock, manager, provider, subscribe, tokens } = setUp({ lifetimeMs: 10_000 });
    const states: string[] = [];
    manager.on("tokenExpired", () => states.push("expired"));
    manager.on("recovered", ({ failures }) => states.push(`recovered after ${failures > 3}`));
    subscribe();
    await now(clock);
    provider.answer = () => Promise.reject(transient());
    await clock.advance(9_000);
    expect(manager.status.state).toBe("stale");
    expect((await manager.getToken()).reveal()).toBe("token-1");
    await clock.advance(4_000);
    expect(manager.status.state).toBe("expired");
    const waiting = manager.getToken();
    provider.answer = () => ({ token: "healed", expiresAtMs: clock.now() + 10_000 });
    await clock.advance(1_000);
    expect((await waiting).reveal()).toBe("healed");
    expect(tokens).toEqual(["token-1", "healed"]);
    expect(states).toEqual(["expired", "recovered after true"]);
  });

  test("it asks within a second of healing, however long the outage of a 10 s token lasted", async () => {
    for (const random of [() => 0, () => 0.5, () => 0.999]) {
      const { clock, provider, subscribe } = setUp({ lifetimeMs: 10_000, random });
      subscribe();
      await now(clock);
      provider.answer = () => Promise.reject(transient());
      await clock.advance(20_000);
      const asked = provider.calledAtMs.length;
      await clock.advance(1_000);
      expect(provider.calledAtMs.length).toBeGreaterThan(asked);
    }
  });

  test("an hour's token is asked for with patience: at most 5 % of what is left of it between two tries", async () => {
    const { clock, provider, subscribe } = setUp({ random: () => 0 });
    subscribe();
    await now(clock);
    provider.answer = () => Promise.reject(transient());
    await clock.advance(59 * MINUTE);
    const gaps = provider.calledAtMs.slice(2).map((at, index) => at - provider.calledAtMs[index + 1]!);
    expect(gaps.slice(0, 4)).toEqual([500, 500, 1_000, 2_000]);
    expect(Math.max(...gaps)).toBe(30_000);
    expect(gaps.length).toBeLessThan(120);
  });

  test("`Retry-After` is honoured, with up to 10 % on top", async () => {
    for (const random of [0, 0.999]) {
      const { clock, provider, subscribe } = setUp({ random: () => random });
      provider.answer = (_, call) =>
        call === 1
          ? Promise.reject(
              new PasswordlessError("ERR_PASSWORDLESS_THROTTLED", {
                message: "429",
                remedy: "Wait.",
                retryable: true,
                retryAfterMs: 3_000,
              }),
            )
          : { expiresAtMs: clock.now() + HOUR };
      subscribe();
      await clock.advance(10_000);
      const gap = provider.calledAtMs[1]! - provider.calledAtMs[0]!;
      expect(gap).toBeGreaterThanOrEqual(3_000);
      expect(gap).toBeLessThanOrEqual(3_300);
    }
  });

  test("a permanent refusal is retried slowly, so a repaired secret is noticed", async () => {
    const { clock, manager, provider, subscribe, tokens } = setUp();
    provider.answer = () => Promise.reject(permanent());
    subscribe();
    await clock.advance(5 * MINUTE);
    expect(provider.calledAtMs).toHaveLength(11);
    expect(manager.status.state).toBe("refused");
    provider.answer = () => ({ expiresAtMs: clock.now() + HOUR });
    await clock.advance(30_000);
    expect(tokens).toEqual(["token-12"]);
  });

  test("without subscribers, a refusal is forgotten after a while: the next caller asks again", async () => {
    const { clock, manager, provider } = setUp();
    provider.answer = () => Promise.reject(permanent());
    await expect(manager.getToken()).rejects.toThrow("AADSTS7000215");
    await expect(manager.getToken()).rejects.toThrow("AADSTS7000215");
    expect(provider.calledAtMs).toHaveLength(1);
    await clock.advance(30_000);
    provider.answer = () => ({ expiresAtMs: clock.now() + HOUR });
    expect((await manager.getToken()).reveal()).toBe("token-2");
  });

  test("a permanent refusal at refresh leaves the valid token in use", async () => {
    const { clock, manager, provider, subscribe } = setUp();
    subscribe();
    await now(clock);
    provider.answer = () => Promise.reject(permanent());
    await clock.advance(50 * MINUTE);
    expect((await manager.getToken()).reveal()).toBe("token-1");
  });

  test("a provider that hangs is given up after `requestTimeoutMs` and its late answer is dropped", async () => {
    const { clock, manager, provider, subscribe, tokens } = setUp({ requestTimeoutMs: 2_000 });
    let late: (value: { token: string; expiresAtMs: number }) => void = () => {};
    let aborted = false;
    provider.answer = ({ signal }, call) => {
      if (call > 1) return { expiresAtMs: clock.now() + HOUR };
      signal.addEventListener("abort", () => (aborted = true));
      return new Promise((resolve) => (late = resolve));
    };
    const errors: unknown[] = [];
    manager.on("refreshFailing", ({ error }) => errors.push(error));
    subscribe();
    await clock.advance(2_000);
    expect(errors).toMatchObject([{ code: "ERR_PASSWORDLESS_TOKEN_REQUEST_TIMEOUT" }]);
    expect(aborted).toBe(true);
    await clock.advance(1_000);
    late({ token: "late", expiresAtMs: clock.now() + HOUR });
    await now(clock);
    expect(tokens).toEqual(["token-2"]);
  });

  test("a hanging request leaves room for another try before the token ends", async () => {
    const { clock, provider, subscribe } = setUp({ lifetimeMs: 10_000 });
    subscribe();
    await now(clock);
    provider.answer = () => new Promise(() => {});
    await clock.advance(9_999);
    expect(provider.calledAtMs.length).toBeGreaterThanOrEqual(3);
  });

  test("`isRetryable` of the caller's decides; one that throws does not stop anything", async () => {
    const { clock, manager, provider } = setUp({ retry: { isRetryable: () => false } });
    provider.answer = () => Promise.reject(new Error("custom"));
    await expect(manager.getToken()).rejects.toThrow("custom");
    expect(manager.status.state).toBe("refused");
    const throwing = setUp({
      retry: {
        isRetryable: () => {
          throw new Error("bug");
        },
      },
    });
    throwing.provider.answer = (_, call) =>
      call === 1 ? Promise.reject(new Error("x")) : { expiresAtMs: throwing.clock.now() + HOUR };
    const waiting = throwing.manager.getToken();
    await throwing.clock.advance(1_000);
    expect((await waiting).reveal()).toBe("token-2");
    await now(clock);
  });

  test("lasting failures are reported as such", async () => {
    const { clock, manager, provider, subscribe } = setUp({ retry: { maxAttempts: 2 } });
    provider.answer = () => Promise.reject(transient());
    const lasting: boolean[] = [];
    manager.on("refreshFailing", (failure) => lasting.push(failure.lasting));
    subscribe();
    await clock.advance(1_600);
    expect(lasting.slice(0, 3)).toEqual([false, true, true]);
  });
});

describe("the floor between two requests", () => {
  const behaviours: Record<string, (provider: ScriptedProvider, clock: ManualClock) => void> = {
    "tokens that have ended on arrival": (provider, clock) =>
      (provider.answer = () => ({ expiresAtMs: clock.now() - 1 })),
    "tokens of one millisecond": (provider, clock) =>
      (provider.answer = () => ({ expiresAtMs: clock.now() + 1 })),
    "the same token for ever": (provider, clock) => {
      const expiresAtMs = clock.now() + 2_000;
      provider.answer = () => ({ token: "same", expiresAtMs });
    },
    "failures without delay": (provider) => (provider.answer = () => Promise.reject(transient())),
    "a zero Retry-After": (provider) =>
      (provider.answer = () =>
        Promise.reject(
          new PasswordlessError("ERR_PASSWORDLESS_THROTTLED", {
            message: "429",
            remedy: "Wait.",
            retryable: true,
            retryAfterMs: 0,
          }),
        )),
    "an answer that is no answer": (provider) => (provider.answer = () => ({ token: "" })),
  };
  for (const [name, behave] of Object.entries(behaviours)) {
    test(`holds against ${name}, impatient callers and a clock that jumps`, async () => {
      const { clock, manager, provider, subscribe } = setUp({
        random: () => 0.999,
        retry: { initialDelayMs: 0 },
      });
      behave(provider, clock);
      const elapsed: number[] = [];
      const answer = provider.answer;
      let passedMs = 0;
      provider.answer = (request, call) => {
        elapsed.push(passedMs);
        return answer(request, call);
      };
      subscribe();
      for (let tick = 0; tick < 200; tick += 1) {
        manager.getToken().catch(() => {});
        if (tick % 7 === 0) clock.step(tick % 2 === 0 ? HOUR : -2 * HOUR);
        await clock.advance(50);
        passedMs += 50;
      }
      const gaps = elapsed.slice(1).map((at, index) => at - elapsed[index]!);
      expect(elapsed.length).toBeGreaterThan(1);
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(450); // steps of 50 ms: a gap of 500 ms reads as 450 to 550
    });
  }
});

describe("a provider that caches", () => {
  test("an unchanged token is no renewal; it is asked again when the cache can yield, 5 minutes before the end", async () => {
    const { clock, provider, subscribe, tokens, start } = setUp({ lifetimeMs: 20 * MINUTE });
    const end = start + 20 * MINUTE;
    provider.answer = () =>
      end - clock.now() > 5 * MINUTE
        ? { token: "cached", expiresAtMs: end }
        : { token: "next", expiresAtMs: clock.now() + 20 * MINUTE };
    subscribe();
    await clock.advance(14 * MINUTE);
    expect(tokens).toEqual(["cached"]);
    await clock.advance(MINUTE + 5_000);
    expect(tokens).toEqual(["cached", "next"]);
    expect(provider.calledAtMs).toEqual([start, start + 14 * MINUTE, start + 15 * MINUTE]);
  });

  test("a cache that yields late is asked every few seconds", async () => {
    const { clock, provider, subscribe, tokens, start } = setUp({ lifetimeMs: 20 * MINUTE });
    const end = start + 20 * MINUTE;
    provider.answer = () =>
      end - clock.now() > 4 * MINUTE
        ? { token: "cached", expiresAtMs: end }
        : { token: "next", expiresAtMs: clock.now() + 20 * MINUTE };
    subscribe();
    await clock.advance(16 * MINUTE + 5_000);
    expect(tokens).toEqual(["cached", "next"]);
    expect(provider.calledAtMs.length).toBeLessThanOrEqual(15);
  });

  test("past `refresh_in`, an old token is followed up at once, because the next call has the new one", async () => {
    const { clock, provider, subscribe, tokens, start } = setUp();
    const refreshAtMs = start + 12 * HOUR;
    provider.answer = (_, call) =>
      call <= 2
        ? { token: "old", expiresAtMs: start + 24 * HOUR, refreshAtMs }
        : { token: "new", expiresAtMs: start + 36 * HOUR };
    subscribe();
    await clock.advance(12 * HOUR + 5_000);
    expect(tokens).toEqual(["old", "new"]);
  });
});

describe("the wall clock", () => {
  test("after a suspended laptop the token is re-examined within 5 seconds", async () => {
    const { clock, provider, subscribe, tokens } = setUp();
    subscribe();
    await now(clock);
    clock.step(2 * HOUR);
    await clock.advance(5_000);
    expect(provider.calledAtMs).toHaveLength(2);
    expect(tokens).toEqual(["token-1", "token-2"]);
  });

  test("a caller after the sleep never gets the dead token, even before any timer", async () => {
    const { clock, manager, subscribe } = setUp();
    subscribe();
    await clock.advance(MINUTE);
    clock.step(2 * HOUR);
    const token = await manager.getToken();
    expect(token.reveal()).toBe("token-2");
  });

  test("a clock set back asks for a new token, because the old end can no longer be trusted", async () => {
    const { clock, provider, subscribe } = setUp();
    subscribe();
    await clock.advance(10_000);
    clock.step(-HOUR);
    await clock.advance(5_500);
    expect(provider.calledAtMs).toHaveLength(2);
  });

  test("skew against the provider is measured and the end of the token corrected by it", async () => {
    const { clock, manager, provider, start } = setUp();
    provider.answer = () => ({ expiresAtMs: start + 2 * HOUR, serverTimeMs: start + HOUR });
    const token = await manager.getToken();
    expect(manager.status.clockSkewMs).toBe(HOUR);
    expect(token.expiresAtMs).toBe(start + HOUR);
    await now(clock);
  });
});

describe("a token that Redis refused", () => {
  test("is replaced: the next one is requested soon, and both are reported", async () => {
    const { clock, manager, provider, subscribe, tokens } = setUp();
    subscribe();
    const token = await manager.getToken();
    const errors: unknown[] = [];
    manager.on("refreshFailing", ({ error }) => errors.push(error));
    manager.refuse(token, new Error("WRONGPASS"));
    await clock.advance(1_000);
    expect(provider.calledAtMs).toHaveLength(2);
    expect(tokens).toEqual(["token-1", "token-2"]);
    expect(errors).toHaveLength(1);
  });

  test("is left alone when a newer one is there already", async () => {
    const { clock, manager, provider, subscribe } = setUp();
    subscribe();
    const token = await manager.getToken();
    await clock.advance(42 * MINUTE);
    manager.refuse(token, new Error("WRONGPASS"));
    await clock.advance(MINUTE);
    expect(provider.calledAtMs).toHaveLength(2);
  });
});

describe("closing", () => {
  for (const moment of [
    "before the first request",
    "during the first request",
    "while fresh",
    "during a refresh",
    "while retrying",
    "while refused",
  ] as const) {
    test(`${moment} leaves no timer and calls nobody`, async () => {
      const { clock, manager, provider, subscribe, tokens } = setUp();
      const hang = () => new Promise<never>(() => {});
      if (moment === "during the first request") provider.answer = hang;
      if (moment === "while retrying") provider.answer = () => Promise.reject(transient());
      if (moment === "while refused") provider.answer = () => Promise.reject(permanent());
      if (moment !== "before the first request") subscribe();
      await now(clock);
      if (moment === "during a refresh") {
        provider.answer = hang;
        await clock.advance(42 * MINUTE);
      }
      const [calls, received] = [provider.calledAtMs.length, tokens.length];
      await manager.close();
      await manager.close();
      await clock.advance(2 * HOUR);
      expect(clock.pendingTimers).toBe(0);
      expect([provider.calledAtMs.length, tokens.length]).toEqual([calls, received]);
      expect(manager.status.state).toBe("closed");
    });
  }

  test("a subscriber or listener that throws changes nothing for the others", async () => {
    const { clock, manager, subscribe, tokens } = setUp();
    const warnings: string[] = [];
    const onWarning = (warning: Error) => warnings.push(warning.message);
    process.on("warning", onWarning);
    manager.on("tokenRefreshed", () => {
      throw new Error("listener");
    });
    manager.subscribe(() => {
      throw new Error("subscriber");
    });
    subscribe();
    await clock.advance(42 * MINUTE);
    process.off("warning", onWarning);
    expect(tokens).toEqual(["token-1", "token-2"]);
    expect(warnings.filter((text) => text.includes("threw"))).toHaveLength(4);
  });
});

describe("what a provider must not be able to do", () => {
  test("hints that are no numbers are no hints", async () => {
    const { clock, provider, subscribe, start } = setUp();
    provider.answer = (_, call) =>
      call === 2
        ? Promise.reject(
            new PasswordlessError("ERR_PASSWORDLESS_THROTTLED", {
              message: "429",
              remedy: "Wait.",
              retryable: true,
              retryAfterMs: Number.NaN,
            }),
          )
        : { expiresAtMs: clock.now() + HOUR, refreshAtMs: Number.NaN, serverTimeMs: Number.NaN };
    subscribe();
    await clock.advance(43 * MINUTE);
    expect(provider.calledAtMs[0]).toBe(start);
    expect(provider.calledAtMs).toHaveLength(3);
  });

  test("a suggestion to refresh in the past does not make it ask all the time", async () => {
    const { clock, provider, subscribe } = setUp();
    provider.answer = () => ({ expiresAtMs: clock.now() + HOUR, refreshAtMs: clock.now() - HOUR });
    subscribe();
    await clock.advance(HOUR);
    expect(provider.calledAtMs.length).toBeLessThanOrEqual(11);
  });

  test("a token that was handed out is not announced again when it is about to end", async () => {
    const { clock, manager, provider, subscribe, tokens, start } = setUp({ lifetimeMs: 20 * MINUTE });
    provider.answer = () => ({ token: "for ever the same", expiresAtMs: start + 20 * MINUTE });
    subscribe();
    await clock.advance(20 * MINUTE - 2_000);
    const waiting = manager.getToken();
    const outcome = expect(waiting).rejects.toMatchObject({ code: "ERR_PASSWORDLESS_TOKEN_EXPIRED" });
    await clock.advance(MINUTE);
    await outcome;
    expect(tokens).toEqual(["for ever the same"]);
  });
});

test("a server that refuses every token is asked about with patience", async () => {
  const { clock, manager, provider, subscribe } = setUp({ random: () => 0 });
  subscribe();
  await now(clock);
  for (let second = 0; second < 600; second += 1) {
    const token = manager.peek();
    if (token !== undefined) manager.refuse(token, new Error("WRONGPASS"));
    await clock.advance(1_000);
  }
  expect(provider.calledAtMs.length).toBeLessThan(40);
  manager.confirm();
});

test("whoever waits keeps the process alive; a planned refresh does not", async () => {
  const program = `
    import { entraId } from "redis-passwordless";
    let calls = 0;
    const identity = entraId({
      identityProvider: async () => {
        calls += 1;
        if (calls === 1) throw new Error("not yet");
        return { token: "t", username: "oid", expiresAtMs: Date.now() + 3_600_000 };
      },
    });
    console.log((await identity.getToken()).username);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = (await once(child, "close")) as [number];
  expect([output, code]).toEqual(["oid\n", 0]);
});
