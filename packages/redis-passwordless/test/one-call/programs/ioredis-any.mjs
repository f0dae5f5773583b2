// A program of a user, for every kind of cache: `node ioredis-any.mjs <package of the client> [rotations]
// [options, as JSON]`. It writes and reads, subscribes, goes on through so many renewals of its token, and closes.

import { describe } from "redis-passwordless/azure";
import { azureRedisClient } from "redis-passwordless/ioredis";
import { complain, say } from "./say.mjs";
import { work } from "./work.mjs";

const [name = "ioredis", rotations = "0", json = "{}"] = process.argv.slice(2);
/** @type {typeof import("ioredis")} */
const { Cluster, Redis } = await import(name);

say(String(describe()));
try {
  const redis = await azureRedisClient({ Redis, Cluster }, JSON.parse(json));
  redis.on("error", complain);
  // The two classes do not declare it alike.
  const subscriber = /** @type {import("ioredis").Redis} */ (redis).duplicate();
  subscriber.on("error", complain);
  await subscriber.subscribe("news");
  const done = await work(Number(rotations), {
    set: (key, value) => redis.set(key, value),
    get: (key) => redis.get(key),
    twice: async (key) =>
      (await redis.multi().incr(key).incr(key).exec())?.map(([, value]) => Number(value)) ?? [],
    publish: (message) => redis.publish("news", message),
    onMessage: (listener) => {
      subscriber.on("message", (_channel, message) => listener(message));
    },
  });
  await Promise.all([redis.quit(), subscriber.quit()]);
  say(JSON.stringify({ ...done, kind: redis.isCluster ? "cluster" : "single" }));
} catch (error) {
  complain(error);
  process.exitCode = 1;
}
