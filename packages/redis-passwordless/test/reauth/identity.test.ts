import { expect, test } from "vitest";
import { PasswordlessError } from "../../src/core/errors.js";
import { Identity } from "../../src/reauth/identity.js";
import { ManualClock } from "../../src/testing/manual-clock.js";
import { ScriptedProvider } from "../support/scripted-provider.js";

const MINUTE = 60_000;

function setUp() {
  const clock = new ManualClock();
  const provider = new ScriptedProvider(clock, 60 * MINUTE);
  const identity = new Identity(provider, { clock, random: () => 0.5 });
  return { clock, provider, identity };
}

async function warningsOf(act: () => Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  const onWarning = (warning: Error & { code?: string }): void => {
    if (warning.code === "PASSWORDLESS_REFRESH_FAILING") warnings.push(warning.message);
  };
  process.on("warning", onWarning);
  try {
    await act();
  } finally {
    process.off("warning", onWarning);
  }
  return warnings;
}

const refused = (): Promise<never> =>
  Promise.reject(
    new PasswordlessError("ERR_PASSWORDLESS_IDENTITY_REJECTED", {
      message: "AADSTS7000222: expired.",
      remedy: "Make a new secret.",
    }),
  );

test("a lasting failure that nobody listens to is a process warning, one for each outage", async () => {
  const { clock, provider, identity } = setUp();
  const good = provider.answer;
  const warnings = await warningsOf(async () => {
    identity
      .reauthenticator("cache", () => ({ label: "cache" }))
      .enroll({ label: "one", authenticate: async () => "accepted" }, await identity.getToken());
    provider.answer = refused;
    await clock.advance(50 * MINUTE);
    provider.answer = good;
    await clock.advance(MINUTE);
    provider.answer = refused;
    await clock.advance(50 * MINUTE);
  });
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toMatch(/scripted identity cannot be refreshed.*AADSTS7000222.*Make a new secret/s);
  await identity.close();
});

test("whoever listens is told, and there is no warning", async () => {
  const { provider, identity } = setUp();
  provider.answer = refused;
  const heard: unknown[] = [];
  identity.on("refreshFailing", (failure) => heard.push(failure));
  const warnings = await warningsOf(async () => {
    await expect(identity.getToken()).rejects.toThrow("AADSTS7000222");
  });
  expect(warnings).toEqual([]);
  expect(heard).toMatchObject([{ lasting: true, attempt: 1 }]);
});

test("connections of one server share a re-authentication, other servers have their own", () => {
  const { identity } = setUp();
  const one = identity.reauthenticator("cache", () => ({ label: "cache" }));
  expect(identity.reauthenticator("cache", () => ({ label: "cache" }))).toBe(one);
  expect(identity.reauthenticator("other", () => ({ label: "other" }))).not.toBe(one);
});

test("closing is idempotent, ends every wait and leaves no timer", async () => {
  const { clock, provider, identity } = setUp();
  provider.answer = () => new Promise(() => {});
  const outcome = expect(identity.getToken()).rejects.toMatchObject({ code: "ERR_PASSWORDLESS_CLOSED" });
  await identity.close();
  await identity[Symbol.asyncDispose]();
  await outcome;
  expect(clock.pendingTimers).toBe(0);
  expect(identity.status).toMatchObject({ state: "closed", connections: 0 });
});
