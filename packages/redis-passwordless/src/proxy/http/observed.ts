import { EventLoopWatch } from "../metrics/event-loop.js";
import { type ExpositionFormat, exposition } from "../metrics/exposition.js";
import { metrics } from "../metrics/metrics.js";
import { processMetrics } from "../metrics/process-metrics.js";
import { Tally } from "../metrics/tally.js";
import type { ProxyView } from "../view.js";
import { EventStreams } from "./event-streams.js";
import {
  type HealthBounds,
  type HealthReason,
  livenessReasons,
  readinessReasons,
  startupReasons,
} from "./health.js";
import { liveParts, page } from "./page/page.js";
import type { PageFacts } from "./page/parts.js";
import { statusDocument } from "./status-document.js";
import { Timeline } from "./timeline.js";

export interface ObservedOptions {
  readonly version: string;
  readonly needsConnection: boolean;
  readonly bounds: HealthBounds;
  readonly onQuit: (() => void) | undefined;
}

interface Watched {
  readonly view: ProxyView;
  readonly tally: Tally;
  readonly timeline: Timeline;
}

const NOT_YET: HealthReason = { reason: "starting", message: "Not everything listens yet." };

/** A proxy as it is seen from outside: what every answer is made of. Before there is one, it is starting. */
export class Observed {
  readonly #options: ObservedOptions;
  readonly #loop = new EventLoopWatch();
  readonly streams = new EventStreams(() => this.#live());
  #watched: Watched | undefined;
  #hasStarted = false;
  #hasQuit = false;

  constructor(options: ObservedOptions) {
    this.#options = options;
  }

  watch(view: ProxyView): void {
    const tally = new Tally(view);
    const timeline = new Timeline(view, () => this.streams.wake());
    this.#watched = { view, tally, timeline };
  }

  startup(): readonly HealthReason[] {
    if (this.#watched === undefined) return [NOT_YET];
    if (this.#hasStarted) return [];
    const reasons = startupReasons(this.#watched.view.status(), this.#options.needsConnection);
    this.#hasStarted = reasons.length === 0;
    return reasons;
  }

  readiness(): readonly HealthReason[] {
    if (this.#watched === undefined) return [NOT_YET];
    const { view, tally } = this.#watched;
    return readinessReasons(view.status(), tally.failingSinceMs, Date.now(), this.#options.bounds);
  }

  liveness(): readonly HealthReason[] {
    // One that takes long to start is the startup probe's.
    return this.#watched === undefined ? [] : livenessReasons(this.#watched.view.status());
  }

  metrics(format: ExpositionFormat): string {
    const { version } = this.#options;
    const nowMs = Date.now();
    const families =
      this.#watched === undefined
        ? []
        : metrics(this.#watched.view.status(), this.#watched.tally, {
            version,
            loop: this.#loop.figures,
            nowMs,
          });
    return exposition([...families, ...processMetrics()], format);
  }

  /** `undefined` while there is no proxy. */
  page(): string | undefined {
    const facts = this.#facts();
    return facts && page(facts, this.#options.version);
  }

  /** `undefined` while there is no proxy. */
  document(): Record<string, unknown> | undefined {
    const facts = this.#facts();
    return facts && statusDocument(facts.status, facts.reasons, facts.entries, this.#options.version);
  }

  get mayQuit(): boolean {
    return this.#options.onQuit !== undefined;
  }

  quit(): void {
    if (this.#hasQuit) return;
    this.#hasQuit = true;
    this.#options.onQuit?.();
  }

  #live(): Record<string, string> {
    const facts = this.#facts();
    return facts === undefined ? {} : liveParts(facts);
  }

  #facts(): PageFacts | undefined {
    if (this.#watched === undefined) return undefined;
    const { view, timeline } = this.#watched;
    return {
      status: view.status(),
      reasons: this.readiness(),
      entries: timeline.entries,
      tokensOf: (identity) => timeline.tokensOf(identity),
      nowMs: Date.now(),
    };
  }

  close(): void {
    this.streams.close();
    this.#loop[Symbol.dispose]();
    this.#watched?.tally[Symbol.dispose]();
    this.#watched?.timeline[Symbol.dispose]();
  }
}
