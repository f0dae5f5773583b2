import type { Socket } from "node:net";
import type { Marker, Markers } from "./marker.js";
import { type Exchange, ReplyFilter, type Translate } from "./reply-filter.js";

export interface ExchangeOptions {
  /** A reply to the command: returns what the client gets to see of it. */
  readonly onReply: (frame: Buffer) => Buffer | undefined;
  /** All replies are here, and nothing behind them has been looked at. */
  readonly onEnd?: () => void;
}

/**
 * Our own commands on a client's connection: sends them between the client's, and takes their replies out of what
 * the client reads. While none is under way, the socket's events go their own way.
 */
export class OwnCommands {
  readonly #socket: Socket;
  readonly #write: (bytes: Buffer) => boolean;
  readonly #markers: Markers | undefined;
  readonly #replies = new ReplyFilter();
  readonly #pending = new Set<(isAnswered: boolean) => void>();
  /** The socket's own `emit` while ours is in its place. */
  #emit: ((event: string, ...args: unknown[]) => boolean) | undefined;
  #ownEmit: PropertyDescriptor | undefined;
  #isOpen = true;

  constructor(socket: Socket, write: (bytes: Buffer) => boolean, markers: Markers | undefined) {
    this.#socket = socket;
    this.#write = write;
    this.#markers = markers;
  }

  /** Whether replies can be told apart here. */
  get isPossible(): boolean {
    return this.#markers !== undefined;
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

  /** Sends a command and resolves when its reply is there; with `false` when the connection ends first. */
  exchange(request: Buffer, how: ExchangeOptions): Promise<boolean> {
    return this.#start((begin, settle, markers) => {
      const end = markers();
      const onEnd = (): undefined => {
        how.onEnd?.();
        settle();
      };
      this.#expect({ begin, end, onReply: how.onReply, onEnd });
      return Buffer.concat([begin.request, request, end.request]);
    });
  }

  #start(write: (begin: Marker, settle: () => undefined, markers: Markers) => Buffer): Promise<boolean> {
    const markers = this.#markers;
    if (markers === undefined || !this.#isOpen || !this.#socket.writable) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (isAnswered: boolean): void => {
        this.#pending.delete(settle);
        resolve(isAnswered);
      };
      this.#pending.add(settle);
      this.#write(
        write(
          markers(),
          () => {
            settle(true);
            return undefined;
          },
          markers,
        ),
      );
    });
  }

  /** The connection has ended: nothing under way will be answered. */
  close(): void {
    this.#isOpen = false;
    if (this.#emit !== undefined) this.#restoreEmit();
    for (const settle of this.#pending) settle(false);
  }

  #expect(exchange: Exchange): void {
    this.#replies.expect(exchange);
    if (this.#emit !== undefined) return;
    const socket = this.#socket;
    this.#emit = socket.emit.bind(socket);
    this.#ownEmit = Object.getOwnPropertyDescriptor(socket, "emit");
    // Public: EventEmitter's own method, shadowed while something is expected and no longer.
    Object.defineProperty(socket, "emit", {
      configurable: true,
      writable: true,
      value: (event: string, ...args: unknown[]) => this.#onEvent(event, args),
    });
  }
  #onEvent(event: string, args: readonly unknown[]): boolean {
    const emit = this.#emit;
    const [chunk] = args;
    if (emit === undefined) return false;
    if (event !== "data" || !Buffer.isBuffer(chunk)) return emit(event, ...args);
    let seen: Buffer[];
    try {
      seen = this.#replies.feed(chunk);
    } catch (error) {
      this.#socket.destroy(error as Error);
      return true;
    }
    if (!this.#replies.isActive) this.#restoreEmit();
    for (const bytes of seen) emit("data", bytes);
    return true;
  }

  #restoreEmit(): void {
    this.#emit = undefined;
    if (this.#ownEmit === undefined) delete (this.#socket as { emit?: unknown }).emit;
    else Object.defineProperty(this.#socket, "emit", this.#ownEmit);
  }
}
