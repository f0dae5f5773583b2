// A program of a user: `node ioredis.mjs <package of the client> [settings, as JSON]`. All that it says about its
// cache and its identity is one call; the rest tells what came of it, on stdout, and the error, on stderr.

import { inspect } from "node:util";
import { describe } from "redis-passwordless/azure";
import { azureRedis } from "redis-passwordless/ioredis";
import { complain, say } from "./say.mjs";

const [name = "ioredis", json = "{}"] = process.argv.slice(2);
const settings = JSON.parse(json);
/** @type {typeof import("ioredis")} */
const { Redis } = await import(name);

say(String(describe(settings)));
try {
  const redis = azureRedis(Redis, {}, settings).on("error", complain);
  const whoAmI = String(await redis.call("ACL", "WHOAMI"));
  await redis.set(`who:${name}`, whoAmI);
  const stored = await redis.get(`who:${name}`);
  say(inspect(redis, { depth: 12, showHidden: true }), JSON.stringify(redis.options));
  await redis.quit();
  say(JSON.stringify({ whoAmI, stored, description: describe(settings) }));
} catch (error) {
  complain(error);
  process.exitCode = 1;
}
