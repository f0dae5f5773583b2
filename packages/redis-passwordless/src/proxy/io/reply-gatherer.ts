/** What is smaller is written at once, in bytes. */
const GATHER_FROM = 4_096;
const GATHER_BYTES = 262_144;
const SPARE_BUFFERS = 16;

/** Buffers whose bytes the system has taken. */
const spare: Buffer[] = [];
const gathering: ReplyGatherer[] = [];

function flushAll(): void {
  for (const gatherer of gathering.splice(0)) gatherer.flush();
}

/**
 * Writes big replies in one go: they come in TLS records of 16 KB, each in a read of its own, all of them in one turn of
 * the event loop. Small ones are written as they come.
 */
export class ReplyGatherer {
  readonly #write: (bytes: Buffer) => boolean;
  #gathered: Buffer | undefined;
  #length = 0;

  /** @param write returns whether the bytes are no longer needed */
  constructor(write: (bytes: Buffer) => boolean) {
    this.#write = write;
  }

  /** @param bytes are there until it returns */
  add(bytes: Buffer): void {
    if (bytes.length < GATHER_FROM && this.#gathered === undefined) {
      this.#write(Buffer.from(bytes));
      return;
    }
    if (this.#gathered !== undefined && this.#length + bytes.length > GATHER_BYTES) this.flush();
    if (this.#gathered === undefined) {
      this.#gathered = spare.pop() ?? Buffer.allocUnsafeSlow(GATHER_BYTES);
      gathering.push(this);
      if (gathering.length === 1) setImmediate(flushAll);
    }
    bytes.copy(this.#gathered, this.#length);
    this.#length += bytes.length;
    if (bytes.length < GATHER_FROM) this.flush();
  }

  flush(): void {
    const gathered = this.#gathered;
    if (gathered === undefined) return;
    this.#gathered = undefined;
    const isWritten = this.#write(gathered.subarray(0, this.#length));
    this.#length = 0;
    if (isWritten && spare.length < SPARE_BUFFERS) spare.push(gathered);
  }
}
