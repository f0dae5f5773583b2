type Close = () => Promise<void> | void;

/** What has been started, to be closed in reverse order. */
export class Closers {
  readonly #closers: Close[] = [];
  #closing: Promise<void> | undefined;

  /** Registers something that has been started; returns it. */
  use<T extends { close(): Promise<void> | void }>(resource: T): T {
    this.#closers.push(() => resource.close());
    return resource;
  }

  /** Closes everything once, whatever fails; then rejects with what did fail. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let close = this.#closers.pop(); close; close = this.#closers.pop()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) {
      throw new AggregateError(failures, "The emulator could not be closed completely.");
    }
  }
}
