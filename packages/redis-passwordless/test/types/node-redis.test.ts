import * as redis6 from "redis";
import {
  RESP_TYPES,
  type RedisClientOptions,
  type RedisClusterOptions,
  type RedisSentinelOptions,
} from "redis";
import * as redis5 from "redis-5";
import { expectTypeOf, test } from "vitest";
import { entraId, type Identity } from "../../src/index.js";
import {
  attach,
  type PasswordlessSettings,
  passwordless,
  passwordlessCluster,
  passwordlessSentinel,
  type StreamingCredentialsProvider,
} from "../../src/node-redis.js";

// What is compared is the type of a call; nothing connects.
const URL_OF_CACHE = "redis://localhost:6379";
const rootNodes = [{ url: URL_OF_CACHE }];
const sentinelRootNodes = [{ host: "localhost", port: 26_379 }];
const script = redis6.defineScript({
  SCRIPT: "return 1",
  NUMBER_OF_KEYS: 1,
  parseCommand(parser: redis6.CommandParser, key: string) {
    parser.pushKey(key);
  },
  transformReply: (reply: number) => reply,
});

test("a client of node-redis 6 has exactly the type that it has without us", () => {
  expectTypeOf(redis6.createClient(passwordless({ url: URL_OF_CACHE }))).toEqualTypeOf(
    redis6.createClient({ url: URL_OF_CACHE }),
  );
  expectTypeOf(redis6.createClient(passwordless({ url: URL_OF_CACHE, RESP: 2 }))).toEqualTypeOf(
    redis6.createClient({ url: URL_OF_CACHE, RESP: 2 }),
  );
  expectTypeOf(redis6.createClient(passwordless({ url: URL_OF_CACHE, RESP: 3 }))).toEqualTypeOf(
    redis6.createClient({ url: URL_OF_CACHE, RESP: 3 }),
  );
});

test("its commands have the same types with scripts and with a type mapping", () => {
  const ours = redis6.createClient(passwordless({ RESP: 3, scripts: { script } }));
  const theirs = redis6.createClient({ RESP: 3, scripts: { script } });
  expectTypeOf(ours.script).toEqualTypeOf(theirs.script);
  const typeMapping = { [RESP_TYPES.BLOB_STRING]: Buffer } as const;
  const oursMapped = redis6.createClient(passwordless({ RESP: 3, commandOptions: { typeMapping } }));
  const theirsMapped = redis6.createClient({ RESP: 3, commandOptions: { typeMapping } });
  expectTypeOf(oursMapped.get).toEqualTypeOf(theirsMapped.get);
  expectTypeOf(ours.withTypeMapping(typeMapping).get).toEqualTypeOf(theirs.withTypeMapping(typeMapping).get);
  // Modules that node-redis brings along.
  expectTypeOf(ours.json.get).toEqualTypeOf(theirs.json.get);
});

test("a client of node-redis 5 has exactly the type that it has without us", () => {
  expectTypeOf(redis5.createClient(passwordless({ url: URL_OF_CACHE }))).toEqualTypeOf(
    redis5.createClient({ url: URL_OF_CACHE }),
  );
  expectTypeOf(redis5.createClient(passwordless({ url: URL_OF_CACHE, RESP: 2 }))).toEqualTypeOf(
    redis5.createClient({ url: URL_OF_CACHE, RESP: 2 }),
  );
  expectTypeOf(redis5.createClient(passwordless({ url: URL_OF_CACHE, RESP: 3 }))).toEqualTypeOf(
    redis5.createClient({ url: URL_OF_CACHE, RESP: 3 }),
  );
});

test("so have pools, clusters and sentinels of both", () => {
  expectTypeOf(redis6.createClientPool(passwordless({ RESP: 3 }), { maximum: 2 })).toEqualTypeOf(
    redis6.createClientPool({ RESP: 3 }, { maximum: 2 }),
  );
  expectTypeOf(redis5.createClientPool(passwordless({ RESP: 3 }), { maximum: 2 })).toEqualTypeOf(
    redis5.createClientPool({ RESP: 3 }, { maximum: 2 }),
  );
  expectTypeOf(redis6.createCluster(passwordlessCluster({ rootNodes, RESP: 3 }))).toEqualTypeOf(
    redis6.createCluster({ rootNodes, RESP: 3 }),
  );
  expectTypeOf(redis5.createCluster(passwordlessCluster({ rootNodes, RESP: 3 }))).toEqualTypeOf(
    redis5.createCluster({ rootNodes, RESP: 3 }),
  );
  const sentinel = { name: "cache", sentinelRootNodes, RESP: 3 } as const;
  expectTypeOf(redis6.createSentinel(passwordlessSentinel(sentinel))).toEqualTypeOf(
    redis6.createSentinel(sentinel),
  );
  expectTypeOf(redis5.createSentinel(passwordlessSentinel(sentinel))).toEqualTypeOf(
    redis5.createSentinel(sentinel),
  );
});

test("attach returns the type that it was given", () => {
  const client = redis6.createClient({ url: URL_OF_CACHE, RESP: 2 });
  const older = redis5.createClient({ url: URL_OF_CACHE });
  expectTypeOf(attach<typeof client>).returns.toEqualTypeOf(client);
  expectTypeOf(attach<typeof older>).returns.toEqualTypeOf(older);
});

test("the credentials provider is one of node-redis's public option types", () => {
  type Option<O extends { credentialsProvider?: unknown }> = NonNullable<O["credentialsProvider"]>;
  expectTypeOf<StreamingCredentialsProvider>().toExtend<Option<RedisClientOptions>>();
  expectTypeOf<StreamingCredentialsProvider>().toExtend<Option<redis5.RedisClientOptions>>();
  expectTypeOf<StreamingCredentialsProvider>().toExtend<
    Option<NonNullable<RedisClusterOptions["defaults"]>>
  >();
  expectTypeOf<StreamingCredentialsProvider>().toExtend<
    Option<NonNullable<RedisSentinelOptions["nodeClientOptions"]>>
  >();
});

test("what passwordless returns is what it was given, and the provider", () => {
  const options = passwordless({ url: URL_OF_CACHE, database: 3 });
  expectTypeOf(options.url).toEqualTypeOf<typeof URL_OF_CACHE>();
  expectTypeOf(options.database).toEqualTypeOf<3>();
  expectTypeOf(options.credentialsProvider).toEqualTypeOf<StreamingCredentialsProvider>();
});

test("settings take an identity that may be undefined, and nothing else", () => {
  const maybe = undefined as Identity | undefined;
  expectTypeOf<{
    identity: typeof maybe;
    allowPlaintext: boolean | undefined;
  }>().toExtend<PasswordlessSettings>();
  expectTypeOf(entraId).returns.toEqualTypeOf<Identity>();
  // @ts-expect-error a misspelt name
  expectTypeOf({ identiy: maybe }).toEqualTypeOf<PasswordlessSettings>();
});
