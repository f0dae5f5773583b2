import { invalidOption, PasswordlessError } from "../core/errors.js";

/** A server's address as somebody wrote it. */
export interface Address {
  /** Lower case, without brackets and without a dot at the end. */
  readonly host: string;
  readonly port: number | undefined;
  /** What the scheme says; `undefined` without one. */
  readonly isEncrypted: boolean | undefined;
  /** What stands before `@`: a secret. */
  readonly userInfo: string | undefined;
  readonly database: number | undefined;
  readonly hasQuery: boolean;
}

const ACCEPTS = "`host`, `host:port` or `rediss://host:port`, with an IPv6 address in brackets";
/** The last `@` ends the user info: an access key may hold any other character. */
const WHOLE = /^(?:([a-z][a-z\d+.-]*):\/\/)?(?:(.*)@)?([^@]*)$/i;
const SERVER = /^(\[[^\]]*\]|[^:/?#]*)(?::(\d+))?(?:\/([^?#]*))?(\?[^#]*)?$/;
const HOST_NAME = /^[a-z\d_](?:[a-z\d._-]*[a-z\d_])?$/;

/**
 * Reads `[rediss://][user:password@]host[:port][/database][?query]`. By hand, because an access key may hold a `/`
 * that nobody has escaped, and `URL` would end the host there.
 *
 * The text may hold a password wherever it is mistaken, so no error shows it.
 *
 * @param option what the text is called in errors
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`
 */
export function parseAddress(text: string, option: string): Address {
  if (typeof text !== "string" || text.trim() === "") throw invalidOption(option, ACCEPTS, text);
  const [, scheme, userInfo, server = ""] = WHOLE.exec(text.trim()) ?? [];
  const [, host = "", port, path, query] = SERVER.exec(server) ?? [];
  if (host === "") throw invalidOption(option, ACCEPTS);
  return {
    host: hostOf(host, option),
    port: port === undefined ? undefined : parsePort(port, option),
    isEncrypted: scheme === undefined ? undefined : isEncryptedBy(scheme, option),
    userInfo,
    database: path === undefined || path === "" ? undefined : parseDatabase(path, option),
    hasQuery: query !== undefined,
  };
}

/**
 * The same for an address that only says where the server is.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`, `ERR_PASSWORDLESS_URL_CREDENTIALS`
 */
export function parsePlainAddress(text: string, option: string): Address {
  if (typeof text === "string" && /(?:^|,)\s*password\s*=/i.test(text)) throw credentialsError(option);
  const address = parseAddress(text, option);
  if (address.userInfo !== undefined) throw credentialsError(option);
  if (address.hasQuery) throw invalidOption(option, `${ACCEPTS}, and nothing after it`);
  if ((address.database ?? 0) !== 0) {
    throw invalidOption(
      option,
      "an address without a database: that is an option of the client",
      address.database,
    );
  }
  return address;
}

/** @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` */
export function parsePort(text: string, option: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw invalidOption(option, "a port from 1 to 65535");
  return port;
}

/** @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` */
export function parseDatabase(text: string, option: string): number {
  if (!/^\d{1,5}$/.test(text)) throw invalidOption(option, "the number of a database, such as 0");
  return Number(text);
}

function isEncryptedBy(scheme: string, option: string): boolean {
  if (/^rediss$/i.test(scheme)) return true;
  if (/^redis$/i.test(scheme)) return false;
  throw invalidOption(option, ACCEPTS, `${scheme}://`);
}

function hostOf(text: string, option: string): string {
  const host = text.toLowerCase();
  if (host.startsWith("[")) {
    if (!URL.canParse(`http://${host}`)) throw invalidOption(option, ACCEPTS);
    return host.slice(1, -1);
  }
  const name = host.replace(/\.$/, "");
  if (!HOST_NAME.test(name) || name.includes("..")) throw invalidOption(option, ACCEPTS);
  return name;
}

function credentialsError(option: string): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_URL_CREDENTIALS", {
    message: `Option \`${option}\` carries a user name or a password; it only says where the server is.`,
    remedy: "Keep host and port, and remove the rest.",
    details: { option },
  });
}
