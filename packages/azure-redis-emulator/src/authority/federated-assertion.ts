import { compactVerify, type JWTPayload } from "jose";
import type { IdentityRecord } from "../directory/identity-record.js";
import type { AuthorityOptions } from "./authority-options.js";
import { checkValidity } from "./certificate-assertion.js";
import { EntraError } from "./entra-error.js";

const SEE = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation";
const CHECK =
  "Check your federated identity credential Subject, Audience and Issuer against the presented assertion.";

/**
 * Checks an assertion of another identity provider against the application's federated credentials.
 *
 * Issuer, audience and subject must match one of them exactly, case included. The emulator's own issuer
 * has signed it, whatever issuer it names: no other's keys can be had offline.
 *
 * @throws {EntraError} 70025 without any credential, 700211 to 700213 for what does not match, 70021 when
 * each part matches another credential, 700024 for its time
 */
export async function checkFederatedAssertion(
  assertion: string,
  claims: JWTPayload,
  { identity, federatedCredentials }: IdentityRecord,
  { federationKey, clock }: AuthorityOptions,
): Promise<void> {
  const { iss = "", sub = "" } = claims;
  const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud ?? ""];
  if (federatedCredentials.length === 0) {
    throw new EntraError(
      70025,
      "invalid_client",
      `The client '${identity.clientId}' has no configured federated identity credentials.`,
    );
  }
  const noMatch = (aadsts: number, part: string, value: string): EntraError =>
    new EntraError(
      aadsts,
      "invalid_client",
      `No matching federated identity record found for presented assertion ${part} '${value}'. ${CHECK} ${SEE}`,
    );
  if (!federatedCredentials.some(({ issuer }) => issuer === iss)) {
    throw noMatch(700211, "issuer", iss);
  }
  if (!federatedCredentials.some(({ audience }) => audiences.includes(audience))) {
    throw noMatch(700212, "audience", audiences.join(","));
  }
  if (!federatedCredentials.some(({ subject }) => subject === sub)) {
    throw noMatch(700213, "subject", sub);
  }
  const isMatched = federatedCredentials.some(
    ({ issuer, audience, subject }) => issuer === iss && audiences.includes(audience) && subject === sub,
  );
  if (!isMatched) {
    throw new EntraError(
      70021,
      "invalid_request",
      `No matching federated identity record found for presented assertion. Assertion Issuer: '${iss}'. Assertion Subject: '${sub}'. Assertion Audience: '${audiences.join(",")}'. ${SEE}`,
    );
  }
  const { publicKey } = await federationKey();
  try {
    await compactVerify(assertion, publicKey, { algorithms: ["RS256"] });
  } catch {
    throw new EntraError(
      50013,
      "invalid_grant",
      "Assertion failed signature validation. [Reason - The key was not found.]",
    );
  }
  checkValidity(claims, clock.now());
}
