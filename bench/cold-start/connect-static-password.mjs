import { createClient } from "redis";
import { pingOnce } from "./ping-once.mjs";

const { REDIS_URL: url = "", REDIS_USERNAME: username = "", REDIS_PASSWORD: password = "" } = process.env;
await pingOnce(createClient({ url, username, password }));
