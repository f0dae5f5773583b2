import type { Facts } from "./facts.js";

/** What Node says of a certificate that does not cover the name of the server. */
export function certificateFacts(chain: readonly unknown[]): Facts {
  const refused = chain.find(isOtherName);
  if (refused === undefined) return {};
  const { host: serverName, cert } = refused;
  const names = cert?.subjectaltname;
  return {
    ...(typeof serverName === "string" ? { serverName, hostIsAddress: isAddress(serverName) } : {}),
    ...(typeof names === "string" ? { certificateNames: names.replaceAll(/\bDNS:/g, "") } : {}),
  };
}

/** The error of `tls.checkServerIdentity`. */
interface OtherName {
  readonly host?: unknown;
  readonly cert?: { readonly subjectaltname?: unknown } | undefined;
}

function isOtherName(link: unknown): link is OtherName {
  if (typeof link !== "object" || link === null) return false;
  return (link as { code?: unknown }).code === "ERR_TLS_CERT_ALTNAME_INVALID";
}

function isAddress(host: string): boolean {
  return /^\d+(?:\.\d+){3}$/.test(host) || host.includes(":");
}
