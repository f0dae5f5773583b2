import { assertAddressInPlace } from "../adapters/node-redis/endpoint.js";
import type { NodeRedisAdapter } from "../adapters/node-redis/index.js";
import type { StreamingCredentialsProvider } from "../adapters/node-redis/structural.js";
import { type ClientAdvice, reconnectDelayMs } from "../azure/client-advice.js";
import { assertDatabase } from "../azure/connection-string.js";
import { invalidOption } from "../core/errors.js";
import type { TopologyCheck } from "../topology/topology.js";
import { askTopology } from "./ask-topology.js";
import { type Cache, findCache, type OwnAddress, ownAddress } from "./cache.js";
import type { AzureRedisSettings } from "./settings.js";
import {
  assertObject,
  type CallNames,
  type Surroundings,
  surroundings,
  topologyCheck,
} from "./surroundings.js";

/** What {@link AzureNodeRedis.client} adds to a client's options. */
export interface AzureClientOptions {
  readonly pingInterval: number;
  readonly credentialsProvider: StreamingCredentialsProvider;
}

/** What {@link AzureNodeRedis.cluster} adds to a cluster's options. */
export interface AzureClusterOptions {
  rootNodes: { socket: { host: string; port: number } }[];
}

/** The two makers of node-redis: its module has them. */
export interface NodeRedisModule {
  readonly createClient: (options: never) => unknown;
  readonly createCluster: (options: never) => unknown;
}

interface Options {
  readonly url?: string;
  readonly socket?: {
    readonly host?: string;
    readonly port?: number;
    readonly tls?: boolean;
    readonly connectTimeout?: number;
  };
  readonly database?: number;
}

interface ClusterOptions {
  readonly rootNodes?: readonly Options[];
  readonly defaults?: Options;
  readonly useReplicas?: boolean;
  readonly nodeAddressMap?: unknown;
}

const CALLS: CallNames = {
  single: "`createClient(azureRedis())`",
  cluster: "`createCluster(azureRedisCluster())`",
  either: "`azureRedisClient({ createClient, createCluster })`",
};

/** Complete options for node-redis, by what the environment and the caller say. */
export class AzureNodeRedis {
  readonly #adapter: NodeRedisAdapter;
  readonly #surroundings: Surroundings;

  constructor(adapter: NodeRedisAdapter, own: Partial<Surroundings> = {}) {
    this.#adapter = adapter;
    this.#surroundings = surroundings(own);
  }

  client(input: string | object = {}, settings: AzureRedisSettings = {}): object {
    const options = optionsOf(input);
    const cache = findCache(settings, addressIn(options), this.#surroundings.env);
    return this.#client(options, cache, topologyCheck("single", CALLS, settings));
  }

  cluster(input: string | object = {}, settings: AzureRedisSettings = {}): object {
    const { address, options } = clusterOptionsOf(input);
    assertOneMap(options, settings);
    const cache = findCache(settings, address, this.#surroundings.env);
    return this.#cluster(options, cache, topologyCheck("cluster", CALLS, settings));
  }

  /** Asks the cache which of the two it wants, and makes that. */
  async either(
    redis: NodeRedisModule,
    input: string | object = {},
    settings: AzureRedisSettings = {},
  ): Promise<unknown> {
    assertModule(redis);
    const options = optionsOf(input);
    const cache = findCache(settings, addressIn(options), this.#surroundings.env);
    // Before anything is asked: what is wrong with the options may be that they lead to a server that is not verified.
    const single = this.#client(options, cache, undefined);
    const { connectTimeout, ...tls } = options.socket ?? {};
    const { clock, random } = this.#surroundings;
    const isEncrypted = (single as { readonly socket: { readonly tls?: unknown } }).socket.tls === true;
    const asking = {
      tls: isEncrypted ? tls : undefined,
      connectTimeoutMs: connectTimeout,
      clock,
      random,
    };
    const topology = await askTopology(cache, asking);
    if (topology === "single") return this.#adapter.attach(redis.createClient(single as never));
    return this.#adapter.attach(
      redis.createCluster(this.#cluster(forCluster(withoutAddress(options)), cache, undefined) as never),
    );
  }

  #client(options: Options, cache: Cache, topology: TopologyCheck | undefined): object {
    const { endpoint, identity, advice } = cache;
    const database = options.database ?? cache.database;
    assertDatabase(database, endpoint.product, "database");
    const { host, port, isEncrypted } = endpoint;
    const { socket, ...rest } = withoutAddress(options);
    return this.#adapter.client(
      {
        pingInterval: advice.pingIntervalMs,
        ...(database === undefined ? {} : { database }),
        ...rest,
        socket: { ...this.#socketAdvice(advice), ...socket, tls: socket?.tls ?? isEncrypted, host, port },
      },
      { identity },
      { topology },
    );
  }

  #cluster(options: ClusterOptions, cache: Cache, topology: TopologyCheck | undefined): object {
    const { endpoint, identity, advice, addressMap } = cache;
    const { defaults = {}, rootNodes: _, ...rest } = options;
    assertDatabase(defaults.database, endpoint.product, "defaults.database");
    assertNoReplicas(options, endpoint.product);
    const { host, port, isEncrypted } = endpoint;
    const { socket, ...defaultRest } = withoutAddress(defaults);
    const hasOwnMap = rest.nodeAddressMap !== undefined;
    return this.#adapter.cluster(
      {
        // node-redis 6: who has taken the place of a node that is gone? Its own default is 5 s.
        topologyRefreshOnReconnectionAttemptStrategy: advice.topologyRefreshMs,
        ...rest,
        rootNodes: [{ socket: { host, port, tls: isEncrypted } }],
        defaults: {
          pingInterval: advice.pingIntervalMs,
          ...defaultRest,
          socket: { ...this.#socketAdvice(advice), ...socket, tls: socket?.tls ?? isEncrypted },
        },
      },
      { identity, ...(hasOwnMap || addressMap === undefined ? {} : { addressMap }) },
      { topology },
    );
  }

  #socketAdvice({ connectTimeoutMs, keepAliveDelayMs }: ClientAdvice): object {
    return {
      connectTimeout: connectTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveDelayMs,
      reconnectStrategy: (retries: number) => reconnectDelayMs(retries + 1, this.#surroundings.random),
    };
  }
}

/** What node-redis has for a whole cluster, and ignores among the options of its nodes. */
const CLUSTER_WIDE: ReadonlySet<string> = new Set([
  "RESP",
  "modules",
  "functions",
  "scripts",
  "commandOptions",
  "keyPrefix",
  "clientSideCache",
]);

/** Options for one server, as options for a cluster whose nodes have them. */
function forCluster(options: Options): ClusterOptions {
  const entries = Object.entries(options);
  return {
    ...Object.fromEntries(entries.filter(([name]) => CLUSTER_WIDE.has(name))),
    defaults: Object.fromEntries(entries.filter(([name]) => !CLUSTER_WIDE.has(name))),
  };
}

function optionsOf(input: string | object): Options {
  if (typeof input === "string") return { url: input };
  assertObject(input, "options");
  return input;
}

function clusterOptionsOf(input: string | object): {
  readonly address: OwnAddress | undefined;
  readonly options: ClusterOptions;
} {
  if (typeof input === "string") return { address: { option: "options", text: input }, options: {} };
  assertObject(input, "options");
  const options: ClusterOptions = input;
  if (options.defaults !== undefined) assertObject(options.defaults, "defaults");
  const [root, ...others] = options.rootNodes ?? [];
  if (others.length > 0) {
    throw invalidOption("rootNodes", "one node here, the cache's endpoint: it knows all others");
  }
  return { address: root && addressIn(root, "rootNodes[0]."), options };
}

/** The address that a client's options hold: `url`, else the host of the socket. */
function addressIn(options: Options, prefix = ""): OwnAddress | undefined {
  assertAddressInPlace(options, prefix);
  const { url, socket } = options;
  if (url !== undefined) return { option: `${prefix}url`, text: url };
  if (socket !== undefined) assertObject(socket, `${prefix}socket`);
  if (socket?.host === undefined) return undefined;
  return ownAddress(`${prefix}socket.host`, socket.host, socket.port);
}

function withoutAddress(options: Options): Options {
  const { url: _, ...rest } = options;
  if (rest.socket === undefined) return rest;
  const { host: _host, port: _port, ...socket } = rest.socket;
  return { ...rest, socket };
}

function assertOneMap({ nodeAddressMap }: ClusterOptions, { addressMap }: AzureRedisSettings): void {
  if (nodeAddressMap === undefined || addressMap === undefined) return;
  throw invalidOption("nodeAddressMap", "nothing where the setting `addressMap` is given: keep one of them");
}

/** @see https://redis.io/docs/latest/operate/rs/references/compatibility/commands/cluster — no READONLY */
function assertNoReplicas({ useReplicas }: ClusterOptions, product: string): void {
  if (useReplicas !== true || product !== "managedRedis") return;
  throw invalidOption(
    "useReplicas",
    "nothing here: Azure Managed Redis has no READONLY, so replicas serve nobody",
    true,
  );
}

function assertModule(redis: Partial<NodeRedisModule> | undefined): void {
  if (typeof redis?.createClient === "function" && typeof redis.createCluster === "function") return;
  throw invalidOption(
    "redis",
    'both makers of node-redis: `import { createClient, createCluster } from "redis"`',
  );
}
