import { encodeCommand } from "resp-framing";
import type { Link } from "./link.js";
import { type MakeMarker, type Marker, type Markers, pingMarker } from "./marker.js";
import { type Exchange, ReplyFilter, type Translate } from "./reply-filter.js";

export interface ExchangeOptions {
  /** A reply to the command: returns what the client gets to see of it. */
  readonly onReply: (frame: Buffer) => Buffer | undefined;
  /** All replies are here, and nothing behind them has been looked at. */
  readonly onEnd?: () => void;
  /** Whether a transaction may be open, which can only be discarded then. @default false */
  readonly isAnywhere?: boolean;
}

/**
 * Our own commands on a client's connection: sends them between the client's, and takes their replies out of what
 * the client reads. While none is under way, what the server sends passes by.
 */
export class OwnCommands {
  readonly #link: Link;
  readonly #write: (bytes: Buffer) => boolean;
  readonly #markers: Markers | undefined;
  readonly #isOdd: () => boolean;
  readonly #replies = new ReplyFilter();
  readonly #pending: ((isAnswered: boolean) => void)[] = [];
  /** What goes out before anything else. */
  #first: Buffer | undefined;
  #isIntercepting = false;
  #isOpen = true;

  /** @param isOdd whether a PING is answered as to a RESP2 subscriber */
  constructor(
    link: Link,
    write: (bytes: Buffer) => boolean,
    markers: Markers | undefined,
    isOdd: () => boolean,
  ) {
    this.#link = link;
    this.#write = write;
    this.#markers = markers;
    this.#isOdd = isOdd;
  }

  /** Whether replies can be told apart here. */
  get isPossible(): boolean {
    return this.#markers !== undefined;
  }

  /** Whether they can inside of a transaction, too. */
  get isPossibleAnywhere(): boolean {
    return this.#markers?.anywhere !== undefined;
  }

  /** Rewrites everything that the client gets to see from here on; `undefined` ends that. */
  translate(translate: Translate | undefined): void {
    this.#replies.translate(translate);
  }

  /**
   * Puts a marker behind what has been sent, and resolves when everything before it is answered; `onSeen` returns
   * what the client gets in the place of its reply. Resolves with `false` when the connection ends first.
   */
  mark(onSeen?: () => Buffer | undefined): Promise<boolean> {
    return this.#start((begin, settle) => {
      const onEnd = (): Buffer | undefined => {
        settle();
        return onSeen?.();
      };
      this.#expect({ begin, onReply: (frame) => frame, onEnd });
      return begin.request;
    });
  }

  /** Puts a marker in front of a command that the client sends next, and looks at its one reply. */
  lookAtNext(onReply: (frame: Buffer) => Buffer | undefined): void {
    void this.#start((begin, settle) => {
      const onEnd = (): undefined => settle();
      this.#expect({ begin, hasReply: true, onReply, onEnd });
      return begin.request;
    });
  }

  /**
   * Sends two commands, of which the first is known by its reply and the second has one reply; `onReply` returns what
   * the client gets for both.
   */
  followUp(first: Marker, second: Buffer, onReply: () => Buffer): Promise<boolean> {
    return this.#start((_, settle) => {
      const onEnd = (): undefined => settle();
      this.#expect({ begin: first, hasReply: true, onReply, onEnd });
      return Buffer.concat([first.request, second]);
    });
  }

  /**
   * Asks whether the server queues commands now, behind one that may have ended a transaction. Where it does, the
   * transaction can only be discarded from here on.
   */
  askWhetherQueued(onAnswer: (isQueued: boolean) => void): void {
    // Permitted to everybody, refused, and queued in a transaction like anything else.
    const request = this.#markers?.next === pingMarker ? PING : UNKNOWN_PROTOCOL;
    const onReply = (frame: Buffer): undefined => {
      onAnswer(frame.equals(QUEUED));
    };
    void this.exchange(request, { isAnywhere: true, onReply });
  }

  /** Sends a command and resolves when its reply is there; with `false` when the connection ends first. */
  exchange(request: Buffer, how: ExchangeOptions): Promise<boolean> {
    return this.#start((begin, settle, next) => {
      const end = next();
      const onEnd = (): undefined => {
        how.onEnd?.();
        settle();
      };
      this.#expect({ begin, end, onReply: how.onReply, onEnd });
      return Buffer.concat([begin.request, request, end.request]);
    }, how.isAnywhere);
  }

  /**
   * Sends `request`, and a marker with it or before whatever is sent next. Nobody gets what the server sends until that
   * is answered. Returns `false`, and does nothing, when something is under way.
   */
  beginAnew(request: Buffer): boolean {
    const markers = this.#markers;
    if (markers === undefined || !this.#isOpen || this.#replies.isActive) return false;
    const begin = markers.next();
    this.#expect({ begin, isFirst: true, onReply: () => undefined, onEnd: () => undefined });
    this.#first = request.length === 0 ? begin.request : Buffer.concat([request, begin.request]);
    // Nobody should see a connection that waits with the name of a client that has left.
    if (request.length > 0) this.#write(NOTHING);
    return true;
  }

  /** What has to be sent in the place of these bytes. */
  withFirst(bytes: Buffer): Buffer {
    const first = this.#first;
    if (first === undefined) return bytes;
    this.#first = undefined;
    return Buffer.concat([first, bytes]);
  }

  #start(
    write: (begin: Marker, settle: () => undefined, next: MakeMarker) => Buffer,
    isAnywhere = this.#isOdd(),
  ): Promise<boolean> {
    const markers = this.#markers;
    const next = (isAnywhere ? markers?.anywhere : undefined) ?? markers?.next;
    if (next === undefined || !this.#isOpen || !this.#link.isWritable) return Promise.resolve(false);
    return new Promise((resolve) => {
      if (this.#first !== undefined) this.#write(NOTHING);
      const settle = (isAnswered: boolean): void => {
        const index = this.#pending.indexOf(settle);
        if (index >= 0) this.#pending.splice(index, 1);
        resolve(isAnswered);
      };
      this.#pending.push(settle);
      this.#write(
        write(
          next(),
          () => {
            settle(true);
            return undefined;
          },
          next,
        ),
      );
    });
  }

  /** The connection has ended: nothing under way will be answered. */
  close(): void {
    this.#isOpen = false;
    this.#letPass();
    for (const settle of this.#pending.splice(0)) settle(false);
  }

  #expect(exchange: Exchange): void {
    this.#replies.expect(exchange);
    if (this.#isIntercepting) return;
    this.#isIntercepting = true;
    this.#link.intercept((chunk) => this.#read(chunk));
  }

  #read(chunk: Buffer): readonly Buffer[] {
    let seen: Buffer[];
    try {
      seen = this.#replies.feed(chunk);
    } catch (error) {
      this.#link.fail(error as Error);
      return [];
    }
    if (!this.#replies.isActive) this.#letPass();
    return seen;
  }

  #letPass(): void {
    if (this.#isIntercepting) this.#link.intercept(undefined);
    this.#isIntercepting = false;
  }
}

const NOTHING: Buffer = Buffer.alloc(0);
const PING = encodeCommand(["PING"]);
const UNKNOWN_PROTOCOL = encodeCommand(["HELLO", "99"]);
const QUEUED = Buffer.from("+QUEUED\r\n");
