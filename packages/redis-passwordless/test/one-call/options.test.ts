import { inspect } from "node:util";
import * as ioredis from "ioredis";
import * as redis from "redis";
import { afterEach, describe, expect, test, vi } from "vitest";
import { IoRedisAdapter } from "../../src/adapters/ioredis/index.js";
import { NodeRedisAdapter } from "../../src/adapters/node-redis/index.js";
import { createIdentity, defaultIdentity } from "../../src/azure/entra-id.js";
import { PasswordlessError } from "../../src/core/errors.js";
import { AzureIoRedis } from "../../src/one-call/ioredis.js";
import { AzureNodeRedis } from "../../src/one-call/node-redis.js";
import { CLIENT, SECRET, TENANT } from "../identity/support.js";
import type { Variables } from "./support.js";

// Nobody is asked here: what is wrong shows at once, and nothing connects.

const HOST = "c.westus3.redis.azure.net";
const CLASSIC = "c.redis.cache.windows.net";
const KEY = "aB3/x+Yz9key+with/base64AzCaD0o=";
const AT: Variables = { AZURE_REDIS_HOST: HOST, AZURE_REDIS_CLIENTID: CLIENT };
const PASSWORD = "pa55word";

const nodeRedis = (env: Variables = AT) => new AzureNodeRedis(new NodeRedisAdapter(defaultIdentity), { env });
const io = (env: Variables = AT) => new AzureIoRedis(new IoRedisAdapter(defaultIdentity), { env });
const identity = createIdentity({ managedIdentity: true }, {});
const lazy = { lazyConnect: true };

async function refusal(call: () => unknown): Promise<PasswordlessError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof PasswordlessError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("a mistake is refused at once, with the name of what is wrong", () => {
  test.each<[string, () => unknown, string[]]>([
    [
      "two addresses, `url`",
      () => nodeRedis().client({ url: HOST }, { endpoint: HOST }),
      ["`url`", "`endpoint`"],
    ],
    [
      "two addresses, `socket.host`",
      () => nodeRedis().client({ socket: { host: HOST } }, { endpoint: HOST }),
      ["`socket.host`", "`endpoint`"],
    ],
    [
      "two addresses, cluster",
      () => nodeRedis().cluster({ rootNodes: [{ url: HOST }] }, { endpoint: HOST }),
      ["`rootNodes[0].url`", "`endpoint`"],
    ],
    [
      "two addresses, ioredis",
      () => io().redis(ioredis.Redis, { host: HOST, ...lazy }, { endpoint: HOST }),
      ["`host`", "`endpoint`"],
    ],
    [
      "two addresses, ioredis cluster",
      () => io().cluster(ioredis.Cluster, { redisOptions: { host: HOST }, ...lazy }, { endpoint: HOST }),
      ["`redisOptions.host`", "`endpoint`"],
    ],
    ["several root nodes", () => nodeRedis().cluster({ rootNodes: [{ url: HOST }, {}] }), ["`rootNodes`"]],
    ["an address without a port", () => nodeRedis().client({ url: "localhost" }), ["`url`", "port"]],
    ["an address that is none", () => nodeRedis().client("http://localhost:1"), ["`url`", "rediss://"]],
    ["a host that is no text", () => io().options({ host: 5 }), ["`host`"]],
    [
      "a host that is no text, node-redis",
      () => nodeRedis().client({ socket: { host: 5 } }),
      ["`socket.host`"],
    ],
    ["a port that is none", () => io().options({ host: HOST, port: "abc" }), ["`host`", "host:port"]],
    ["options that are none", () => nodeRedis().client(null as never), ["`options`", "null"]],
    ["options that are a list", () => io().options([]), ["`options`", "an array"]],
    ["options that are a number", () => nodeRedis().cluster(5 as never), ["`options`", "5"]],
    ["a socket that is none", () => nodeRedis().client({ socket: 5 }), ["`socket`", "5"]],
    ["an identity in the place of settings", () => nodeRedis().client({}, identity as never), ["`settings`"]],
    ["settings that are none", () => io().options({}, 5 as never), ["`settings`", "5"]],
    [
      "an unknown setting",
      () => nodeRedis().client({}, { endpont: HOST } as never),
      ["`endpont`", "`endpoint`"],
    ],
    [
      "an identity and options for one",
      () => nodeRedis().client({}, { identity, entraId: {} }),
      ["`identity`", "`entraId`"],
    ],
    [
      "an identity that is none",
      () => nodeRedis().client({}, { identity: {} as never }),
      ["`identity`", "entraId()"],
    ],
    ["an address map that is none", () => io().options({}, { addressMap: {} as never }), ["`addressMap`"]],
    [
      "a switch that is none",
      () => io().options({}, { checkTopology: 0 as never }),
      ["`checkTopology`", "0"],
    ],
    ["a user name of one's own", () => nodeRedis().client({ username: "me" }), ["`username`"]],
    ["a password of one's own", () => nodeRedis().client({ password: PASSWORD }), ["`password`"]],
    [
      "credentials of one's own",
      () => nodeRedis().client({ credentialsProvider: {} }),
      ["`credentialsProvider`"],
    ],
    ["a password of one's own, ioredis", () => io().options({ password: PASSWORD }), ["password`"]],
    ["a database, node-redis", () => nodeRedis().client({ database: 1 }), ["`database`", "1", "no `SELECT`"]],
    [
      "a database for the nodes",
      () => nodeRedis().cluster({ defaults: { database: 1 } }),
      ["`defaults.database`", "1"],
    ],
    ["a database in the address", () => nodeRedis().client({ url: `rediss://${HOST}/1` }), ["`url`", "1"]],
    ["a database, ioredis", () => io().options({ db: 1 }), ["`db`", "1"]],
    [
      "a database for the nodes, ioredis",
      () => io().cluster(ioredis.Cluster, { redisOptions: { db: 1 }, ...lazy }),
      ["`redisOptions.db`", "1"],
    ],
    ["replicas, node-redis", () => nodeRedis().cluster({ useReplicas: true }), ["`useReplicas`", "READONLY"]],
    [
      "replicas, ioredis",
      () => io().cluster(ioredis.Cluster, { scaleReads: "slave", ...lazy }),
      ["`scaleReads`", "READONLY"],
    ],
    [
      "two maps",
      () => nodeRedis().cluster({ nodeAddressMap: {} }, { addressMap: () => undefined }),
      ["`nodeAddressMap`", "`addressMap`"],
    ],
    ["no node-redis", () => nodeRedis().either(undefined as never), ["`redis`", "createCluster"]],
    [
      "half of node-redis",
      () => nodeRedis().either({ createClient: redis.createClient } as never),
      ["`redis`", "createCluster"],
    ],
    ["half of ioredis", () => io().either({ Redis: ioredis.Redis } as never), ["`classes`", "Cluster"]],
    [
      "an identity that is none, where the cache is asked first",
      () => nodeRedis().either(redis, {}, { identity: "me" as never }),
      ["`identity`"],
    ],
  ])("%s", async (_, call, names) => {
    const { code, message } = await refusal(call);
    expect(code).toBe("ERR_PASSWORDLESS_INVALID_OPTION");
    for (const name of names) expect(message).toContain(name);
    expect(message).not.toContain(PASSWORD);
  });

  test.each<[string, (url: string) => unknown]>([
    ["node-redis", (url) => nodeRedis().client({ url })],
    ["ioredis", (url) => io().options(url)],
  ])("an address with a password, which is not shown (%s)", async (_, call) => {
    const error = await refusal(() => call(`rediss://:${PASSWORD}@${HOST}`));
    expect(error.code).toBe("ERR_PASSWORDLESS_URL_CREDENTIALS");
    expect(inspect(error) + JSON.stringify(error)).not.toContain(PASSWORD);
  });
});

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
  const clients: { destroy?(): void; disconnect?(): void }[] = [];
  afterEach(() => {
    for (const one of clients.splice(0)) one.disconnect?.();
  });

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
