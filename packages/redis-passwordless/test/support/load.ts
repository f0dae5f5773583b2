import { setInterval } from "node:timers/promises";
import type { Client } from "./cache.js";

export interface LoadResult {
  /** Commands that were answered. */
  readonly answered: number;
  readonly failed: readonly Error[];
  /** Answers that were not the ones due: a lost or repeated increment, or another command's reply. */
  readonly wrong: number;
}

/**
 * Increments one counter per client at a steady pace until `done` settles. A counter's replies must be 1, 2, 3 …:
 * whatever is lost, applied twice or answered with another command's reply shows at once.
 */
export async function incrementSteadily(
  clients: readonly Client[],
  perSecond: number,
  done: Promise<unknown>,
): Promise<LoadResult> {
  const failed: Error[] = [];
  const pending: Promise<void>[] = [];
  const counters = clients.map((client, index) => ({ client, key: `counter:${index}`, sent: 0 }));
  let [answered, wrong, isOver] = [0, 0, false];
  void done.finally(() => {
    isOver = true;
  });
  const increment = async (counter: (typeof counters)[number]): Promise<void> => {
    counter.sent += 1;
    const due = counter.sent;
    try {
      const reply = await counter.client.incr(counter.key);
      answered += 1;
      if (reply !== due) wrong += 1;
    } catch (error) {
      failed.push(error as Error);
    }
  };
  const tickMs = 5;
  const perTick = (perSecond * tickMs) / 1_000;
  let owed = 0;
  let turn = 0;
  for await (const _ of setInterval(tickMs)) {
    for (owed += perTick; owed >= 1; owed -= 1) {
      const counter = counters[turn % counters.length];
      turn += 1;
      if (counter !== undefined) pending.push(increment(counter));
    }
    if (isOver) break;
  }
  await Promise.all(pending);
  await done;
  return { answered, failed, wrong };
}
