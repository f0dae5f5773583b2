import { createClient } from "redis";
import { expect, vi } from "vitest";
import { type AzureCluster, CLUSTER_CLIENTS, type ClusterClient, type MakeClient } from "./azure-cluster.js";
import { TOKEN_LIFETIME_MS } from "./lifetimes.js";
import { LISTS, type NumberedWrites, type WritingClient } from "./numbered-writes.js";
import { record } from "./record.js";

/** Until when a test of failovers may take, however slow the machine. */
export const LONG = 20 * TOKEN_LIFETIME_MS + 60_000;

/** Writes of each client; all of them together keep a small machine busy, not more. */
export const PER_SECOND = 100;

/** The options of `azureRedisCluster()` without `attach`: node-redis rejects what waits for a node that is replaced. */
export const UNATTACHED = "node-redis 6, not attached";

export const FAILOVER_CLIENTS: readonly (readonly [string, MakeClient])[] = [
  ...CLUSTER_CLIENTS,
  [
    UNATTACHED,
    (cache) => {
      const [, make] = CLUSTER_CLIENTS[0]!;
      return { ...make(cache, { isAttached: false }), name: UNATTACHED };
    },
  ],
];

export async function connected(cache: AzureCluster): Promise<ClusterClient[]> {
  const clients = FAILOVER_CLIENTS.map(([, make]) => make(cache));
  await Promise.all(clients.map((client) => client.connect()));
  return clients;
}

export async function readAll(client: ClusterClient, lists: Iterable<number>): Promise<void> {
  const read = await Promise.all(Array.from(lists, (list) => client.lRange(`${client.name}:{${list}}`)));
  expect([client.name, read.filter((values) => values.length === 0)]).toEqual([client.name, []]);
}

export function codesOf({ errors }: ClusterClient): string[] {
  return errors.flatMap((error) => ("code" in error ? [String(error.code)] : []));
}

export async function everyListExists(write: NumberedWrites<WritingClient>): Promise<void> {
  await vi.waitFor(() => expect(write.acknowledged.length).toBeGreaterThan(LISTS), { timeout: LONG });
}

/** The numbers of the lists that are on a node. */
export async function listsOn(cache: AzureCluster, node: number): Promise<Set<number>> {
  const keys = await cache.onServer<string[]>(node, "KEYS", "*:{*}");
  return new Set(keys.map((key) => Number(/\{(\d+)\}/.exec(key)?.[1])));
}

export async function subscribe(
  client: ClusterClient,
  heard: Map<string, string[]>,
  tag: string,
): Promise<void> {
  const messages: string[] = [];
  heard.set(client.name, messages);
  await client.subscribe(`news ${client.name}`, (message) => messages.push(message));
  await client.sharded?.subscribe(`${tag} ${client.name}`, (message) => messages.push(message));
}

/** Publishes until it is heard: what is published while nobody listens, Redis drops. */
export async function hears(client: ClusterClient, heard: Map<string, string[]>, tag: string): Promise<void> {
  const messages = heard.get(client.name)!;
  await vi.waitFor(
    async () => {
      await client.publish(`news ${client.name}`, "to all");
      expect(messages).toContain("to all");
    },
    { timeout: 10_000 },
  );
  if (client.sharded === undefined) return;
  await vi.waitFor(
    async () => {
      await client.sharded!.publish(`${tag} ${client.name}`, "sharded");
      expect(messages).toContain("sharded");
    },
    { timeout: 10_000 },
  );
}

export function countedMessages({ failed }: NumberedWrites<WritingClient>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { error } of failed) counts[error.message] = (counts[error.message] ?? 0) + 1;
  return counts;
}

/**
 * Why writes failed that need not have. node-redis rejects what was on its way when its connection broke: whether
 * such a write was carried out, nobody knows. The system tells a broken connection to whoever comes first, the next
 * read or the next write.
 */
export function avoidable(failed: Readonly<Record<string, number>>): string[] {
  return Object.keys(failed).filter(
    (reason) => !/^(?:socket closed|(?:read|write) ECONNRESET)/i.test(reason),
  );
}

/**
 * Until the server at this address is gone: how many of the writes that had been acknowledged its replica has, for each
 * client.
 */
export async function confirmedByReplica(
  backendUrl: string,
  marker: string,
  writes: readonly NumberedWrites<WritingClient>[],
): Promise<number[]> {
  const server = createClient({ url: backendUrl, socket: { reconnectStrategy: false } });
  server.on("error", () => {});
  await server.connect();
  let confirmed = writes.map(() => 0);
  try {
    for (;;) {
      const acknowledged = writes.map((write) => write.acknowledged.length);
      await server.set(marker, "1");
      // All that was written before the marker is there when the marker is.
      await server.wait(1, 0);
      confirmed = acknowledged;
    }
  } catch {
    return confirmed;
  }
}

/** A master that was killed, and its successor. */
export interface Promotion {
  /** The lists that were on it. */
  readonly lists: ReadonlySet<number>;
  readonly atMs: number;
}

/** When the first write to what was lost is acknowledged again. */
export function firstAfter(
  { lists, atMs }: Promotion,
  write: NumberedWrites<WritingClient>,
): number | undefined {
  return write.acknowledged.find((one) => lists.has(one.list) && one.atMs >= atMs)?.atMs;
}

/**
 * Records what a client has met with, and expects that nothing is lost but what the replica may not have had.
 *
 * @param confirmed how many of its acknowledged writes the replica had for certain
 */
export async function expectNoOtherLoss(
  title: string,
  promotion: Promotion,
  write: NumberedWrites<WritingClient>,
  confirmed: number,
) {
  const { lost, twice } = await write.examine();
  const failed = countedMessages(write);
  record(title, {
    backAfterMs: firstAfter(promotion, write)! - promotion.atMs,
    acknowledged: write.acknowledged.length,
    confirmed,
    failed,
    lost: lost.length,
    twice,
  });
  expect(confirmed).toBeGreaterThan(0);
  // What the replica did not have yet is lost by Redis itself, which replicates asynchronously.
  expect(lost.filter((one) => write.acknowledged.indexOf(one) < confirmed)).toEqual([]);
  expect(lost.filter(({ list }) => !promotion.lists.has(list))).toEqual([]);
  return { failed, twice };
}
