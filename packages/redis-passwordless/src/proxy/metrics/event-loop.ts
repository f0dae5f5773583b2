import { type EventLoopUtilization, monitorEventLoopDelay, performance } from "node:perf_hooks";

/** How often the loop is looked at, in milliseconds; the histogram's times include this wait. */
const RESOLUTION_MS = 10;

/** The figures are those of the last full window: several scrapers may read them, none of them resets them. */
const WINDOW_MS = 10_000;

/** How long what is ready has to wait for its turn, in seconds. */
export interface LoopFigures {
  readonly lagMeanS: number;
  readonly lagP99S: number;
  readonly lagMaxS: number;
  /** Share of the time in which the loop was at work, from 0 to 1. */
  readonly utilisation: number;
}

/** Watches whether the process gets round to its work. */
export class EventLoopWatch implements Disposable {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #timer: NodeJS.Timeout;
  #utilisation: EventLoopUtilization = performance.eventLoopUtilization();
  #figures: LoopFigures | undefined;

  constructor() {
    this.#histogram.enable();
    this.#timer = setInterval(() => this.#endWindow(), WINDOW_MS).unref();
  }

  /** Of the last 10 seconds; while there are none yet, of the time since the start. */
  get figures(): LoopFigures {
    return this.#figures ?? this.#current();
  }

  #current(): LoopFigures {
    const { mean, max, count } = this.#histogram;
    const lag = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1e3);
    return {
      lagMeanS: count === 0 ? 0 : lag(mean),
      lagP99S: count === 0 ? 0 : lag(this.#histogram.percentile(99)),
      lagMaxS: count === 0 ? 0 : lag(max),
      utilisation: performance.eventLoopUtilization(this.#utilisation).utilization,
    };
  }

  #endWindow(): void {
    this.#figures = this.#current();
    this.#histogram.reset();
    this.#utilisation = performance.eventLoopUtilization();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }
}
