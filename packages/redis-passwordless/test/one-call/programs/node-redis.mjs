// A program of a user: `node node-redis.mjs <package of the client> [settings, as JSON]`. All that it says about its
// cache and its identity is one call; the rest tells what came of it, on stdout, and the error, on stderr.

import { inspect } from "node:util";
import { describe } from "redis-passwordless/azure";
import { azureRedis } from "redis-passwordless/node-redis";
import { complain, say } from "./say.mjs";

const [name = "redis", json = "{}"] = process.argv.slice(2);
const settings = JSON.parse(json);
/** @type {typeof import("redis")} */
const { createClient } = await import(name);

say(String(describe(settings)));
try {
  const client = createClient(azureRedis({}, settings)).on("error", complain);
  await client.connect();
  const whoAmI = await client.aclWhoAmI();
  await client.set(`who:${name}`, whoAmI);
  const stored = await client.get(`who:${name}`);
  say(inspect(client, { depth: 12, showHidden: true }), JSON.stringify(client.options));
  await client.close();
  say(JSON.stringify({ whoAmI, stored, description: describe(settings) }));
} catch (error) {
  complain(error);
  process.exitCode = 1;
}
