import { isIP } from "node:net";
import { resolve } from "node:path";
import type { ListenAddress } from "../listener.js";
import { ConfigError } from "./config-error.js";
import { type Given, SEPARATOR } from "./given.js";

export type TcpAddress = Extract<ListenAddress, { kind: "tcp" }>;
type UnixAddress = Extract<ListenAddress, { kind: "unix" }>;

const LOOPBACK = "127.0.0.1";
const HOST_NAME = /^[a-z\d](?:[a-z\d.-]*[a-z\d])?$/i;
/** `sun_path` without its final zero: 108 bytes on Linux, 104 on macOS and the BSDs. @see `man 7 unix` */
const LONGEST_PATH = process.platform === "linux" ? 107 : 103;

/**
 * Reads `PORT`, `HOST:PORT`, `[::1]:PORT`, or several of them behind commas. A port alone is on 127.0.0.1; 0 is a free
 * one.
 *
 * @throws {ConfigError}
 */
export function parseListen({ source, value }: Given): TcpAddress[] {
  return value.split(SEPARATOR).map((text) => {
    const [, bracketed, plain, digits = ""] =
      /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text.trim()) ?? [];
    const host = bracketed ?? (plain === undefined || plain === "" ? LOOPBACK : plain);
    const port = Number(digits);
    const isHost = bracketed === undefined ? isIP(host) > 0 || HOST_NAME.test(host) : isIP(bracketed) === 6;
    if (digits === "" || port > 65_535 || !isHost) {
      throw new ConfigError(
        `${source} takes PORT, HOST:PORT or [::1]:PORT, with a port from 0 to 65535; it got ${JSON.stringify(text)}.`,
      );
    }
    return { kind: "tcp", host, port };
  });
}

/** @throws {ConfigError} */
export function parseUnixSocket({ source, value }: Given, mode: number): UnixAddress {
  if (process.platform === "win32")
    throw new ConfigError(`${source} cannot be used: Windows has other sockets.`);
  const path = resolve(value);
  const length = Buffer.byteLength(path);
  if (length > LONGEST_PATH) {
    throw new ConfigError(
      `${source} is ${length} bytes long as ${path}, and the path of a socket may have ${LONGEST_PATH}: choose a shorter one, such as /run/redis.sock.`,
    );
  }
  return { kind: "unix", path, mode };
}

/** Permissions as `chmod` takes them. @throws {ConfigError} */
export function parseMode({ source, value }: Given): number {
  const mode = /^(?:0o?)?[0-7]{3}$/.test(value) ? Number.parseInt(value.replace(/^0o?/, ""), 8) : Number.NaN;
  if (Number.isNaN(mode)) {
    throw new ConfigError(
      `${source} takes permissions in octal, such as 0600 or 0660; it got ${JSON.stringify(value)}.`,
    );
  }
  return mode;
}

/** For messages and logs. */
export function listenLabel(address: ListenAddress): string {
  if (address.kind !== "tcp") return address.kind === "unix" ? address.path : address.name;
  return `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}
