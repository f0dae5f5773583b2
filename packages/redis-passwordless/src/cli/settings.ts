import { UsageError } from "./usage-error.js";

/** A flag's value, and who gave it. */
export interface Setting {
  /** `--ca` or `REDIS_PASSWORDLESS_CA`. */
  readonly source: string;
  readonly value: string;
  /** A switch that says `false`: as good as none, but its variable is not asked. */
  readonly isOff?: true;
}

/** Whether a setting says anything: a switch that is off does not. */
export function isOn(setting: Setting | undefined): boolean {
  return setting !== undefined && setting.isOff !== true;
}

/** What flags and their variables say. */
export class Settings {
  /** What somebody has said, switches that are off among it. */
  readonly #said: ReadonlyMap<string, Setting>;
  readonly #settings: ReadonlyMap<string, Setting>;
  readonly #exclusive: readonly (readonly string[])[];

  /** @param exclusive of each of these lists, only one can be meant */
  constructor(settings: ReadonlyMap<string, Setting>, exclusive: readonly (readonly string[])[] = []) {
    this.#said = settings;
    this.#settings = new Map([...settings].filter(([, setting]) => isOn(setting)));
    this.#exclusive = exclusive;
  }

  /**
   * These settings over others, which count where these say nothing: neither the same, nor what excludes it.
   *
   * @param groups of each of these lists, one setting stands for all: `[name, its companions]`
   */
  over(others: Settings, groups: readonly (readonly [string, readonly string[]])[] = []): Settings {
    const isSettled = (flag: string): boolean =>
      this.#said.has(flag) ||
      this.#exclusive.some((list) => list.includes(flag) && list.some((other) => this.has(other))) ||
      groups.some(([head, companions]) => this.has(head) && companions.includes(flag));
    const rest = [...others.#said].filter(([flag]) => !isSettled(flag));
    return new Settings(new Map([...rest, ...this.#said]), this.#exclusive);
  }

  /** Of these settings, the ones with such a name. */
  only(flags: readonly string[]): Settings {
    return new Settings(new Map([...this.#said].filter(([flag]) => flags.includes(flag))), this.#exclusive);
  }

  /** The names of what is set. */
  get names(): readonly string[] {
    return [...this.#settings.keys()];
  }

  /** The setting as it was given. */
  given(flag: string): Setting | undefined {
    return this.#settings.get(flag);
  }

  text(flag: string): string | undefined {
    return this.#settings.get(flag)?.value;
  }

  isOn(flag: string): boolean {
    return this.text(flag) === "true";
  }

  has(flag: string): boolean {
    return this.#settings.has(flag);
  }

  /** How to name it in a message: by what the user has written. */
  sourceOf(flag: string): string {
    return this.#settings.get(flag)?.source ?? `--${flag}`;
  }

  /** @throws {UsageError} unless it is one of these */
  choice<T extends string>(flag: string, choices: readonly T[]): T | undefined {
    const value = this.text(flag);
    const found = choices.find((choice) => choice === value);
    if (value === undefined || found !== undefined) return found;
    throw this.invalid(flag, choices.join(", "));
  }

  /** @throws {UsageError} unless it is a number from `least` to `most` */
  number(flag: string, range: { readonly least: number; readonly most: number; readonly isWhole?: boolean }) {
    const text = this.text(flag);
    if (text === undefined) return undefined;
    const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    const isInside = value >= range.least && value <= range.most;
    if (isInside && (range.isWhole !== true || Number.isInteger(value))) return value;
    const kind = range.isWhole === true ? "a whole number" : "a number";
    throw this.invalid(flag, `${kind} from ${range.least} to ${range.most}`);
  }

  /**
   * A time in milliseconds; it may stand there in seconds, or with its unit, as `500ms`, `30s` or `2m`.
   *
   * @param range in seconds
   * @throws {UsageError}
   */
  durationMs(flag: string, range: { readonly least: number; readonly most: number }): number | undefined {
    const text = this.text(flag);
    if (text === undefined) return undefined;
    const [, digits = "", unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? [];
    const value = digits === "" ? Number.NaN : Number(digits) * (UNITS_MS[unit] ?? Number.NaN);
    if (value >= range.least * 1_000 && value <= range.most * 1_000) return value;
    throw this.invalid(flag, `seconds from ${range.least} to ${range.most}`);
  }

  /** The error for a value that cannot be used. */
  invalid(flag: string, accepts: string): UsageError {
    return new UsageError(`${this.sourceOf(flag)} takes ${accepts}; it got ${shown(this.text(flag))}.`);
  }
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

/** Long values are hardly meant, and may be a secret in the wrong place. */
export function shown(value: string | undefined): string {
  if (value === undefined) return "nothing";
  return value.length > 120 ? `${value.length} characters` : JSON.stringify(value);
}
