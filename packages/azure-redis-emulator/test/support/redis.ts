import { createClient } from "redis";
import type { Emulator, Identity } from "../../src/index.js";

/** A connected client that does not reconnect: a dropped connection must show. */
export async function connectRedis(
  azure: Emulator,
  identity: Identity,
  token?: string,
  port = azure.redis.port,
) {
  const client = createClient({
    username: identity.objectId,
    password: token ?? (await azure.issueToken(identity.objectId)),
    socket: {
      host: azure.redis.host,
      port,
      tls: true,
      ca: azure.caCertificate,
      reconnectStrategy: false,
    },
  });
  // A connection that the server closes is an event here, and no test's failure by itself.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}
