import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Emulator, type EmulatorEvent, type EmulatorOptions, startEmulator } from "azure-redis-emulator";
import { describe, type TestContext, test } from "vitest";
import { record } from "../support/record.js";
import { Program } from "./program.js";

const EXAMPLES = fileURLToPath(new URL("../../../../examples/", import.meta.url));
/** No recipes: the demo has an emulator of its own. */
const OTHERS = new Set(["demo", "lib", "node_modules"]);

const RECIPES = readdirSync(EXAMPLES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !OTHERS.has(entry.name))
  .flatMap(({ name }) => readdirSync(join(EXAMPLES, name)).map((file) => `${name}/${file}`))
  .filter((path) => path.endsWith(".mjs"))
  .flatMap((path) => cachesFor(path).map((cache) => [path, cache] as const));

/** Rotations that each connection must have seen before the program is told to stop. */
const ROTATIONS = 2;
const TOKEN_LIFETIME_MS = 2_500;

type Cache = "server" | "cluster";

/** Those of `azure` make the client that the cache wants. */
function cachesFor(recipe: string): readonly Cache[] {
  if (recipe.startsWith("azure/")) return ["server", "cluster"];
  return recipe.includes("cluster") ? ["cluster"] : ["server"];
}

/** Azure's clusters announce IP addresses, which their certificates do not cover. */
const CLUSTER: EmulatorOptions = { redis: { cluster: { masters: 3, announce: "ip" } } };

describe.concurrent("recipes", () => {
  test.for(RECIPES)(
    "%s with a %s loses nothing while tokens change, and stops in order",
    { timeout: 60_000 },
    run,
  );
});

async function run(
  [recipe, cache]: readonly [string, Cache],
  { expect, onTestFinished }: TestContext,
): Promise<void> {
  const azure = await startEmulator({
    tokenLifetimeMs: TOKEN_LIFETIME_MS,
    ...(cache === "cluster" ? CLUSTER : {}),
  });
  onTestFinished(() => azure.close());
  // Recipes take the address from `REDIS_URL`, those of `azure` what Service Connector sets.
  const env = { ...azure.env(), ...azure.env(undefined, { serviceConnector: true }) };
  const program = new Program(join(EXAMPLES, recipe), env);
  onTestFinished(() => program.kill());

  await program.printed(/^ready: /m);
  const connections = await rotated(azure, program.signal);
  const exitCode = await program.stop();

  expect(azure.events.filter(isLoss)).toEqual([]);
  expect(program.output).toMatch(/^done: [1-9].*, 0 errors$/m);
  expect(program.output).not.toMatch(/eyJ/);
  expect(exitCode, program.output).toBe(0);
  record(`${recipe} (${cache})`, {
    connections,
    logins: azure.counters.loginsAccepted,
    said: program.output.trim(),
  });
}

/**
 * Resolves when every connection that is open has logged in with so many further tokens, or when one has lost its
 * own; with how many connections are open.
 */
async function rotated(azure: Emulator, signal: AbortSignal): Promise<number> {
  for (;;) {
    const open = openConnections(azure);
    const isDone = open.length > 0 && open.every((id) => tokensOn(azure, id) > ROTATIONS);
    if (isDone || azure.events.some(isLoss)) return open.length;
    await azure.waitFor("login", ({ accepted }) => accepted, { signal });
  }
}

function isLoss(event: EmulatorEvent): boolean {
  return event.type === "disconnected" && event.reason === "tokenExpired";
}

function openConnections({ events }: Emulator): number[] {
  const open = new Set<number>();
  for (const event of events) {
    if (event.type === "connected") open.add(event.connectionId);
    if (event.type === "disconnected") open.delete(event.connectionId);
  }
  return [...open];
}

/** How many different tokens a connection has logged in with. */
function tokensOn({ events }: Emulator, connectionId: number): number {
  const logins = events
    .filter((event) => event.type === "login")
    .filter((login) => login.accepted && login.connectionId === connectionId);
  return new Set(logins.map((login) => login.tokenId)).size;
}
