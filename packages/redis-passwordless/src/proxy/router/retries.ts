/** A command that is sent again. */
export interface Retry {
  /** Its place among the commands of its client. */
  readonly number: number;
  send(): void;
}

/**
 * Commands of one client that are sent again, in their order: none overtakes one before it that has to wait for
 * something, such as for the second half of its keys.
 */
export class Retries {
  #count = 0;
  /** Numbers of the commands that have had to wait and are not answered. */
  readonly #delayed = new Set<number>();
  #held: Retry[] = [];

  /** The place of the next command. */
  next(): number {
    this.#count += 1;
    return this.#count;
  }

  /** This one waits, and what comes behind it waits for it. */
  delay(retry: Retry): void {
    this.#delayed.add(retry.number);
  }

  /** Sends one again as soon as nothing before it has to wait. */
  send(retry: Retry): void {
    if (this.#mayGo(retry)) retry.send();
    else this.#held.push(retry);
  }

  /** This one is answered. */
  settled(number: number): void {
    if (!this.#delayed.delete(number)) return;
    const held = this.#held.sort((one, other) => one.number - other.number);
    this.#held = [];
    for (const retry of held) this.send(retry);
  }

  #mayGo({ number }: Retry): boolean {
    for (const delayed of this.#delayed) if (delayed < number) return false;
    return true;
  }
}
