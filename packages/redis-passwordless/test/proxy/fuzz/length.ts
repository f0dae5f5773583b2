import { LONG } from "../transparency/length.js";

/** How long the fuzzers run: `MINUTES` with `LONG=1`, otherwise as many rounds as they have at least. */
const MINUTES = Number(process.env["MINUTES"] ?? 12);

/** Whether one more round is due, after so many. */
export function goesOn(rounds: number, startedAtMs: number, least: number): boolean {
  return rounds < least || (LONG && performance.now() - startedAtMs < MINUTES * 60_000);
}

/** The seed of the first round; each one counts on from it. A failure names its own: `SEED=… ` repeats it. */
export const FIRST_SEED: number = Number(process.env["SEED"] ?? 1);

/** For a test that runs as long as that. */
export const TIMEOUT_MS: number = LONG ? (MINUTES + 3) * 60_000 : 60_000;
