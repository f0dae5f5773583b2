import { setMaxListeners } from "node:events";
import { type Clock, systemClock } from "../../core/clock.js";
import { PasswordlessError } from "../../core/errors.js";
import { unreachableError } from "../../reauth/unreachable.js";
import type { UpstreamConnection } from "../upstream.js";
import { type ChannelUser, PinnedChannel, type Server } from "./pinned-channel.js";
import { SharedConnection } from "./shared-connection.js";

export interface PoolOptions {
  readonly server: Server;
  /** Connections that are shared, for each of the two protocols that clients may speak. */
  readonly size: number;
  /** Connections for single clients that are kept ready. @default 4 */
  readonly spares?: number;
  /** How long all wait for one who does not read, in milliseconds. @default that of a shared connection */
  readonly patienceMs?: number;
  /**
   * A connection that has been silent for this long, in milliseconds, gets a PING.
   * @default 150_000 — Azure closes connections that have been silent for 10 minutes, and load balancers sooner
   */
  readonly pingIntervalMs?: number;
  readonly clock?: Clock;
  /** Told of every connection that has been opened, and of every failure to do so. */
  readonly onConnected?: (connection: UpstreamConnection) => void;
  readonly onFailed?: (error: PasswordlessError) => void;
  readonly onDisconnected?: () => void;
}

type Protocol = 2 | 3;

/** Who comes this soon after a failure, in milliseconds, gets the same error: servers are not asked in a loop. */
const FAILURE_LASTS_MS = 250;

/** The connections to one server that its clients share, and those that single clients have to themselves. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #clock: Clock;
  readonly #shared: Readonly<Record<Protocol, Set<SharedConnection>>> = { 2: new Set(), 3: new Set() };
  readonly #spare: Readonly<Record<Protocol, Set<SharedConnection>>> = { 2: new Set(), 3: new Set() };
  readonly #opening: Record<Protocol, Promise<SharedConnection> | undefined> = { 2: undefined, 3: undefined };
  readonly #channels = new Set<PinnedChannel>();
  readonly #abort = abortOfMany();
  #failure: { readonly atMs: number; readonly error: PasswordlessError } | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get label(): string {
    return this.#options.server.label;
  }

  /** Connections that are open, those of single clients and those that are kept ready included. */
  get size(): number {
    const sets = [...Object.values(this.#shared), ...Object.values(this.#spare), this.#channels];
    return sets.reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * The connection on which a client's next commands may go that waits for no reply: the one with the fewest replies
   * under way. `undefined` when none is open; more are opened while those there are busy.
   */
  pick(protocol: Protocol): SharedConnection | undefined {
    let best: SharedConnection | undefined;
    for (const one of this.#shared[protocol]) {
      if (best === undefined || rank(one) < rank(best)) best = one;
    }
    const isBusy = best !== undefined && (best.outstanding > 0 || best.isHeld);
    if (isBusy && this.#shared[protocol].size < this.#options.size) {
      this.#open(protocol).catch(() => {});
    }
    return best;
  }

  /** Whether a connection is still one to send further commands on. */
  isUsable(connection: SharedConnection): boolean {
    return this.#shared[connection.protocol].has(connection);
  }

  /**
   * As {@link pick}, but opens a connection where none is.
   *
   * @throws {PasswordlessError} why none can be opened
   */
  async get(protocol: Protocol): Promise<SharedConnection> {
    return this.pick(protocol) ?? (await this.#open(protocol));
  }

  /**
   * Gives one client a connection of its own.
   *
   * @param preferred a shared one that is to be it: it is taken from the others as soon as they have their replies
   * @throws {PasswordlessError} why none can be opened
   */
  async pin(
    protocol: Protocol,
    user: ChannelUser,
    more: {
      readonly preferred?: SharedConnection | undefined;
      readonly options?: ConstructorParameters<typeof PinnedChannel>[4];
    } = {},
  ): Promise<PinnedChannel> {
    const upstream = this.#wanted((await this.#takeOver(more.preferred)) ?? (await this.#take(protocol)));
    const channel = new PinnedChannel(
      this.#options.server,
      upstream,
      protocol,
      {
        onBytes: (bytes) => user.onBytes(bytes),
        onEnd: (error) => {
          this.#channels.delete(channel);
          this.#options.onDisconnected?.();
          user.onEnd(error);
        },
      },
      more.options,
    );
    this.#channels.add(channel);
    return channel;
  }

  /** A client needs its connection no longer, and has left nothing behind on it. */
  async giveBack(channel: PinnedChannel): Promise<void> {
    if (!this.#channels.delete(channel)) return;
    const { protocol } = channel;
    const upstream = await channel.recycle();
    const isWanted = this.#spare[protocol].size < (this.#options.spares ?? 4) && !this.#isClosed;
    if (upstream !== undefined && isWanted) this.#add(upstream, protocol, this.#spare[protocol]);
    else {
      upstream?.socket.destroy();
      this.#options.onDisconnected?.();
    }
  }

  /** A client's connection is of no use to others. */
  discard(channel: PinnedChannel): void {
    if (!this.#channels.delete(channel)) return;
    channel.close();
    this.#options.onDisconnected?.();
  }

  /** Ends all connections. */
  close(): void {
    this.#abort.abort(new Error("the proxy is closing"));
    for (const sets of [this.#shared, this.#spare]) {
      for (const set of Object.values(sets)) for (const connection of set) connection.close();
    }
    for (const channel of this.#channels) channel.close();
    this.#channels.clear();
  }

  get #isClosed(): boolean {
    return this.#abort.signal.aborted;
  }

  async #takeOver(connection: SharedConnection | undefined): Promise<UpstreamConnection | undefined> {
    if (connection === undefined || !this.#shared[connection.protocol].delete(connection)) return undefined;
    let upstream: UpstreamConnection | undefined;
    while (upstream === undefined && connection.isOpen) {
      await connection.whenQuiet();
      upstream = connection.release();
      // A login of ours is under way.
      if (upstream === undefined) await new Promise(setImmediate);
    }
    return upstream;
  }

  async #take(protocol: Protocol): Promise<UpstreamConnection> {
    for (const spare of this.#spare[protocol]) {
      // One that is logging in just now stays where it is.
      if (spare.outstanding > 0) continue;
      this.#spare[protocol].delete(spare);
      const upstream = spare.release();
      if (upstream !== undefined) return upstream;
      spare.close();
      this.#options.onDisconnected?.();
    }
    return this.#connect(protocol);
  }

  #open(protocol: Protocol): Promise<SharedConnection> {
    return (this.#opening[protocol] ??= this.#connect(protocol)
      .then((upstream) => this.#add(upstream, protocol, this.#shared[protocol]))
      .finally(() => {
        this.#opening[protocol] = undefined;
      }));
  }

  async #connect(protocol: Protocol): Promise<UpstreamConnection> {
    const { server, onConnected, onFailed } = this.#options;
    const failure = this.#failure;
    if (failure !== undefined && this.#clock.now() - failure.atMs < FAILURE_LASTS_MS) throw failure.error;
    try {
      const upstream = await server.connect(this.#abort.signal);
      onConnected?.(upstream);
      return this.#wanted(protocol === 3 ? await this.#negotiate(upstream) : upstream);
    } catch (caught) {
      const error = PasswordlessError.is(caught)
        ? caught
        : unreachableError(
            this.label,
            `The connection to Redis at ${this.label} could not be opened`,
            caught,
          );
      this.#failure = { atMs: this.#clock.now(), error };
      // The end of the proxy says nothing of the server.
      if (!this.#isClosed) onFailed?.(error);
      throw error;
    }
  }

  /** Nobody would close what is ready only after everything has been closed. @throws why it is closed */
  #wanted(upstream: UpstreamConnection): UpstreamConnection {
    if (!this.#isClosed) return upstream;
    upstream.socket.destroy();
    this.#options.onDisconnected?.();
    throw this.#abort.signal.reason;
  }

  /** Clients of RESP3 have connections of RESP3, so that replies need no translation. */
  async #negotiate(upstream: UpstreamConnection): Promise<UpstreamConnection> {
    const connection = new SharedConnection(upstream, { label: this.label, protocol: 3 });
    const reply = await connection.ask("HELLO", "3");
    const released = connection.release();
    if (reply === undefined || reply[0] === 45 || released === undefined) {
      connection.close();
      this.#options.onDisconnected?.();
      throw new Error(`HELLO 3 was refused: ${reply?.toString("latin1", 0, 100).trim() ?? "no answer"}`);
    }
    return released;
  }

  #add(upstream: UpstreamConnection, protocol: Protocol, set: Set<SharedConnection>): SharedConnection {
    const { server, patienceMs, pingIntervalMs = 150_000, clock } = this.#options;
    const connection = new SharedConnection(upstream, {
      label: server.label,
      protocol,
      pingIntervalMs,
      ...(patienceMs === undefined ? {} : { patienceMs }),
      ...(clock === undefined ? {} : { clock }),
    });
    set.add(connection);
    connection.onceClosed(() => {
      const isOurs = this.#shared[protocol].delete(connection) || this.#spare[protocol].delete(connection);
      if (isOurs) this.#options.onDisconnected?.();
    });
    server.keep(connection, upstream.token);
    return connection;
  }
}

/** One on which all wait for somebody comes last. */
function rank(connection: SharedConnection): number {
  return connection.outstanding + (connection.isHeld ? 1e6 : 0);
}

/** Everything that is being opened listens to its signal; Node.js warns of a leak from the eleventh listener on. */
function abortOfMany(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
