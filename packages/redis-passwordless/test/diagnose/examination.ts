import { type Emulator, type EmulatorOptions, startEmulator } from "azure-redis-emulator";
import { type Examined, runDoctor } from "./doctor-process.js";
import { Machine } from "./machine.js";
import type { CacheKind, SetUp } from "./set-ups/set-up.js";

/** What a kind of cache is, and how many of them are there: each is one set-up's at a time. */
const CACHES: Readonly<
  Record<CacheKind, { readonly count: number; readonly redis: EmulatorOptions["redis"] }>
> = {
  single: { count: 3, redis: { accessKey: true } },
  cluster: { count: 1, redis: { cluster: { announce: "ip" } } },
  unreachableNodes: { count: 1, redis: { cluster: { announce: "unreachableIp" } } },
  enterprise: { count: 1, redis: { cluster: { policy: "enterprise" } } },
};

export interface Outcome {
  readonly setUp: SetUp;
  readonly examined: Examined;
}

/** Examines every set-up, in processes of their own, a few at a time. */
export async function examineAll(setUps: readonly SetUp[]): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const kinds = Object.keys(CACHES) as CacheKind[];
  const lanes = kinds.flatMap((kind) => {
    const waiting = setUps.filter(({ cache = "single" }) => cache === kind);
    const { count, redis } = CACHES[kind];
    return Array.from({ length: waiting.length === 0 ? 0 : count }, async () => {
      await using azure = await startEmulator({ ...(redis && { redis }) });
      for (let setUp = waiting.shift(); setUp !== undefined; setUp = waiting.shift()) {
        outcomes.push({ setUp, examined: await examine(setUp, azure) });
      }
    });
  });
  await Promise.all(lanes);
  return outcomes;
}

async function examine(setUp: SetUp, azure: Emulator): Promise<Examined> {
  const identities = azure.identities;
  try {
    await using machine = new Machine(azure);
    return await runDoctor(await setUp.prepare(machine, azure));
  } finally {
    await repair(azure, identities);
  }
}

/** Everything that a set-up may have changed, back to how it was. */
async function repair(azure: Emulator, identities: Emulator["identities"]): Promise<void> {
  azure.clearFaults();
  azure.setClockOffset(0);
  azure.redis.setEntraId(true);
  azure.redis.setOutdatedTls(null);
  azure.redis.setMaxClients(null);
  for (const node of azure.redis.nodes.keys()) await azure.redis.useCertificate(node, null);
  const isRegular = ({ objectId }: { objectId: string }) =>
    identities.some((identity) => identity.objectId === objectId);
  for (const { objectId } of azure.identities.filter((identity) => !isRegular(identity))) {
    azure.removeIdentity(objectId);
  }
  const present = new Set(azure.identities.map(({ objectId }) => objectId));
  for (const { kind, objectId, clientId, resourceId } of identities) {
    if (present.has(objectId) || (kind !== "system" && kind !== "user")) continue;
    azure.addManagedIdentity({ kind, objectId, clientId, ...(resourceId !== undefined && { resourceId }) });
  }
}
