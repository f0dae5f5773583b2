import { ReplyScanner } from "resp-framing";
import type { Marker } from "./marker.js";

/** Our own commands among the client's, and what becomes of their replies. */
export interface Exchange {
  /** The reply to this comes before the replies to our commands. */
  readonly begin: Marker;
  /** The reply to this ends them; absent when there is none or, with `hasReply`, one reply behind `begin`. */
  readonly end?: Marker;
  readonly hasReply?: boolean;
  /** Whether what comes before `begin` is for nobody. */
  readonly isFirst?: boolean;
  /** A reply between the two: returns what the client gets to see of it. Pushes pass by. */
  onReply(frame: Buffer): Buffer | undefined;
  /** The last reply has come: returns what the client gets in this place. */
  onEnd(): Buffer | undefined;
}

/** Rewrites what the client gets to see of one frame. */
export type Translate = (frame: Buffer, isPush: boolean, lastInteger: number) => Buffer;

/**
 * Takes the replies to our own commands out of what a server sends.
 *
 * While nothing is expected it does not look at the bytes. It does not know where replies begin either, so the
 * first reply of an exchange is found by its content, which no other reply has; from there on frames are followed
 * until the exchange is over.
 */
export class ReplyFilter {
  readonly #queue: Exchange[] = [];
  #translate: Translate | undefined;
  /** What may be the beginning of the marker's reply, when no boundary is known. */
  #carried: Buffer = EMPTY;
  /** Follows frames from a known boundary; absent while none is known. */
  #scanner: ReplyScanner | undefined;
  /** The current frame, as far as it has arrived in earlier chunks. */
  #partial: Buffer[] = [];
  #isInExchange = false;

  /** Whether bytes have to go through here. */
  get isActive(): boolean {
    return this.#queue.length > 0 || this.#scanner !== undefined || this.#carried.length > 0;
  }

  expect(exchange: Exchange): void {
    this.#queue.push(exchange);
  }

  /** Every frame is rewritten from the end of the current exchange on; `undefined` ends that. */
  translate(translate: Translate | undefined): void {
    this.#translate = translate;
  }

  /** Returns what the client gets to see of these bytes. */
  feed(chunk: Buffer): Buffer[] {
    const seen: Buffer[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#scanner === undefined) rest = this.#search(rest, seen);
      else rest = this.#follow(this.#scanner, rest, seen);
    }
    return seen;
  }

  /** Looks for the next exchange and returns the bytes from there on. */
  #search(chunk: Buffer, seen: Buffer[]): Buffer {
    const next = this.#queue[0];
    const bytes = this.#carried.length === 0 ? chunk : Buffer.concat([this.#carried, chunk]);
    this.#carried = EMPTY;
    if (next === undefined) {
      seen.push(bytes);
      return EMPTY;
    }
    const { reply } = next.begin;
    const at = bytes.indexOf(reply);
    const isSeen = next.isFirst !== true;
    if (at >= 0) {
      if (at > 0 && isSeen) seen.push(bytes.subarray(0, at));
      this.#scanner = new ReplyScanner();
      return bytes.subarray(at);
    }
    if (isRefusable(next.begin) && REFUSALS.some((refusal) => beginsLine(bytes, refusal))) throw refused();
    const wanted = isRefusable(next.begin) ? [reply, ...REFUSALS] : [reply];
    const kept = Math.max(...wanted.map((beginning) => overlap(bytes, beginning)));
    if (kept < bytes.length && isSeen) seen.push(bytes.subarray(0, bytes.length - kept));
    this.#carried = bytes.subarray(bytes.length - kept);
    return EMPTY;
  }

  #follow(scanner: ReplyScanner, chunk: Buffer, seen: Buffer[]): Buffer {
    const end = scanner.scanFrame(chunk);
    this.#partial.push(chunk.subarray(0, end));
    if (!scanner.atBoundary) return chunk.subarray(end);
    const frame = this.#partial.length === 1 ? (this.#partial[0] ?? EMPTY) : Buffer.concat(this.#partial);
    this.#partial = [];
    const shown = this.#onFrame(frame, scanner);
    if (shown !== undefined && shown.length > 0) seen.push(shown);
    return chunk.subarray(end);
  }

  #onFrame(frame: Buffer, scanner: ReplyScanner): Buffer | undefined {
    const exchange = this.#queue[0];
    if (exchange === undefined || scanner.isPush) return this.#show(frame, scanner);
    const expected = this.#isInExchange ? exchange.end : exchange.begin;
    if (expected !== undefined && isRefusable(expected) && isRefusal(frame)) throw refused();
    if (!this.#isInExchange) {
      if (!frame.equals(exchange.begin.reply)) return this.#show(frame, scanner);
      this.#isInExchange = exchange.end !== undefined || exchange.hasReply === true;
      return this.#isInExchange ? undefined : this.#end(exchange);
    }
    if (exchange.end !== undefined && frame.equals(exchange.end.reply)) return this.#end(exchange);
    const shown = this.#show(exchange.onReply(frame), scanner);
    if (exchange.end === undefined) this.#end(exchange);
    return shown;
  }

  #end(exchange: Exchange): Buffer | undefined {
    this.#queue.shift();
    this.#isInExchange = false;
    const shown = exchange.onEnd();
    // The next exchange is found by its content; following every frame until then would cost something.
    if (this.#translate === undefined) this.#scanner = undefined;
    return shown;
  }

  #show(frame: Buffer | undefined, scanner: ReplyScanner): Buffer | undefined {
    if (frame === undefined || this.#translate === undefined) return frame;
    return this.#translate(frame, scanner.isPush, scanner.lastInteger);
  }
}

const EMPTY: Buffer = Buffer.alloc(0);

/**
 * What a server says to a PING that it may not execute: it runs a script, loads its data, has lost its master, cannot
 * save. Commands of the client get the same words, so that it is no longer known whose reply is whose. A connection that
 * is opened meanwhile does not count on PING.
 */
const REFUSALS = ["-BUSY ", "-LOADING ", "-MASTERDOWN ", "-MISCONF "].map((words) => Buffer.from(words));

function isRefusable({ reply }: Marker): boolean {
  return reply[0] !== ERROR;
}

function isRefusal(frame: Buffer): boolean {
  return frame[0] === ERROR && REFUSALS.some((words) => frame.subarray(0, words.length).equals(words));
}

function refused(): Error {
  return new Error("The server executes no PING for now, so that its replies cannot be told apart");
}

/** Whether a line of these bytes begins so, as an error does. */
function beginsLine(bytes: Buffer, words: Buffer): boolean {
  for (let at = bytes.indexOf(words); at >= 0; at = bytes.indexOf(words, at + 1)) {
    if (at === 0 || bytes[at - 1] === LF) return true;
  }
  return false;
}

const ERROR = 45;
const LF = 10;

/** How many bytes at the end of `bytes` may be the beginning of `wanted`. */
function overlap(bytes: Buffer, wanted: Buffer): number {
  const most = Math.min(bytes.length, wanted.length - 1);
  for (let length = most; length > 0; length -= 1) {
    if (bytes.subarray(bytes.length - length).equals(wanted.subarray(0, length))) return length;
  }
  return 0;
}
