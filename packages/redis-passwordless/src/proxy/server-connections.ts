import type { Clock } from "../core/clock.js";
import { ServerConnection, type ServerSurroundings } from "./server-connection.js";
import type { UpstreamConnection } from "./upstream.js";

/** How often silent clients are looked for, in milliseconds. */
const SILENCE_MS = 1_000;
/** Connections that wait for a next client, and for how long, in milliseconds. */
const MOST_SPARE = 16;
const LONGEST_SPARE_MS = 30_000;
/** How long a connection that a client has left may take to be as new, in milliseconds. */
const RECYCLE_MS = 1_000;

export interface ServerConnectionsOptions extends ServerSurroundings {
  readonly onConnected: (connection: UpstreamConnection) => void;
}

/** The connections to one server: those in use, and a few that wait for a next client, verified and logged in. */
export class ServerConnections {
  readonly #options: ServerConnectionsOptions;
  readonly #all = new Set<ServerConnection>();
  /** The one that was left last is taken first. */
  readonly #spare: { readonly connection: ServerConnection; readonly sinceMs: number }[] = [];
  #watch: Disposable | undefined;
  #isClosed = false;

  constructor(options: ServerConnectionsOptions) {
    this.#options = options;
  }

  /** A connection that waits for a next client. */
  takeSpare(): ServerConnection | undefined {
    for (;;) {
      const spare = this.#spare.pop();
      if (spare === undefined || spare.connection.isOpen) return spare?.connection;
    }
  }

  /**
   * A new connection.
   *
   * @throws {PasswordlessError} what {@link Upstream.connect} throws
   * @throws the signal's reason
   */
  async open(signal: AbortSignal): Promise<ServerConnection> {
    const { upstream, counters, onConnected } = this.#options;
    const opened = await upstream.connect(signal);
    onConnected(opened);
    const connection = new ServerConnection(opened, this.#options);
    this.#all.add(connection);
    connection.onClosed = () => {
      this.#all.delete(connection);
      counters.openUpstreams -= 1;
    };
    this.#watchSilence();
    return connection;
  }

  /** Connections that wait for a next client. */
  get spare(): number {
    return this.#spare.filter(({ connection }) => connection.isOpen).length;
  }

  /** Keeps a connection that its client has left for the next one, if it can be made as new. */
  giveBack(connection: ServerConnection): void {
    const isClean = connection.release();
    if (typeof isClean === "boolean") this.#keep(connection, isClean);
    else void this.#keepWhenClean(connection, isClean);
  }

  async #keepWhenClean(connection: ServerConnection, isClean: Promise<boolean>): Promise<void> {
    const timer = this.#clock.schedule(() => connection.destroy(), RECYCLE_MS);
    this.#keep(connection, await isClean);
    timer[Symbol.dispose]();
  }

  #keep(connection: ServerConnection, isClean: boolean): void {
    const isWanted = isClean && connection.isOpen && !this.#isClosed && this.#spare.length < MOST_SPARE;
    if (isWanted) this.#spare.push({ connection, sinceMs: this.#clock.now() });
    else connection.destroy();
  }

  /** Ends those that wait; those in use end with their clients. */
  close(): void {
    this.#isClosed = true;
    for (const { connection } of this.#spare.splice(0)) connection.destroy();
    this.#watch?.[Symbol.dispose]();
  }

  /** Those that nobody has wanted for long: the longest is first. */
  #endLongSpare(): void {
    const longAgoMs = this.#clock.now() - LONGEST_SPARE_MS;
    while ((this.#spare[0]?.sinceMs ?? longAgoMs) < longAgoMs) this.#spare.shift()?.connection.destroy();
  }

  get #clock(): Clock {
    return this.#options.upstream.reauthenticator.clock;
  }

  #watchSilence(): void {
    this.#watch ??= this.#clock.schedule(() => {
      this.#watch = undefined;
      for (const connection of this.#all) connection.watchSilence();
      this.#endLongSpare();
      if (this.#all.size > 0 && !this.#isClosed) this.#watchSilence();
    }, SILENCE_MS);
  }
}
