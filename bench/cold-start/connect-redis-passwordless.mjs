import { createClient } from "redis";
import { passwordless } from "redis-passwordless/node-redis";
import { pingOnce } from "./ping-once.mjs";

await pingOnce(createClient(passwordless({ url: process.env["REDIS_URL"] ?? "" })));
