import { PasswordlessError } from "../../core/errors.js";
import type { ProxyEvents } from "../events.js";
import type { ProxyView } from "../view.js";

/** Upper bounds of the times to connect, in seconds. */
export const CONNECT_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** How long it took to connect, as Prometheus counts: each bucket holds those below it too. */
export interface Durations {
  readonly buckets: number[];
  sumS: number;
  count: number;
}

/** Counts by name; the names come from short lists of our own. */
export type Counts = Map<string, number>;

/** What a proxy's status does not hold: sums by cause, since this was made. */
export class Tally implements Disposable {
  /** By instance, then by reason (`ClientEnd`). */
  readonly clientEnds = new Map<string, Counts>();
  /** By instance, then by error code. */
  readonly upstreamFailures = new Map<string, Counts>();
  readonly connects = new Map<string, Durations>();
  readonly tokens: Counts = new Map();
  /** By identity, then by error code. */
  readonly refreshFailures = new Map<string, Counts>();
  /** Instances that cannot reach their server: since when, in epoch milliseconds. */
  readonly failingSinceMs = new Map<string, number>();
  readonly #listeners: readonly Disposable[];

  constructor(view: ProxyView, now: () => number = Date.now) {
    this.#listeners = [
      view.on("clientClosed", ({ instance, reason }) => countIn(this.clientEnds, instance, reason)),
      view.on("upstreamConnected", ({ instance, tookMs }) => this.#connected(instance, tookMs / 1_000)),
      view.on("upstreamFailed", ({ instance, error }) => {
        countIn(this.upstreamFailures, instance, error.code);
        if (!this.failingSinceMs.has(instance)) this.failingSinceMs.set(instance, now());
      }),
      view.on("tokenRefreshed", ({ identity }) => count(this.tokens, identity)),
      view.on("refreshFailing", ({ identity, error }) =>
        countIn(this.refreshFailures, identity, codeOf(error)),
      ),
    ];
  }

  #connected(instance: string, tookS: number): void {
    this.failingSinceMs.delete(instance);
    const durations = this.connects.get(instance) ?? {
      buckets: CONNECT_BUCKETS_S.map(() => 0),
      sumS: 0,
      count: 0,
    };
    this.connects.set(instance, durations);
    durations.sumS += tookS;
    durations.count += 1;
    for (const [index, bound] of CONNECT_BUCKETS_S.entries()) {
      if (tookS <= bound) durations.buckets[index] = (durations.buckets[index] ?? 0) + 1;
    }
  }

  [Symbol.dispose](): void {
    for (const listener of this.#listeners) listener[Symbol.dispose]();
  }
}

/** Codes are those of this library; whatever else an error has is one name, so that no server can invent labels. */
function codeOf(error: ProxyEvents["refreshFailing"]["error"]): string {
  return PasswordlessError.is(error) ? error.code : "other";
}

function countIn(counts: Map<string, Counts>, group: string, name: string): void {
  const inner = counts.get(group) ?? new Map<string, number>();
  counts.set(group, inner);
  count(inner, name);
}

function count(counts: Counts, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
