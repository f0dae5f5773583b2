import type { Clock } from "../core/clock.js";
import { PasswordlessError } from "../core/errors.js";
import { redact } from "../core/sanitise.js";
import type { Facts } from "../explain/facts.js";
import type { Target } from "../explain/rule.js";
import { STEP_NAMES, type StepName, type StepReport, type StepStatus } from "./report.js";
import { stopwatch, TimeUp, within } from "./time-limit.js";

/** Something that went wrong, with what is known of it alone. */
export interface Failure {
  readonly step: StepName;
  readonly error: unknown;
  readonly severity: "error" | "warning";
  readonly facts: Facts & { readonly target?: Target | undefined };
}

/** A step while it runs: it is told here what will be reported, also if it fails later. */
export class Step {
  readonly name: StepName;
  /** Aborts when the step's time, or the time of all, is up. */
  readonly signal: AbortSignal;
  readonly facts: Record<string, unknown> = {};
  status: "ok" | "warning" | "failed" = "ok";
  summary = "";
  readonly #limitMs: number;
  readonly #elapsedMs = stopwatch();

  constructor(name: StepName, signal: AbortSignal, limitMs: number) {
    this.name = name;
    this.signal = signal;
    this.#limitMs = limitMs;
  }

  /**
   * This many milliseconds, or what is left for the step, less enough to tell by itself what has taken
   * too long: from the outside, one silence is like another.
   */
  atMost(limitMs: number): number {
    return Math.max(1, Math.min(limitMs, this.#limitMs - this.#elapsedMs() - TO_TELL_MS));
  }
}

/** So much earlier than the step itself does a part of it give up, in milliseconds. */
const TO_TELL_MS = 100;

/** A step that has less than this, in milliseconds, is not begun; where all is to be done in a second, a third of it. */
const LEAST_MS = 400;

/** Runs the steps, each within its time, and reports them in their order, whichever order they run in. */
export class Steps {
  readonly failures: Failure[] = [];
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #leftMs: () => number;
  readonly #leastMs: number;
  readonly #onStep: ((step: StepReport) => void) | undefined;
  readonly #reports = new Map<StepName, StepReport>();
  #told = 0;

  /** @param leftMs how much time there is for all steps from now on, in milliseconds */
  constructor(clock: Clock, signal: AbortSignal, leftMs: () => number, onStep?: (step: StepReport) => void) {
    this.#clock = clock;
    this.#signal = signal;
    this.#leftMs = leftMs;
    this.#leastMs = Math.min(LEAST_MS, leftMs() / 3);
    this.#onStep = onStep;
  }

  /** All steps, in their order. */
  get reports(): readonly StepReport[] {
    return STEP_NAMES.flatMap((name) => this.#reports.get(name) ?? []);
  }

  /** Why there is no time for anything any more; `undefined` while there is. */
  get ended(): string | undefined {
    if (this.#signal.aborted && !(this.#signal.reason instanceof TimeUp)) return "stopped";
    // Who is given no time to answer would be called silent.
    const isLate = this.#signal.aborted || this.#leftMs() < this.#leastMs;
    return isLate ? "the time for the whole examination was up" : undefined;
  }

  statusOf(name: StepName): StepStatus | undefined {
    return this.#reports.get(name)?.status;
  }

  /**
   * Resolves with what the work has found out, or with `undefined` when it failed or did not get its turn; never
   * rejects.
   *
   * @param facts what is known of a failure of this step alone
   */
  async run<T>(
    name: StepName,
    limitMs: number,
    work: (step: Step) => Promise<T>,
    facts: Failure["facts"] = {},
  ): Promise<T | undefined> {
    if (this.ended !== undefined) return this.skip(name, this.ended);
    const elapsedMs = stopwatch();
    const leftMs = this.#leftMs();
    let step: Step | undefined;
    try {
      const result = await within(this.#clock, limitMs, this.#signal, (signal) => {
        step = new Step(name, signal, Math.min(limitMs, leftMs));
        return work(step);
      });
      this.#report(name, step?.status ?? "ok", elapsedMs(), step?.summary ?? "", step?.facts);
      return result;
    } catch (error) {
      if (this.#signal.aborted && !(this.#signal.reason instanceof TimeUp)) return this.skip(name, "stopped");
      const failure = error === this.#signal.reason ? new TimeUp("no answer", elapsedMs()) : error;
      this.fail(name, failure, { facts });
      this.#report(name, "failed", elapsedMs(), step?.summary || oneLine(failure), step?.facts);
      return undefined;
    }
  }

  skip(name: StepName, why: string): undefined {
    if (!this.#reports.has(name)) this.#report(name, "skipped", undefined, why);
  }

  /** Takes down something that is wrong, to be explained at the end. */
  fail(step: StepName, error: unknown, init: Partial<Pick<Failure, "severity" | "facts">> = {}): void {
    this.failures.push({ step, error, severity: "error", facts: {}, ...init });
  }

  #report(
    name: StepName,
    status: StepStatus,
    durationMs: number | undefined,
    summary: string,
    facts: Readonly<Record<string, unknown>> = {},
  ): void {
    this.#reports.set(name, { name, status, durationMs, summary, facts });
    for (let next = this.#nextToTell(); next !== undefined; next = this.#nextToTell()) {
      this.#told += 1;
      this.#onStep?.(next);
    }
  }

  #nextToTell(): StepReport | undefined {
    const name = STEP_NAMES[this.#told];
    return name === undefined ? undefined : this.#reports.get(name);
  }
}

const LONGEST_LINE = 160;

/** The beginning of what an error says. */
export function oneLine(error: unknown): string {
  const text = redact(textOf(error)).replace(/\s+/g, " ").trim();
  return text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE - 1)}…` : text;
}

function textOf(error: unknown): string {
  if (PasswordlessError.is(error)) return error.observed;
  // Several addresses that cannot be reached come without a text of their own.
  if (error instanceof AggregateError && error.message === "") return error.errors.map(textOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
