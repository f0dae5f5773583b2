import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { startEmulator } from "azure-redis-emulator";
import { freePort, startListener, stop } from "../../bench/proxy/processes.mjs";
import { createIdentity } from "../../packages/redis-passwordless/dist/azure/entra-id.js";
import { startProxy } from "../../packages/redis-passwordless/dist/proxy/proxy.js";
import { findRedisServer } from "../lib/redis-server.mjs";

/** A token is replaced after a second, and lives so long that a script which runs for seconds does not outlast it. */
const TOKEN_LIFETIME_MS = 60_000;
const ROTATION_MS = 1_000;

/**
 * A Redis that needs no password, at a port of this machine.
 *
 * @typedef {{
 *   name: string,
 *   port: number,
 *   logins: () => number,
 *   cuts: () => number,
 *   close: () => Promise<void>,
 * }} World `logins` are those that the cache has accepted, `cuts` the connections whose token has ended.
 */

/**
 * A server itself.
 *
 * @param {readonly string[]} settings arguments of redis-server
 * @param {{ port?: number }} [options] `port`: where clients connect to; a free one if it is left out
 * @returns {Promise<World>}
 */
export async function directWorld(settings, { port } = {}) {
  const server = await startServer(settings, port);
  return { name: "direct", port: server.port, logins: () => 0, cuts: () => 0, close: server.close };
}

/**
 * A proxy in front of such a server, whose connections are logged in again every second.
 *
 * @param {readonly string[]} settings arguments of redis-server
 * @param {{ pool?: number, port?: number }} [options]
 * @returns {Promise<World>}
 */
export async function proxiedWorld(settings, { pool, port: listenPort = 0 } = {}) {
  const password = randomUUID();
  const server = await startServer([...settings, "--requirepass", password]);
  const azure = await startEmulator({
    tokenLifetimeMs: TOKEN_LIFETIME_MS,
    redis: { url: `redis://:${password}@127.0.0.1:${server.port}` },
  });
  const identity = createIdentity(
    { managedIdentity: true, expirationRefreshRatio: ROTATION_MS / TOKEN_LIFETIME_MS },
    { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost },
  );
  const { host, port } = azure.redis;
  const proxy = await startProxy({
    instances: [
      {
        name: "cache",
        server: { host, port, isEncrypted: true },
        identity,
        secureContext: createSecureContext({ ca: azure.caCertificate }),
        listen: [{ kind: "tcp", host: "127.0.0.1", port: listenPort }],
        pool,
      },
    ],
  });
  return {
    name: pool === undefined ? "proxy" : `proxy --pool ${pool}`,
    port: Number(proxy.status().instances[0]?.listening[0]?.split(":").at(-1)),
    logins: () => azure.events.filter((event) => event.type === "login" && event.accepted).length,
    cuts: () =>
      azure.events.filter((event) => event.type === "disconnected" && event.reason === "tokenExpired").length,
    close: async () => {
      await proxy.close();
      await identity.close();
      await azure.close();
      await server.close();
    },
  };
}

/**
 * @param {readonly string[]} settings
 * @param {number} [fixedPort]
 */
async function startServer(settings, fixedPort) {
  const program = findRedisServer()?.path ?? "redis-server";
  const folder = mkdtempSync(join(tmpdir(), "redis-passwordless-suites-"));
  const port = fixedPort ?? (await freePort());
  const own = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder];
  const server = await startListener(program, [...settings, ...own], port);
  return {
    port,
    close: async () => {
      await stop(server);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
