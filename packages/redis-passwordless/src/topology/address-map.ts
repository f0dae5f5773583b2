import { invalidOption } from "../core/errors.js";

/** Where a node of a cluster is, as the cluster says it. */
export interface NodeAddress {
  /** A host name or an IP address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Where a node is reached. */
export interface MappedAddress extends NodeAddress {
  /** The name that the node's certificate must be valid for, where that is not `host`. */
  readonly servername?: string | undefined;
}

/**
 * Tells where a node is reached that a cluster announces; `undefined` leaves it as it is. Called for each connection
 * to a node, so addresses that change are followed.
 */
export type AddressMap = (announced: NodeAddress) => MappedAddress | undefined;

/**
 * Reaches every node that is announced by an IP address under the endpoint's name, at the node's own port. Host
 * names are left alone.
 *
 * For Azure Managed Redis, Azure Cache for Redis (Premium clusters) and the Enterprise tiers: their nodes share the
 * endpoint's address, certificates cover names only, and behind a private endpoint the announced addresses may lead
 * nowhere.
 *
 * @param endpoint the cache's host name
 * @see https://github.com/Azure-Samples/azure-cache-redis-samples
 */
export function reachedByEndpoint(endpoint: string): AddressMap {
  const host = nameOf("endpoint", endpoint);
  return ({ host: announced, port }) => (isAddress(announced) ? { host, port } : undefined);
}

/**
 * Reaches nodes where they are announced, and verifies those announced by an IP address under this name. Host names
 * are left alone.
 *
 * For clusters whose nodes are machines of their own with one certificate for all, such as AWS ElastiCache.
 */
export function verifiedAs(name: string): AddressMap {
  const servername = nameOf("name", name);
  return (announced) => (isAddress(announced.host) ? { ...announced, servername } : undefined);
}

/** Asks these maps in turn; the first that knows an address is taken. */
export function firstOf(...maps: readonly AddressMap[]): AddressMap {
  for (const [index, map] of maps.entries()) {
    if (typeof map !== "function") throw invalidOption(`maps[${index}]`, "a function of an address", map);
  }
  return (announced) => {
    for (const map of maps) {
      const mapped = map(announced);
      if (mapped !== undefined) return mapped;
    }
    return undefined;
  };
}

/** Whether this is an IP address, which certificates for host names do not cover: IPv4, or anything with a colon. */
export function isAddress(host: string): boolean {
  return /^\d{1,3}(?:\.\d{1,3}){3}$|:/.test(host);
}

/** Reads `host:port` as clusters write it; an IPv6 address may stand in brackets or without. */
export function parseAddress(address: string): NodeAddress {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, "$1");
  const port = Number(address.slice(colon + 1));
  if (host === "" || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw invalidOption("address", "`host:port`", address);
  }
  return { host, port };
}

function nameOf(option: string, value: unknown): string {
  if (typeof value !== "string" || value.trim() === "" || isAddress(value)) {
    throw invalidOption(option, "a host name: certificates of caches cover no IP addresses", value);
  }
  return value;
}
