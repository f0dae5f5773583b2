import type { ListenAddress } from "../listener.js";
import { ConfigError } from "./config-error.js";
import type { Given } from "./given.js";
import { listenLabel, parseListen, parseMode, parseUnixSocket, type TcpAddress } from "./listen-address.js";

/** What an instance says of where its clients connect to. */
export interface WantedAddresses {
  readonly name: string;
  /** Its own; what stands for all is in {@link CommonAddresses}. */
  readonly listen: Given | undefined;
  readonly unixSocket: Given | undefined;
  readonly unixSocketMode: Given | undefined;
  /** Sockets that somebody has opened for it, such as systemd. With them it opens none. */
  readonly handed: readonly ListenAddress[];
}

export interface CommonAddresses {
  /** Where the first instance listens; the next ones count up from there. @default 127.0.0.1:6379 */
  readonly listen: Given | undefined;
  readonly unixSocket: Given | undefined;
}

/** Where a Redis on this machine would be, so that programs find the proxy without being told. */
const DEFAULT: Given = { source: "--listen", value: "127.0.0.1:6379" };
const DEFAULT_MODE = 0o600;

/**
 * Says where each instance listens, in their order: at its own addresses, else at the next free one from the common
 * address on. An instance with a Unix socket and without an address of its own listens on the socket alone.
 *
 * @throws {ConfigError} for addresses that are none, and for two instances at one
 */
export function listenAddresses(
  instances: readonly WantedAddresses[],
  common: CommonAddresses,
): ListenAddress[][] {
  if (common.unixSocket !== undefined && instances.length > 1) {
    throw new ConfigError(
      `${common.unixSocket.source} is one socket for ${instances.length} instances: give each its own, such as HOST,unix-socket=/run/redis.sock.`,
    );
  }
  const own = instances.map((instance) => ownAddresses(instance, common));
  const counter = new Counter(common.listen ?? DEFAULT, own.flat());
  const all = own.map((addresses) => (addresses.length > 0 ? addresses : counter.next()));
  assertApart(all, instances);
  return all;
}

function ownAddresses(
  { listen, unixSocket, unixSocketMode, handed }: WantedAddresses,
  common: CommonAddresses,
): ListenAddress[] {
  if (handed.length > 0) return [...handed];
  const socket = unixSocket ?? common.unixSocket;
  const mode = unixSocketMode === undefined ? DEFAULT_MODE : parseMode(unixSocketMode);
  const sockets = socket === undefined ? [] : [parseUnixSocket(socket, mode)];
  // A socket beside the common address is meant together with it; an instance's own socket is instead of it.
  const besides = unixSocket === undefined && socket !== undefined ? common.listen : undefined;
  const addresses = listen ?? besides;
  return [...(addresses === undefined ? [] : parseListen(addresses)), ...sockets];
}

/** Counts ports up, past those that somebody has named. */
class Counter {
  readonly #bases: readonly TcpAddress[];
  readonly #taken: readonly ListenAddress[];
  readonly #source: string;
  #steps = 0;

  constructor(base: Given, taken: readonly ListenAddress[]) {
    this.#bases = parseListen(base);
    this.#taken = taken;
    this.#source = base.source;
  }

  next(): TcpAddress[] {
    for (;;) {
      const step = this.#steps++;
      const addresses = this.#bases.map((base) =>
        base.port === 0 ? base : { ...base, port: base.port + step },
      );
      if (addresses.some(({ port }) => port > 65_535))
        throw new ConfigError(`${this.#source} counts up past port 65535: choose a lower one to begin with.`);
      if (!addresses.some((address) => this.#taken.some((other) => areSame(address, other))))
        return addresses;
    }
  }
}

function assertApart(all: readonly ListenAddress[][], instances: readonly WantedAddresses[]): void {
  const seen: { readonly address: ListenAddress; readonly name: string }[] = [];
  for (const [index, addresses] of all.entries()) {
    const name = instances[index]?.name ?? "";
    for (const address of addresses) {
      const other = seen.find((one) => areSame(one.address, address));
      if (other !== undefined) {
        const who =
          other.name === name ? `The instance ${name} is` : `The instances ${other.name} and ${name} are`;
        throw new ConfigError(
          `${who} to listen twice on ${listenLabel(address)}${listenLabel(other.address) === listenLabel(address) ? "" : ` (${listenLabel(other.address)} takes it in)`}: choose another \`listen\` or \`unix-socket\` for one.`,
        );
      }
      seen.push({ address, name });
    }
  }
}

/** Whether both cannot be had: a wildcard takes all addresses of its port. */
function areSame(one: ListenAddress, other: ListenAddress): boolean {
  if (one.kind === "unix" && other.kind === "unix") return one.path === other.path;
  if (one.kind === "handed" && other.kind === "handed") return one.fd === other.fd;
  if (one.kind !== "tcp" || other.kind !== "tcp" || one.port !== other.port || one.port === 0) return false;
  return canonical(one.host) === canonical(other.host) || [one, other].some(({ host }) => isWildcard(host));
}

function canonical(host: string): string {
  return host === "localhost" ? "127.0.0.1" : host.toLowerCase();
}

/** `::` takes IPv4 as well on Linux by default. */
function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
