import { startEmulator } from "azure-redis-emulator";
import { beforeAll, expect, test } from "vitest";
import type { IdentitiesReport } from "../../src/diagnose/report.js";
import { record } from "../support/record.js";
import { runCommand } from "./doctor-process.js";
import { examineAll, type Outcome } from "./examination.js";
import { Machine } from "./machine.js";
import { BROKEN_SET_UPS, HEALTHY_SET_UPS } from "./set-ups.js";
import { falseCertainties, isRight, misses } from "./verdict.js";

let outcomes: readonly Outcome[];
let broken: readonly Outcome[];

/** Part of a name, to examine some set-ups only. */
const { HELD_SET: wanted = "" } = process.env;

beforeAll(async () => {
  const setUps = [...BROKEN_SET_UPS, ...HEALTHY_SET_UPS].filter(({ name }) => name.includes(wanted));
  outcomes = await examineAll(setUps);
  broken = outcomes.filter(({ setUp: { expected } }) => typeof expected !== "string");
}, 240_000);

const named = (outcome: Outcome, texts: readonly string[]) =>
  texts.map((text) => `${outcome.setUp.name}: ${text}`);

test("there are at least 48 broken set-ups, each with a name of its own", () => {
  expect(BROKEN_SET_UPS.length).toBeGreaterThanOrEqual(48);
  const names = [...BROKEN_SET_UPS, ...HEALTHY_SET_UPS].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test("the first finding is the right one in at least 95 % of the broken set-ups", () => {
  const wrong = broken.filter((outcome) => !isRight(outcome));
  const share = 1 - wrong.length / broken.length;
  for (const text of broken.flatMap((outcome) => named(outcome, misses(outcome)))) {
    process.stdout.write(`missed: ${text}\n`);
  }
  record("diagnosis of broken set-ups", { setUps: broken.length, right: broken.length - wrong.length });
  expect(
    share,
    wrong.flatMap((outcome) => named(outcome, misses(outcome))).join("\n"),
  ).toBeGreaterThanOrEqual(0.95);
});

test("no cause is said to be certain that is not there", () => {
  expect(outcomes.flatMap((outcome) => named(outcome, falseCertainties(outcome)))).toEqual([]);
});

test("where the cause is found, all else is said as it should be: certainty, values, alternatives, exit code", () => {
  const found = broken.filter(isRight);
  expect(found.flatMap((outcome) => named(outcome, misses(outcome)))).toEqual([]);
});

test("where another identity gets in, it is certain that one lacks its access policy", async () => {
  await using azure = await startEmulator();
  await using machine = new Machine(azure);
  await azure.revoke(azure.servicePrincipal.objectId);
  const { args, env } = machine.start(azure.servicePrincipal, {
    AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost,
  });
  const { exitCode, stdout } = await runCommand(["doctor", "--json", "--all-identities", ...args], env);
  const { identities } = JSON.parse(stdout) as IdentitiesReport;
  expect(identities.map(({ login }) => login)).toContain("accepted");
  const refused = identities.find(({ objectId }) => objectId === azure.servicePrincipal.objectId);
  expect(refused?.findings[0]).toMatchObject({ rule: "access-policy-missing", certainty: "certain" });
  expect(exitCode).toBe(0);
});

test("a healthy set-up has no finding", () => {
  const healthy = outcomes.filter(({ setUp: { expected } }) => typeof expected === "string");
  expect(healthy.flatMap((outcome) => named(outcome, misses(outcome)))).toEqual([]);
});
