import type { PortRange } from "../config/node-ports.js";

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

  /** Takes this one out; returns whether it may be used. */
  takeOne(port: number): boolean {
    if (this.#range === undefined) return true;
    const index = this.#free.indexOf(port);
    if (index >= 0) this.#free.splice(index, 1);
    return index >= 0;
  }

  giveBack(port: number): void {
    if (this.#range !== undefined) this.#free.push(port);
  }
}
