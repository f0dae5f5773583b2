import type { Socket } from "node:net";
import { systemClock } from "../core/clock.js";
import { PasswordlessError } from "../core/errors.js";
import type { Events } from "../core/events.js";
import type { MappedAddress } from "../topology/address-map.js";
import { ClientDesk } from "./client-desk.js";
import { ClientSession } from "./client-session.js";
import { Clients } from "./clients.js";
import { ClusterView } from "./cluster/cluster-view.js";
import type { Door } from "./cluster/node-doors.js";
import { besideServer, nodeHosts, nodeServer } from "./cluster/node-server.js";
import { openDoor } from "./cluster/open-door.js";
import type { ProxyEvents } from "./events.js";
import { HTTP_ANSWER, isHttpRequest } from "./http-request.js";
import { Farewells } from "./io/farewells.js";
import { type Client, withSharedReads } from "./io/shared-reads.js";
import { type ListenAddress, Listener, type Reception } from "./listener.js";
import type { InstanceOptions } from "./options.js";
import { refuse } from "./refuse.js";
import { respError } from "./resp-error.js";
import { Cluster } from "./router/cluster.js";
import { RouterClient } from "./router/router-client.js";
import { type ServedClient, WaitingClient } from "./served-client.js";
import { ServerConnections } from "./server-connections.js";
import type { PoolOptions } from "./shared/pool.js";
import { PooledCache } from "./shared/pooled-cache.js";
import { PooledClient } from "./shared/pooled-client.js";
import type { InstanceCounters, InstanceStatus } from "./status.js";
import { type ServerAddress, Upstream, type UpstreamConnection } from "./upstream.js";

const CONNECT_TIMEOUT_MS = 10_000;
/** Connections to each node that clients share where a cluster is offered as one server. */
const SHARED_BY_NODE = 2;

/** A server of the cache, and the connections to it. */
interface Place {
  readonly upstream: Upstream;
  readonly connections: ServerConnections;
}

/** One cache, its listeners and its clients. */
export class Instance {
  readonly name: string;
  readonly options: InstanceOptions;
  readonly #events: Events<ProxyEvents>;
  /** Absent where clients get to see one server. */
  readonly #cluster: ClusterView | undefined;
  readonly #endpoint: Place;
  /** The nodes of a cluster. */
  readonly #nodes = new Map<string, Place>();
  readonly #listeners: Listener[] = [];
  /** Set where clients share connections. */
  readonly #pooled: PooledCache | undefined;
  /** Set where a cluster is offered as one server. */
  readonly #router: Cluster | undefined;
  readonly #clients: Clients;
  readonly #farewells = new Farewells(systemClock);
  readonly #counters: InstanceCounters;
  #lastConnectedAtMs: number | undefined;
  #lastFailure: InstanceStatus["lastFailure"];

  /** @param before the one that it takes over from: its clients stay, and count for this one from now on */
  constructor(options: InstanceOptions, events: Events<ProxyEvents>, before?: Instance) {
    this.name = options.name;
    this.options = options;
    this.#events = events;
    this.#counters = before === undefined ? noneYet() : before.#counters;
    this.#lastConnectedAtMs = before === undefined ? undefined : before.#lastConnectedAtMs;
    const { server, addressMap = besideServer(options.server), nodePorts, pool, isSingleEndpoint } = options;
    const isShared = isSingleEndpoint === true || pool !== undefined;
    if (!isShared) {
      this.#cluster = new ClusterView({
        clock: systemClock,
        addressMap,
        ports: nodePorts,
        open: (node, port) => this.#openNode(node, port),
      });
    }
    this.#endpoint = this.#place(server);
    const { upstream } = this.#endpoint;
    this.#clients = new Clients(upstream.reauthenticator.clock);
    if (isSingleEndpoint === true) {
      this.#router = new Cluster({
        endpoint: server,
        pool: { size: pool ?? SHARED_BY_NODE, ...this.#shared(upstream) },
        server: (announced) => this.#node(addressMap(announced) ?? announced).upstream,
      });
    } else if (pool !== undefined) {
      this.#pooled = new PooledCache({ server: upstream, size: pool, ...this.#shared(upstream) });
    }
  }

  /** What is told of connections that clients share. */
  #shared(upstream: Upstream): Pick<PoolOptions, "onConnected" | "onDisconnected" | "onFailed"> {
    return {
      onConnected: (connection) => this.#connected(connection, upstream),
      onDisconnected: () => this.#disconnected(),
      onFailed: (error) => this.#failed(error, upstream),
    };
  }

  #place(address: ServerAddress): Place {
    const { identity, secureContext, connectTimeoutMs = CONNECT_TIMEOUT_MS } = this.options;
    const upstream = new Upstream({ address, identity, secureContext, connectTimeoutMs });
    const from = { instance: this.name, server: upstream.label };
    const connections = new ServerConnections({
      upstream,
      counters: this.#counters,
      farewells: this.#farewells,
      onConnected: (connection) => this.#connected(connection, upstream),
      member: this.#cluster && { view: this.#cluster, origin: address },
    });
    const { reauthenticator } = upstream;
    reauthenticator.on("reauthenticated", ({ token }) => {
      this.#counters.reauthentications += 1;
      this.#events.emit("reauthenticated", { ...from, token });
    });
    reauthenticator.on("reauthenticationFailing", ({ connection: _, ...failure }) => {
      this.#counters.reauthenticationFailures += 1;
      this.#events.emit("reauthenticationFailing", { ...from, ...failure });
    });
    return { upstream, connections };
  }

  /** Offers a node of the cluster at a local port. */
  async #openNode(node: MappedAddress, port: number): Promise<Door> {
    const hosts = nodeHosts(this.#listeners, this.options.nodePorts);
    const place = this.#node(node);
    return openDoor(hosts, port, this.#reception(place));
  }

  #node(node: MappedAddress): Place {
    const address = nodeServer(this.options.server, node);
    const key = JSON.stringify(address);
    const place = this.#nodes.get(key) ?? this.#place(address);
    this.#nodes.set(key, place);
    return place;
  }

  /** Closes the ports of its nodes, and has another instance open them again. */
  async leaveNodesTo(heir: Instance | undefined): Promise<void> {
    const doors = this.#cluster?.doors ?? [];
    await this.#cluster?.close();
    if (heir !== undefined) await heir.#cluster?.reopen(doors);
  }

  /** Every server of the cache. */
  get #places(): readonly Place[] {
    return [this.#endpoint, ...this.#nodes.values()];
  }

  /**
   * Listens, but for the addresses that {@link adopt} will bring.
   *
   * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` when nobody can listen there
   */
  async listen(others: readonly Instance[] = []): Promise<void> {
    for (const address of this.options.listen) {
      const isThere = others.some((from) => from.listeners.some((one) => this.#wants(one, from, [address])));
      if (!isThere) this.#listeners.push(await Listener.open(address, this.#reception()));
    }
  }

  /** Takes over from another instance what is one of this one's addresses; no client is refused meanwhile. */
  adopt(from: Instance): void {
    for (const listener of from.listeners) {
      if (!this.#wants(listener, from, this.options.listen)) continue;
      from.#listeners.splice(from.#listeners.indexOf(listener), 1);
      listener.reception = this.#reception();
      this.#listeners.push(listener);
    }
  }

  /** A free port has become the port of the one that has got it: only its successor wants it. */
  #wants({ address }: Listener, from: Instance, wanted: readonly ListenAddress[]): boolean {
    const isFree = address.kind === "tcp" && address.port === 0;
    return (!isFree || from.name === this.name) && wanted.some((one) => isSame(one, address));
  }

  get listeners(): readonly Listener[] {
    return [...this.#listeners];
  }

  /**
   * Connects once and hangs up, to find out whether clients could be served.
   *
   * @throws {PasswordlessError} what {@link Upstream.connect} throws
   */
  async test(signal: AbortSignal): Promise<void> {
    try {
      const connection = await this.#endpoint.upstream.connect(signal);
      this.#connected(connection, this.#endpoint.upstream);
      connection.socket.once("close", () => this.#disconnected()).destroy();
    } catch (error) {
      if (PasswordlessError.is(error)) this.#failed(error);
      throw error;
    }
  }

  /** Lets nobody in any more. */
  async stopListening(): Promise<void> {
    await Promise.all([...this.#listeners.map((listener) => listener.close()), this.#cluster?.close()]);
  }

  /** Resolves when the last client has gone. */
  async empty(): Promise<void> {
    while (this.#clients.size > 0) await Promise.all([...this.#clients].map((client) => client.ended));
  }

  /** Ends the connections of clients that wait for nothing: of connection pools, which would keep them for ever. */
  dismissIdle(): void {
    for (const client of this.#clients) if (client.isIdle) client.dismiss();
  }

  /** Ends every connection. */
  destroy(): void {
    for (const client of this.#clients) client.destroy("closing");
    this.#farewells.closeAll();
    void this.#cluster?.close();
    this.#router?.close();
    this.#pooled?.pool.close();
    for (const { connections, upstream } of this.#places) {
      connections.close();
      upstream.close();
    }
  }

  status(): InstanceStatus {
    return {
      name: this.name,
      endpoint: this.#endpoint.upstream.label,
      listening: this.#listeners.map((listener) => listener.label),
      nodes: this.#cluster?.doors.map(({ node, port }) => ({ endpoint: labelOf(node), port })),
      identity: this.options.identity.description,
      counters: { ...this.#counters },
      maxClients: this.options.maxClients,
      idleClients: [...this.#clients].filter(({ isIdle }) => isIdle).length,
      spareUpstreams: sum(this.#places, ({ connections }) => connections.spare),
      lastConnectedAtMs: this.#lastConnectedAtMs,
      lastFailure: this.#lastFailure,
    };
  }

  /** Leads clients to this server. */
  #reception(place: Place = this.#endpoint): Reception {
    return {
      onClient: (client) => this.#accept(client, place),
      onFailed: (address, error) =>
        this.#events.emit("acceptFailed", { instance: this.name, address, error }),
    };
  }

  #accept(socket: Socket, place: Place): void {
    const counters = this.#counters;
    const { maxClients = Number.POSITIVE_INFINITY } = this.options;
    if (counters.openClients >= maxClients) {
      counters.clientsOverLimit += 1;
      refuse(socket, respError(limitError(this.name, maxClients)));
      this.#events.emit("clientClosed", { instance: this.name, client: 0, reason: "limit", openMs: 0 });
      return;
    }
    counters.clients += 1;
    counters.openClients += 1;
    const client = counters.clients;
    const startedMs = performance.now();
    this.#events.emit("clientConnected", { instance: this.name, client });
    let isHttp = false;
    const served = withSharedReads(socket, (first) => {
      isHttp = isHttpRequest(first);
      if (isHttp) refuse(socket, HTTP_ANSWER);
      return !isHttp;
    });
    const session = this.#serve(served, place, client);
    const guest = this.#clients.add(session, socket);
    void session.ended.then((how) => {
      const reason = isHttp ? "refused" : how;
      this.#clients.delete(guest);
      counters.openClients -= 1;
      const openMs = performance.now() - startedMs;
      this.#events.emit("clientClosed", { instance: this.name, client, reason, openMs });
    });
  }

  #serve(client: Client, { upstream, connections }: Place, id: number): ServedClient {
    const { clientPassword } = this.options;
    const counters = this.#counters;
    const router = this.#router;
    const pooled = this.#pooled;
    if (router !== undefined) {
      return new RouterClient({
        client,
        cluster: router,
        desk: new ClientDesk(clientPassword),
        id,
        counters,
      });
    }
    const onFailed = (error: PasswordlessError): void => this.#failed(error, upstream);
    if (pooled === undefined) {
      const { label } = upstream;
      const farewells = this.#farewells;
      return new ClientSession({ client, label, connections, farewells, clientPassword, onFailed });
    }
    const prepare = async () => {
      const pooling = await pooled.pooling;
      const desk = new ClientDesk(clientPassword);
      return () => new PooledClient({ client, pool: pooled.pool, pooling, desk, counters });
    };
    // The pool has told of what failed there.
    return new WaitingClient(client, prepare, () => {});
  }

  #connected({ tookMs }: UpstreamConnection, { label }: Upstream): void {
    this.#counters.upstreams += 1;
    this.#counters.openUpstreams += 1;
    this.#lastConnectedAtMs = this.#now();
    this.#lastFailure = undefined;
    this.#events.emit("upstreamConnected", { instance: this.name, server: label, tookMs });
  }

  #now(): number {
    return this.#endpoint.upstream.reauthenticator.clock.now();
  }

  #disconnected(): void {
    this.#counters.openUpstreams -= 1;
  }

  #failed(error: PasswordlessError, { label }: Upstream = this.#endpoint.upstream): void {
    this.#counters.upstreamFailures += 1;
    this.#lastFailure = { atMs: this.#now(), error };
    this.#events.emit("upstreamFailed", { instance: this.name, server: label, error });
  }
}

function noneYet(): InstanceCounters {
  return {
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
}

function labelOf({ host, port }: MappedAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function sum(places: readonly Place[], count: (place: Place) => number): number {
  return places.reduce((total, place) => total + count(place), 0);
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
