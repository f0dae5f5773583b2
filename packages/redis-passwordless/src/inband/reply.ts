/** What Redis answers, as far as an examination needs it: maps are flat lists of names and values. */
export type Reply = string | number | null | ReplyError | readonly Reply[];

/** An error that Redis answered. */
export class ReplyError extends Error {
  constructor(text: string) {
    super(text);
    this.name = "ReplyError";
  }
}

/** Reads one complete frame of RESP2 or RESP3. */
export function decodeReply(frame: Buffer): Reply {
  return new Decoder(frame).next();
}

class Decoder {
  readonly #frame: Buffer;
  #at = 0;

  constructor(frame: Buffer) {
    this.#frame = frame;
  }

  next(): Reply {
    const type = String.fromCharCode(this.#frame[this.#at] ?? 0);
    const head = this.#line();
    if (type === "-") return new ReplyError(head);
    if (type === ":") return Number(head);
    if (type === "$" || type === "=") return this.#bulk(Number(head));
    if (type === "!") return new ReplyError(this.#bulk(Number(head)) ?? "");
    if (type === "*" || type === "~" || type === ">") return this.#list(Number(head));
    if (type === "%") return this.#list(2 * Number(head));
    if (type === "|") {
      this.#list(2 * Number(head));
      return this.next();
    }
    return type === "_" ? null : head;
  }

  #line(): string {
    const end = this.#frame.indexOf("\r\n", this.#at);
    const text = this.#frame.toString("utf8", this.#at + 1, end);
    this.#at = end + 2;
    return text;
  }

  #bulk(length: number): string | null {
    if (length < 0) return null;
    const from = this.#at;
    this.#at += length + 2;
    return this.#frame.toString("utf8", from, from + length);
  }

  #list(length: number): readonly Reply[] | null {
    return length < 0 ? null : Array.from({ length }, () => this.next());
  }
}
