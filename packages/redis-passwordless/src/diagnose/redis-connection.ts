import type { Duplex } from "node:stream";
import { encodeCommand, ReplyScanner } from "resp-framing";
import { redact } from "../core/sanitise.js";
import { decodeReply, type Reply, ReplyError } from "../inband/reply.js";

/** The server, or somebody in between, ended the connection. */
export class ConnectionClosed extends Error {
  /** What it said before, without having been asked. */
  readonly lastWords: string | undefined;

  constructor(lastWords: string | undefined) {
    super(
      lastWords === undefined
        ? "the server closed the connection"
        : `the server said "${lastWords}" and closed the connection`,
    );
    this.name = "ConnectionClosed";
    this.lastWords = lastWords;
  }
}

/** What answers is something else. */
export class NotRedis extends Error {
  constructor(beginning: string) {
    super(`the answer is not Redis protocol; it begins with ${JSON.stringify(beginning)}`);
    this.name = "NotRedis";
  }
}

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** More is no answer to any question that is asked here. */
const LIMITS = { maxBulkLength: 4_194_304, maxElements: 65_536, maxLineLength: 65_536 };

/** A connection to one server: commands in, replies in their order out. Its errors hold no secret. */
export class RedisConnection {
  readonly #stream: Duplex;
  readonly #secrets: readonly string[];
  readonly #scanner = new ReplyScanner(LIMITS);
  readonly #waiting: Waiting[] = [];
  #parts: Buffer[] = [];
  #lastWords: string | undefined;
  #end: Error | undefined;

  /** @param secrets what the server may repeat in an error, and nobody must see */
  constructor(stream: Duplex, secrets: readonly string[] = []) {
    this.#stream = stream;
    this.#secrets = secrets;
    stream.on("data", (chunk: Buffer) => this.#read(chunk));
    stream.on("error", (error) => this.#finish(error));
    stream.on("close", () => this.#finish(new ConnectionClosed(this.#lastWords)));
  }

  get isOpen(): boolean {
    return this.#end === undefined && !this.#stream.destroyed;
  }

  /**
   * Resolves with the reply, also with one that is an error.
   *
   * @throws {ConnectionClosed}
   * @throws {NotRedis}
   */
  ask(...command: readonly string[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) {
        reject(this.#end ?? new ConnectionClosed(this.#lastWords));
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#stream.write(encodeCommand(command));
    });
  }

  /** The same for several commands at once. */
  askAll(commands: readonly (readonly string[])[]): Promise<readonly Reply[]> {
    return Promise.all(commands.map((command) => this.ask(...command)));
  }

  /**
   * As {@link ask}, for commands whose refusal leaves nothing to go on with.
   *
   * @throws {ReplyError}
   */
  async demand(...command: readonly string[]): Promise<Exclude<Reply, ReplyError>> {
    const reply = await this.ask(...command);
    if (reply instanceof ReplyError) throw reply;
    return reply;
  }

  close(): void {
    this.#finish(new ConnectionClosed(undefined));
  }

  #read(chunk: Buffer): void {
    try {
      for (let from = 0; from < chunk.length && this.#end === undefined; ) {
        const to = this.#scanner.scanFrame(chunk, from);
        this.#parts.push(chunk.subarray(from, to));
        from = to;
        if (!this.#scanner.atBoundary) continue;
        const frame = Buffer.concat(this.#parts);
        this.#parts = [];
        if (!this.#scanner.isPush) this.#deliver(this.#withoutSecrets(decodeReply(frame)));
      }
    } catch {
      const text = Buffer.concat([...this.#parts, chunk]).toString("latin1", 0, 64);
      this.#finish(new NotRedis(redact(text.split(/\r?\n/)[0] ?? "", this.#secrets)));
    }
  }

  #deliver(reply: Reply): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve(reply);
    // Who is not let in is told so without having asked.
    else if (reply instanceof ReplyError) this.#lastWords = reply.message;
  }

  /** A server that does not know a command repeats its arguments. */
  #withoutSecrets(reply: Reply): Reply {
    if (!(reply instanceof ReplyError)) return reply;
    const text = reply.message.replace(/,? with args beginning with.*/s, "");
    return new ReplyError(redact(text, this.#secrets));
  }

  #finish(error: Error): void {
    this.#end ??= error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#end);
    this.#stream.destroy();
  }
}
