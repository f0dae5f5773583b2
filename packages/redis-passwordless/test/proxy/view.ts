import { PasswordlessError } from "../../src/core/errors.js";
import { Events } from "../../src/core/events.js";
import { Token } from "../../src/core/token.js";
import type { ProxyEvents } from "../../src/proxy/events.js";
import type { IdentityStatus, InstanceStatus, ProxyStatus } from "../../src/proxy/status.js";
import type { ProxyView } from "../../src/proxy/view.js";

type Changeable<T> = { -readonly [Key in keyof T]: T[Key] };

/** What a proxy reports, in states that take a real one minutes or an outage of Azure to reach. */
export class ReportedProxy implements ProxyView {
  readonly #events = new Events<ProxyEvents>();
  readonly instance: Changeable<InstanceStatus> = {
    name: "orders",
    endpoint: "orders.westus3.redis.azure.net:10000",
    listening: ["127.0.0.1:6379"],
    identity: IDENTITY,
    counters: {
      openClients: 3,
      clients: 17,
      clientsOverLimit: 2,
      openUpstreams: 3,
      upstreams: 18,
      upstreamFailures: 1,
      reauthentications: 9,
      reauthenticationFailures: 0,
      bytesIn: 12_345,
      bytesOut: 1_234_567,
    },
    idleClients: 0,
    spareUpstreams: 0,
    lastConnectedAtMs: NOW_MS - 60_000,
    lastFailure: undefined,
  };
  readonly identity: Changeable<IdentityStatus> = {
    description: IDENTITY,
    state: "fresh",
    username: USERNAME,
    issuedAtMs: NOW_MS - 900_000,
    expiresAtMs: NOW_MS + 2_700_000,
    failures: 0,
    lastError: undefined,
    clockSkewMs: 1_500,
    connections: 3,
  };
  readonly more: Changeable<Pick<ProxyStatus, "state" | "startedAtMs">> = {
    state: "ready",
    startedAtMs: NOW_MS - 3_600_000,
  };

  status(): ProxyStatus {
    return { ...this.more, instances: [this.instance], identities: [this.identity] };
  }

  on<Name extends keyof ProxyEvents>(name: Name, listener: (payload: ProxyEvents[Name]) => void): Disposable {
    return this.#events.on(name, listener);
  }

  emit<Name extends keyof ProxyEvents>(name: Name, payload: ProxyEvents[Name]): void {
    this.#events.emit(name, payload);
  }
}

/** 2026-01-01T00:00:00Z: where the clock of the tests stands. */
export const NOW_MS = Date.UTC(2026, 0, 1);
export const IDENTITY = "system-assigned managed identity";
export const USERNAME = "00000000-0000-4000-8000-000000000001";
export const SERVER = "orders.westus3.redis.azure.net:10000";

/** Looks like a token, and is one wherever it is printed. */
export const SECRET = `${Buffer.from('{"alg":"RS256"}').toString("base64url")}.c2VjcmV0.c2lnbmF0dXJl`;

export function tokenUntil(expiresAtMs: number, receivedAtMs = NOW_MS): Token {
  return new Token(SECRET, {
    username: USERNAME,
    receivedAtMs,
    expiresAtMs,
    refreshAtMs: undefined,
    details: {},
  });
}

/** As it is raised when nobody listens at the server's address. */
export function connectionRefused(): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_CONNECTION_FAILED", {
    message: `The connection to Redis at ${SERVER} could not be opened: connection refused (ECONNREFUSED).`,
    remedy: "Check the port and the firewall of the cache.",
    retryable: true,
    cause: Object.assign(new Error(`connect ECONNREFUSED with ${SECRET}`), { code: "ECONNREFUSED" }),
  });
}
