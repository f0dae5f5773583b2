import { setInterval } from "node:timers/promises";

/** What the load needs of a client, whatever library it is of. */
export interface Counting {
  incr(key: string): Promise<number>;
}

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
  clients: readonly Counting[],
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

/** Publishes "0", "1", "2" … one after the other until `done` settles, and returns how many. */
export async function publishSteadily(
  publish: (message: string) => Promise<unknown>,
  done: Promise<unknown>,
  everyMs = 5,
): Promise<number> {
  let [sent, isOver] = [0, false];
  void done.finally(() => {
    isOver = true;
  });
  for await (const _ of setInterval(everyMs)) {
    await publish(String(sent));
    sent += 1;
    if (isOver) break;
  }
  await done;
  return sent;
}

/** "0", "1", "2" …: what a subscriber has received when nothing is missing, doubled or out of order. */
export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}
