import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/** Said to browsers with every answer. No other site may read, embed or frame it, and nothing keeps it. */
export const COMMON_HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
} as const;

/**
 * Whether a request has been sent here by somebody who knows where it goes. A page of another site can let its own
 * name point to this machine (DNS rebinding) and would then read everything as its own; its name gives it away. An
 * address cannot be rebound.
 */
export function isKnownHost(host: string | undefined, allowed: readonly string[]): boolean {
  const name = hostname(host);
  if (name === undefined) return false;
  return isIP(name) > 0 || name === "localhost" || name.endsWith(".localhost") || allowed.includes(name);
}

/** Whether a request that changes something may come from a page of another site: forms can be sent anywhere. */
export function isForeign({ headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin" && site !== "none") return true;
  return headers.origin !== undefined && headers.origin !== `http://${headers.host}`;
}

/** Without port and brackets, as it is compared. */
function hostname(host: string | undefined): string | undefined {
  if (host === undefined || !URL.canParse(`http://${host}`)) return undefined;
  const { hostname, username, password, pathname } = new URL(`http://${host}`);
  if (username !== "" || password !== "" || pathname !== "/") return undefined;
  return hostname
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "")
    .toLowerCase();
}
