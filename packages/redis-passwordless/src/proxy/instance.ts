import type { Socket } from "node:net";
import { PasswordlessError } from "../core/errors.js";
import type { Events } from "../core/events.js";
import { ClientSession } from "./client-session.js";
import type { ProxyEvents } from "./events.js";
import { withSharedReads } from "./io/shared-reads.js";
import { type ListenAddress, Listener } from "./listener.js";
import type { InstanceOptions } from "./options.js";
import { refuse } from "./refuse.js";
import { respError } from "./resp-error.js";
import { ServerConnections } from "./server-connections.js";
import type { InstanceCounters, InstanceStatus } from "./status.js";
import { Upstream, type UpstreamConnection } from "./upstream.js";

const CONNECT_TIMEOUT_MS = 10_000;

/** One cache, its listeners and its clients. */
export class Instance {
  readonly name: string;
  readonly options: InstanceOptions;
  readonly #events: Events<ProxyEvents>;
  readonly #upstream: Upstream;
  readonly #listeners: Listener[] = [];
  readonly #connections: ServerConnections;
  readonly #subscriptions: readonly Disposable[];
  readonly #clients = new Set<ClientSession>();
  readonly #counters: InstanceCounters = {
    openClients: 0,
    clients: 0,
    clientsOverLimit: 0,
    openUpstreams: 0,
    upstreams: 0,
    upstreamFailures: 0,
    reauthentications: 0,
    reauthenticationFailures: 0,
    bytesIn: 0,
    bytesOut: 0,
  };
  #lastConnectedAtMs: number | undefined;
  #lastFailure: InstanceStatus["lastFailure"];

  constructor(options: InstanceOptions, events: Events<ProxyEvents>) {
    this.name = options.name;
    this.options = options;
    this.#events = events;
    const { server, identity, secureContext, connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
    this.#upstream = new Upstream({ address: server, identity, secureContext, connectTimeoutMs });
    this.#connections = new ServerConnections({
      upstream: this.#upstream,
      counters: this.#counters,
      onConnected: (connection) => this.#connected(connection),
    });
    const origin = { instance: this.name, server: this.#upstream.label };
    this.#subscriptions = [
      this.#upstream.onReauthenticated((token) => {
        this.#counters.reauthentications += 1;
        events.emit("reauthenticated", { ...origin, token });
      }),
      this.#upstream.onReauthenticationFailing((failure) => {
        this.#counters.reauthenticationFailures += 1;
        events.emit("reauthenticationFailing", { ...origin, ...failure });
      }),
    ];
  }

  /**
   * Listens, but for the addresses that {@link adopt} will bring.
   *
   * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` when nobody can listen there
   */
  async listen(adoptable: readonly Listener[] = []): Promise<void> {
    for (const address of this.options.listen) {
      if (adoptable.some((listener) => isSame(listener.address, address))) continue;
      this.#listeners.push(await Listener.open(address, (client) => this.#accept(client)));
    }
  }

  /** Takes a listener over from another instance, if it is one of this one's; no client is refused meanwhile. */
  adopt(listener: Listener): boolean {
    if (!this.options.listen.some((address) => isSame(listener.address, address))) return false;
    listener.onClient = (client) => this.#accept(client);
    this.#listeners.push(listener);
    return true;
  }

  get listeners(): readonly Listener[] {
    return this.#listeners;
  }

  /** Leaves its listeners to whoever adopts them. */
  release(): Listener[] {
    return this.#listeners.splice(0);
  }

  /**
   * Connects once and hangs up, to find out whether clients could be served.
   *
   * @throws {PasswordlessError} what {@link Upstream.connect} throws
   */
  async test(signal: AbortSignal): Promise<void> {
    try {
      const connection = await this.#upstream.connect(signal);
      this.#connected(connection);
      connection.socket.once("close", () => this.#disconnected()).destroy();
    } catch (error) {
      if (PasswordlessError.is(error)) this.#failed(error);
      throw error;
    }
  }

  /** Lets nobody in any more. */
  async stopListening(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  /** Resolves when the last client has gone. */
  async empty(): Promise<void> {
    while (this.#clients.size > 0) await Promise.all([...this.#clients].map((client) => client.ended));
  }

  /** Ends every connection. */
  destroy(): void {
    for (const client of this.#clients) client.destroy("closing");
    this.#connections.close();
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
  }

  status(): InstanceStatus {
    return {
      name: this.name,
      endpoint: this.#upstream.label,
      listening: this.#listeners.map((listener) => listener.label),
      identity: this.options.identity.description,
      counters: { ...this.#counters },
      maxClients: this.options.maxClients,
      idleClients: this.#connections.idle,
      spareUpstreams: this.#connections.spare,
      lastConnectedAtMs: this.#lastConnectedAtMs,
      lastFailure: this.#lastFailure,
    };
  }

  #accept(socket: Socket): void {
    const counters = this.#counters;
    const { maxClients = Number.POSITIVE_INFINITY, clientPassword } = this.options;
    if (counters.openClients >= maxClients) {
      counters.clientsOverLimit += 1;
      refuse(socket, respError(limitError(this.name, maxClients)));
      return;
    }
    counters.clients += 1;
    counters.openClients += 1;
    const client = counters.clients;
    const startedMs = performance.now();
    this.#events.emit("clientConnected", { instance: this.name, client });
    const session = new ClientSession({
      client: withSharedReads(socket),
      label: this.#upstream.label,
      connections: this.#connections,
      clientPassword,
      onFailed: (error) => this.#failed(error),
    });
    this.#clients.add(session);
    void session.ended.then((reason) => {
      this.#clients.delete(session);
      counters.openClients -= 1;
      const openMs = performance.now() - startedMs;
      this.#events.emit("clientClosed", { instance: this.name, client, reason, openMs });
    });
  }

  #connected({ tookMs }: UpstreamConnection): void {
    this.#counters.upstreams += 1;
    this.#counters.openUpstreams += 1;
    this.#lastConnectedAtMs = Date.now();
    this.#lastFailure = undefined;
    this.#events.emit("upstreamConnected", { instance: this.name, server: this.#upstream.label, tookMs });
  }

  #disconnected(): void {
    this.#counters.openUpstreams -= 1;
  }

  #failed(error: PasswordlessError): void {
    this.#counters.upstreamFailures += 1;
    this.#lastFailure = { atMs: Date.now(), error };
    this.#events.emit("upstreamFailed", { instance: this.name, server: this.#upstream.label, error });
  }
}

function isSame(one: ListenAddress, other: ListenAddress): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function limitError(name: string, maxClients: number): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_CONNECTION_FAILED", {
    message: `The proxy has ${maxClients} clients for ${name}, and takes no more.`,
    remedy: "Close connections that nobody uses, or raise `--max-clients`.",
    retryable: true,
    details: { instance: name, maxClients },
  });
}
