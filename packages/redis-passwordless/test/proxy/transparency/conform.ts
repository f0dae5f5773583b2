import { seededRandom } from "../../support/random.js";
import { cut } from "./chunks.js";
import { type Difference, differences, encodeSession } from "./compare.js";
import type { Session } from "./corpus.js";
import { converse } from "./exchange.js";
import type { World } from "./worlds.js";

export interface ConformanceRun {
  readonly calls: number;
  readonly bytes: number;
  readonly differences: readonly Difference[];
}

/** Has the same sessions in two worlds, one after the other, each from the same state. */
export async function compareSessions(
  expected: World,
  actual: World,
  sessions: readonly Session[],
  { protocol, seed }: { readonly protocol: 2 | 3; readonly seed: number },
): Promise<ConformanceRun> {
  const random = seededRandom(seed);
  const found: Difference[] = [];
  let calls = 0;
  let bytes = 0;
  for (const session of sessions) {
    const written = encodeSession(session, protocol, random);
    const pieces = cut(written, random, 1.5 * session.calls.length);
    const [theirs, ours] = await Promise.all(
      [expected, actual].map(async (world) => {
        await world.reset();
        return converse(await world.connect(), pieces);
      }),
    );
    if (theirs === undefined || ours === undefined) throw new Error("There are two worlds");
    found.push(...differences(session, protocol, theirs, ours));
    calls += session.calls.length;
    bytes += theirs.received.length;
  }
  return { calls, bytes, differences: found };
}
