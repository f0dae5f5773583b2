import { inspect } from "node:util";
import { describe, expect, test, vi } from "vitest";
import { NodeRedisAdapter, type PasswordlessSettings } from "../../../src/adapters/node-redis/index.js";
import {
  createIdentity,
  defaultIdentity,
  type EntraIdOptions,
  entraId,
} from "../../../src/azure/entra-id.js";
import { type ErrorCode, PasswordlessError } from "../../../src/core/errors.js";
import { passwordless } from "../../../src/node-redis.js";
import { Identity } from "../../../src/reauth/identity.js";
import { NODE_REDIS } from "../../support/cache.js";

const URL_OF_CACHE = "rediss://my-cache.westus3.redis.azure.net:10000";
const REMOTE = { host: "my-cache.westus3.redis.azure.net", port: 10_000 };
const SECRET = "do-not-print-me";
const INVALID = "ERR_PASSWORDLESS_INVALID_OPTION";

const identity = createIdentity({ identityProvider: () => ({ token: SECRET }) }, {});
const adapter = new NodeRedisAdapter(() => identity);

type Refused = readonly [
  what: string,
  input: object,
  option: string | undefined,
  accepts: string | RegExp,
  code?: ErrorCode,
];

function named(rows: readonly Refused[]): [string, Refused][] {
  return rows.map((row) => [row[0], row]);
}

/** The error that comes at once, and what every one of them has to be. */
function refusal(call: () => unknown, [, , option, accepts, code = INVALID]: Refused): void {
  let error: unknown;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(PasswordlessError);
  const refused = error as PasswordlessError;
  expect(refused.code).toBe(code);
  if (option !== undefined) {
    expect(refused.details["option"]).toBe(option);
    expect(refused.message).toContain(`\`${option}\``);
  }
  expect(refused.remedy).toMatch(accepts);
  expect(inspect(refused, { depth: 10 }) + JSON.stringify(refused)).not.toContain(SECRET);
}

const WITH_CREDENTIALS = "ERR_PASSWORDLESS_URL_CREDENTIALS";
const PLAINTEXT = "ERR_PASSWORDLESS_PLAINTEXT_REFUSED";
const NOTHING = "nothing: the identity logs in";

/** What is wrong with the options of one client, wherever they stand. */
const CLIENT: readonly Refused[] = [
  [
    "a URL with user and password",
    { url: `rediss://me:${SECRET}@h` },
    "url",
    "between `://` and `@`",
    WITH_CREDENTIALS,
  ],
  ["a URL with a user", { url: "rediss://me@h" }, "url", "Remove", WITH_CREDENTIALS],
  ["a URL with a password", { url: `rediss://:${SECRET}@h` }, "url", "Remove", WITH_CREDENTIALS],
  ["a unix URL with a password", { url: `unix://:${SECRET}@/run/redis` }, "url", "Remove", WITH_CREDENTIALS],
  ["a unix URL with both", { url: `unix://me:${SECRET}@/run/redis` }, "url", "Remove", WITH_CREDENTIALS],
  ["a user name", { url: URL_OF_CACHE, username: "me" }, "username", NOTHING],
  ["a password", { url: URL_OF_CACHE, password: SECRET }, "password", NOTHING],
  ["other credentials", { url: URL_OF_CACHE, credentialsProvider: {} }, "credentialsProvider", NOTHING],
  ["plaintext by URL", { url: "redis://my-cache:6379" }, undefined, "rediss://", PLAINTEXT],
  ["plaintext by socket", { socket: { host: "my-cache" } }, undefined, "tls: true", PLAINTEXT],
  [
    "plaintext to a name that only begins like ours",
    { socket: { host: "localhost.evil.example" } },
    undefined,
    "tls",
    PLAINTEXT,
  ],
  [
    "plaintext to an address that only begins like ours",
    { socket: { host: "127.0.0.1.evil.example" } },
    undefined,
    "tls",
    PLAINTEXT,
  ],
  ["TLS that is said, not meant", { socket: { ...REMOTE, tls: "true" } }, undefined, "tls", PLAINTEXT],
  [
    "no verification",
    { socket: { ...REMOTE, tls: true, rejectUnauthorized: false } },
    "socket.rejectUnauthorized",
    "`socket.ca`",
  ],
  [
    "no verification of a URL",
    { url: URL_OF_CACHE, socket: { rejectUnauthorized: false } },
    "socket.rejectUnauthorized",
    "`true`",
  ],
  ["TLS against the URL", { url: "redis://localhost", socket: { tls: true } }, "socket.tls", "`redis://`"],
  ["no TLS against the URL", { url: URL_OF_CACHE, socket: { tls: false } }, "socket.tls", "`rediss://`"],
  ["a host in ioredis's place", { host: "localhost" }, "host", "socket.host`"],
  ["a port in ioredis's place", { url: "redis://localhost", port: 6380 }, "port", "socket.port`"],
  ["TLS in ioredis's place", { url: "redis://localhost", tls: {} }, "tls", "socket.tls`"],
  ["an empty host", { socket: { host: "" } }, "socket.host", "host name"],
  ["a blank host", { socket: { host: " " } }, "socket.host", "host name"],
  ["a host that is no text", { socket: { host: 7 } }, "socket.host", "host name"],
  ["an empty path", { socket: { path: "" } }, "socket.path", "Unix socket"],
  ...[Number.NaN, 0, -1, 70_000, 6379.5, "6379"].map(
    (port): Refused => [`port ${port}`, { socket: { ...REMOTE, port } }, "socket.port", "from 1 to 65535"],
  ),
  ["port 0 in a URL", { url: "rediss://h:0" }, "url", "from 1 to 65535"],
  ["port 70000 in a URL", { url: "rediss://h:70000" }, "url", "rediss://host:port"],
  ["a URL without a scheme", { url: "my-cache:10000" }, "url", "`rediss://`"],
  ["another scheme", { url: "https://my-cache:10000" }, "url", "`rediss://`"],
  ["a host in place of a URL", { url: "my-cache" }, "url", "rediss://host:port"],
  ["an empty URL", { url: "" }, "url", "rediss://host:port"],
  ["a URL without a host", { url: "rediss://" }, "url", "host"],
  ["a URL that is no text", { url: new URL(URL_OF_CACHE) }, "url", "string"],
  ["a unix URL without a path", { url: "unix://" }, "url", "unix:///path"],
  ["a socket that is no object", { socket: "my-cache:10000" }, "socket", "an object"],
  ["RESP 4", { url: URL_OF_CACHE, RESP: 4 }, "RESP", "2 or 3"],
];

describe("a client is refused at once with", () => {
  test.each(named(CLIENT))("%s", (_, row) => {
    refusal(() => adapter.client(row[1]), row);
  });

  test.each([undefined, null, "rediss://h", 7])("options that are %s", (options) => {
    refusal(() => adapter.client(options as unknown as object), ["", {}, "options", "an object"]);
  });
});

describe("a cluster is refused at once with a root node that has", () => {
  test.each(named(CLIENT))("%s", (_, row) => {
    const [what, input, option, ...rest] = row;
    const inNode = option === undefined ? undefined : `rootNodes[1].${option}`;
    const rootNodes = [{ url: URL_OF_CACHE }, input];
    refusal(() => adapter.cluster({ rootNodes }), [what, input, inNode, ...rest]);
  });
});

describe("a cluster is refused at once with", () => {
  const rootNodes = [{ url: URL_OF_CACHE }];
  test.each(
    named([
      ["no root nodes", {}, "rootNodes", "at least one node"],
      ["an empty list of root nodes", { rootNodes: [] }, "rootNodes", "at least one node"],
      ["root nodes that are no list", { rootNodes: rootNodes[0] }, "rootNodes", "at least one node"],
      ["a root node that is a URL", { rootNodes: [URL_OF_CACHE] }, "rootNodes[0]", "an object"],
      [
        "a password for all nodes",
        { rootNodes, defaults: { password: SECRET } },
        "defaults.password",
        NOTHING,
      ],
      [
        "a user name for all nodes",
        { rootNodes, defaults: { username: "me" } },
        "defaults.username",
        NOTHING,
      ],
      [
        "no verification anywhere",
        { rootNodes, defaults: { socket: { rejectUnauthorized: false } } },
        "rootNodes[0].socket.rejectUnauthorized",
        "`true`",
      ],
      [
        "TLS for its root nodes only",
        { rootNodes: [{ socket: { ...REMOTE, tls: true } }], defaults: { socket: { tls: false } } },
        "defaults.socket.tls",
        "`true`",
      ],
      ["RESP 4", { rootNodes, RESP: 4 }, "RESP", "2 or 3"],
      ["RESP 4 for its nodes", { rootNodes, defaults: { RESP: 4 } }, "defaults.RESP", "2 or 3"],
      ["defaults that are no object", { rootNodes, defaults: 7 }, "defaults", "an object"],
    ]),
  )("%s", (_, row) => {
    refusal(() => adapter.cluster(row[1]), row);
  });
});

describe("a sentinel is refused at once with", () => {
  const sentinelRootNodes = [{ host: "sentinel", port: 26_379 }];
  const nodeClientOptions = { socket: { tls: true } };
  test.each(
    named([
      ["no sentinels", { nodeClientOptions }, "sentinelRootNodes", "at least one sentinel"],
      [
        "an empty list of sentinels",
        { nodeClientOptions, sentinelRootNodes: [] },
        "sentinelRootNodes",
        "at least one",
      ],
      ["plaintext", { sentinelRootNodes }, undefined, "tls: true", PLAINTEXT],
      [
        "a sentinel without a host",
        { nodeClientOptions, sentinelRootNodes: [{ host: "", port: 1 }] },
        "sentinelRootNodes[0].socket.host",
        "host name",
      ],
      [
        "a sentinel's port 0",
        { nodeClientOptions, sentinelRootNodes: [{ host: "s", port: 0 }] },
        "sentinelRootNodes[0].socket.port",
        "from 1 to 65535",
      ],
      [
        "a password",
        { sentinelRootNodes, nodeClientOptions: { password: SECRET } },
        "nodeClientOptions.password",
        NOTHING,
      ],
      [
        "no verification",
        { sentinelRootNodes, nodeClientOptions: { socket: { tls: true, rejectUnauthorized: false } } },
        "sentinelRootNodes[0].socket.rejectUnauthorized",
        "`true`",
      ],
      ["RESP 4", { sentinelRootNodes, nodeClientOptions, RESP: 4 }, "RESP", "2 or 3"],
    ]),
  )("%s", (_, row) => {
    refusal(() => adapter.sentinel(row[1]), row);
  });
});

describe("settings are refused at once", () => {
  test.each(
    named([
      ["a misspelt name", { identiy: identity }, "identiy", "Did you mean `identity`?"],
      ["an unknown name", { colour: "red" }, "colour", "`identity`, `allowPlaintext`"],
      [
        "a credential in place of an identity",
        { identity: { getToken: () => null } },
        "identity",
        /entraId\(\{ credential \}\)/,
      ],
      ["the options of an identity", { identity: { clientId: "1" } }, "identity", /entraId\(\)/],
      ["null as the identity", { identity: null }, "identity", /entraId\(\)/],
      ["a text for a switch", { allowPlaintext: "yes" }, "allowPlaintext", "`true` or `false`"],
      ["the identity in place of the settings", identity, "settings", "{ identity }"],
    ]),
  )("%s", (_, row) => {
    const settings = row[1] as PasswordlessSettings;
    const client = NODE_REDIS[0][1].createClient();
    refusal(() => adapter.client({ url: URL_OF_CACHE }, settings), row);
    refusal(() => adapter.cluster({ rootNodes: [{ url: URL_OF_CACHE }] }, settings), row);
    refusal(
      () => adapter.sentinel({ sentinelRootNodes: [{ host: "localhost", port: 26_379 }] }, settings),
      row,
    );
    refusal(() => adapter.attach(client, settings), row);
  });
});

describe("plaintext is allowed", () => {
  test.each([
    ["to localhost", { url: "redis://localhost:6379" }],
    ["by default, which is localhost", {}],
    ["to a name below localhost", { socket: { host: "cache.localhost" } }],
    ["to 127.0.0.1", { socket: { host: "127.0.0.1" } }],
    ["to all of 127/8", { socket: { host: "127.8.9.10" } }],
    ["to ::1", { url: "redis://[::1]:6379" }],
    ["to a Unix socket by URL", { url: "unix:///run/redis.sock" }],
    ["to a Unix socket", { socket: { path: "/run/redis.sock" } }],
  ])("%s", (_, options) => {
    expect(adapter.client(options).credentialsProvider).toBeDefined();
  });

  test("wherever the settings allow it", () => {
    const settings = { allowPlaintext: true };
    adapter.client({ url: "redis://my-cache" }, settings);
    adapter.cluster({ rootNodes: [{ url: "redis://my-cache" }] }, settings);
    adapter.sentinel({ sentinelRootNodes: [{ host: "sentinel", port: 26_379 }] }, settings);
    expect(() => adapter.client({ url: "redis://my-cache" }, { allowPlaintext: false })).toThrow(
      PasswordlessError,
    );
  });
});

describe("options pass through", () => {
  const frozen = {
    url: URL_OF_CACHE,
    database: 3,
    name: "worker",
    RESP: 3,
    socket: { connectTimeout: 1_234, keepAlive: false, ca: "-----BEGIN CERTIFICATE-----" },
    commandOptions: { timeout: 5 },
  } as const;

  test("as they are, and without being changed", () => {
    const before = structuredClone(frozen);
    const { credentialsProvider, socket, ...rest } = adapter.client(deepFreeze(frozen));
    const { socket: ownSocket, ...ownRest } = frozen;
    expect(rest).toEqual(ownRest);
    expect(rest.commandOptions).toBe(frozen.commandOptions);
    expect(socket).toMatchObject(ownSocket);
    expect(credentialsProvider.type).toBe("streaming-credentials-provider");
    expect(frozen).toEqual(before);
  });

  test.each(NODE_REDIS)("in duplicates of %s, which keep everything", (_, redis) => {
    const client = redis.createClient(adapter.client(deepFreeze(frozen)) as object);
    const copy = client.duplicate().duplicate({ database: 4 });
    expect(copy.options.credentialsProvider).toBe(client.options.credentialsProvider);
    expect(copy.options.socket).toEqual(client.options.socket);
    expect(copy.options.socket).toMatchObject({ ...REMOTE, tls: true, ...frozen.socket });
    expect(copy.options).toMatchObject({ name: "worker", RESP: 3, database: 4 });
  });

  test("of a cluster and a sentinel, without being changed", () => {
    const cluster = deepFreeze({
      rootNodes: [{ url: URL_OF_CACHE }],
      defaults: { socket: { ca: "ca" }, name: "node" },
      useReplicas: true,
    });
    expect(adapter.cluster(cluster)).toMatchObject({
      ...cluster,
      defaults: { name: "node", socket: { ca: "ca", tls: true } },
    });
    const sentinel = deepFreeze({
      name: "cache",
      sentinelRootNodes: [{ host: "sentinel", port: 26_379 }],
      sentinelClientOptions: { username: "watcher", password: SECRET },
      nodeClientOptions: { socket: { tls: true, ca: "ca" }, database: 1 },
      masterPoolSize: 4,
    });
    const result = adapter.sentinel(sentinel);
    expect(result).toMatchObject(sentinel);
    // The sentinels have their own credentials; the token is not for them.
    expect(result.sentinelClientOptions).toBe(sentinel.sentinelClientOptions);
  });

  test("with undefined where an option is not set", () => {
    adapter.client({ url: URL_OF_CACHE, username: undefined, RESP: undefined, socket: undefined });
    adapter.client({ url: URL_OF_CACHE }, { identity: undefined, allowPlaintext: undefined });
  });
});

describe("the reconnect strategy of the application is respected", () => {
  const strategy = (own?: unknown): ((retries: number, cause: Error) => unknown) => {
    const socket = own === undefined ? {} : { reconnectStrategy: own };
    const { socket: made } = adapter.client({ url: URL_OF_CACHE, socket }) as unknown as {
      socket: { reconnectStrategy: (retries: number, cause: Error) => unknown };
    };
    return made.reconnectStrategy;
  };
  const lost = new Error("Socket closed unexpectedly");
  const noToken = new PasswordlessError("ERR_PASSWORDLESS_TOKEN_WAIT_TIMEOUT", {
    message: "m",
    remedy: "r",
    retryable: true,
  });
  const wrongSecret = new PasswordlessError("ERR_PASSWORDLESS_IDENTITY_REJECTED", {
    message: "m",
    remedy: "r",
  });

  test("false: it never reconnects, whatever the reason", () => {
    for (const cause of [lost, noToken, wrongSecret]) expect(strategy(false)(0, cause)).toBe(false);
  });

  test("a number: it is the delay, zero included", () => {
    expect(strategy(1_234)(7, lost)).toBe(1_234);
    expect(strategy(0)(7, lost)).toBe(0);
  });

  test("a function: it is asked with the same arguments, and its answer is the answer", () => {
    const own = vi.fn<(retries: number, cause: Error) => Error | number>((retries) => retries * 10);
    expect(strategy(own)(7, lost)).toBe(70);
    expect(own).toHaveBeenCalledWith(7, lost);
    const stop = new Error("stop");
    expect(strategy(() => stop)(7, lost)).toBe(stop);
  });

  test("a function that throws: node-redis hears of it", () => {
    const own = (): number => {
      throw new Error("mine");
    };
    expect(() => strategy(own)(1, lost)).toThrow("mine");
  });

  test("none: node-redis's own, 50 ms doubling to 2 s plus up to 200 ms", () => {
    for (let retries = 0; retries < 20; retries += 1) {
      const delayMs = strategy()(retries, lost) as number;
      const leastMs = Math.min(2 ** retries * 50, 2_000);
      expect(delayMs).toBeGreaterThanOrEqual(leastMs);
      expect(delayMs).toBeLessThan(leastMs + 200);
    }
  });

  test("a missing token is waited for in the handshake, a wrong secret ends the first connect", () => {
    expect(strategy()(3, noToken)).toBeLessThanOrEqual(150);
    expect(strategy()(0, wrongSecret)).toBe(false);
  });
});

describe("an identity is refused at once with", () => {
  const numbers: readonly Refused[] = [
    ...[Number.NaN, 0, 1, -0.5, 1.5, Number.POSITIVE_INFINITY, "0.7"].map(
      (value): Refused => [
        `ratio ${value}`,
        { expirationRefreshRatio: value },
        "expirationRefreshRatio",
        "above 0 and below 1",
      ],
    ),
    ...["lowerRefreshBoundMs", "reauthenticationWindowMs"].flatMap((name) =>
      [Number.NaN, -1, Number.POSITIVE_INFINITY, "3"].map(
        (value): Refused => [`${name} ${value}`, { [name]: value }, name, "milliseconds, 0 or more"],
      ),
    ),
    ...[Number.NaN, 0, -1].map(
      (value): Refused => [
        `requestTimeoutMs ${value}`,
        { requestTimeoutMs: value },
        "requestTimeoutMs",
        "1 or more",
      ],
    ),
    ...[Number.NaN, 0, -1, 1.5].map(
      (value): Refused => [
        `retry.maxAttempts ${value}`,
        { retry: { maxAttempts: value } },
        "retry.maxAttempts",
        "whole number, 1 or more",
      ],
    ),
    ...[Number.NaN, -1].map(
      (value): Refused => [
        `retry.initialDelayMs ${value}`,
        { retry: { initialDelayMs: value } },
        "retry.initialDelayMs",
        "0 or more",
      ],
    ),
    ...[Number.NaN, 0, -1].map(
      (value): Refused => [
        `retry.maxDelayMs ${value}`,
        { retry: { maxDelayMs: value } },
        "retry.maxDelayMs",
        "1 or more",
      ],
    ),
    ...[Number.NaN, 0, 0.9, 101].map(
      (value): Refused => [
        `retry.backoffMultiplier ${value}`,
        { retry: { backoffMultiplier: value } },
        "retry.backoffMultiplier",
        "from 1 to 100",
      ],
    ),
    ...[Number.NaN, -0.1, 1.1].map(
      (value): Refused => [
        `retry.jitter ${value}`,
        { retry: { jitter: value } },
        "retry.jitter",
        "from 0 to 1",
      ],
    ),
  ];

  test.each(
    named([
      ...numbers,
      [
        "delays that contradict each other",
        { retry: { initialDelayMs: 500, maxDelayMs: 400 } },
        "retry.initialDelayMs",
        "no longer than `retry.maxDelayMs`",
      ],
      [
        "an initial delay beyond the longest",
        { retry: { initialDelayMs: 60_000 } },
        "retry.initialDelayMs",
        "30000 ms",
      ],
      [
        "a predicate that is none",
        { retry: { isRetryable: true } },
        "retry.isRetryable",
        /\(error\) => boolean/,
      ],
      [
        "a misspelt retry option",
        { retry: { maxAttemps: 3 } },
        "retry.maxAttemps",
        "Did you mean `retry.maxAttempts`?",
      ],
      ["an unknown retry option", { retry: { colour: 3 } }, "retry.colour", "`retry.jitter`"],
      ["a number of retries", { retry: 3 }, "retry", "an object"],
      [
        "a misspelt option",
        { expirationRefreshRation: 0.7 },
        "expirationRefreshRation",
        "`expirationRefreshRatio`",
      ],
      ["a clock that is none", { clock: Date }, "clock", "`now()`"],
      ["randomness that is none", { random: 0.5 }, "random", "`Math.random`"],
      [
        "two identities at once",
        {
          clientId: "11111111-2222-3333-4444-555555555555",
          objectId: "11111111-2222-3333-4444-555555555555",
        },
        undefined,
        /./,
      ],
    ]),
  )("%s", (_, row) => {
    refusal(() => entraId(row[1]), row);
  });

  test.each([null, 7, "client-id"])("options that are %s", (options) => {
    refusal(() => entraId(options as unknown as EntraIdOptions), ["", {}, "options", "an object"]);
  });
});

describe("identities", () => {
  test("a short longest delay shortens the first one with it", () => {
    expect(() => entraId({ retry: { maxDelayMs: 100 } })).not.toThrow();
  });

  test("two calls of entraId() are two identities", () => {
    expect(entraId({})).not.toBe(entraId({}));
  });

  test("clients that name none share one, until it is closed", async () => {
    const reauthenticatorOf = (client: { credentialsProvider: unknown }): unknown =>
      (client.credentialsProvider as { reauthenticator: unknown }).reauthenticator;
    const shared = defaultIdentity();
    expect(defaultIdentity()).toBe(shared);
    const one = passwordless({ url: URL_OF_CACHE });
    const other = passwordless({ url: URL_OF_CACHE });
    expect(reauthenticatorOf(one)).toBe(reauthenticatorOf(other));
    expect(reauthenticatorOf(passwordless({ url: URL_OF_CACHE }, { identity }))).not.toBe(
      reauthenticatorOf(one),
    );
    await shared.close();
    expect(defaultIdentity()).not.toBe(shared);
  });

  test("the identity of another copy of this library is one", async () => {
    vi.resetModules();
    const copy = await import("../../../src/azure/entra-id.js");
    const foreign = copy.entraId({});
    expect(foreign).not.toBeInstanceOf(Identity);
    expect(adapter.client({ url: URL_OF_CACHE }, { identity: foreign }).credentialsProvider).toBeDefined();
  });
});

function deepFreeze<const T extends object>(value: T): T {
  for (const inner of Object.values(value))
    if (typeof inner === "object" && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
