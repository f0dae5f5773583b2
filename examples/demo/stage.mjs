import { startEmulator } from "azure-redis-emulator";
import { createClient } from "redis";
import { entraId } from "redis-passwordless";
import { attach, passwordless } from "redis-passwordless/node-redis";

/** @typedef {ReturnType<typeof createClient>} Client */

/** A local Azure, one identity in it, and the clients that log in with it: all of them share one token. */
export class Stage {
  /** @type {Client[]} */
  #clients = [];
  /** Falls when the stage closes: whoever works here stops. */
  curtain = new AbortController();

  /**
   * @param {import("azure-redis-emulator").Emulator} azure
   */
  constructor(azure) {
    this.azure = azure;
    this.identity = entraId({
      tenantId: azure.tenantId,
      clientId: azure.servicePrincipal.clientId,
      clientSecret: azure.servicePrincipal.secret,
      authorityHost: azure.authorityHost,
      ca: azure.caCertificate,
    });
  }

  /** @param {number} tokenLifetimeMs */
  static async start(tokenLifetimeMs) {
    return new Stage(await startEmulator({ tokenLifetimeMs }));
  }

  /**
   * A client as an application would make it; it reconnects soon, so that the restart of Redis stays short.
   *
   * @param {{ RESP?: 2 | 3, disableOfflineQueue?: boolean }} [options]
   * @returns {Client}
   */
  client(options = {}) {
    const { url } = this.azure.redis;
    const socket = { ca: this.azure.caCertificate, reconnectStrategy: () => 100 };
    const client = createClient(passwordless({ url, socket, ...options }, { identity: this.identity }));
    client.on("error", () => {}); // Each command that fails is counted where it was issued.
    this.#clients.push(/** @type {Client} */ (/** @type {unknown} */ (client)));
    return /** @type {Client} */ (/** @type {unknown} */ (client));
  }

  /**
   * The same for a client whose transactions, blocking commands or RESP2 subscriptions have to be left in peace.
   *
   * @param {{ RESP?: 2 | 3, disableOfflineQueue?: boolean }} [options]
   */
  attachedClient(options = {}) {
    return attach(this.client(options));
  }

  async connect() {
    await Promise.all(this.#clients.map((client) => client.connect()));
  }

  /** Connections that are kept authenticated; a RESP2 client with subscriptions has two. */
  get connections() {
    return this.identity.status.connections;
  }

  /** Connections that the gateway has cut because their token had ended. */
  get cutByExpiry() {
    return this.azure.events.filter((one) => one.type === "disconnected" && one.reason === "tokenExpired")
      .length;
  }

  /** Requests for a token, whatever the answer. */
  get tokenRequests() {
    return this.azure.events.filter((one) => one.type === "tokenRequest").length;
  }

  /** A look at the real server, past the gateway and its logins. */
  async inspect() {
    const client = createClient({ url: this.azure.redis.backendUrl });
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  async close() {
    this.curtain.abort();
    for (const client of this.#clients) if (client.isOpen) client.destroy();
    await this.identity.close();
    await this.azure.close();
  }
}
