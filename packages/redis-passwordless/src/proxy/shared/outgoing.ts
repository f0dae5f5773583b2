/** What is larger gets a buffer of its own, so that none is filled with one value. */
const SMALL_BYTES = 8_192;
const SLAB_BYTES = 65_536;

/** Gathers bytes until they are written in one go. Everything is copied: what clients send is in a buffer for all. */
export class Outgoing {
  #slab: Buffer = EMPTY;
  #from = 0;
  #to = 0;
  #parts: Buffer[] = [];
  /** Bytes that have been gathered. */
  size = 0;

  add(bytes: Buffer): void {
    const { length } = bytes;
    this.size += length;
    if (length > SMALL_BYTES) {
      this.#cut();
      this.#parts.push(Buffer.from(bytes));
      return;
    }
    if (this.#to + length > this.#slab.length) {
      this.#cut();
      // What has been written of the old one may still be on its way.
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#from = 0;
      this.#to = 0;
    }
    this.#to += bytes.copy(this.#slab, this.#to);
  }

  /** Returns what has been gathered, and begins anew. */
  take(): readonly Buffer[] {
    this.#cut();
    const parts = this.#parts;
    this.#parts = [];
    this.size = 0;
    return parts;
  }

  #cut(): void {
    if (this.#to === this.#from) return;
    this.#parts.push(this.#slab.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}

const EMPTY = Buffer.alloc(0);
