import { expect } from "vitest";
import { seededRandom } from "../../support/random.js";
import { record } from "../../support/record.js";
import type { Wire } from "../shared/wire.js";
import { pick, upTo } from "./client-bytes.js";
import { FIRST_SEED, goesOn } from "./length.js";

export type Random = () => number;

/** What a client writes in one go: commands, as words separated by blanks. */
export interface Write {
  readonly lines: readonly string[];
  /** Whether the client waits for something before it goes on. */
  readonly isAwaited: boolean;
}

export type Story = readonly Write[];

/** Commands one behind the other, in a few writes. */
export function story(random: Random, commands: readonly string[]): Story {
  return Array.from({ length: 1 + upTo(random, 8) }, () => ({
    lines: Array.from({ length: 1 + upTo(random, 5) }, () => {
      const line = pick(random, commands);
      return random() < 0.1 ? line.toLowerCase() : line;
    }),
    isAwaited: random() < 0.5,
  }));
}

export interface Stage {
  readonly commands: readonly string[];
  /** Makes the servers as they were; the same numbers make the same of them. */
  readonly reset: (random: Random) => Promise<unknown>;
  /** What Redis says. */
  readonly direct: (told: Story) => Promise<readonly string[]>;
  /** What is said in the way that is tested. */
  readonly other: (told: Story, random: Random) => Promise<readonly string[]>;
}

const LEAST_ROUNDS = 60;
/** How long a story may take, in milliseconds. */
const PATIENCE_MS = 20_000;

/** Tells each story first to Redis itself, then in another way: every reply has to be the same. */
export async function compare(name: string, { commands, reset, direct, other }: Stage): Promise<void> {
  const startedAtMs = performance.now();
  let rounds = 0;
  let replies = 0;
  for (; goesOn(rounds, startedAtMs, LEAST_ROUNDS); rounds += 1) {
    const seed = FIRST_SEED + rounds;
    const random = seededRandom(seed);
    const told = story(random, commands);
    const what = `SEED=${seed}: ${JSON.stringify(told)}`;
    await inTime(reset(seededRandom(seed)), what);
    const expected = await inTime(direct(told), what);
    await inTime(reset(seededRandom(seed)), what);
    const seen = await inTime(other(told, random), what);
    expect(seen, what).toEqual(expected);
    replies += seen.length;
  }
  record(name, { seeds: `${FIRST_SEED}…${FIRST_SEED + rounds - 1}`, replies });
}

function inTime<T>(played: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No reply at ${what}`)), PATIENCE_MS);
  });
  return Promise.race([played, patience]).finally(() => clearTimeout(timer));
}

/** Other clients get what is theirs. */
export async function areServed(clients: readonly Wire[]): Promise<void> {
  const replies = await Promise.all(clients.map((client, index) => client.say(`ECHO other${index}`)));
  expect(replies).toEqual(clients.map((_, index) => `$6\r\nother${index}\r\n`));
}
