// Loaded into a process before its program (`node --import`): the hosts file and the routes of the machine that it runs
// on, which a test cannot change for one process. MACHINE is JSON:
//
//   hosts   { "name": "192.0.2.7" or a code such as "ENOTFOUND" }   what the system's resolver says of a name;
//                                                                   "HANG": nothing, ever
//   aliases { "name": "other.name" }                                CNAME records
//   routes  { "169.254.169.254": port }                             a host that leads to a port of 127.0.0.1

import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import process from "node:process";

/** @type {{ hosts?: Record<string, string>, aliases?: Record<string, string>, routes?: Record<string, number> }} */
const { hosts = {}, aliases = {}, routes = {} } = JSON.parse(process.env["MACHINE"] ?? "{}");

/** @param {string} code @param {string} syscall @param {string} hostname */
function dnsError(code, syscall, hostname) {
  return Object.assign(new Error(`${syscall} ${code} ${hostname}`), { code, syscall, hostname });
}

const lookup = dns.lookup;
/** @type {(hostname: string, ...rest: any[]) => void} */
const ownLookup = (hostname, ...rest) => {
  const known = hosts[hostname];
  if (known === undefined) {
    /** @type {any} */ (lookup)(hostname, ...rest);
    return;
  }
  const callback = rest.at(-1);
  const all = rest.length > 1 && typeof rest[0] === "object" && rest[0].all === true;
  if (known === "HANG") return;
  process.nextTick(() => {
    if (net.isIP(known) === 0) callback(dnsError(known, "getaddrinfo", hostname));
    else if (all) callback(null, [{ address: known, family: 4 }]);
    else callback(null, known, 4);
  });
};
dns.lookup = /** @type {any} */ (ownLookup);

const lookupPromise = dns.promises.lookup;
dns.promises.lookup = /** @type {any} */ (
  async (/** @type {string} */ hostname, /** @type {any} */ options = {}) => {
    const known = hosts[hostname];
    if (known === undefined) return lookupPromise(hostname, options);
    if (known === "HANG") return new Promise(() => undefined);
    if (net.isIP(known) === 0) throw dnsError(known, "getaddrinfo", hostname);
    const found = { address: known, family: 4 };
    return options.all === true ? [found] : found;
  }
);

dns.promises.Resolver.prototype.resolveCname = async (hostname) => {
  const alias = aliases[hostname];
  if (alias === undefined) throw dnsError("ENODATA", "queryCname", hostname);
  return [alias];
};

// oxlint-disable-next-line typescript/unbound-method -- it is called with the socket as its `this`
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = /** @type {any} */ (
  /** @this {import("node:net").Socket} @param {any[]} args */ function (...args) {
    // `net.connect` hands over one array that holds the options.
    const options = Array.isArray(args[0]) ? args[0][0] : args[0];
    const port = typeof options === "object" ? routes[options.host] : undefined;
    if (port !== undefined) Object.assign(options, { host: "127.0.0.1", port });
    return Reflect.apply(connect, this, args);
  }
);

syncBuiltinESMExports();
