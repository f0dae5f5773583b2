import { pino } from "pino";
import type { Clock } from "../../core/clock.js";
import { withoutSecrets } from "../../core/sanitise.js";
import type { ProxyView } from "../view.js";
import type { LogLevel, Notice } from "./notice.js";
import { Repetition } from "./repetition.js";
import { tellNotices } from "./tell-notices.js";
import { type LogRecord, textLine } from "./text-line.js";

/** For humans, or for machines: one JSON object a line. */
export type LogFormat = "text" | "json";

export interface LogOptions {
  /** Takes a line without its end. */
  readonly write: (line: string) => void;
  /** @default "text" */
  readonly format?: LogFormat | undefined;
  /** What is less than this is left out. @default "info" */
  readonly level?: LogLevel | undefined;
  /** Whether text has colours. @default false */
  readonly hasColours?: boolean | undefined;
  /** Time, for tests. @default the system's */
  readonly clock?: Clock | undefined;
}

/**
 * The log of a proxy. Its lines hold no secret at any level, and what comes again and again is told as a number.
 *
 * A line of JSON has `time` (ISO 8601, UTC), `level`, `event`, `message`, what {@link Notice.fields} has, and for a
 * failure `code`, `rule`, `observed`, `remedy` and `docsUrl`.
 */
export class ProxyLog implements Disposable {
  readonly #pino: pino.Logger;
  readonly #repetition: Repetition;
  readonly #clock: Clock | undefined;
  readonly #views: Disposable[] = [];

  constructor(options: LogOptions) {
    const { write, format = "text", level = "info", hasColours = false, clock } = options;
    const written =
      format === "json"
        ? (line: string) => line.trimEnd()
        : (line: string) => textLine(JSON.parse(line) as LogRecord, hasColours);
    this.#clock = clock;
    this.#pino = pino(
      {
        level,
        // One process, one log: who wrote it is known to whoever collects it.
        base: null,
        messageKey: "message",
        timestamp: false,
        formatters: { level: (label) => ({ level: label }) },
      },
      { write: (line: string) => write(withoutSecrets(written(line))) },
    );
    this.#repetition = new Repetition((notice) => this.#write(notice), clock);
  }

  /** Logs what happens in a proxy, from now on. */
  follow(view: ProxyView): void {
    const tell = (notice: Notice): void => this.#repetition.take(notice);
    this.#views.push(tellNotices(view, tell, this.#pino.isLevelEnabled("debug"), this.#clock));
  }

  /** Logs something that no event tells, such as a reload of the configuration. */
  tell(notice: Notice): void {
    this.#repetition.take(notice);
  }

  #write({ level, event, atMs, text, fields, trouble }: Notice): void {
    this.#pino[level]({ time: new Date(atMs).toISOString(), event, ...fields, ...trouble }, text);
  }

  /** Writes what is held back, and stops to follow. */
  [Symbol.dispose](): void {
    for (const view of this.#views.splice(0)) view[Symbol.dispose]();
    this.#repetition[Symbol.dispose]();
  }
}
