import type { FastifyRedisPluginOptions } from "@fastify/redis";
import type { ConnectionOptions } from "bullmq";
import * as ioredis6 from "ioredis";
import * as ioredis5 from "ioredis-5";
import * as iovalkey from "iovalkey";
import { expectTypeOf, test } from "vitest";
import { entraId, type Identity } from "../../src/index.js";
import { attach, type PasswordlessSettings, passwordless } from "../../src/ioredis.js";

// What is compared is the type of a call; nothing connects.
const options = { host: "localhost", port: 6379 };
const nodes = [options];

/** Calls are compiled, not made. */
function compiled(_call: () => unknown): void {}

/**
 * The names of the members that differ. The class of ioredis 6 depends on a type that the compiler does not look at
 * when it compares two of them, so the members are compared too.
 */
type Differences<A, B> = {
  [Name in keyof A | keyof B]: Name extends keyof A & keyof B
    ? Same<A[Name], B[Name]> extends true
      ? never
      : Name
    : Name;
}[keyof A | keyof B];
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

class Own6 extends ioredis6.Redis {
  readonly own = "6";
}
class Own5 extends ioredis5.Redis {
  readonly own = "5";
}
class OwnValkey extends iovalkey.Redis {
  readonly own = "valkey";
}
class OwnCluster extends ioredis6.Cluster {
  readonly own = "cluster";
}

test("a client has exactly the type of its class: ioredis 6", () => {
  const make = () => passwordless(ioredis6.Redis, options);
  const makeWithout = () => new ioredis6.Redis(options);
  expectTypeOf(make).returns.toEqualTypeOf<ioredis6.Redis>();
  expectTypeOf<Differences<ReturnType<typeof make>, ReturnType<typeof makeWithout>>>().toBeNever();
  const fromUrl = () => passwordless(ioredis6.Redis, "rediss://localhost:6379");
  expectTypeOf(fromUrl).returns.toEqualTypeOf<ioredis6.Redis>();
});

test("a client has exactly the type of its class: ioredis 5", () => {
  const make = () => passwordless(ioredis5.Redis, options);
  expectTypeOf(make).returns.toEqualTypeOf<ioredis5.Redis>();
  expectTypeOf<Differences<ReturnType<typeof make>, ioredis5.Redis>>().toBeNever();
});

test("a client has exactly the type of its class: iovalkey", () => {
  const make = () => passwordless(iovalkey.Redis, options);
  expectTypeOf(make).returns.toEqualTypeOf<iovalkey.Redis>();
  expectTypeOf<Differences<ReturnType<typeof make>, iovalkey.Redis>>().toBeNever();
  const makeValkey = () => passwordless(iovalkey.Valkey, options);
  expectTypeOf(makeValkey).returns.toEqualTypeOf<iovalkey.Valkey>();
});

test("a subclass stays that subclass", () => {
  const make6 = () => passwordless(Own6, options);
  const make5 = () => passwordless(Own5, options);
  const makeValkey = () => passwordless(OwnValkey, options);
  const makeCluster = () => passwordless(OwnCluster, nodes);
  expectTypeOf(make6).returns.toEqualTypeOf<Own6>();
  expectTypeOf(make5).returns.toEqualTypeOf<Own5>();
  expectTypeOf(makeValkey).returns.toEqualTypeOf<OwnValkey>();
  expectTypeOf(makeCluster).returns.toEqualTypeOf<OwnCluster>();
});

test("replies of ioredis 6 have RESP3's types where the class is given with them", () => {
  const make = () => passwordless(ioredis6.Redis<"resp3">, { ...options, replyMapping: "resp3" });
  const makeWithout = () => new ioredis6.Redis({ ...options, replyMapping: "resp3" });
  expectTypeOf<Differences<ReturnType<typeof make>, ReturnType<typeof makeWithout>>>().toBeNever();
  expectTypeOf<ReturnType<typeof make>["zscore"]>().not.toEqualTypeOf<ioredis6.Redis["zscore"]>();
  const redisOptions = { replyMapping: "resp3" } as const;
  const makeCluster = () => passwordless(ioredis6.Cluster<"resp3">, nodes, { redisOptions });
  const makeClusterWithout = () => new ioredis6.Cluster(nodes, { redisOptions });
  expectTypeOf<
    Differences<ReturnType<typeof makeCluster>, ReturnType<typeof makeClusterWithout>>
  >().toBeNever();
});

test("a cluster has exactly the type of its class", () => {
  const settings = { slotsRefreshTimeout: 2000, redisOptions: { connectTimeout: 500 } };
  const make6 = () => passwordless(ioredis6.Cluster, nodes, settings);
  const make5 = () => passwordless(ioredis5.Cluster, nodes, settings);
  const makeValkey = () => passwordless(iovalkey.Cluster, nodes, settings);
  expectTypeOf(make6).returns.toEqualTypeOf<ioredis6.Cluster>();
  expectTypeOf(make5).returns.toEqualTypeOf<ioredis5.Cluster>();
  expectTypeOf(makeValkey).returns.toEqualTypeOf<iovalkey.Cluster>();
  expectTypeOf<Differences<ReturnType<typeof make6>, ioredis6.Cluster>>().toBeNever();
  expectTypeOf<Differences<ReturnType<typeof make5>, ioredis5.Cluster>>().toBeNever();
  expectTypeOf<Differences<ReturnType<typeof makeValkey>, iovalkey.Cluster>>().toBeNever();
  const ofStatic = () => passwordless(ioredis6.Redis.Cluster, ["rediss://localhost:6379", 6379]);
  expectTypeOf(ofStatic).returns.toEqualTypeOf<ioredis6.Cluster>();
});

test("options are the client's own, and checked", () => {
  const whole6: ioredis6.RedisOptions = options;
  const whole5: ioredis5.RedisOptions = options;
  const wholeValkey: iovalkey.RedisOptions = options;
  compiled(() => passwordless(ioredis6.Redis, whole6));
  compiled(() => passwordless(ioredis5.Redis, whole5));
  compiled(() => passwordless(iovalkey.Redis, wholeValkey));
  compiled(() => passwordless(ioredis6.Redis, { ...options, retryStrategy: (times) => times * 2 }));

  // @ts-expect-error a misspelt name
  compiled(() => passwordless(ioredis6.Redis, { hots: "localhost" }));
  // @ts-expect-error a misspelt name
  compiled(() => passwordless(ioredis5.Redis, { hots: "localhost" }));
  // @ts-expect-error a misspelt name
  compiled(() => passwordless(iovalkey.Redis, { hots: "localhost" }));
  // @ts-expect-error a string where ioredis takes a number or null
  compiled(() => passwordless(ioredis6.Redis, { maxRetriesPerRequest: "3" }));
  // @ts-expect-error an option of ioredis 6
  compiled(() => passwordless(ioredis5.Redis, { replyMapping: "resp3" }));
  // @ts-expect-error a number, as `new Redis(6379)` takes it
  compiled(() => passwordless(ioredis6.Redis, 6379));
  // @ts-expect-error a class alone
  compiled(() => passwordless(ioredis6.Redis));
  // @ts-expect-error settings in the place of options
  compiled(() => passwordless(ioredis6.Redis, { identity: entraId() }));
  // @ts-expect-error another class
  compiled(() => passwordless(Map, options));
});

test("so are those of a cluster, and its nodes", () => {
  const whole6: ioredis6.ClusterOptions = {};
  const whole5: ioredis5.ClusterOptions = {};
  const wholeValkey: iovalkey.ClusterOptions = {};
  compiled(() => passwordless(ioredis6.Cluster, nodes, whole6));
  compiled(() => passwordless(ioredis5.Cluster, nodes, whole5));
  compiled(() => passwordless(iovalkey.Cluster, nodes, wholeValkey));
  compiled(() => passwordless(ioredis6.Cluster, nodes, { scaleReads: "slave" }));

  // @ts-expect-error a misspelt name
  compiled(() => passwordless(ioredis6.Cluster, nodes, { redisOption: {} }));
  // @ts-expect-error a misspelt name further down
  compiled(() => passwordless(ioredis5.Cluster, nodes, { redisOptions: { hots: "localhost" } }));
  // @ts-expect-error a number where iovalkey takes a word
  compiled(() => passwordless(iovalkey.Cluster, nodes, { scaleReads: 1 }));
  // @ts-expect-error one node that is not in a list
  compiled(() => passwordless(ioredis6.Cluster, options));
  // @ts-expect-error a node of another kind
  compiled(() => passwordless(ioredis6.Cluster, [{ host: 6379 }]));
});

test("passwordless options are options of every client and of frameworks", () => {
  const make = () => passwordless({ host: "localhost", port: 6379, maxRetriesPerRequest: null });
  type Made = ReturnType<typeof make>;
  expectTypeOf<Made>().not.toBeNever();
  expectTypeOf<Made["host"]>().toEqualTypeOf<"localhost">();
  expectTypeOf<Made["maxRetriesPerRequest"]>().toEqualTypeOf<null>();
  expectTypeOf<Made>().toExtend<ioredis6.RedisOptions>();
  expectTypeOf<Made>().toExtend<ioredis5.RedisOptions>();
  expectTypeOf<Made>().toExtend<iovalkey.RedisOptions>();
  expectTypeOf<Made>().toExtend<ConnectionOptions>();
  expectTypeOf<Made>().toExtend<FastifyRedisPluginOptions>();
  compiled(() => [new ioredis6.Redis(make()), new ioredis5.Redis(make()), new iovalkey.Redis(make())]);
  compiled(() => new ioredis6.Cluster(nodes, { redisOptions: make() }));
});

test("lists and words in passwordless options keep a type that clients take", () => {
  const make = () =>
    passwordless({
      host: "localhost",
      tls: { minVersion: "TLSv1.3" },
      autoPipeliningIgnoredCommands: ["get"],
      reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
    });
  compiled(() => [new ioredis6.Redis(make()), new ioredis5.Redis(make()), new iovalkey.Redis(make())]);
  const whole = () => passwordless({} as ioredis6.RedisOptions);
  expectTypeOf(whole).returns.toExtend<ioredis6.RedisOptions>();
});

test("attach returns the type that it was given", () => {
  expectTypeOf(attach<ioredis6.Redis>).returns.toEqualTypeOf<ioredis6.Redis>();
  expectTypeOf(attach<ioredis6.Cluster>).returns.toEqualTypeOf<ioredis6.Cluster>();
  expectTypeOf(attach<ioredis5.Redis>).returns.toEqualTypeOf<ioredis5.Redis>();
  expectTypeOf(attach<iovalkey.Cluster>).returns.toEqualTypeOf<iovalkey.Cluster>();
  expectTypeOf(attach<Own6>).returns.toEqualTypeOf<Own6>();
  compiled(() => {
    const redis = attach(new ioredis6.Redis(options));
    expectTypeOf(redis).toEqualTypeOf<ioredis6.Redis>();
  });
});

test("settings take an identity that may be undefined, and nothing else", () => {
  const maybe = undefined as Identity | undefined;
  expectTypeOf<{
    identity: typeof maybe;
    allowPlaintext: boolean | undefined;
  }>().toExtend<PasswordlessSettings>();
  compiled(() => passwordless(ioredis6.Redis, options, { identity: entraId() }));
  compiled(() => passwordless(ioredis6.Cluster, nodes, {}, { allowPlaintext: true }));
  compiled(() => passwordless(options, { identity: entraId() }));
  compiled(() => attach(new ioredis6.Redis(options), { identity: entraId() }));
  // @ts-expect-error a misspelt name
  compiled(() => passwordless(ioredis6.Redis, options, { identiy: entraId() }));
  // @ts-expect-error a misspelt name
  compiled(() => passwordless(options, { identiy: entraId() }));
  // @ts-expect-error a string is no identity
  compiled(() => attach(new ioredis6.Redis(options), { identity: "system" }));
});
