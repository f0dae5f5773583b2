import { once } from "node:events";
import { connect } from "node:net";
import { encodeCommand, ReplyScanner } from "resp-framing";
import type { Token } from "../../../src/core/token.js";
import { logIn } from "../../../src/inband/login.js";
import { SharedReads } from "../../../src/proxy/io/shared-reads.js";
import type { Loss, Recipient } from "../../../src/proxy/shared/recipient.js";
import {
  SharedConnection,
  type SharedConnectionOptions,
} from "../../../src/proxy/shared/shared-connection.js";
import type { UpstreamConnection } from "../../../src/proxy/upstream.js";
import { EVERYTHING, tokenFor } from "../../inband/support.js";
import { RedisProcess, randomPassword, type TestContext } from "../../support/redis-processes.js";

/** A server with one user who logs in by token, and connections of that user. */
export class Bench {
  readonly server: RedisProcess;
  readonly good: Token;
  readonly bad: Token;
  readonly #open: { close(): void }[] = [];

  private constructor(server: RedisProcess, good: Token) {
    this.server = server;
    this.good = good;
    this.bad = tokenFor(good.username, randomPassword());
  }

  static async start(test: TestContext, permissions: readonly string[] = EVERYTHING): Promise<Bench> {
    const server = await RedisProcess.start(test, { password: randomPassword() });
    const password = randomPassword();
    await server.command("ACL", "SETUSER", "somebody", "on", `>${password}`, ...permissions);
    const bench = new Bench(server, tokenFor("somebody", password));
    test.onTestFinished(async () => {
      for (const one of bench.#open) one.close();
    });
    return bench;
  }

  get label(): string {
    return `127.0.0.1:${this.server.port}`;
  }

  async dial(): Promise<UpstreamConnection> {
    const socket = connect({ host: "127.0.0.1", port: this.server.port, noDelay: true });
    await once(socket, "connect");
    this.#open.push({ close: () => void socket.destroy() });
    const { markers } = await logIn(socket, this.label, this.good, AbortSignal.timeout(10_000));
    return { socket, reads: new SharedReads(), token: this.good, markers, tookMs: 1 };
  }

  async share(
    options: Partial<SharedConnectionOptions> = {},
    change: Partial<UpstreamConnection> = {},
  ): Promise<SharedConnection> {
    const connection = new SharedConnection(
      { ...(await this.dial()), ...change },
      { label: this.label, ...options },
    );
    if (options.protocol === 3) await connection.ask("HELLO", "3");
    return connection;
  }
}

/** A client of a shared connection that keeps everything it gets. */
export class Reader implements Recipient {
  readonly frames: string[] = [];
  readonly losses: Loss[] = [];
  isGivenUp = false;
  /** Set to keep nothing more for the time being. */
  room: Promise<void> | undefined;
  received = 0;
  #ended = 0;
  readonly #scanner = new ReplyScanner();
  #partial: Buffer[] = [];
  #heard: (() => void) | undefined;
  readonly #connection: SharedConnection;

  constructor(connection: SharedConnection) {
    this.#connection = connection;
  }

  /** Sends commands in one piece, each of them words separated by blanks. */
  send(...lines: readonly string[]): void {
    const bytes = lines.map((line) => encodeCommand(line.split(" ")));
    this.#connection.send(Buffer.concat(bytes), this, lines.length);
  }

  receive(bytes: Buffer, ended: number): Promise<void> | undefined {
    this.received += bytes.length;
    this.#ended += ended;
    for (let at = 0; at < bytes.length; ) {
      const end = this.#scanner.scanFrame(bytes, at);
      this.#partial.push(bytes.subarray(at, end));
      at = end;
      if (!this.#scanner.atBoundary) continue;
      this.frames.push(Buffer.concat(this.#partial).toString("latin1"));
      this.#partial = [];
    }
    if (this.frames.length !== this.#ended)
      throw new Error("a reply ended somewhere else than it was said to");
    this.#heard?.();
    return this.room;
  }

  lost(loss: Loss): void {
    this.losses.push(loss);
    this.#heard?.();
  }

  giveUp(): void {
    this.isGivenUp = true;
    this.#heard?.();
  }

  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  async read(count: number): Promise<readonly string[]> {
    await this.until(() => this.frames.length >= count);
    return this.frames;
  }
}
