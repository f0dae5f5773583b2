import type { Token } from "../../core/token.js";
import type { Link, LinkUser, Read } from "../../inband/link.js";
import { InbandSession, type LoginSchedule, type SessionOptions } from "../../inband/session.js";
import { encryptionOf, type LoginFacts, loginTimeoutError } from "../../reauth/connection.js";
import { safetyMarginMs } from "../../reauth/spread.js";
import type { KeptConnection, UpstreamConnection } from "../upstream.js";

/** A server, as far as a pool needs one; {@link Upstream} is one. */
export interface Server {
  /** `host:port`, for messages. */
  readonly label: string;
  /** When the next login of a connection is due. */
  readonly reauthenticator: LoginSchedule;
  /** Opens a connection that is logged in. */
  connect(signal: AbortSignal): Promise<UpstreamConnection>;
  /** Keeps a connection authenticated until it has ended. */
  keep(connection: KeptConnection, token: Token): void;
}

export interface ChannelUser {
  /** What the server has sent; returns something to wait for before more is read. */
  onBytes(bytes: Buffer): Promise<void> | undefined;
  /**
   * The connection has ended: the server has closed it, or, with `ERR_PASSWORDLESS_AUTH_TIMEOUT`, was about to, because
   * no login could be made there.
   */
  onEnd(error: Error): void;
}

/**
 * A connection to the server that one client has to itself for a while: commands in, replies out, in place logged in
 * again by a session.
 */
export class PinnedChannel implements Link {
  readonly protocol: 2 | 3;
  readonly #upstream: UpstreamConnection;
  readonly #user: ChannelUser;
  readonly #session: InbandSession;
  readonly #server: Server;
  /** What the connection has logged in with last. */
  #token: Token;
  /** Comes shortly before the server cuts the connection; a login puts it off. */
  #expiry: Disposable | undefined;
  #target: LinkUser | undefined;
  #read: Read | undefined;
  #isFull = false;
  #isHeld = false;
  #onRoom: (() => void)[] = [];
  #isOpen = true;

  constructor(
    server: Server,
    upstream: UpstreamConnection,
    protocol: 2 | 3,
    user: ChannelUser,
    options: Pick<SessionOptions, "desk"> = {},
  ) {
    this.protocol = protocol;
    this.#server = server;
    this.#upstream = upstream;
    this.#user = user;
    this.#token = upstream.token;
    const { socket, token, markers } = upstream;
    this.#session = new InbandSession(this, {
      label: server.label,
      markers,
      token,
      protocol,
      schedule: server.reauthenticator,
      onLogin: (token) => this.#loggedIn(token),
      ...options,
    });
    socket.on("data", this.#onData).on("drain", this.#onDrain).on("error", this.#onError);
    socket.on("close", this.#onClose);
    server.keep(this.#session, token);
    this.#loggedIn(token);
    // A login that is due goes ahead of the client: behind a transaction or a command that blocks it may come too late.
    void server.reauthenticator.loginIfDue(this.#session);
    socket.resume();
  }

  get isWritable(): boolean {
    return this.#isOpen && this.#upstream.socket.writable;
  }

  /** Whether a command is under way that may take for ever. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  get encryption(): LoginFacts {
    return encryptionOf(this.#upstream.socket);
  }

  /** Sends commands, of which a copy is taken; returns something to wait for before more is sent. */
  write(bytes: Buffer): Promise<void> | undefined {
    const target = this.#target;
    if (!this.#isOpen || target === undefined) return undefined;
    const copy = Buffer.from(bytes);
    if (!target.passTogether(copy)) target.take(copy);
    if (!this.#isFull && !this.#isHeld) return undefined;
    return new Promise((resolve) => {
      this.#onRoom.push(resolve);
    });
  }

  /** Nothing more is sent; the server answers what it has got, and ends the connection. */
  end(): void {
    if (this.#isOpen) this.#upstream.socket.end();
  }

  /** Ends the connection. */
  close(): void {
    if (!this.#isOpen) return;
    this.#leave();
    this.#upstream.socket.on("error", () => {}).destroy();
  }

  /**
   * Gives the connection back once nothing of this client's is under way on it.
   *
   * @returns `undefined` when it cannot be used again, and has been closed
   */
  async recycle(): Promise<UpstreamConnection | undefined> {
    const marker = this.#upstream.markers?.next();
    if (!this.isWritable || marker === undefined) {
      this.close();
      return undefined;
    }
    this.#leave();
    const { socket } = this.#upstream;
    const isEmpty = await new Promise<boolean>((resolve) => {
      let tail: Buffer = Buffer.alloc(0);
      // Replies to commands of the session's own may still come.
      const onData = (chunk: Buffer): void => {
        tail = Buffer.concat([tail, chunk]);
        tail = tail.subarray(Math.max(0, tail.length - marker.reply.length));
        if (tail.equals(marker.reply)) settle(true);
      };
      const onClose = (): void => settle(false);
      const settle = (isEmpty: boolean): void => {
        socket.off("data", onData).off("close", onClose).pause();
        resolve(isEmpty);
      };
      socket.on("data", onData).on("close", onClose);
      socket.resume();
      socket.write(marker.request);
    });
    if (!isEmpty) return undefined;
    socket.off("error", ignore);
    return { ...this.#upstream, token: this.#token };
  }

  #loggedIn(token: Token): void {
    const { clock } = this.#server.reauthenticator;
    this.#token = token;
    this.#expiry?.[Symbol.dispose]();
    // It may have been answered together with the last command of the client, which has gone on by now.
    if (!this.#isOpen) return;
    // The re-authentication has used up its own margin by then.
    const atMs = token.expiresAtMs - safetyMarginMs(token) / 3;
    this.#expiry = clock.schedule(() => this.#expire(token), Math.max(0, atMs - clock.now()));
  }

  /** A client that has held the connection for so long is to hear why it loses it. */
  #expire(token: Token): void {
    // A timer is shorter than some tokens live.
    const { label, reauthenticator } = this.#server;
    if (reauthenticator.clock.now() < token.expiresAtMs - safetyMarginMs(token)) return this.#loggedIn(token);
    this.close();
    this.#user.onEnd(loginTimeoutError(label, token));
  }

  /** From here on nobody listens; an error would be one of nobody's. */
  #leave(): void {
    this.#isOpen = false;
    this.#expiry?.[Symbol.dispose]();
    const { socket } = this.#upstream;
    socket.off("data", this.#onData).off("drain", this.#onDrain).off("error", this.#onError);
    socket.off("close", this.#onClose).on("error", ignore);
    this.#session.close();
    this.#settleRoom();
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      this.#deliver(chunk);
    } catch (error) {
      this.fail(new Error("the answer is not Redis protocol", { cause: error }));
    }
  };

  #deliver(chunk: Buffer): void {
    const read = this.#read;
    for (const bytes of read === undefined ? [chunk] : read(chunk)) {
      const wait = this.#user.onBytes(bytes);
      if (wait === undefined) continue;
      this.#upstream.socket.pause();
      void wait.then(() => {
        if (this.#isOpen) this.#upstream.socket.resume();
      });
    }
  }

  readonly #onDrain = (): void => {
    this.#isFull = false;
    this.#settleRoom();
  };

  #cause: Error | undefined;

  readonly #onError = (error: Error): void => {
    this.#cause = error;
  };

  readonly #onClose = (): void => {
    if (!this.#isOpen) return;
    this.#leave();
    this.#user.onEnd(this.#cause ?? new Error("the server closed the connection"));
  };

  #settleRoom(): void {
    if (this.#isFull || this.#isHeld) return;
    for (const resolve of this.#onRoom.splice(0)) resolve();
  }

  // What the session asks of it.

  attach(user: LinkUser): void {
    this.#target = user;
  }

  send(bytes: Buffer): boolean {
    const isFlowing = this.#upstream.socket.write(bytes);
    this.#isFull ||= !isFlowing;
    return isFlowing;
  }

  flush(): void {}

  intercept(read: Read | undefined): void {
    this.#read = read;
  }

  fail(error: Error): void {
    this.#upstream.socket.destroy(error);
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#settleRoom();
  }
}

const ignore = (): void => {};
