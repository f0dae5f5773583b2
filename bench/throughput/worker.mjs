// Keeps one client busy and sends its rates to the parent. One client for each process: with several, the engine
// compiles their common code for all of them, and a cost of one is paid by the others too.

import { createClient } from "redis";
import { entraId } from "redis-passwordless";
import { attach, passwordless } from "redis-passwordless/node-redis";

/** @typedef {"plain" | "passwordless" | "attach"} Variant */
/** @typedef {{ perSecond: number, perProcessorSecond: number }} Rates commands per second, and per second of this process's own processor time */

const IN_FLIGHT = 500;
const BATCHES = 300;
const WARM_UP_BATCHES = 60;
const VALUE = "0123456789abcdef";

const [, , backendUrl = "", variant = ""] = process.argv;
const { hostname, port, username, password } = new URL(backendUrl);
const login = { username: decodeURIComponent(username) || "default", password: decodeURIComponent(password) };
const url = `redis://${hostname}:${port}`;

// The server's own password, as a token: Entra ID plays no part here.
const identity = entraId({
  identityProvider: async () => ({
    token: login.password,
    username: login.username,
    expiresAtMs: Date.now() + 3_600_000,
  }),
});
const client = makeClient();
await client.connect();
await run(WARM_UP_BATCHES);
const rates = await measure();
process.send?.(rates, () => process.exit(0));

function makeClient() {
  if (variant === "plain") return createClient({ url, ...login });
  const made = createClient(passwordless({ url }, { identity }));
  return variant === "attach" ? attach(made) : made;
}

/** @returns {Promise<Rates>} */
async function measure() {
  const cpu = process.cpuUsage();
  const startedAt = process.hrtime.bigint();
  await run(BATCHES);
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
  const { user, system } = process.cpuUsage(cpu);
  const commands = BATCHES * IN_FLIGHT;
  return { perSecond: commands / seconds, perProcessorSecond: commands / ((user + system) / 1e6) };
}

/** @param {number} batches */
async function run(batches) {
  for (let batch = 0; batch < batches; batch += 1) {
    const replies = [];
    for (let index = 0; index < IN_FLIGHT; index += 2) {
      replies.push(client.set(`bench:${index}`, VALUE), client.get(`bench:${index}`));
    }
    await Promise.all(replies);
  }
}
