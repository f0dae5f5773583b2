// oxlint-disable-next-line import/no-unassigned-import -- a polyfill that the next import wants
import "reflect-metadata";
import { createHash, KeyObject, webcrypto, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** A self-signed RSA certificate, as an application registers one. */
export interface ApplicationCertificate {
  readonly cert: string;
  readonly key: KeyObject;
  readonly keyPem: string;
  /** base64url, for the headers `x5t` and `x5t#S256`. */
  thumbprint(hash: "sha1" | "sha256"): string;
}

export async function createApplicationCertificate(): Promise<ApplicationCertificate> {
  const algorithm = {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    { name: "CN=application", keys, signingAlgorithm: algorithm },
    webcrypto,
  );
  const key = KeyObject.from(keys.privateKey);
  const cert = certificate.toString("pem");
  return {
    cert,
    key,
    keyPem: key.export({ type: "pkcs8", format: "pem" }).toString(),
    thumbprint: (hash) => createHash(hash).update(new X509Certificate(cert).raw).digest("base64url"),
  };
}
