// Nest with its cache module (@keyv/redis) and its BullMQ module: a processor looks up prices in the cache, while
// tokens change. Written without decorators, so that it runs as it is: `Injectable()(Prices)` stands for
// `@Injectable() class Prices`.
//
//   REDIS_URL=rediss://my-cache.westus3.redis.azure.net:10000 node examples/nest/main.mjs
//
// Without Azure: `npx azure-redis-emulator --token-lifetime 30s` in another terminal, then, with the environment
// that it prints, `node examples/nest/main.mjs`. Ctrl-C ends it.

// oxlint-disable-next-line import/no-unassigned-import -- what Nest keeps its metadata with
import "reflect-metadata";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createKeyv } from "@keyv/redis";
import { BullModule, getQueueToken, Processor, WorkerHost } from "@nestjs/bullmq";
import { CACHE_MANAGER, CacheModule } from "@nestjs/cache-manager";
import { Inject, Injectable, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { passwordless } from "redis-passwordless/ioredis";
import { passwordless as passwordlessNodeRedis } from "redis-passwordless/node-redis";
import { stopped, until } from "../lib/stop.mjs";

const { REDIS_URL = "rediss://my-cache.westus3.redis.azure.net:10000" } = process.env;
const { hostname: host, port } = new URL(REDIS_URL);
const run = randomUUID();
const QUEUE = `orders-${run}`;
let errors = 0;

/** @param {unknown} error */
function failed(error) {
  errors += 1;
  console.error(error);
}

/** Prices come from the cache; only the first question for an article reaches the database. */
class Prices {
  questions = 0;

  /** @param {import("cache-manager").Cache} cache */
  constructor(cache) {
    this.cache = cache;
  }

  /** @param {number} article */
  of(article) {
    return this.cache.wrap(`price:${article}`, async () => {
      this.questions += 1;
      return article * 3;
    });
  }
}
Injectable()(Prices);
Inject(CACHE_MANAGER)(Prices, undefined, 0);

class OrderProcessor extends WorkerHost {
  /** @type {Map<unknown, number[]>} */
  totals = new Map();

  /** @param {Prices} prices */
  constructor(prices) {
    super();
    this.prices = prices;
  }

  /** @param {import("bullmq").Job<{ article: number, quantity: number }>} job */
  async process(job) {
    const total = (await this.prices.of(job.data.article)) * job.data.quantity;
    this.totals.set(job.id, [...(this.totals.get(job.id) ?? []), total]);
  }
}
Processor(QUEUE, { concurrency: 4 })(OrderProcessor);
Inject(Prices)(OrderProcessor, undefined, 0);

// oxlint-disable-next-line typescript/no-extraneous-class -- a module of Nest is a class
class AppModule {}
Module({
  imports: [
    CacheModule.registerAsync({
      useFactory: () => ({
        // With a namespace: without one, `clear()` deletes the keys of everybody who has none.
        stores: createKeyv(passwordlessNodeRedis({ url: REDIS_URL }), {
          namespace: run,
          throwOnErrors: true,
        }),
        ttl: 600_000,
      }),
    }),
    BullModule.forRoot({
      // An access policy without INFO (such as Data Contributor) needs `skipVersionCheck: true` among these.
      connection: passwordless({ host, port: Number(port), tls: {}, maxRetriesPerRequest: null }),
    }),
    BullModule.registerQueue({ name: QUEUE }),
  ],
  providers: [Prices, OrderProcessor],
})(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ["error", "warn"] });
const processor = app.get(OrderProcessor);
/** @type {import("bullmq").Queue} */
const queue = app.get(getQueueToken(QUEUE));
queue.on("error", failed);
processor.worker.on("error", failed);
processor.worker.on("failed", (_job, error) => failed(error));
await Promise.all([queue.waitUntilReady(), processor.worker.waitUntilReady()]);

const ARTICLES = 10;
/** @type {Map<unknown, number>} */
const expected = new Map();
console.log("ready: placing orders until Ctrl-C");
while (!stopped.aborted) {
  const [article, quantity] = [expected.size % ARTICLES, expected.size];
  const job = await queue.add("order", { article, quantity }, { removeOnComplete: true }).catch((error) => {
    failed(error);
  });
  if (job) expected.set(job.id, article * 3 * quantity);
  await sleep(10);
}

// Not left to `enableShutdownHooks()`: Nest would disconnect the cache before the jobs that use it are done.
await until(() => processor.totals.size === expected.size);
await processor.worker.close();
await queue.obliterate();
await app.get(CACHE_MANAGER).clear();
await app.close();

const right = [...expected].filter(
  ([id, total]) => processor.totals.get(id)?.join() === String(total),
).length;
const { questions } = processor.prices;
console.log(
  `done: ${expected.size} orders, ${right} right, each once, ${questions} questions to the database, ${errors} errors`,
);
const isExact = right === expected.size && questions <= ARTICLES;
process.exitCode = isExact && errors === 0 ? 0 : 1;
