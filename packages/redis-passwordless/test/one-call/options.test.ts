import { inspect } from "node:util";
import * as ioredis from "ioredis";
import * as redis from "redis";
import { describe, expect, test } from "vitest";
import { IoRedisAdapter } from "../../src/adapters/ioredis/index.js";
import { NodeRedisAdapter } from "../../src/adapters/node-redis/index.js";
import { createIdentity, defaultIdentity } from "../../src/azure/entra-id.js";
import { PasswordlessError } from "../../src/core/errors.js";
import { AzureIoRedis } from "../../src/one-call/ioredis.js";
import { AzureNodeRedis } from "../../src/one-call/node-redis.js";
import { CLIENT } from "../identity/support.js";
import type { Variables } from "./support.js";

// Nobody is asked here: what is wrong shows at once, and nothing connects.

const HOST = "c.westus3.redis.azure.net";
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
    ["a host in ioredis's place", () => nodeRedis().client({ host: HOST }), ["`host`", "`socket.host`"]],
    [
      "a host in ioredis's place, cluster",
      () => nodeRedis().cluster({ rootNodes: [{ host: HOST }] }),
      ["`rootNodes[0].host`", "`rootNodes[0].socket.host`"],
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
