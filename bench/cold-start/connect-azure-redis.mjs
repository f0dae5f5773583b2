import { createClient } from "redis";
import { azureRedis } from "redis-passwordless/node-redis";
import { pingOnce } from "./ping-once.mjs";

await pingOnce(createClient(azureRedis(process.env["REDIS_URL"])));
