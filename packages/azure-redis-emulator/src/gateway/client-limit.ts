import type { Socket } from "node:net";

/** How many clients each node lets in. */
export class ClientLimit {
  #count = Infinity;

  /**
   * @param count `null` for no limit
   * @throws {RangeError} when it is no number of clients
   */
  set(count: number | null): void {
    if (count !== null && !(Number.isInteger(count) && count >= 0)) {
      throw new RangeError(`"count" must be a whole number, 0 or more, or null; got ${count}.`);
    }
    this.#count = count ?? Infinity;
  }

  /** @param connected counts the clients of a node; called only when there is a limit */
  isReachedBy(connected: () => number): boolean {
    return this.#count !== Infinity && connected() >= this.#count;
  }
}

/**
 * Says what Redis says to the client that is one too many (networking.c, `acceptCommonHandler`). The connection is
 * read until the client ends it: closed with something unread it would be reset, and the error lost on its way.
 */
export function refuseClient(client: Socket): void {
  client.on("error", () => undefined);
  client.on("end", () => client.destroy());
  client.resume();
  client.end("-ERR max number of clients reached\r\n");
}
