import type { NetConnectOpts } from "node:net";
import { invalidOption, PasswordlessError } from "../../core/errors.js";
import type { Dial } from "../../reauth/probe.js";
import { opened } from "../opened.js";
import { isLoopback, type Target } from "../plaintext.js";
import type { ClientOptions, SocketOptions } from "./structural.js";

/** Where a client connects to, and how. */
export interface Endpoint extends Target {
  readonly socket: SocketOptions;
}

const DEFAULT_PORT = 6379;

/**
 * Reads the endpoint out of a client's options as node-redis does: `url` before `socket`.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_URL_CREDENTIALS`, `ERR_PASSWORDLESS_INVALID_OPTION`
 */
export function endpointOf(options: ClientOptions, name = ""): Endpoint {
  const socket = options.socket ?? {};
  const target = options.url === undefined ? fromSocket(socket, name) : fromUrl(options.url, socket, name);
  if (target.socket.rejectUnauthorized === false) {
    throw invalidOption(
      `${name}socket.rejectUnauthorized`,
      "only `true` (the default): a token goes to verified servers only. For a private authority, set `socket.ca`",
      false,
    );
  }
  return target;
}

/**
 * Rejects what ioredis and others have at the top and node-redis ignores there: it would connect to another server
 * without a word.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`
 */
export function assertAddressInPlace(options: object, prefix = ""): void {
  for (const name of ["host", "port", "tls"] as const) {
    if ((options as Record<string, unknown>)[name] === undefined) continue;
    throw invalidOption(
      `${prefix}${name}`,
      `nothing here: node-redis reads it from \`${prefix}socket.${name}\`, or the address as a whole from \`${prefix}url\``,
    );
  }
}

function fromUrl(url: string, socket: SocketOptions, name: string): Endpoint {
  if (typeof url !== "string")
    throw invalidOption(`${name}url`, "a string such as `rediss://host:port`", url);
  if (url.startsWith("unix:")) return fromUnixUrl(url, socket, name);
  if (!URL.canParse(url)) throw invalidOption(`${name}url`, "an address such as `rediss://host:port`");
  const { protocol, username, password, hostname, port } = new URL(url);
  if (username !== "" || password !== "") throw credentialsError(`${name}url`);
  if (protocol !== "rediss:" && protocol !== "redis:")
    throw invalidOption(`${name}url`, "`rediss://`, `redis://` or `unix://`", protocol);
  if (hostname === "")
    throw invalidOption(`${name}url`, "an address with a host, such as `rediss://host:port`");
  if (port === "0") throw invalidOption(`${name}url`, "a port from 1 to 65535", 0);
  if (socket.tls !== undefined && socket.tls !== (protocol === "rediss:")) {
    throw invalidOption(`${name}socket.tls`, `what \`${name}url\` says: \`${protocol}//\``, socket.tls);
  }
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const resolved = {
    ...socket,
    host,
    port: port === "" ? DEFAULT_PORT : Number(port),
    tls: protocol === "rediss:",
  };
  return {
    label: `${hostname}:${resolved.port}`,
    isEncrypted: resolved.tls,
    isLocal: isLoopback(host),
    socket: resolved,
  };
}

function fromUnixUrl(url: string, socket: SocketOptions, name: string): Endpoint {
  const match = /^unix:\/\/(?:[^@/]*@)?(\/[^?#]+)/.exec(url);
  if (match?.[1] === undefined) throw invalidOption(`${name}url`, "`unix:///path/to/socket`");
  if (/^unix:\/\/[^/]*@/.test(url)) throw credentialsError(`${name}url`);
  const path = decodeURIComponent(match[1]);
  return { label: path, isEncrypted: false, isLocal: true, socket: { ...socket, path } };
}

function fromSocket(socket: SocketOptions, name: string): Endpoint {
  if (socket.path !== undefined) {
    if (typeof socket.path !== "string" || socket.path === "") {
      throw invalidOption(`${name}socket.path`, "the path of a Unix socket", socket.path);
    }
    return { label: socket.path, isEncrypted: false, isLocal: true, socket };
  }
  const host = socket.host ?? "localhost";
  if (typeof host !== "string" || host.trim() === "") {
    throw invalidOption(`${name}socket.host`, "the host name of the cache", host);
  }
  const port = socket.port ?? DEFAULT_PORT;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw invalidOption(`${name}socket.port`, "a whole number from 1 to 65535", port);
  }
  return {
    label: `${host}:${port}`,
    isEncrypted: socket.tls === true,
    isLocal: isLoopback(host),
    socket: { ...socket, host, port },
  };
}

function credentialsError(option: string): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_URL_CREDENTIALS", {
    message: `Option \`${option}\` carries a user name or a password; node-redis would silently use them instead of the identity.`,
    remedy: "Remove everything between `://` and `@`.",
    details: { option },
  });
}

/** Opens connections as the client itself does: same host, same TLS options, same verification. */
export function dialerOf(endpoint: Endpoint): Dial {
  return async (signal) => {
    const { socket } = endpoint;
    // Loaded by node-redis already; imported late all the same, for programs that never rotate.
    const [net, tls] = await Promise.all([import("node:net"), import("node:tls")]);
    const stream = endpoint.isEncrypted
      ? tls.connect({ ...socket })
      : net.connect({ ...socket } as NetConnectOpts);
    return opened(stream, endpoint.isEncrypted ? "secureConnect" : "connect", signal);
  };
}
