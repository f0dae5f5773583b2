/** The place of one reply among those to one client. */
export interface Place {
  /** Puts down a part of the reply; `isLast` with the last one. Returns something to wait for when there is no room. */
  put(bytes: Buffer, isLast: boolean): Promise<void> | undefined;
  /** Whether a part of it has been put down. */
  readonly hasBegun: boolean;
}

class ReplyPlace implements Place {
  readonly order: ReplyOrder;
  /** What has to wait for the replies before it. */
  kept: Buffer[] = [];
  isDone = false;
  hasBegun = false;

  constructor(order: ReplyOrder) {
    this.order = order;
  }

  put(bytes: Buffer, isLast: boolean): Promise<void> | undefined {
    this.hasBegun = true;
    this.isDone = isLast;
    return this.order.put(this, bytes);
  }
}

/** Bytes of replies that wait for an earlier one, before their servers are made to wait. */
const KEPT_AT_MOST = 4_194_304;

/** Brings replies that come from several servers into the order of the commands. */
export class ReplyOrder {
  readonly #write: (bytes: Buffer) => Promise<void> | undefined;
  readonly #onEmpty: () => void;
  #places: ReplyPlace[] = [];
  #head = 0;
  #keptBytes = 0;
  /** What comes between two replies. */
  #pushes: Buffer[] = [];
  #onRoom: (() => void)[] = [];

  constructor(write: (bytes: Buffer) => Promise<void> | undefined, onEmpty: () => void) {
    this.#write = write;
    this.#onEmpty = onEmpty;
  }

  /** Replies that are not complete. */
  get size(): number {
    return this.#places.length - this.#head;
  }

  /** The place behind all others. */
  next(): Place {
    const place = new ReplyPlace(this);
    this.#places.push(place);
    return place;
  }

  /** A push of the server's: it comes at the next place where no reply is under way. */
  push(bytes: Buffer): Promise<void> | undefined {
    const head = this.#places[this.#head];
    if (head === undefined || !head.hasBegun) return this.#write(bytes);
    this.#pushes.push(bytes);
    return undefined;
  }

  put(place: ReplyPlace, bytes: Buffer): Promise<void> | undefined {
    if (place !== this.#places[this.#head]) {
      place.kept.push(bytes);
      this.#keptBytes += bytes.length;
      if (this.#keptBytes < KEPT_AT_MOST || place.isDone) return undefined;
      return new Promise((resolve) => {
        this.#onRoom.push(resolve);
      });
    }
    let wait = bytes.length === 0 ? undefined : this.#write(bytes);
    while (this.#places[this.#head]?.isDone === true) wait = this.#shift() ?? wait;
    if (this.size === 0) this.#onEmpty();
    return wait;
  }

  /** The first one is complete: the next ones may go as far as they are here. */
  #shift(): Promise<void> | undefined {
    this.#head += 1;
    if (this.#head === this.#places.length || this.#head > 1_024) {
      this.#places.splice(0, this.#head);
      this.#head = 0;
    }
    const next = this.#places[this.#head];
    const kept = [...this.#pushes.splice(0), ...(next?.kept.splice(0) ?? [])];
    if (kept.length === 0) return undefined;
    const bytes = Buffer.concat(kept);
    this.#keptBytes = this.#places.slice(this.#head).reduce((sum, { kept }) => sum + sizeOf(kept), 0);
    if (this.#keptBytes < KEPT_AT_MOST) for (const resolve of this.#onRoom.splice(0)) resolve();
    return this.#write(bytes);
  }
}

function sizeOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
