import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeCommand, ReplyScanner } from "resp-framing";
import { systemClock } from "../../src/core/clock.js";
import { Token } from "../../src/core/token.js";
import { logIn } from "../../src/inband/login.js";
import { InbandSession, type LoginSchedule, type SessionOptions } from "../../src/inband/session.js";
import { SocketLink } from "../../src/inband/socket-link.js";
import { RedisProcess, randomPassword, type TestContext } from "../support/redis-processes.js";

/** Cuts a stream of replies into frames, whatever the pieces in which it arrives. */
export class Frames {
  readonly frames: string[] = [];
  readonly #scanner = new ReplyScanner();
  #partial: Buffer[] = [];

  feed(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const end = this.#scanner.scanFrame(chunk, at);
      this.#partial.push(chunk.subarray(at, end));
      at = end;
      if (!this.#scanner.atBoundary) continue;
      this.frames.push(Buffer.concat(this.#partial).toString("latin1"));
      this.#partial = [];
    }
  }

  /** Whether the stream ends inside a frame. */
  get isTorn(): boolean {
    return this.#partial.length > 0;
  }
}

/** A text that no test stores. */
const SETTLED = "settled-5c1f";
const SETTLED_REPLY = `$${SETTLED.length}\r\n${SETTLED}\r\n`;

/** A schedule on which no login is ever due: whatever blocks is sent as it is. */
export const NEVER_DUE: LoginSchedule = {
  clock: systemClock,
  blockUntilMs: () => Number.POSITIVE_INFINITY,
  loginIfDue: async () => {},
};

/** A schedule on which every command may block for this long. */
export function slicesOf(sliceMs: number, loginIfDue: () => Promise<void> = async () => {}): LoginSchedule {
  return { clock: systemClock, blockUntilMs: () => systemClock.now() + sliceMs, loginIfDue };
}

/** A token for the next hour. */
export function tokenFor(username: string, password: string): Token {
  const receivedAtMs = systemClock.now();
  return new Token(password, {
    username,
    receivedAtMs,
    expiresAtMs: receivedAtMs + 3_600_000,
    refreshAtMs: undefined,
    details: {},
  });
}

export const EVERYTHING = ["~*", "&*", "+@all"] as const;

/** A server with one user who logs in by token, and sockets of that user with a session on them. */
export class Workbench {
  readonly server: RedisProcess;
  readonly good: Token;
  readonly bad: Token;
  readonly #sockets: Socket[] = [];

  private constructor(server: RedisProcess, good: Token) {
    this.server = server;
    this.good = good;
    this.bad = tokenFor(good.username, randomPassword());
  }

  static async start(
    test: TestContext,
    options: { readonly permissions?: readonly string[]; readonly config?: readonly string[] } = {},
  ): Promise<Workbench> {
    const server = await RedisProcess.start(test, {
      password: randomPassword(),
      config: options.config ?? [],
    });
    const password = randomPassword();
    await server.command(
      "ACL",
      "SETUSER",
      "somebody",
      "on",
      `>${password}`,
      ...(options.permissions ?? EVERYTHING),
    );
    const bench = new Workbench(server, tokenFor("somebody", password));
    test.onTestFinished(async () => {
      for (const socket of bench.#sockets) socket.destroy();
    });
    return bench;
  }

  /** A logged-in connection with a session on it. */
  async open(options: Partial<SessionOptions> = {}): Promise<Wire> {
    const socket = await this.#dial();
    const label = `127.0.0.1:${this.server.port}`;
    const { markers } = await logIn(socket, label, this.good, AbortSignal.timeout(10_000));
    const session = new InbandSession(new SocketLink(socket), {
      label,
      markers,
      schedule: NEVER_DUE,
      ...options,
    });
    return new Wire(socket, session);
  }

  /** A logged-in connection without a session, to compare with. */
  async openPlain(): Promise<Wire> {
    const socket = await this.#dial();
    await logIn(socket, "plain", this.good, AbortSignal.timeout(10_000));
    return new Wire(socket, undefined);
  }

  async #dial(): Promise<Socket> {
    const socket = connect({ host: "127.0.0.1", port: this.server.port });
    this.#sockets.push(socket);
    await once(socket, "connect");
    return socket;
  }
}

/** What a client has in hand: the socket, and what it reads there. */
export class Wire {
  readonly socket: Socket;
  readonly #session: InbandSession | undefined;
  readonly errors: Error[] = [];
  /** Resolves when the connection has ended and everybody has been told. */
  readonly closed: Promise<void>;
  readonly #received = new Frames();
  #heard: (() => void) | undefined;
  #settled = 0;

  constructor(socket: Socket, session: InbandSession | undefined) {
    this.socket = socket;
    this.#session = session;
    this.closed = new Promise((resolve) => {
      socket.once("close", () => setImmediate(resolve));
    });
    socket.on("error", (error) => this.errors.push(error));
    socket.on("data", (chunk: Buffer) => {
      this.#received.feed(chunk);
      this.#heard?.();
    });
    socket.on("close", () => this.#heard?.());
    socket.resume();
  }

  get session(): InbandSession {
    if (this.#session === undefined) throw new Error("This connection has no session");
    return this.#session;
  }

  /** Every frame that the client has read, as latin1 text. */
  get frames(): readonly string[] {
    return this.#received.frames;
  }

  get isTorn(): boolean {
    return this.#received.isTorn;
  }

  /** Writes commands in one go, as words separated by blanks. */
  write(...lines: string[]): void {
    this.socket.write(Buffer.concat(lines.map((line) => encodeCommand(line.split(" ")))));
  }

  /** Resolves with everything read so far, once it is that many frames. */
  async read(count: number): Promise<readonly string[]> {
    while (this.frames.length < count) {
      if (this.socket.destroyed) throw new Error(`closed after ${this.frames.length} frames`);
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
    return this.frames;
  }

  /** Everything that the client has read once the server has answered all that was written so far. */
  async settled(): Promise<readonly string[]> {
    this.#settled += 1;
    this.write(`ECHO ${SETTLED}`);
    const answers = (): number => this.frames.filter((frame) => frame === SETTLED_REPLY).length;
    while (answers() < this.#settled) await this.read(this.frames.length + 1);
    return this.frames.filter((frame) => frame !== SETTLED_REPLY);
  }

  /** Writes one command whose arguments may hold anything. */
  command(...args: (string | Buffer)[]): void {
    this.socket.write(encodeCommand(args));
  }
}
