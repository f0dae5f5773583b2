import { randomBytes } from "node:crypto";

/** Nothing that a client sends or a server stores can be taken for it. */
const MARK = Buffer.from(randomBytes(12).toString("hex"));

const NOTHING = Buffer.alloc(0);

/**
 * Makes names of commands unknown to the server, and the server's replies look as if they had not been changed: a
 * random mark goes behind the name, and is taken out of the reply, which repeats the name (`ERR unknown command
 * 'SELECT…', with args beginning with: '1'`).
 *
 * A NUL byte as the mark would end the name in the reply by itself, but it does in the server's table of commands
 * as well: they are found by a hash of all bytes and then compared up to the first NUL (dict.c with strcasecmp), so
 * that now and then, and for Valkey's subcommands always, the command itself would run.
 */
export class UnknownNames {
  /** How many replies with a mark are still to come. */
  #expected = 0;
  /** The end of what has come from the server, if it is the beginning of a mark. */
  #held: Buffer = NOTHING;

  /** The name with a mark behind it; {@link restore} then looks for it. */
  mark(name: Buffer): Buffer {
    this.#expected++;
    return Buffer.concat([name, MARK]);
  }

  /** Takes the marks out of what the server sends. Bytes that may begin one wait for the next chunk. */
  restore(chunk: Buffer): Buffer {
    if (this.#expected === 0) return chunk;
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const parts: Buffer[] = [];
    let from = 0;
    for (let at = bytes.indexOf(MARK); at >= 0 && this.#expected > 0; at = bytes.indexOf(MARK, from)) {
      parts.push(bytes.subarray(from, at));
      from = at + MARK.length;
      this.#expected--;
    }
    const end = this.#expected === 0 ? bytes.length : bytes.length - beginningAtEnd(bytes.subarray(from));
    this.#held = bytes.subarray(end);
    parts.push(bytes.subarray(from, end));
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  /** What still waits, when nothing follows any more. */
  rest(): Buffer {
    const rest = this.#held;
    this.#held = NOTHING;
    return rest;
  }
}

/** How many bytes at the end may be the beginning of a mark. */
function beginningAtEnd(bytes: Buffer): number {
  for (let length = Math.min(MARK.length - 1, bytes.length); length > 0; length--) {
    if (bytes.subarray(bytes.length - length).equals(MARK.subarray(0, length))) return length;
  }
  return 0;
}
