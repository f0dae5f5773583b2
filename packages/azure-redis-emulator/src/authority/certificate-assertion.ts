import { compactVerify, decodeProtectedHeader, type JWTPayload, type ProtectedHeaderParameters } from "jose";
import type { IdentityRecord, RegisteredCertificate } from "../directory/identity-record.js";
import type { AuthorityOptions } from "./authority-options.js";
import { EntraError, entraTimestamp } from "./entra-error.js";

/**
 * Checks an assertion that an application has signed with its certificate.
 *
 * The header names the certificate by SHA-1 (`x5t`) or SHA-256 (`x5t#S256`); RS256 and PS256 are in use.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/certificate-credentials
 * @throws {EntraError} 700027 for the signature, 700021 and 700023 for claims, 700024 for its time
 */
export async function checkCertificateAssertion(
  assertion: string,
  claims: JWTPayload,
  record: IdentityRecord,
  options: AuthorityOptions,
): Promise<void> {
  const { clientId } = record.identity;
  const header = headerOf(assertion);
  const thumbprint = header.x5t ?? header["x5t#S256"];
  const notVerified = (reason: string): EntraError =>
    new EntraError(
      700027,
      "invalid_client",
      `The certificate with identifier used to sign the client assertion is not registered on application. [Reason - ${reason}, Thumbprint of key used by client: '${String(thumbprint)}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '${clientId}'.]`,
    );

  const certificate = record.certificates.find((candidate) => isNamedBy(header, candidate));
  if (!certificate) {
    throw notVerified("The key was not found.");
  }
  try {
    await compactVerify(assertion, certificate.certificate.publicKey, { algorithms: ["RS256", "PS256"] });
  } catch {
    throw notVerified("The provided signature value did not match the expected signature value.");
  }
  if (claims.iss?.toLowerCase() !== clientId.toLowerCase()) {
    throw new EntraError(
      700021,
      "invalid_client",
      "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials.",
    );
  }
  checkAudience(claims, options);
  checkValidity(claims, options.clock.now());
}

/**
 * How far ahead the client's clock may be, in seconds: msal rounds `nbf` up by half a second, and 5 minutes is
 * the default of Microsoft's own token validation. Nothing documents what Entra ID allows. The end of an
 * assertion has no tolerance here, so that a test need not wait for it.
 */
const NOT_BEFORE_TOLERANCE = 300;

/** @throws {EntraError} 700024 outside `nbf` and `exp` */
export function checkValidity({ nbf, exp }: JWTPayload, nowMs: number): void {
  const now = nowMs / 1000;
  if (exp === undefined || exp <= now || (nbf !== undefined && nbf > now + NOT_BEFORE_TOLERANCE)) {
    const instant = (epochSeconds: number | undefined): string =>
      epochSeconds === undefined ? "missing" : entraTimestamp(epochSeconds * 1000);
    throw new EntraError(
      700024,
      "invalid_client",
      `Client assertion is not within its valid time range. Current time: ${entraTimestamp(nowMs)}, assertion valid from ${instant(nbf)}, expiry time of assertion ${instant(exp)}. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials.`,
    );
  }
}

function checkAudience({ aud }: JWTPayload, { authorityHost, directory }: AuthorityOptions): void {
  const base = `${authorityHost()}/${directory.tenantId}`.toLowerCase();
  const accepted = new Set([base, `${base}/v2.0`, `${base}/oauth2/token`, `${base}/oauth2/v2.0/token`]);
  const given = Array.isArray(aud) ? aud : [aud ?? ""];
  if (!given.some((item) => accepted.has(item.replace(/\/$/, "").toLowerCase()))) {
    throw new EntraError(
      700023,
      "invalid_client",
      "Client assertion audience claim does not match Realm issuer. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials.",
    );
  }
}

function headerOf(assertion: string): ProtectedHeaderParameters & { readonly "x5t#S256"?: unknown } {
  try {
    return decodeProtectedHeader(assertion);
  } catch {
    return {};
  }
}

function isNamedBy(header: ReturnType<typeof headerOf>, { sha1, sha256 }: RegisteredCertificate): boolean {
  return header["x5t#S256"] === sha256 || header.x5t === sha1;
}
