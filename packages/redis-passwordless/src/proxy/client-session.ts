import { PasswordlessError } from "../core/errors.js";
import type { Token } from "../core/token.js";
import { loginTimeoutError } from "../reauth/connection.js";
import { ClientDesk } from "./client-desk.js";
import { passGate } from "./client-gate.js";
import type { ClientEnd } from "./events.js";
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
  readonly clientPassword: string | undefined;
  readonly onFailed: (error: PasswordlessError) => void;
}

/** One client: let in, joined with a connection to the server, and with another one if that is lost in a quiet moment. */
export class ClientSession implements ServedClient, ServerConnectionUser {
  readonly #options: ClientSessionOptions;
  readonly #abort = new AbortController();
  readonly #desk: ClientDesk;
  #connection: ServerConnection | undefined;
  #reason: ClientEnd | undefined;
  #hasClientEnded = false;
  /** Whether it waits without a connection, because it would not notice another one. */
  #isParked = false;
  /** Resolves when the client's connection has ended. */
  readonly ended: Promise<ClientEnd>;

  constructor(options: ClientSessionOptions) {
    this.#options = options;
    this.#desk = new ClientDesk(options.clientPassword);
    const { socket } = options.client;
    socket.on("error", () => {
      this.#reason ??= "client";
    });
    this.ended = new Promise((resolve) => {
      socket.once("close", () => {
        this.#reason ??= "client";
        this.#abort.abort(new Error("the client has gone away"));
        this.#leave();
        resolve(this.#reason);
      });
    });
    socket.on("end", () => this.#clientEnded());
    void this.#run();
  }

  /** Ends both connections at once. */
  destroy(reason: ClientEnd): void {
    this.#reason ??= reason;
    this.#abort.abort(new Error("the proxy is closing"));
    this.#connection?.destroy();
    this.#options.client.socket.destroy();
  }

  get isIdle(): boolean {
    return this.#connection === undefined ? this.#isParked : this.#connection.isIdle;
  }

  /** Ends the connection of a client that is idle, so that it can be used by another one. */
  dismiss(): void {
    this.#reason ??= "closing";
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

  async #run(): Promise<void> {
    const early = await passGate(this.#options.client.socket, this.#desk, this.#abort.signal);
    if (early === undefined) this.#reason ??= "refused";
    else await this.#join(early, []);
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
      void this.#join(early, setup);
    };
    socket.resume();
  }

  async #join(early: Buffer, setup: readonly Buffer[]): Promise<void> {
    const { client, connections, label, onFailed } = this.#options;
    const { signal } = this.#abort;
    let connection: ServerConnection;
    try {
      connection = await connections.take(signal);
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
    if (signal.aborted) {
      void connections.giveBack(connection);
      return;
    }
    this.#connection = connection;
    connection.bind(client, this.#desk, this, early);
  }

  /** It may have ended its half only, as `redis-cli` with piped input does: replies are still welcome. */
  #clientEnded(): void {
    this.#hasClientEnded = true;
    this.#reason ??= "client";
    if (this.#connection === undefined) this.#options.client.socket.end();
    else void this.#endWhenAnswered(this.#connection);
  }

  async #endWhenAnswered(connection: ServerConnection): Promise<void> {
    if (await connection.settle()) this.#options.client.socket.end();
    // The server ends it, too, and a command that blocks there with it.
    else connection.end();
  }

  #leave(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) void this.#options.connections.giveBack(connection);
  }
}

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
