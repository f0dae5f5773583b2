import { UsageError } from "./usage-error.js";

/** A flag's value, and who gave it. */
export interface Setting {
  /** `--ca` or `REDIS_PASSWORDLESS_CA`. */
  readonly source: string;
  readonly value: string;
  /** A switch that says `false`: as good as none, but its variable is not asked. */
  readonly isOff?: true;
}

/** What flags and their variables say. */
export class Settings {
  readonly #settings: ReadonlyMap<string, Setting>;

  constructor(settings: ReadonlyMap<string, Setting>) {
    this.#settings = settings;
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

  /** The error for a value that cannot be used. */
  invalid(flag: string, accepts: string): UsageError {
    return new UsageError(`${this.sourceOf(flag)} takes ${accepts}; it got ${shown(this.text(flag))}.`);
  }
}

/** Long values are hardly meant, and may be a secret in the wrong place. */
export function shown(value: string | undefined): string {
  if (value === undefined) return "nothing";
  return value.length > 120 ? `${value.length} characters` : JSON.stringify(value);
}
