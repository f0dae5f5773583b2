import type { DetailedPeerCertificate } from "node:tls";

/** What a server's certificate says. */
export interface CertificateFacts {
  readonly subject: string;
  /** Host names and addresses that it covers. */
  readonly names: readonly string[];
  readonly issuer: string;
  /** Certificates up to the root, itself included, as far as they are known. */
  readonly chainLength: number;
  readonly validFromMs: number;
  readonly validToMs: number;
}

export function certificateFacts(certificate: DetailedPeerCertificate): CertificateFacts | undefined {
  if (Object.keys(certificate).length === 0) return undefined;
  return {
    subject: nameOf(certificate.subject),
    names: namesOf(certificate.subjectaltname ?? ""),
    issuer: nameOf(certificate.issuer),
    chainLength: lengthOfChain(certificate),
    validFromMs: Date.parse(certificate.valid_from),
    validToMs: Date.parse(certificate.valid_to),
  };
}

/** `DNS:*.redis.azure.net, IP Address:10.0.0.4` */
function namesOf(alternativeNames: string): string[] {
  return alternativeNames
    .split(/,\s*/)
    .map((name) => name.replace(/^(?:DNS|IP Address):/, ""))
    .filter((name) => name !== "");
}

function nameOf(who: DetailedPeerCertificate["subject"] | undefined): string {
  // A name may have several values of one kind.
  const { CN, O } = (who ?? {}) as Record<string, string | string[] | undefined>;
  return String(CN ?? O ?? "");
}

/** A self-signed certificate is its own issuer. */
function lengthOfChain(certificate: DetailedPeerCertificate): number {
  const seen = new Set<DetailedPeerCertificate>();
  let next: DetailedPeerCertificate | undefined = certificate;
  while (next !== undefined && !seen.has(next)) {
    seen.add(next);
    next = next.issuerCertificate;
  }
  return seen.size;
}
