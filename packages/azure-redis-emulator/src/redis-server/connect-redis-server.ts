import { AdminConnection, type ServerAddress } from "./admin-connection.js";
import type { Reply } from "./reply.js";
import { describeVersion, type RedisServer } from "./server.js";

/**
 * Uses a Redis server that is already running. Its user must be allowed to run `ACL SETUSER`, and its default
 * user must have a password, or nobody would need a login.
 *
 * @param url `redis://user:password@host:port`
 * @throws {Error} when the URL is no such URL or the server cannot be reached.
 */
export async function connectRedisServer(url: string): Promise<RedisServer> {
  const address = parseUrl(url);
  let connection = await AdminConnection.open(address);
  let isClosed = false;
  const command = async (...args: readonly string[]): Promise<Reply> => {
    if (isClosed) throw new Error("The connection to the Redis server is closed");
    if (connection.isClosed) connection = await AdminConnection.open(address);
    return connection.command(...args);
  };
  const version = describeVersion(String(await command("INFO", "server")));
  return {
    host: address.host,
    port: address.port,
    password: address.password,
    adminUrl: url,
    version,
    get isRunning() {
      return !isClosed;
    },
    command,
    restart: () =>
      Promise.reject(
        new Error(
          `The emulator did not start the Redis server at ${address.host}:${address.port}, so it cannot ` +
            "restart it. Leave out the URL to let the emulator start one.",
        ),
      ),
    close: () => {
      isClosed = true;
      connection.close();
      return Promise.resolve();
    },
  };
}

function parseUrl(text: string): ServerAddress {
  // The URL may hold a password: it is in no message.
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new TypeError("The URL of the Redis server is not of the form redis://user:password@host:port");
  }
  if (url.protocol !== "redis:" || url.hostname === "") {
    throw new TypeError(
      `The URL of the Redis server must be of the form redis://user:password@host:port; got ${url.protocol}//${url.host}`,
    );
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? 6379 : Number(url.port),
    username: decodeURIComponent(url.username) || "default",
    password: decodeURIComponent(url.password),
  };
}
