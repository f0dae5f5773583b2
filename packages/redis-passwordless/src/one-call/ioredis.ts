import type { IoRedisAdapter } from "../adapters/ioredis/index.js";
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

type Class = abstract new (...args: never) => object;

interface Options {
  readonly host?: string;
  readonly port?: number | string;
  readonly db?: number;
  readonly tls?: object;
  readonly connectTimeout?: number;
}

interface ClusterOptions {
  readonly redisOptions?: Options;
  readonly scaleReads?: unknown;
}

/**
 * An unplanned failover takes 10 to 15 s, and ioredis gives a command up after 16 attempts, 0.1 s apart. An attempt
 * counts twice when it is sent on to a node that is gone, so this lasts for 30 s at least.
 * @see https://learn.microsoft.com/azure/redis/failover
 */
const FAILOVER = { maxRedirections: 240, retryDelayOnFailover: 250, retryDelayOnClusterDown: 250 };

const CALLS: CallNames = {
  single: "`azureRedis(Redis)`",
  cluster: "`azureRedis(Cluster)`",
  either: "`azureRedisClient({ Redis, Cluster })`",
};

/** Complete options and clients of ioredis and iovalkey, by what the environment and the caller say. */
export class AzureIoRedis {
  readonly #adapter: IoRedisAdapter;
  readonly #surroundings: Surroundings;

  constructor(adapter: IoRedisAdapter, own: Partial<Surroundings> = {}) {
    this.#adapter = adapter;
    this.#surroundings = surroundings(own);
  }

  options(input: string | object = {}, settings: AzureRedisSettings = {}): object {
    const cache = this.#find(input, settings);
    const topology = topologyCheck("single", CALLS, settings);
    return this.#adapter.options(
      this.#options(optionsOf(input), cache),
      { identity: cache.identity },
      { topology, pingIntervalMs: cache.advice.pingIntervalMs },
    );
  }

  redis(Redis: Class, input: string | object = {}, settings: AzureRedisSettings = {}): object {
    const cache = this.#find(input, settings);
    const topology = topologyCheck("single", CALLS, settings);
    return this.#redis(Redis, optionsOf(input), cache, topology);
  }

  cluster(Cluster: Class, input: string | object = {}, settings: AzureRedisSettings = {}): object {
    const options = clusterOptionsOf(input);
    const own = typeof input === "string" ? { option: "options", text: input } : undefined;
    const address = own ?? addressIn(options.redisOptions ?? {}, "redisOptions.");
    const cache = findCache(settings, address, this.#surroundings.env);
    const topology = topologyCheck("cluster", CALLS, settings);
    return this.#cluster(Cluster, options, cache, topology);
  }

  /** Asks the cache which of the two it wants, and makes that. */
  async either(
    classes: { readonly Redis: Class; readonly Cluster: Class },
    input: string | object = {},
    settings: AzureRedisSettings = {},
  ): Promise<object> {
    assertClasses(classes);
    const cache = this.#find(input, settings);
    const options = optionsOf(input);
    // Before anything is asked: what is wrong with the options may be that they lead to a server that is not verified.
    const checked = this.#adapter.options(this.#options(options, cache), { identity: cache.identity });
    const { tls, connectTimeout } = checked as Options;
    const { clock, random } = this.#surroundings;
    const asking = { tls: tls ?? undefined, connectTimeoutMs: connectTimeout, clock, random };
    const topology = await askTopology(cache, asking);
    return topology === "single"
      ? this.#redis(classes.Redis, options, cache, undefined)
      : this.#cluster(classes.Cluster, forCluster(options), cache, undefined);
  }

  #find(input: string | object, settings: AzureRedisSettings): Cache {
    const own =
      typeof input === "string" ? { option: "options", text: input } : addressIn(optionsOf(input), "");
    return findCache(settings, own, this.#surroundings.env);
  }

  #redis(Redis: Class, options: Options, cache: Cache, topology: TopologyCheck | undefined): object {
    return this.#adapter.redis(
      Redis,
      this.#options(options, cache),
      { identity: cache.identity },
      { topology, pingIntervalMs: cache.advice.pingIntervalMs },
    );
  }

  #options(options: Options, { endpoint, database, advice }: Cache): object {
    const db = options.db ?? database;
    assertDatabase(db, endpoint.product, "db");
    const { host, port } = endpoint;
    return {
      ...this.#advice(advice),
      // After a failover a server may turn out to be a replica now: the command was not carried out there.
      reconnectOnError: isReadOnly,
      ...(db === undefined ? {} : { db }),
      ...options,
      ...(endpoint.isEncrypted ? { tls: options.tls ?? {} } : {}),
      host,
      port,
    };
  }

  #cluster(
    Cluster: Class,
    options: ClusterOptions,
    cache: Cache,
    topology: TopologyCheck | undefined,
  ): object {
    const { endpoint, identity, advice, addressMap } = cache;
    assertScaleReads(options, endpoint.product);
    const { host, port, isEncrypted } = endpoint;
    const { host: _host, port: _port, db, ...redisOptions } = options.redisOptions ?? {};
    assertDatabase(db, endpoint.product, "redisOptions.db");
    // A server that is no cluster does not become one.
    const retryDelay = (times: number): number | null =>
      topology?.mismatch === undefined ? reconnectDelayMs(times, this.#surroundings.random) : null;
    return this.#adapter.cluster(
      Cluster,
      [{ host, port, ...(isEncrypted ? { tls: redisOptions.tls ?? {} } : {}) }],
      {
        clusterRetryStrategy: retryDelay,
        // A connection of its own, with TLS and a login, asks for the slots: ioredis gives it 1 s.
        slotsRefreshTimeout: advice.connectTimeoutMs,
        ...FAILOVER,
        ...options,
        redisOptions: {
          ...this.#connectionAdvice(advice),
          ...redisOptions,
          ...(isEncrypted ? { tls: redisOptions.tls ?? {} } : {}),
        },
      },
      { identity, ...(addressMap === undefined ? {} : { addressMap }) },
      { topology, pingIntervalMs: advice.pingIntervalMs },
    );
  }

  #advice(advice: ClientAdvice): object {
    return {
      ...this.#connectionAdvice(advice),
      retryStrategy: (times: number) => reconnectDelayMs(times, this.#surroundings.random),
    };
  }

  #connectionAdvice({ connectTimeoutMs, keepAliveDelayMs }: ClientAdvice): object {
    return { connectTimeout: connectTimeoutMs, keepAlive: keepAliveDelayMs };
  }
}

/** 2: connect anew, and send the command again. */
function isReadOnly(error: Error): 2 | false {
  return error.message.startsWith("READONLY") ? 2 : false;
}

/** What ioredis has for a whole cluster, and ignores among the options of its nodes. */
const CLUSTER_WIDE: ReadonlySet<string> = new Set([
  "lazyConnect",
  "enableOfflineQueue",
  "enableReadyCheck",
  "enableAutoPipelining",
  "autoPipeliningIgnoredCommands",
  "showFriendlyErrorStack",
  "scripts",
  "himportFieldsets",
]);

/** Options for one server, as options for a cluster whose nodes have them. */
function forCluster({ db: _, ...options }: Options): ClusterOptions {
  const entries = Object.entries(options);
  return {
    ...Object.fromEntries(entries.filter(([name, value]) => CLUSTER_WIDE.has(name) && value !== undefined)),
    redisOptions: Object.fromEntries(entries.filter(([name]) => !CLUSTER_WIDE.has(name))),
  };
}

function optionsOf(input: string | object): Options {
  if (typeof input === "string") return {};
  assertObject(input, "options");
  return input;
}

function clusterOptionsOf(input: string | object): ClusterOptions {
  if (typeof input === "string") return {};
  assertObject(input, "options");
  const options: ClusterOptions = input;
  if (options.redisOptions !== undefined) assertObject(options.redisOptions, "redisOptions");
  return options;
}

function addressIn({ host, port }: Options, prefix: string): OwnAddress | undefined {
  return host === undefined ? undefined : ownAddress(`${prefix}host`, host, port);
}

/** @see https://redis.io/docs/latest/operate/rs/references/compatibility/commands/cluster — no READONLY */
function assertScaleReads({ scaleReads }: ClusterOptions, product: string): void {
  if (product !== "managedRedis" || scaleReads === undefined || scaleReads === "master") return;
  throw invalidOption(
    "scaleReads",
    '"master" here: Azure Managed Redis has no READONLY, so replicas serve nobody',
    scaleReads,
  );
}

function assertClasses(classes: { readonly Redis?: unknown; readonly Cluster?: unknown } | undefined): void {
  if (typeof classes?.Redis === "function" && typeof classes.Cluster === "function") return;
  throw invalidOption(
    "classes",
    'both classes: `import { Cluster, Redis } from "ioredis"`, or from "iovalkey"',
  );
}
