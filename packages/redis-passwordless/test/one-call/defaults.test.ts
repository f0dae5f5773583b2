import { inspect } from "node:util";
import * as ioredis from "ioredis";
import * as redis from "redis";
import { describe, expect, test, vi } from "vitest";
import { IoRedisAdapter } from "../../src/adapters/ioredis/index.js";
import { NodeRedisAdapter } from "../../src/adapters/node-redis/index.js";
import { defaultIdentity } from "../../src/azure/entra-id.js";
import { AzureIoRedis } from "../../src/one-call/ioredis.js";
import { AzureNodeRedis } from "../../src/one-call/node-redis.js";
import { CLIENT, SECRET, TENANT } from "../identity/support.js";
import type { Variables } from "./support.js";

// What the options are made of; nothing connects.

const HOST = "c.westus3.redis.azure.net";
const CLASSIC = "c.redis.cache.windows.net";
const KEY = "aB3/x+Yz9key+with/base64AzCaD0o=";
const AT: Variables = { AZURE_REDIS_HOST: HOST, AZURE_REDIS_CLIENTID: CLIENT };

const nodeRedis = (env: Variables = AT) => new AzureNodeRedis(new NodeRedisAdapter(defaultIdentity), { env });
const io = (env: Variables = AT) => new AzureIoRedis(new IoRedisAdapter(defaultIdentity), { env });

interface SocketOptions {
  readonly connectTimeout: number;
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
  readonly keepAliveInitialDelay: number;
  readonly reconnectStrategy: (retries: number, cause: Error) => unknown;
}

interface NodeRedisOptions {
  readonly pingInterval: number;
  readonly database?: number;
  readonly socket: SocketOptions;
}

interface NodeRedisClusterOptions {
  readonly rootNodes: unknown;
  readonly defaults: NodeRedisOptions;
  readonly nodeAddressMap: (address: string) => { readonly host: string; readonly port: number };
  readonly topologyRefreshOnReconnectionAttemptStrategy: unknown;
}

type IoRedisOptions = ioredis.RedisOptions & { readonly retryStrategy: (times: number) => unknown };

const client = (...args: Parameters<AzureNodeRedis["client"]>) =>
  nodeRedis().client(...args) as NodeRedisOptions;
const cluster = (...args: Parameters<AzureNodeRedis["cluster"]>) =>
  nodeRedis().cluster(...args) as NodeRedisClusterOptions;
const ioOptions = (...args: Parameters<AzureIoRedis["options"]>) => io().options(...args) as IoRedisOptions;

describe("what Azure advises is there unless the caller says otherwise", () => {
  test("node-redis", () => {
    const { pingInterval, socket } = client();
    expect(pingInterval).toBe(60_000);
    expect(socket).toMatchObject({
      host: HOST,
      port: 10_000,
      tls: true,
      connectTimeout: 5_000,
      keepAliveInitialDelay: 30_000,
    });
    expect(socket.reconnectStrategy(0, new Error("lost"))).toBeGreaterThanOrEqual(25);
  });

  test("Azure Cache for Redis takes longer to connect to, and has databases", () => {
    const { database, socket } = nodeRedis({
      ...AT,
      AZURE_REDIS_HOST: CLASSIC,
      AZURE_REDIS_DATABASE: "3",
    }).client({}) as NodeRedisOptions;
    expect({ database, ...socket }).toMatchObject({ database: 3, port: 6380, connectTimeout: 15_000 });
  });

  test("the caller's own, node-redis", () => {
    const reconnectStrategy = vi.fn(() => 77);
    const { pingInterval, socket } = client({
      pingInterval: 5,
      socket: { connectTimeout: 7, reconnectStrategy },
    });
    expect({ pingInterval, connectTimeout: socket.connectTimeout }).toEqual({
      pingInterval: 5,
      connectTimeout: 7,
    });
    const lost = new Error("lost");
    expect(socket.reconnectStrategy(3, lost)).toBe(77);
    expect(reconnectStrategy).toHaveBeenCalledWith(3, lost);
  });

  test("the nodes of a cluster, node-redis", () => {
    const { rootNodes, defaults, nodeAddressMap, topologyRefreshOnReconnectionAttemptStrategy } = cluster({
      defaults: { pingInterval: 5, socket: { connectTimeout: 7 } },
    });
    expect(rootNodes).toEqual([{ socket: { host: HOST, port: 10_000, tls: true } }]);
    expect(defaults).toMatchObject({ pingInterval: 5, socket: { tls: true, connectTimeout: 7 } });
    expect(nodeAddressMap("10.0.0.4:8501")).toEqual({ host: HOST, port: 8501 });
    expect(nodeAddressMap("node.example.net:8501")).toEqual({ host: "node.example.net", port: 8501 });
    expect(topologyRefreshOnReconnectionAttemptStrategy).toBe(500);
    expect(cluster().defaults.pingInterval).toBe(60_000);
  });

  test("a map of the caller's is kept, as an option and as a setting", () => {
    const own = (): { host: string; port: number } => ({ host: "mine", port: 1 });
    expect(cluster({ nodeAddressMap: own }).nodeAddressMap).toBe(own);
    expect(cluster({}, { addressMap: own }).nodeAddressMap("10.0.0.4:8501")).toEqual({
      host: "mine",
      port: 1,
    });
  });

  test("ioredis", () => {
    const options = ioOptions();
    expect(options).toMatchObject({
      host: HOST,
      port: 10_000,
      tls: {},
      connectTimeout: 5_000,
      keepAlive: 30_000,
    });
    expect(options.retryStrategy(1)).toBeGreaterThanOrEqual(25);
    expect(
      options.reconnectOnError?.(new Error("READONLY You can't write against a read only replica.")),
    ).toBe(2);
    expect(options.reconnectOnError?.(new Error("WRONGTYPE"))).toBe(false);
  });

  test("the caller's own, ioredis", () => {
    const own = { connectTimeout: 7, keepAlive: 8, retryStrategy: () => 77, reconnectOnError: () => false };
    expect(ioOptions({ ...own, tls: { servername: "x" } })).toMatchObject({
      ...own,
      tls: { servername: "x" },
    });
  });

  test("the nodes of a cluster, ioredis", () => {
    const made = io().cluster(ioredis.Cluster, { lazyConnect: true, redisOptions: { connectTimeout: 7 } });
    const { options } = made as ioredis.Cluster;
    expect(options).toMatchObject({
      slotsRefreshTimeout: 5_000,
      redisOptions: { tls: {}, connectTimeout: 7 },
    });
    expect(options.clusterRetryStrategy?.(1)).toBeGreaterThanOrEqual(25);
  });
});

describe("no output shows a secret", () => {
  const STRING = `rediss://:${KEY}@${CLASSIC}:6380/0`;
  const rows: [string, Variables][] = [
    ["an access key", { AZURE_REDIS_CONNECTIONSTRING: STRING }],
    ["a client secret", { ...AT, AZURE_REDIS_CLIENTSECRET: SECRET, AZURE_REDIS_TENANTID: TENANT }],
  ];
  test.each(rows)("%s", (_, env) => {
    const options = nodeRedis(env).client();
    const clusterOptions = nodeRedis(env).cluster();
    const made = [
      options,
      clusterOptions,
      redis.createClient(options),
      redis.createCluster(clusterOptions as never),
      io(env).options(),
      io(env).redis(ioredis.Redis, { lazyConnect: true }),
      io(env).cluster(ioredis.Cluster, { lazyConnect: true }),
    ];
    const output = made.map((one) => inspect(one, { depth: 12, showHidden: true, getters: true })).join("\n");
    expect(output).toContain("pingInterval: 60000");
    for (const secret of [KEY, encodeURIComponent(KEY), SECRET]) expect(output.includes(secret)).toBe(false);
    const json = made.slice(0, 2).map((one) => JSON.stringify(one));
    for (const secret of [KEY, SECRET]) expect(json.join().includes(secret)).toBe(false);
  });
});
