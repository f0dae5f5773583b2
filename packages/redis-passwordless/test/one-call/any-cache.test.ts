import { type Emulator, type EmulatorOptions, startEmulator } from "azure-redis-emulator";
import { describe, type TestContext, test, vi } from "vitest";
import { CLIENTS, lastLine, Program } from "./support.js";

// One program for each client, unchanged from cache to cache: `azureRedisClient` finds out which one it is.

const TOKEN_LIFETIME_MS = 3_000;
const ROTATIONS = 1;

const CACHES: readonly (readonly [
  name: string,
  redis: NonNullable<EmulatorOptions["redis"]>,
  kind: string,
])[] = [
  ["non-clustered", {}, "single"],
  ["non-clustered Azure Cache for Redis", { product: "cacheForRedis" }, "single"],
  ["non-clustered Azure Managed Redis", { product: "managedRedis" }, "single"],
  ["Enterprise policy", { product: "managedRedis", cluster: { policy: "enterprise" } }, "single"],
  ["OSS cluster that announces IP addresses", { cluster: { announce: "ip" } }, "cluster"],
  ["OSS cluster of Azure Managed Redis", { product: "managedRedis", cluster: { announce: "ip" } }, "cluster"],
];

/** Each kind of cache with both programs, and each client with several caches. */
const ROWS = CACHES.flatMap(([name, redis, kind], index) => {
  const nodeRedis = CLIENTS[index % 2]!;
  const ioredis = CLIENTS[2 + (index % 3)]!;
  return [nodeRedis, ioredis].map(([label, program, client]) => {
    // The subscriber of a node-redis cluster cannot log in again in RESP2, the default of node-redis 5.
    const options = client === "redis-5" && kind === "cluster" ? { RESP: 3 } : {};
    return { name, label, program, client, redis, kind, options };
  });
});

describe.concurrent("one program serves every kind of cache", () => {
  test.for(ROWS)("$label, $name", { timeout: 60_000 }, run);
});

async function run(
  { program: name, client, redis, kind, options }: (typeof ROWS)[number],
  context: TestContext,
): Promise<void> {
  const { expect } = context;
  const azure = await startEmulator({ tokenLifetimeMs: TOKEN_LIFETIME_MS, redis });
  context.onTestFinished(() => azure.close());
  const env = azure.env(azure.userIdentity, { serviceConnector: true });
  const program = new Program(
    context,
    `${name}-any`,
    [client, String(ROTATIONS), JSON.stringify(options)],
    env,
  );

  for (let round = 0; round < ROTATIONS; round += 1) {
    await program.said("stdout", new RegExp(`^round ${round}$`, "m"));
    await everywhere(azure, round + 2);
    program.tell("go on");
  }
  const ended = await program.ended;

  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: "" });
  expect(lastLine(ended)).toEqual({
    read: 100 * (ROTATIONS + 1),
    counts: [1, 2, 3, 4],
    heard: ["0", "1"],
    kind,
  });
  const refused = azure.events.filter((event) => event.type === "login" && !event.accepted);
  const evicted = azure.events.filter(
    (event) => event.type === "disconnected" && event.reason === "tokenExpired",
  );
  expect({ refused, evicted }).toEqual({ refused: [], evicted: [] });
  // A last connection may still be closing when its process has ended.
  await vi.waitFor(() => expect(azure.redis.connectionCount).toBe(0));
}

/** Resolves when each connection that is open has logged in with the token of this number, or a later one. */
async function everywhere(azure: Emulator, token: number): Promise<void> {
  for (;;) {
    const since = azure.events.length;
    const tokens = new Map<string, number>();
    const open = new Map<number, number>();
    for (const event of azure.events) {
      if (event.type === "connected") open.set(event.connectionId, 0);
      if (event.type === "disconnected") open.delete(event.connectionId);
      if (event.type !== "login" || !event.accepted || event.tokenId === undefined) continue;
      if (!tokens.has(event.tokenId)) tokens.set(event.tokenId, tokens.size + 1);
      open.set(event.connectionId, tokens.get(event.tokenId) ?? 0);
    }
    if (open.size > 0 && [...open.values()].every((number) => number >= token)) return;
    await azure.waitFor("login", undefined, { since });
  }
}
