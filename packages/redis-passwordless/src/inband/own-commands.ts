import type { Socket } from "node:net";
import type { Markers } from "./login.js";
import { type Exchange, ReplyFilter, type Translate } from "./reply-filter.js";

export interface ExchangeOptions {
  /** A reply to the command: returns what the client gets to see of it. */
  readonly onReply: (frame: Buffer) => Buffer | undefined;
  /** All replies are here, and nothing behind them has been looked at. */
  readonly onEnd?: () => void;
  /** The protocol from then on. @default unchanged */
  readonly protocol?: 2 | 3;
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
  /** The protocol that the connection speaks after everything written so far. */
  protocol: 2 | 3;

  constructor(
    socket: Socket,
    write: (bytes: Buffer) => boolean,
    markers: Markers | undefined,
    protocol: 2 | 3,
  ) {
    this.#socket = socket;
    this.#write = write;
    this.#markers = markers;
    this.protocol = protocol;
  }

  /** Whether replies can be told apart here. */
  get isPossible(): boolean {
    return this.#markers !== undefined;
  }

  /** Rewrites everything that the client gets to see from here on; `undefined` ends that. */
  translate(translate: Translate | undefined): void {
    this.#replies.translate(translate);
  }

  /** Puts a marker behind what has been sent; `onSeen` returns what the client gets in the place of its reply. */
  mark(onSeen: () => Buffer | undefined): void {
    if (this.#markers === undefined) return;
    const begin = this.#markers(this.protocol);
    this.#expect({ begin, onReply: (frame) => frame, onEnd: onSeen });
    this.#write(begin.request);
  }

  /** Sends a command and resolves when its reply is there; with `false` when the connection ends first. */
  exchange(request: Buffer, how: ExchangeOptions): Promise<boolean> {
    const markers = this.#markers;
    if (markers === undefined || !this.#isOpen || !this.#socket.writable) return Promise.resolve(false);
    const begin = markers(this.protocol);
    this.protocol = how.protocol ?? this.protocol;
    const end = markers(this.protocol);
    return new Promise((resolve) => {
      const settle = (isAnswered: boolean): void => {
        this.#pending.delete(settle);
        resolve(isAnswered);
      };
      this.#pending.add(settle);
      const onEnd = (): undefined => {
        how.onEnd?.();
        settle(true);
      };
      this.#expect({ begin, end, onReply: how.onReply, onEnd });
      this.#write(Buffer.concat([begin.request, request, end.request]));
    });
  }

  /** The connection has ended: nothing under way will be answered. */
  close(): void {
    this.#isOpen = false;
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
