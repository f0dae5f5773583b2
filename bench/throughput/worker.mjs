import { createClient } from "redis";
import { entraId } from "redis-passwordless";
import { attach, passwordless } from "redis-passwordless/node-redis";

/** @typedef {"plain" | "passwordless" | "attach"} Name */
/** @typedef {{ set(key: string, value: string): Promise<unknown>, get(key: string): Promise<unknown> }} Commands */

const IN_FLIGHT = 500;
const BATCHES = 12;
const VALUE = "0123456789abcdef";

const [, , backendUrl = "", rounds = "1"] = process.argv;
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
const clients = {
  plain: createClient({ url, ...login }),
  passwordless: createClient(passwordless({ url }, { identity })),
  attach: attach(createClient(passwordless({ url }, { identity }))),
};
const names = /** @type {Name[]} */ (Object.keys(clients));
for (const client of Object.values(clients)) await client.connect();

/** @type {Record<Name, number[]>} */
const rates = { plain: [], passwordless: [], attach: [] };
const warmUp = 3;
for (let round = -warmUp; round < Number(rounds); round += 1) {
  for (let turn = 0; turn < names.length; turn += 1) {
    const name = /** @type {Name} */ (names[(round + warmUp + turn) % names.length]);
    const rate = await measure(clients[name]);
    if (round >= 0) rates[name].push(rate);
  }
}
process.send?.(rates);
for (const client of Object.values(clients)) client.destroy();
await identity.close();
process.disconnect();

/**
 * Commands per second.
 *
 * @param {Commands} client
 */
async function measure(client) {
  const startedAt = process.hrtime.bigint();
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const replies = [];
    for (let index = 0; index < IN_FLIGHT; index += 2) {
      replies.push(client.set(`bench:${index}`, VALUE), client.get(`bench:${index}`));
    }
    await Promise.all(replies);
  }
  return (BATCHES * IN_FLIGHT) / (Number(process.hrtime.bigint() - startedAt) / 1e9);
}
