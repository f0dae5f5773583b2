/** The time inside the emulator: the machine's, moved by an offset that a test chooses. */
export class EmulatorClock {
  #offsetMs = 0;

  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Now, in epoch milliseconds of the emulator's clock. */
  now(): number {
    return Date.now() + this.#offsetMs;
  }

  /** @throws {RangeError} when the offset is not a finite number */
  setOffset(offsetMs: number): void {
    if (!Number.isFinite(offsetMs)) {
      throw new RangeError(`The clock offset must be a finite number of milliseconds; got ${offsetMs}.`);
    }
    this.#offsetMs = offsetMs;
  }
}
