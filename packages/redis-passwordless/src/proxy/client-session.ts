import type { Socket } from "node:net";
import { PasswordlessError } from "../core/errors.js";
import { InbandSession } from "../inband/session.js";
import { unableError } from "../reauth/connection.js";
import { ClientDesk } from "./client-desk.js";
import { passGate } from "./client-gate.js";
import { ClientLink } from "./client-link.js";
import type { ClientEnd } from "./events.js";
import type { Client } from "./io/shared-reads.js";
import { refuse } from "./refuse.js";
import { respError } from "./resp-error.js";
import type { InstanceCounters } from "./status.js";
import type { Upstream, UpstreamConnection } from "./upstream.js";

export interface ClientSessionOptions {
  readonly client: Client;
  readonly upstream: Upstream;
  readonly clientPassword: string | undefined;
  readonly counters: InstanceCounters;
  readonly onConnected: (connection: UpstreamConnection) => void;
  readonly onFailed: (error: PasswordlessError) => void;
}

/** One client and its own connection to the server. */
export class ClientSession {
  readonly #options: ClientSessionOptions;
  readonly #abort = new AbortController();
  #server: Socket | undefined;
  #reason: ClientEnd | undefined;
  /** Resolves when both connections have ended. */
  readonly ended: Promise<ClientEnd>;

  constructor(options: ClientSessionOptions) {
    this.#options = options;
    const { socket: client } = options.client;
    client.on("error", () => {
      this.#reason ??= "client";
    });
    this.ended = new Promise((resolve) => {
      client.once("close", () => {
        this.#reason ??= "client";
        this.#abort.abort(new Error("the client has gone away"));
        this.#server?.destroySoon();
        resolve(this.#reason);
      });
    });
    void this.#run();
  }

  /** Whether the client has a connection to the server. */
  get isConnected(): boolean {
    return this.#server !== undefined;
  }

  /** Ends both connections at once. */
  destroy(reason: ClientEnd): void {
    this.#reason ??= reason;
    this.#abort.abort(new Error("the proxy is closing"));
    this.#server?.destroy();
    this.#options.client.socket.destroy();
  }

  /** Ends the connection with an error that the client gets to read. */
  refuse(reason: ClientEnd, error: unknown): void {
    this.#reason ??= reason;
    this.#server?.destroy();
    refuse(this.#options.client.socket, respError(error));
  }

  async #run(): Promise<void> {
    const { upstream, clientPassword, onConnected, onFailed } = this.#options;
    const { signal } = this.#abort;
    const desk = new ClientDesk(clientPassword);
    const early = await passGate(this.#options.client.socket, desk, signal);
    if (early === undefined) {
      this.#reason ??= "refused";
      return;
    }
    let connection: UpstreamConnection;
    try {
      connection = await upstream.connect(signal);
    } catch (error) {
      if (signal.aborted) return;
      const failure = PasswordlessError.is(error) ? error : unexpected(error);
      onFailed(failure);
      this.refuse("unreachable", failure);
      return;
    }
    if (signal.aborted) {
      connection.socket.on("error", () => {}).destroy();
      return;
    }
    onConnected(connection);
    this.#join(connection, desk, early);
  }

  #join(connection: UpstreamConnection, desk: ClientDesk, early: Buffer): void {
    const { socket: server, token, markers } = connection;
    const { upstream, counters } = this.#options;
    const { socket: client } = this.#options.client;
    this.#server = server;
    const link = new ClientLink(this.#options.client, connection, counters);
    const session: InbandSession = new InbandSession(link, {
      label: upstream.label,
      markers,
      token,
      desk,
      schedule: upstream.reauthenticator,
      onDropped: () => this.refuse("expiry", unableError(upstream.label, token)),
    });
    // Either side may end its half first, as `redis-cli` with piped input does.
    client.on("end", () => {
      this.#reason ??= "client";
      server.end();
    });
    server.on("end", () => {
      this.#reason ??= "server";
      client.end();
    });
    server.on("error", () => {
      this.#reason ??= "server";
    });
    server.once("close", () => {
      this.#reason ??= "server";
      link.flushGathered();
      session.close();
      counters.openUpstreams -= 1;
      client.destroySoon();
    });
    upstream.keep(session, token);
    if (early.length > 0) link.replay(early);
    link.start();
  }
}

function unexpected(cause: unknown): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_CONNECTION_FAILED", {
    message: `The connection to Redis could not be opened: ${cause instanceof Error ? cause.message : String(cause)}.`,
    remedy: "Run `redis-passwordless doctor` with the same settings: it finds the step that fails.",
    retryable: true,
    cause,
  });
}
