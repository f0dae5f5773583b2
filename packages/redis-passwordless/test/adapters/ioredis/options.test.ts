import { inspect } from "node:util";
import * as ioredis6 from "ioredis";
import { describe, expect, test } from "vitest";
import { IoRedisAdapter } from "../../../src/adapters/ioredis/index.js";
import { createIdentity } from "../../../src/azure/entra-id.js";
import { type ErrorCode, PasswordlessError } from "../../../src/core/errors.js";
import { passwordless } from "../../../src/ioredis.js";
import { IOREDIS, type IoRedis } from "../../support/io-cache.js";

const HOST = "my-cache.westus3.redis.azure.net";
const SECRET = "do-not-print-me";
const INVALID = "ERR_PASSWORDLESS_INVALID_OPTION";
const PLAINTEXT = "ERR_PASSWORDLESS_PLAINTEXT_REFUSED";
const WITH_CREDENTIALS = "ERR_PASSWORDLESS_URL_CREDENTIALS";
const UNSUPPORTED = "ERR_PASSWORDLESS_CLIENT_UNSUPPORTED";

const identity = createIdentity({ identityProvider: () => ({ token: SECRET }) }, {});
const adapter = new IoRedisAdapter(() => identity);

/** The error that comes at once; it must not repeat what may be a secret. */
function refusalOf(call: () => unknown): PasswordlessError {
  let error: unknown;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(PasswordlessError);
  expect(inspect(error, { depth: 10 }) + JSON.stringify(error)).not.toContain(SECRET);
  return error as PasswordlessError;
}

type Row = readonly [what: string, input: string | object, code: ErrorCode, says: string];

const BAD: readonly Row[] = [
  ["a password", { host: HOST, password: SECRET }, INVALID, "`password`"],
  ["a user name", { host: HOST, username: "oid" }, INVALID, "`username`"],
  ["a connector of its own", { host: HOST, Connector: Map }, INVALID, "`Connector`"],
  ["a password in the address", `rediss://:${SECRET}@${HOST}:10000`, WITH_CREDENTIALS, "`options`"],
  ["a user in the address", `rediss://oid@${HOST}:10000`, WITH_CREDENTIALS, "`options`"],
  ["another protocol", `https://${HOST}`, INVALID, "rediss://"],
  ["an address without a host", "rediss://:10000", INVALID, "`options`"],
  ["a database that is none", `rediss://${HOST}:10000/cache`, INVALID, "database"],
  ["port 0 in the address", `rediss://${HOST}:0`, INVALID, "port"],
  ["an empty host", { host: " " }, INVALID, "`host`"],
  ["a host that is none", { host: 7 }, INVALID, "`host`"],
  ["a port out of range", { host: HOST, port: 70_000 }, INVALID, "`port`"],
  ["a port that is none", { host: HOST, port: "ten" }, INVALID, "`port`"],
  ["an empty path", { path: "" }, INVALID, "`path`"],
  ["verification off", { host: HOST, tls: { rejectUnauthorized: false } }, INVALID, "rejectUnauthorized"],
  ["TLS off for a remote host", { host: HOST, tls: false }, PLAINTEXT, HOST],
  ["TLS null for a remote host", { host: HOST, tls: null }, PLAINTEXT, HOST],
  ["redis:// for a remote host", `redis://${HOST}:6379`, PLAINTEXT, HOST],
  ["null", null as unknown as object, INVALID, "`options`"],
];

describe.each(BAD)("%s", (_, input, code, says) => {
  test("is refused at once, for a client", () => {
    const refused = refusalOf(() => adapter.redis(ioredis6.Redis, input));
    expect(refused.code).toBe(code);
    expect(refused.message).toContain(says);
  });

  test.skipIf(typeof input === "string")("is refused at once, in plain options", () => {
    expect(refusalOf(() => adapter.options(input as object)).code).toBe(code);
  });

  test("is refused at once, for a node of a cluster", () => {
    expect(refusalOf(() => adapter.cluster(ioredis6.Cluster, [input])).code).toBe(code);
  });
});

test("options that are no object are refused at once", () => {
  expect(refusalOf(() => adapter.redis(ioredis6.Redis, 6379 as never)).message).toContain("`options`");
});

test.each([
  ["no class", {} as never],
  ["a function that is no class", (() => {}) as never],
  ["another class", Map as never],
])("%s is refused, naming what to import", (_, Class) => {
  const refused = refusalOf(() => adapter.redis(Class, { host: HOST }));
  expect(refused.code).toBe(UNSUPPORTED);
  expect(refused.remedy).toContain("ioredis");
});

test("a class as ioredis 4 has it is refused, naming the versions that work", () => {
  class Redis4 {
    sendCommand(): void {}
  }
  const refused = refusalOf(() => adapter.redis(Redis4, { host: HOST }));
  expect(refused.code).toBe(UNSUPPORTED);
  expect(refused.remedy).toContain("ioredis 5 or later");
});

test("`Redis` and `Cluster` are told apart", () => {
  expect(refusalOf(() => adapter.redis(ioredis6.Cluster, { host: HOST })).remedy).toContain(
    "passwordless(Cluster",
  );
  expect(refusalOf(() => adapter.cluster(ioredis6.Redis, [{ host: HOST }])).remedy).toContain(
    "passwordless(Redis",
  );
});

test.each([
  ["no nodes", [], {}, "`nodes`"],
  ["nodes that are no list", {} as never, {}, "`nodes`"],
  [
    "a password in redisOptions",
    [{ host: HOST }],
    { redisOptions: { password: SECRET } },
    "`options.redisOptions.password`",
  ],
  [
    "verification off in redisOptions",
    [{ host: HOST }],
    { redisOptions: { tls: { rejectUnauthorized: false } } },
    "rejectUnauthorized",
  ],
  ["a password in a node", [{ host: HOST, password: SECRET }], {}, "`nodes[0].password`"],
  ["no TLS to a remote node", [{ host: HOST }], { redisOptions: { tls: null } }, HOST],
])("a cluster with %s is refused at once", (_, nodes, options, says) => {
  expect(refusalOf(() => adapter.cluster(ioredis6.Cluster, nodes, options)).message).toContain(says);
});

test("sentinels need the class, which finds the server", () => {
  const refused = refusalOf(() => adapter.options({ sentinels: [{ host: HOST }], name: "cache" }));
  expect(refused.remedy).toContain("passwordless(Redis");
});

test.each([
  ["nothing", undefined],
  ["a plain object", {}],
  ["options", { host: HOST }],
])("attach refuses %s", (_, client) => {
  expect(refusalOf(() => adapter.attach(client ?? {})).code).toBe(UNSUPPORTED);
});

test.each([
  ["an unknown setting", { identiy: identity } as never, "identiy"],
  ["an identity as settings", identity as never, "`settings`"],
  ["an identity that is none", { identity: {} } as never, "`identity`"],
])("%s is refused at once", (_, settings, says) => {
  expect(refusalOf(() => adapter.options({ host: HOST }, settings)).message).toContain(says);
});

describe.each(IOREDIS)("%s", (_, lib: IoRedis) => {
  const made: { disconnect(): void }[] = [];
  const make = (input: string | object): InstanceType<IoRedis["Redis"]> => {
    const options = typeof input === "string" ? `${input}?lazyConnect=true` : { ...input, lazyConnect: true };
    const client = adapter.redis(lib.Redis, options);
    made.push(client);
    return client;
  };

  test("TLS is on for every host but this machine", () => {
    expect(make({ host: HOST, port: 10_000 }).options.tls).toEqual({});
    expect(make(`rediss://${HOST}:10000`).options.tls).toEqual({});
    expect(make({ host: "localhost" }).options.tls).toBeUndefined();
    expect(make({ path: "/run/redis.sock" }).options.tls).toBeUndefined();
  });

  test("an address says host, port and database", () => {
    const { options } = make(`rediss://${HOST}:10000/3`);
    expect(options).toMatchObject({ host: HOST, port: 10_000, db: 3 });
  });

  test("plaintext to a remote host has to be allowed", () => {
    const client = adapter.redis(
      lib.Redis,
      { host: HOST, tls: null, lazyConnect: true },
      { allowPlaintext: true },
    );
    expect(client).toBeInstanceOf(lib.Redis);
  });

  test("a class that extends Redis is made as itself", () => {
    class Mine extends lib.Redis {
      readonly isMine = true;
    }
    const client = adapter.redis(Mine, { host: HOST, lazyConnect: true });
    expect(client).toBeInstanceOf(Mine);
    expect(client.isMine).toBe(true);
  });

  test("the public function takes a class, a cluster's class, or options", () => {
    expect(passwordless(lib.Redis, { host: HOST, lazyConnect: true }, { identity })).toBeInstanceOf(
      lib.Redis,
    );
    const cluster = passwordless(lib.Cluster, [{ host: HOST }], { lazyConnect: true }, { identity });
    expect(cluster).toBeInstanceOf(lib.Cluster);
    expect(cluster.options.redisOptions?.tls).toEqual({});
    const options = passwordless({ host: HOST, db: 2 }, { identity });
    expect(options).toMatchObject({ host: HOST, db: 2, tls: {} });
    expect(new lib.Redis({ ...options, lazyConnect: true }).options.host).toBe(HOST);
  });

  test("a duplicate with a password is refused at once", () => {
    const client = make({ host: HOST });
    expect(refusalOf(() => client.duplicate({ password: SECRET })).message).toContain("`password`");
  });

  test("attaching twice changes nothing", () => {
    const client = make({ host: HOST });
    const { Connector } = client.options;
    expect(adapter.attach(client)).toBe(client);
    expect(client.options.Connector).toBe(Connector);
  });

  test("attach refuses a client with a password", () => {
    const client = new lib.Redis({ host: HOST, tls: {}, password: SECRET, lazyConnect: true });
    expect(refusalOf(() => adapter.attach(client)).message).toContain("`client.options.password`");
  });

  test("attach refuses a client without TLS to a remote host", () => {
    const client = new lib.Redis({ host: HOST, lazyConnect: true });
    expect(refusalOf(() => adapter.attach(client)).code).toBe(PLAINTEXT);
  });
});
