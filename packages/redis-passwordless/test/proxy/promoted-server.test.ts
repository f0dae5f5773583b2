import { createClient } from "redis";
import { expect, onTestFinished, test, vi } from "vitest";
import type { InstanceOptions } from "../../src/proxy/options.js";
import { confirmedByReplica, countedMessages } from "../support/failovers.js";
import { NumberedWrites, type WritingClient } from "../support/numbered-writes.js";
import { record } from "../support/record.js";
import { RedisProcess, randomPassword } from "../support/redis-processes.js";
import { relay } from "../support/relay.js";
import { ProxiedCache } from "./support.js";

const MODES: readonly (readonly [string, Partial<InstanceOptions>])[] = [
  ["clients with a connection each", {}],
  ["clients that share connections", { pool: 2 }],
];

/** What clients may get meanwhile: the table at the end of `docs/proxy.md`. */
const TOLD = /^ERR_PASSWORDLESS_CONNECTION_FAILED |^(?:Socket closed|read ECONNRESET|The client is closed)/;
const PATIENT = { timeout: 30_000, interval: 50 };

test.each(MODES)(
  "%s: a server that is killed and replaced behind its address loses no write that its replica had",
  { timeout: 60_000 },
  async (name, instance) => {
    const password = randomPassword();
    const master = await RedisProcess.start(
      { onTestFinished },
      { password, config: ["repl-diskless-sync-delay 0"] },
    );
    const config = [`replicaof ${master.host} ${master.port}`];
    const replica = await RedisProcess.start({ onTestFinished }, { password, config });
    await replica.logged(/MASTER <-> REPLICA sync: Finished with success/);
    const endpoint = await relay(master.port);
    const url = `redis://default:${password}@127.0.0.1:${endpoint.port}`;
    await using cache = await ProxiedCache.start({ redis: { url } }, instance);
    const clients = await Promise.all([0, 1, 2].map((index) => writingClient(`client ${index}`, cache.url)));
    const writes = clients.map((client) => new NumberedWrites<WritingClient>(client, 100));
    await vi.waitFor(() => expect(least(writes)).toBeGreaterThan(100), PATIENT);
    // Redis replicates no users; Azure's caches have them on every server.
    for (const line of (await master.command("ACL", "LIST")) as string[]) {
      const [, user = "", ...rules] = line.split(" ");
      if (user !== "default") await replica.command("ACL", "SETUSER", user, "reset", ...rules);
    }
    const backendUrl = `redis://default:${password}@127.0.0.1:${master.port}`;
    const confirming = confirmedByReplica(backendUrl, "marker", writes);
    const before = least(writes);
    await vi.waitFor(() => expect(least(writes)).toBeGreaterThan(before + 50), PATIENT);
    const killedAtMs = Date.now();
    await master.kill();
    const confirmed = await confirming;
    await replica.command("REPLICAOF", "NO", "ONE");
    endpoint.leadTo(replica.port);
    const promoted = Date.now();
    const isBack = () => writes.every(({ acknowledged }) => acknowledged.some(({ atMs }) => atMs > promoted));
    await vi.waitFor(() => expect(isBack()).toBe(true), PATIENT);
    await Promise.all(writes.map((write) => write.stop()));
    for (const [index, write] of writes.entries()) {
      const { lost, twice } = await write.examine();
      const failed = countedMessages(write);
      record(`killed server, ${name}`, {
        promotedAfterMs: promoted - killedAtMs,
        backAfterMs: write.acknowledged.find(({ atMs }) => atMs > promoted)!.atMs - promoted,
        confirmed: confirmed[index],
        lost: lost.length,
        twice,
        failed,
      });
      expect(confirmed[index]).toBeGreaterThan(0);
      expect(lost.filter((one) => write.acknowledged.indexOf(one) < confirmed[index]!)).toEqual([]);
      expect(Object.keys(failed).filter((reason) => !TOLD.test(reason))).toEqual([]);
      expect(twice).toBe(0);
    }
  },
);

async function writingClient(name: string, url: string): Promise<WritingClient> {
  const client = createClient({ url, socket: { reconnectStrategy: 50 } });
  client.on("error", () => {});
  await client.connect();
  onTestFinished(() => client.destroy());
  return {
    name,
    rPush: (key, value) => client.rPush(key, value),
    lRange: (key) => client.lRange(key, 0, -1),
  };
}

function least(writes: readonly NumberedWrites<WritingClient>[]): number {
  return Math.min(...writes.map(({ acknowledged }) => acknowledged.length));
}
