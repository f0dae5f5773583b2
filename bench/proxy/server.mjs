import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmulator } from "azure-redis-emulator";
import { freePort, startListener, stop } from "./processes.mjs";

/** More than the largest number of connections in any row, and then those of the proxy. */
const MAX_CLIENTS = 10_000;

/**
 * What all targets stand in front of.
 *
 * @typedef {{
 *   tlsPort: number,
 *   caFile: string,
 *   folder: string,
 *   env: Record<string, string>,
 *   cli: (...args: string[]) => string,
 *   version: string,
 *   close: () => Promise<void>,
 * }} BenchServer `env` is the environment of a proxy that may log in.
 */

/**
 * Starts a redis-server with TLS, and an identity endpoint. No gateway stands between: the proxy logs in as an ACL
 * user who needs no password, so that its token is not looked at, and everybody else as nobody.
 *
 * @returns {Promise<BenchServer>}
 */
export async function startServer() {
  const folder = mkdtempSync(join(tmpdir(), "redis-passwordless-bench-"));
  makeCertificates(folder);
  // One after the other: the emulator could be given a port that was found free before.
  const azure = await startEmulator();
  const tlsPort = await freePort();
  const port = await freePort();
  const program = process.env["REDIS_SERVER_BIN"] || "redis-server";
  const file = join(folder, "redis.conf");
  const lines = [
    `port ${port}`,
    `tls-port ${tlsPort}`,
    "bind 127.0.0.1 ::1",
    `dir ${folder}`,
    `tls-cert-file ${join(folder, "server.pem")}`,
    `tls-key-file ${join(folder, "server.key")}`,
    `tls-ca-cert-file ${join(folder, "ca.pem")}`,
    "tls-auth-clients no",
    'save ""',
    "appendonly no",
    `maxclients ${MAX_CLIENTS}`,
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  const server = await startListener(program, [file], port);
  const cli = (/** @type {string[]} */ ...words) =>
    execFileSync("redis-cli", ["-p", String(port), ...words], { encoding: "utf8", timeout: 10_000 }).trim();
  const { objectId } = azure.systemIdentity;
  cli("ACL", "SETUSER", objectId, "on", "nopass", "~*", "&*", "+@all");
  return {
    tlsPort,
    caFile: join(folder, "ca.pem"),
    folder,
    env: azure.env(),
    cli,
    version: cli("INFO", "server").match(/redis_version:(\S+)/)?.[1] ?? "unknown",
    close: async () => {
      await stop(server);
      await azure.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * An authority and a certificate for `localhost` with a key as Azure's have one, RSA of 2048 bits.
 *
 * @param {string} folder
 */
function makeCertificates(folder) {
  const openssl = (/** @type {string} */ command) =>
    execFileSync("openssl", command.split(" "), { cwd: folder, stdio: "ignore" });
  const days = "-days 2";
  openssl(`req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem ${days} -subj /CN=bench-authority`);
  openssl("req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost");
  writeFileSync(join(folder, "names"), "subjectAltName=DNS:localhost\n");
  openssl(
    `x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem ${days} -extfile names`,
  );
}
