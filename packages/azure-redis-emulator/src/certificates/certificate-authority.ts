// The library below resolves its parts through tsyringe, which wants this polyfill to be there first.
// oxlint-disable-next-line import/no-unassigned-import
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** A certificate and its private key, both PEM. */
export interface CertificateAndKey {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateAuthority {
  /** The authority's own certificate, PEM. Its key never leaves this object. */
  readonly certificate: string;
  /**
   * Issues a server certificate for these DNS names, with no IP addresses in it.
   *
   * @param period when it is valid; default now
   */
  issue(
    dnsNames: readonly [string, ...string[]],
    period?: "past" | "present" | "future",
  ): Promise<CertificateAndKey>;
}

// ECDSA: an RSA key of decent length takes up to a second to make, and every client speaks P-256.
const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNING_ALGORITHM = { name: "ECDSA", hash: "SHA-256" } as const;

/** One day back, for clients whose clock is behind. */
const BACKDATED_MS = 86_400_000;
/** 397 days, the longest life that every TLS client accepts for a server certificate. */
const VALID_MS = 397 * 86_400_000;

/**
 * Makes a certificate authority that lives as long as the emulator.
 *
 * `@peculiar/x509` writes the certificates: it builds on WebCrypto, is typed and maintained, and lets us
 * choose every extension. `selfsigned` wraps the previous major version of it and adds IP addresses.
 */
export async function createCertificateAuthority(): Promise<CertificateAuthority> {
  const authority = "CN=Azure Redis emulator";
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: authority,
      keys,
      ...validity(),
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );

  return {
    certificate: certificate.toString("pem"),
    issue: async (dnsNames, period = "present") => {
      const leafKeys = await generateKeys();
      const leaf = await x509.X509CertificateGenerator.create(
        {
          subject: `CN=${dnsNames[0]}`,
          issuer: authority,
          publicKey: leafKeys.publicKey,
          signingKey: keys.privateKey,
          ...validity(period),
          signingAlgorithm: SIGNING_ALGORITHM,
          extensions: [
            new x509.BasicConstraintsExtension(false, undefined, true),
            new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
            new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
            new x509.SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: "dns", value }))),
            await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
          ],
        },
        webcrypto,
      );
      return { cert: leaf.toString("pem"), key: await privateKeyPem(leafKeys.privateKey) };
    },
  };
}

/** In the past it ended, and in the future it begins, a day from now. */
function validity(period: "past" | "present" | "future" = "present"): { notBefore: Date; notAfter: Date } {
  const shiftMs = { past: -VALID_MS, present: 0, future: 2 * BACKDATED_MS }[period];
  const from = Date.now() - BACKDATED_MS + shiftMs;
  return { notBefore: new Date(from), notAfter: new Date(from + VALID_MS) };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}
