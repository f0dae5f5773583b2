import { describe, expect, test } from "vitest";
import { parseDuration } from "../../src/cli/duration.js";
import { HELP } from "../../src/cli/help.js";
import { parseCommandLine, UsageError, variableOf } from "../../src/cli/options.js";

test("without flags everything has its default", () => {
  expect(parseCommandLine([], {})).toEqual({
    name: "start",
    isJson: false,
    identity: "system",
    managedIdentityEndpoint: "imds",
    hasServiceConnector: false,
    emulator: { redis: {}, gateway: {} },
  });
});

const FLAGS = {
  json: "true",
  identity: "service-principal",
  endpoint: "app-service",
  "token-lifetime": "90s",
  "token-version": "v2",
  "tenant-id": "t",
  port: "1234",
  "control-port": "1235",
  "idle-timeout": "0",
  "redis-url": "redis://localhost",
  product: "cache-for-redis",
  "service-connector": "true",
};
const RESULT = {
  name: "start",
  isJson: true,
  identity: "servicePrincipal",
  managedIdentityEndpoint: "appService",
  hasServiceConnector: true,
  emulator: {
    tokenLifetimeMs: 90_000,
    tokenVersion: "v2",
    tenantId: "t",
    controlPort: 1235,
    redis: { url: "redis://localhost", product: "cacheForRedis" },
    gateway: { port: 1234, idleTimeoutMs: 0 },
  },
};

test("each flag has an effect", () => {
  const args = Object.entries(FLAGS).flatMap(([flag, value]) =>
    value === "true" ? [`--${flag}`] : [`--${flag}`, value],
  );
  expect(parseCommandLine(args, {})).toEqual(RESULT);
});

test("each flag has a variable with the same effect", () => {
  const env = Object.fromEntries(Object.entries(FLAGS).map(([flag, value]) => [variableOf(flag), value]));
  expect(parseCommandLine([], env)).toEqual(RESULT);
  expect(variableOf("token-lifetime")).toBe("AZURE_REDIS_EMULATOR_TOKEN_LIFETIME");
});

test("the flags of a cluster have an effect, and so have their variables", () => {
  const redis = { bin: "/redis", cluster: { masters: 3, replicas: 1, announce: "unreachableIp" } };
  const cluster = ["--cluster", "3", "--cluster-replicas", "1", "--cluster-announce", "unreachable-ip"];
  const args = ["--redis-bin", "/redis", ...cluster];
  expect(parseCommandLine(args, {})).toMatchObject({ emulator: { redis } });
  const env = {
    AZURE_REDIS_EMULATOR_REDIS_BIN: "/redis",
    AZURE_REDIS_EMULATOR_CLUSTER: "3",
    AZURE_REDIS_EMULATOR_CLUSTER_REPLICAS: "1",
    AZURE_REDIS_EMULATOR_CLUSTER_ANNOUNCE: "unreachable-ip",
  };
  expect(parseCommandLine([], env)).toMatchObject({ emulator: { redis } });
  expect(parseCommandLine(["--cluster", "4"], {})).toMatchObject({
    emulator: { redis: { cluster: { masters: 4 } } },
  });
});

test("a clustering policy needs no number of masters", () => {
  const redisOf = (...args: string[]) => parseCommandLine(args, {});
  expect(redisOf("--cluster-policy", "enterprise", "--product", "managed-redis")).toMatchObject({
    emulator: { redis: { product: "managedRedis", cluster: { policy: "enterprise" } } },
  });
  expect(redisOf("--cluster-policy", "oss", "--cluster-announce", "ip")).toMatchObject({
    emulator: { redis: { cluster: { policy: "oss", announce: "ip" } } },
  });
  const env = { AZURE_REDIS_EMULATOR_CLUSTER_POLICY: "enterprise" };
  expect(parseCommandLine([], env)).toMatchObject({
    emulator: { redis: { cluster: { policy: "enterprise" } } },
  });
});

test("a flag wins over its variable", () => {
  const env = { AZURE_REDIS_EMULATOR_PORT: "1" };
  expect(parseCommandLine(["--port", "2"], env)).toMatchObject({ emulator: { gateway: { port: 2 } } });
});

test("the help names every flag", () => {
  for (const flag of [
    ...Object.keys(FLAGS),
    "redis-bin",
    "cluster",
    "cluster-policy",
    "cluster-replicas",
    "cluster-announce",
    "help",
    "version",
  ]) {
    expect(HELP).toContain(`--${flag}`);
  }
});

describe("a usage error names the flag or variable and what it takes", () => {
  test.each<[string[], Record<string, string>, RegExp]>([
    [["--port", "http"], {}, /^--port takes a port number.*"http"/],
    [["--port", "70000"], {}, /^--port/],
    [[], { AZURE_REDIS_EMULATOR_PORT: "x" }, /^AZURE_REDIS_EMULATOR_PORT takes/],
    [["--token-lifetime", "soon"], {}, /^--token-lifetime takes a duration.*"soon"/],
    [["--identity", "toString"], {}, /^--identity takes system, user, service-principal/],
    [["--endpoint", "arc"], {}, /^--endpoint takes imds, app-service/],
    [["--token-version", "v3"], {}, /^--token-version takes v1, v2/],
    [[], { AZURE_REDIS_EMULATOR_JSON: "yes" }, /^AZURE_REDIS_EMULATOR_JSON takes true or false/],
    [["--redis-url", "a", "--redis-bin", "b"], {}, /not both/],
    [["--redis-url", "a", "--cluster", "3"], {}, /--redis-url.*--cluster.*not both/],
    [["--cluster", "2"], {}, /^--cluster takes a number of masters, 3 or more; got "2"/],
    [["--cluster", "3.5"], {}, /^--cluster takes/],
    [[], { AZURE_REDIS_EMULATOR_CLUSTER: "yes" }, /^AZURE_REDIS_EMULATOR_CLUSTER takes/],
    [["--cluster", "3", "--cluster-announce", "name"], {}, /^--cluster-announce takes hostname, ip/],
    [["--cluster-announce", "ip"], {}, /^--cluster-announce goes together with --cluster/],
    [["--cluster-replicas", "1"], {}, /^--cluster-replicas goes together with --cluster/],
    [["--cluster", "3", "--cluster-replicas", "-1"], {}, /--cluster-replicas/],
    [
      ["--cluster", "3", "--cluster-replicas", "some"],
      {},
      /^--cluster-replicas takes a number of replicas, 0/,
    ],
    [["--product", "redis"], {}, /^--product takes managed-redis, cache-for-redis; got "redis"/],
    [["--cluster-policy", "none"], {}, /^--cluster-policy takes oss, enterprise/],
    [["--cluster-policy", "enterprise", "--cluster", "3"], {}, /^Leave out --cluster, or choose/],
    [["--cluster-policy", "enterprise", "--cluster-announce", "ip"], {}, /^Leave out --cluster-announce/],
    [["--redis-url", "a", "--cluster-policy", "enterprise"], {}, /--redis-url.*--cluster-policy.*not both/],
    [["--colour"], {}, /--colour/],
    [["start"], {}, /start/],
  ])("%j %j", (args, env, message) => {
    expect(() => parseCommandLine(args, env)).toThrow(UsageError);
    expect(() => parseCommandLine(args, env)).toThrow(message);
  });
});

test.each([
  ["90", 90_000],
  ["90s", 90_000],
  ["500ms", 500],
  ["1.5m", 90_000],
  ["2h", 7_200_000],
  ["", undefined],
  ["h", undefined],
  ["-1s", undefined],
  ["1d", undefined],
])("the duration %j is %j ms", (text, durationMs) => {
  expect(parseDuration(text)).toBe(durationMs);
});
