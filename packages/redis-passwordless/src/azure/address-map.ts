import { type AddressMap, reachedByEndpoint, verifiedAs } from "../topology/address-map.js";
import { productOf } from "./endpoint.js";

/**
 * The address map for the cluster behind this host name: {@link reachedByEndpoint} for the names that Azure gives to
 * its caches, {@link verifiedAs} for all others, AWS ElastiCache's among them.
 */
export function addressMapFor(host: string): AddressMap {
  return productOf(host) === "unknown" ? verifiedAs(host) : reachedByEndpoint(host);
}
