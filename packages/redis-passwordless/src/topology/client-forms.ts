import { type AddressMap, type MappedAddress, parseAddress } from "./address-map.js";

/**
 * An address map in the form of node-redis's option `nodeAddressMap`. What node-redis gets for a node is put into
 * the options of its socket, so a name to verify goes along.
 *
 * @example
 * ```ts
 * createCluster({ rootNodes, nodeAddressMap: nodeAddressMap(reachedByEndpoint("my-cache.westus3.redis.azure.net")) });
 * ```
 */
export function nodeAddressMap(map: AddressMap): (address: string) => MappedAddress {
  return (address) => {
    const announced = parseAddress(address);
    return map(announced) ?? announced;
  };
}

/**
 * An address map in the form of the option `natMap` of `Cluster` in ioredis and iovalkey, for clients that
 * `passwordless` does not make: those it makes need none. It can only say where a node is reached; for a name to
 * verify, set `redisOptions.tls.servername`. ioredis also needs `dnsLookup: (address, callback) =>
 * callback(null, address)`, so that names stay names.
 */
export function natMap(map: AddressMap): (address: string) => { host: string; port: number } | null {
  return (address) => {
    const mapped = map(parseAddress(address));
    return mapped === undefined ? null : { host: mapped.host, port: mapped.port };
  };
}

/** An address map in the form of valkey-glide's `addressResolver`. */
export function addressResolver(map: AddressMap): (host: string, port: number) => [string, number] {
  return (host, port) => {
    const mapped = map({ host, port }) ?? { host, port };
    return [mapped.host, mapped.port];
  };
}
