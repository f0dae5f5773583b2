import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import type { EmulatorEvent } from "../../src/api.js";
import { createCertificateAuthority } from "../../src/certificates/certificate-authority.js";
import {
  type Gateway,
  type GatewayOptions,
  type LoginVerdict,
  startGateway,
} from "../../src/gateway/gateway.js";
import { type RedisServer, startRedisServer } from "../../src/redis-server/redis-server.js";
import { RawClient } from "./raw-client.js";

export type EventOf<T extends EmulatorEvent["type"]> = Extract<EmulatorEvent, { type: T }>;

/** A gateway in front of a real server, with tokens that need no signature and a clock that tests move. */
export class GatewayFixture implements AsyncDisposable {
  readonly events: EmulatorEvent[] = [];
  /** Added to the machine's time, in milliseconds. */
  clockOffsetMs = 0;
  /** What a login waits for before it is verified. */
  verification: Promise<void> = Promise.resolve();
  gateway!: Gateway;
  server!: RedisServer;
  caCertificate!: string;
  readonly #tokens = new Map<string, { objectId: string; expiresAtMs: number; tokenId: string }>();
  readonly #emitter = new EventEmitter();

  static async start(options: Partial<GatewayOptions> = {}): Promise<GatewayFixture> {
    const fixture = new GatewayFixture();
    fixture.#emitter.setMaxListeners(0);
    const authority = await createCertificateAuthority();
    fixture.caCertificate = authority.certificate;
    fixture.server = options.servers?.[0] ?? (await startRedisServer());
    fixture.gateway = await startGateway({
      tls: await authority.issue(["localhost"]),
      host: "127.0.0.1",
      servers: [fixture.server],
      idleTimeoutMs: 0,
      now: () => fixture.now(),
      verifyLogin: async (username, token) => {
        await fixture.verification;
        return fixture.#verify(username, token);
      },
      onEvent: (event) => {
        fixture.events.push(event);
        fixture.#emitter.emit("event", event);
      },
      ...options,
    });
    return fixture;
  }

  now(): number {
    return Date.now() + this.clockOffsetMs;
  }

  /** A new identity with full access. */
  async identity(policy = "Data Owner"): Promise<string> {
    const objectId = randomUUID();
    await this.gateway.applyAccessPolicy(objectId, policy);
    return objectId;
  }

  issue(objectId: string, lifetimeMs = 3_600_000): string {
    const token = `token-${randomUUID()}`;
    this.#tokens.set(token, { objectId, expiresAtMs: this.now() + lifetimeMs, tokenId: randomUUID() });
    return token;
  }

  #verify(username: string, token: string): LoginVerdict {
    const known = this.#tokens.get(token);
    const credentials = this.gateway.credentialsOf(username);
    if (known?.objectId === username && credentials !== undefined) {
      const { tokenId, expiresAtMs } = known;
      return { accepted: true, objectId: username, tokenId, expiresAtMs, ...credentials };
    }
    return { accepted: false, objectId: username, reason: "unknown token" };
  }

  /** A connection over TLS that speaks RESP by hand. */
  connect(): Promise<RawClient> {
    return RawClient.connect({ port: this.gateway.port, ca: this.caCertificate });
  }

  connectPlaintext(): Promise<RawClient> {
    return RawClient.connect({ port: this.gateway.plaintextPort });
  }

  /** A connection that is logged in with a fresh token. */
  async login(objectId: string, lifetimeMs?: number): Promise<RawClient> {
    const client = await this.connect();
    const reply = await client.call("AUTH", objectId, this.issue(objectId, lifetimeMs));
    if (reply !== "+OK\r\n") throw new Error(`The login answered ${reply}`);
    return client;
  }

  /** The first event of a kind, also one of the past from index `since` on. */
  waitFor<T extends EmulatorEvent["type"]>(
    type: T,
    match: (event: EventOf<T>) => boolean = () => true,
    since = 0,
  ): Promise<EventOf<T>> {
    const fits = (event: EmulatorEvent): event is EventOf<T> =>
      event.type === type && match(event as EventOf<T>);
    const past = this.events.slice(since).find(fits);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve) => {
      const listener = (event: EmulatorEvent): void => {
        if (!fits(event)) return;
        this.#emitter.off("event", listener);
        resolve(event);
      };
      this.#emitter.on("event", listener);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway.close();
    await this.server.close();
  }
}
