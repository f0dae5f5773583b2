// A program of a user, for every kind of cache: `node node-redis-any.mjs <package of the client> [rotations]
// [options, as JSON]`. It writes and reads, subscribes, goes on through so many renewals of its token, and closes.

import { describe } from "redis-passwordless/azure";
import { azureRedisClient } from "redis-passwordless/node-redis";
import { complain, say } from "./say.mjs";
import { work } from "./work.mjs";

const [name = "redis", rotations = "0", json = "{}"] = process.argv.slice(2);
/** @type {typeof import("redis")} */
const { createClient, createCluster } = await import(name);

say(String(describe()));
try {
  const client = await azureRedisClient({ createClient, createCluster }, JSON.parse(json));
  client.on("error", complain);
  await client.connect();
  /** @type {(message: string) => void} */
  let heard = () => {};
  const subscriber = client.duplicate().on("error", complain);
  await subscriber.connect();
  await subscriber.subscribe("news", (message) => heard(message));
  const done = await work(Number(rotations), {
    set: (key, value) => client.set(key, value),
    get: (key) => client.get(key),
    twice: async (key) => (await client.multi().incr(key).incr(key).exec()).map(Number),
    publish: (message) => client.publish("news", message),
    onMessage: (listener) => {
      heard = listener;
    },
  });
  await Promise.all([client.close(), subscriber.close()]);
  say(JSON.stringify({ ...done, kind: "masters" in client ? "cluster" : "single" }));
} catch (error) {
  complain(error);
  process.exitCode = 1;
}
