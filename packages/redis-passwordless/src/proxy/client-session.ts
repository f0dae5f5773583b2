import { PasswordlessError } from "../core/errors.js";
import type { Token } from "../core/token.js";
import { loginTimeoutError } from "../reauth/connection.js";
import { ClientDesk } from "./client-desk.js";
import { passGate } from "./client-gate.js";
import type { ClientEnd } from "./events.js";
import type { Farewells } from "./io/farewells.js";
import type { Client } from "./io/shared-reads.js";
import { refuse } from "./refuse.js";
import { respError } from "./resp-error.js";
import type { ServedClient } from "./served-client.js";
import type { ServerConnection, ServerConnectionUser } from "./server-connection.js";
import type { ServerConnections } from "./server-connections.js";

export interface ClientSessionOptions {
  readonly client: Client;
  /** `host:port` of the server, for messages. */
  readonly label: string;
  readonly connections: ServerConnections;
  readonly farewells: Farewells;
  readonly clientPassword: string | undefined;
  readonly onFailed: (error: PasswordlessError) => void;
}

/** One client: let in, joined with a connection to the server, and with another one if that is lost in a quiet moment. */
export class ClientSession implements ServedClient, ServerConnectionUser {
  readonly #options: ClientSessionOptions;
  readonly #desk: ClientDesk;
  #connection: ServerConnection | undefined;
  /** Set while it is not served yet. */
  #waiting: AbortController | undefined;
  #reason: ClientEnd | undefined;
  #hasClientEnded = false;
  /** Whether it waits without a connection, because it would not notice another one. */
  #isParked = false;
  readonly ended: Promise<ClientEnd>;
  #onEnded: (how: ClientEnd) => void = () => {};

  constructor(options: ClientSessionOptions) {
    this.#options = options;
    this.#desk = new ClientDesk(options.clientPassword);
    const { socket } = options.client;
    socket.on("error", () => {
      this.#reason ??= "client";
    });
    this.ended = new Promise((resolve) => {
      this.#onEnded = resolve;
    });
    socket.once("close", () => this.#gone());
    socket.on("end", () => this.#clientEnded());
    if (this.#desk.isLocked) void this.#passGate();
    else this.#join(NOTHING, []);
  }

  /** Ends both connections at once. */
  destroy(reason: ClientEnd): void {
    this.#reason ??= reason;
    this.#waiting?.abort(new Error("the proxy is closing"));
    this.#connection?.destroy();
    this.#options.client.socket.destroy();
  }

  get isIdle(): boolean {
    return this.#connection === undefined ? this.#isParked : this.#connection.isIdle;
  }

  /** Ends the connection of a client that is idle, so that it can be used by another one. */
  dismiss(): void {
    this.#reason ??= "idle";
    this.#isParked = false;
    const { socket, reads } = this.#options.client;
    // What it sends from now on is not executed, and it sees the connection end instead of an answer.
    this.#leave();
    reads.onBytes = () => {};
    refuse(socket, "");
  }

  /** Ends the connection with an error that the client gets to read. */
  refuse(reason: ClientEnd, error: unknown): void {
    this.#reason ??= reason;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.destroy();
    refuse(this.#options.client.socket, respError(error));
  }

  onServerEnd(): void {
    this.#reason ??= "server";
    this.#options.client.socket.end();
  }

  onServerClosed(wasQuiet: boolean): void {
    const lost = this.#connection;
    this.#connection = undefined;
    const { socket } = this.#options.client;
    if (lost === undefined || !wasQuiet || this.#hasClientEnded || socket.writableEnded || socket.destroyed) {
      this.#reason ??= "server";
      socket.destroySoon();
    } else this.#park(lost.setup);
  }

  onExpiring(token: Token): void {
    this.refuse("expiry", loginTimeoutError(this.#options.label, token));
  }

  async #passGate(): Promise<void> {
    this.#waiting = new AbortController();
    const early = await passGate(this.#options.client.socket, this.#desk, this.#waiting.signal);
    this.#waiting = undefined;
    if (early === undefined) this.#reason ??= "refused";
    else this.#join(early, []);
  }

  /** Nothing of the client's is lost with the connection: the next one is opened when it has something to say. */
  #park(setup: readonly Buffer[]): void {
    const { socket, reads } = this.#options.client;
    this.#isParked = true;
    reads.onBytes = (bytes) => {
      this.#isParked = false;
      const early = Buffer.from(bytes);
      reads.onBytes = undefined;
      socket.pause();
      this.#join(early, setup);
    };
    socket.resume();
  }

  #join(early: Buffer, setup: readonly Buffer[]): void {
    const spare = this.#options.connections.takeSpare();
    if (spare === undefined || setup.length > 0) void this.#joinLater(spare, early, setup);
    else this.#use(spare, early);
  }

  async #joinLater(
    spare: ServerConnection | undefined,
    early: Buffer,
    setup: readonly Buffer[],
  ): Promise<void> {
    const { connections, label, onFailed } = this.#options;
    this.#waiting = new AbortController();
    const { signal } = this.#waiting;
    let connection: ServerConnection;
    try {
      connection = spare ?? (await connections.open(signal));
      if (!(await connection.repeat(setup))) {
        connection.destroy();
        throw setupError(label);
      }
    } catch (error) {
      if (signal.aborted) return;
      const failure = PasswordlessError.is(error) ? error : unexpected(label, error);
      onFailed(failure);
      this.refuse("unreachable", failure);
      return;
    }
    this.#waiting = undefined;
    if (signal.aborted) connections.giveBack(connection);
    else this.#use(connection, early);
  }

  #use(connection: ServerConnection, early: Buffer): void {
    this.#connection = connection;
    connection.bind(this.#options.client, this.#desk, this, early);
  }

  /** It may have ended its half only, as `redis-cli` with piped input does: replies are still welcome. */
  #clientEnded(): void {
    this.#hasClientEnded = true;
    this.#reason ??= "client";
    const connection = this.#connection;
    if (connection === undefined || connection.isAnswered) this.#end();
    else void this.#endWhenAnswered(connection);
  }

  #end(): void {
    const { client, farewells } = this.#options;
    if (client.socket.writableLength > 0) {
      client.socket.end();
      return;
    }
    // Nobody has anything more to say.
    this.#gone();
    farewells.add(client.socket);
  }

  #gone(): void {
    this.#reason ??= "client";
    this.#waiting?.abort(new Error("the client has gone away"));
    this.#leave();
    this.#onEnded(this.#reason);
  }

  async #endWhenAnswered(connection: ServerConnection): Promise<void> {
    if (await connection.settle()) this.#end();
    // The server ends it, too, and a command that blocks there with it.
    else connection.end();
  }

  #leave(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) this.#options.connections.giveBack(connection);
  }
}

const NOTHING: Buffer = Buffer.alloc(0);

function setupError(label: string): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_CONNECTION_FAILED", {
    message: `The connection to Redis at ${label} was lost, and the new one refuses what the client had set up.`,
    remedy: "Connect again: nothing of what was sent before is lost.",
    retryable: true,
  });
}

function unexpected(label: string, cause: unknown): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_CONNECTION_FAILED", {
    message: `The connection to Redis at ${label} could not be opened: ${cause instanceof Error ? cause.message : String(cause)}.`,
    remedy: "Run `redis-passwordless doctor` with the same settings: it finds the step that fails.",
    retryable: true,
    cause,
  });
}
