import { invalidOption } from "../../core/errors.js";

/** Ports from the first to the last one, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Reads `7000-7099`, or a single port.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`, which names `option`
 */
export function parsePortRange(text: string, option = "nodePorts"): PortRange {
  const [, first = "", last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  if (range.first < 1 || range.last > 65_535 || range.first > range.last) {
    throw invalidOption(option, "ports from 1 to 65535, such as `7000-7099`", text);
  }
  return range;
}

/**
 * The ports that listeners for nodes may have. One that was given back comes last again, so that clients that still
 * remember it do not meet another node there.
 */
export class PortPool {
  readonly #range: PortRange | undefined;
  readonly #free: number[];

  /** @param range `undefined` for any that is free at the moment */
  constructor(range: PortRange | undefined) {
    this.#range = range;
    const count = range === undefined ? 0 : range.last - range.first + 1;
    this.#free = Array.from({ length: count }, (_, index) => (range?.first ?? 0) + index);
  }

  /** How many there are at the moment. */
  get size(): number {
    return this.#range === undefined ? Number.POSITIVE_INFINITY : this.#free.length;
  }

  /** `first-last`; `undefined` when there is no range. */
  get label(): string | undefined {
    return this.#range === undefined ? undefined : `${this.#range.first}-${this.#range.last}`;
  }

  /** Takes one out; 0 lets the system choose. `undefined` when none is left. */
  take(): number | undefined {
    return this.#range === undefined ? 0 : this.#free.shift();
  }

  giveBack(port: number): void {
    if (this.#range !== undefined) this.#free.push(port);
  }
}
