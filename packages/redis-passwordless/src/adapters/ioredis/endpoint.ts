import { invalidOption, PasswordlessError } from "../../core/errors.js";
import { isLoopback, type Target } from "../plaintext.js";
import type { ClientOptions } from "./structural.js";

export const DEFAULT_PORT = 6379;

/** The server that a client with these options connects to. */
export function targetOf(options: ClientOptions): Target {
  if (options.path) {
    return { label: options.path, isEncrypted: false, isLocal: true };
  }
  const host = options.host ?? "localhost";
  const port = Number(options.port ?? DEFAULT_PORT);
  return {
    label: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`,
    // As ioredis decides it.
    isEncrypted: Boolean(options.tls),
    isLocal: isLoopback(host),
  };
}

/** The sentinels tell where the server is. */
export function sentinelLabel(options: ClientOptions): string {
  const name = (options as { name?: unknown }).name;
  return `${typeof name === "string" ? name : "the master"} by Sentinel`;
}

/**
 * Reads options out of an address as ioredis does: host, port, database, TLS by the protocol, and whatever the
 * query says.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`, `ERR_PASSWORDLESS_URL_CREDENTIALS`
 */
export function optionsFromUrl(url: string, option: string): ClientOptions & Record<string, unknown> {
  const hasScheme = /^[a-z]+:\/\//i.test(url);
  const text = hasScheme ? url : `redis://${url}`;
  if (url.startsWith("/")) return { path: url };
  if (!URL.canParse(text)) throw invalidOption(option, "an address such as `rediss://host:port`");
  const { protocol, username, password, hostname, port, pathname, searchParams } = new URL(text);
  if (username !== "" || password !== "") throw credentialsError(option);
  const scheme = SCHEMES[protocol];
  if (scheme === undefined) throw invalidOption(option, "`rediss://` or `redis://`", protocol);
  if (hostname === "" || port === "0") {
    throw invalidOption(option, "an address with a host and a port, such as `rediss://host:port`");
  }
  const db = pathname.length > 1 ? { db: databaseOf(pathname.slice(1), option) } : {};
  return {
    ...Object.fromEntries(searchParams),
    ...db,
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? DEFAULT_PORT : Number(port),
    ...(hasScheme ? { tls: scheme === "tls" ? {} : null } : {}),
  };
}

/**
 * Rejects options that would compete with the identity, or give the token to a server that is not verified.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`
 */
export function assertOptions(options: unknown, prefix = ""): asserts options is ClientOptions {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw invalidOption(
      prefix === "" ? "options" : prefix.slice(0, -1),
      "an object such as `{ host, port }`",
      options,
    );
  }
  const { host, port, path, tls, Connector }: ClientOptions = options;
  assertNoCredentials(options, prefix);
  if (Connector !== undefined) {
    throw invalidOption(
      `${prefix}Connector`,
      "nothing: this library needs a connector of its own to log in with",
    );
  }
  if (path !== undefined && path !== null && (typeof path !== "string" || path === "")) {
    throw invalidOption(`${prefix}path`, "the path of a Unix socket", path);
  }
  if (host !== undefined && host !== null && (typeof host !== "string" || host.trim() === "")) {
    throw invalidOption(`${prefix}host`, "the host name of the cache", host);
  }
  if (port !== undefined && port !== null && !isPort(port)) {
    throw invalidOption(`${prefix}port`, "a whole number from 1 to 65535", port);
  }
  assertVerified(tls, prefix);
}

/**
 * Rejects options with which ioredis would log in itself, behind the identity.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`
 */
export function assertNoCredentials({ username, password }: ClientOptions, prefix = ""): void {
  for (const [name, value] of Object.entries({ username, password })) {
    if (value === undefined || value === null) continue;
    throw invalidOption(
      `${prefix}${name}`,
      "nothing: the identity logs in. Remove it, or do without this library",
    );
  }
}

/**
 * Refuses TLS options that switch verification off.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`
 */
export function assertVerified(tls: unknown, prefix = ""): void {
  if (typeof tls !== "object" || tls === null) return;
  if ((tls as { rejectUnauthorized?: unknown }).rejectUnauthorized !== false) return;
  throw invalidOption(
    `${prefix}tls.rejectUnauthorized`,
    "only `true` (the default): a token goes to verified servers only. For a private authority, set `tls.ca`",
    false,
  );
}

/** TLS is on for every host but this machine, unless the options say otherwise. */
export function withTls<O extends ClientOptions>(options: O): O {
  const { isLocal } = targetOf(options);
  return options.tls === undefined && !isLocal ? { ...options, tls: {} } : options;
}

const SCHEMES: Readonly<Record<string, "tls" | "plain">> = {
  "rediss:": "tls",
  "valkeys:": "tls",
  "redis:": "plain",
  "valkey:": "plain",
};

function isPort(port: unknown): boolean {
  const number = typeof port === "string" && /^\d+$/.test(port) ? Number(port) : port;
  return Number.isInteger(number) && Number(number) >= 1 && Number(number) <= 65_535;
}

function databaseOf(path: string, option: string): number {
  if (!/^\d+$/.test(path))
    throw invalidOption(option, "an address whose path is the number of a database", path);
  return Number(path);
}

function credentialsError(option: string): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_URL_CREDENTIALS", {
    message: `Option \`${option}\` carries a user name or a password, which would compete with the identity.`,
    remedy: "Remove everything between `://` and `@`.",
    details: { option },
  });
}
