import type { Socket } from "node:net";
import type { Clock } from "../core/clock.js";
import type { ServedClient } from "./served-client.js";

/** How long a client stays at most before TCP looks after it, in milliseconds. */
const NEWCOMER_MS = 5_000;

/** TCP probes of a silent client, in milliseconds: one whose machine has vanished says nothing, and would stay for ever. */
const PROBE_MS = 60_000;

/** A client that is connected. */
export interface Guest {
  readonly session: ServedClient;
  readonly socket: Socket;
  /** Where it is in the list of all. */
  place: number;
  isProbed: boolean;
}

/**
 * Those who are connected. Has TCP look after them once they have stayed a while: for one who has a single question,
 * asking the system for it would take a tenth of the time of all.
 *
 * An array, because a Set leaves its table behind whenever it makes a new one, and the old table leads to the next
 * (`OrderedHashTable` in V8's objects/ordered-hash-table.h): where thousands come and go, one of them that has got into
 * the old generation keeps all later ones, and every client that was in them, until the next full garbage collection.
 */
export class Clients implements Iterable<ServedClient> {
  readonly #clock: Clock;
  readonly #guests: Guest[] = [];
  /** Whether newcomers are going to be looked for. */
  #isProbing = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#guests.length;
  }

  add(session: ServedClient, socket: Socket): Guest {
    const guest = { session, socket, place: this.#guests.length, isProbed: false };
    this.#guests.push(guest);
    this.#probeLater();
    return guest;
  }

  /** It has gone. */
  delete(guest: Guest): void {
    const last = this.#guests.pop()!;
    if (last === guest) return;
    this.#guests[guest.place] = last;
    last.place = guest.place;
  }

  /** Those who are there now, whoever comes or goes meanwhile. */
  [Symbol.iterator](): Iterator<ServedClient> {
    return this.#guests.map(({ session }) => session).values();
  }

  #probeLater(): void {
    if (this.#isProbing) return;
    this.#isProbing = true;
    this.#clock.schedule(() => {
      this.#isProbing = false;
      for (const guest of this.#guests) {
        if (guest.isProbed) continue;
        guest.isProbed = true;
        guest.socket.setKeepAlive(true, PROBE_MS);
      }
    }, NEWCOMER_MS);
  }
}
