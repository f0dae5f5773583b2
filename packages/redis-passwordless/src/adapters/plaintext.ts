import { PasswordlessError } from "../core/errors.js";

/** A server that a client is about to connect to. */
export interface Target {
  /** For messages: `host:port` or the path of the socket. */
  readonly label: string;
  readonly isEncrypted: boolean;
  readonly isLocal: boolean;
}

/**
 * Refuses a server to which the token would travel in clear text over a network.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_PLAINTEXT_REFUSED`
 */
export function assertEncrypted(target: Target, allowPlaintext: boolean): void {
  if (target.isEncrypted || target.isLocal || allowPlaintext) return;
  throw plaintextError(target.label);
}

/**
 * Refuses a server, as `host:port` or the path of its socket, that is not on this machine.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_PLAINTEXT_REFUSED`
 */
export function assertLocal(server: string): void {
  if (server.startsWith("/") || isLoopback(server.replace(/:\d+$/, ""))) return;
  throw plaintextError(server);
}

/** Whether a host is this machine by its name or its address. */
export function isLoopback(host: string): boolean {
  return (
    host === "localhost" || host.endsWith(".localhost") || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host)
  );
}

function plaintextError(label: string): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_PLAINTEXT_REFUSED", {
    message: `The connection to ${label} is not encrypted: the token would travel in clear text, and Azure refuses such logins.`,
    remedy:
      "Use `rediss://`, or switch TLS on (`socket: { tls: true }` for node-redis, `tls: {}` for ioredis) with port 10000 on Azure Managed Redis or 6380 on Azure Cache for Redis; set `allowPlaintext` where something else protects the connection.",
    details: { endpoint: label },
  });
}
