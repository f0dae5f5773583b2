import { type Clock, systemClock } from "../../core/clock.js";
import type { Notice } from "./notice.js";

/** Notices of one kind within this time are told once, and then as a number. */
const WINDOW_MS = 30_000;

/** Kinds that are watched at the same time; there are as many as instances, servers and causes. */
const MOST_KINDS = 1_000;

interface Kind {
  readonly window: Disposable;
  /** Those that were held back, and the last of them. */
  held: number;
  last: Notice;
}

/**
 * Keeps a failure that comes again and again from filling the log: the first is told at once, those of the next 30
 * seconds as one line with their number. What is below `warn` passes: whoever asks for `debug` wants all of it.
 */
export class Repetition implements Disposable {
  readonly #tell: (notice: Notice) => void;
  readonly #clock: Clock;
  readonly #kinds = new Map<string, Kind>();

  constructor(tell: (notice: Notice) => void, clock: Clock = systemClock) {
    this.#tell = tell;
    this.#clock = clock;
  }

  take(notice: Notice): void {
    if (notice.level !== "warn" && notice.level !== "error") return this.#tell(notice);
    const kind = this.#kinds.get(notice.key);
    if (kind !== undefined) {
      kind.held += 1;
      kind.last = notice;
      return;
    }
    this.#tell(notice);
    this.#watch(notice);
  }

  #watch(last: Notice): void {
    const [oldest] = this.#kinds.keys();
    if (this.#kinds.size >= MOST_KINDS && oldest !== undefined) this.#forget(oldest);
    const window = this.#clock.schedule(() => this.#endWindow(last.key), WINDOW_MS);
    this.#kinds.set(last.key, { window, held: 0, last });
  }

  #endWindow(key: string): void {
    const kind = this.#kinds.get(key);
    this.#forget(key);
    // It goes on: its next ones belong into one line as well.
    if (kind !== undefined && kind.held > 0) this.#watch(kind.last);
  }

  #forget(key: string): void {
    const kind = this.#kinds.get(key);
    if (kind === undefined) return;
    this.#kinds.delete(key);
    kind.window[Symbol.dispose]();
    if (kind.held > 0) this.#tell(repeated(kind));
  }

  /** Tells what is still held back. */
  [Symbol.dispose](): void {
    for (const key of this.#kinds.keys()) this.#forget(key);
  }
}

function repeated({ held, last }: Kind): Notice {
  return {
    ...last,
    text: `${last.text} … and ${held === 1 ? "once" : `${held} times`} more within ${WINDOW_MS / 1_000} s`,
    fields: { ...last.fields, repeated: held },
  };
}
