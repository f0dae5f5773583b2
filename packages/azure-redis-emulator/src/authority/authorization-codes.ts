import { createHash, randomBytes } from "node:crypto";
import type { EmulatorClock } from "../clock.js";
import type { ClientProof } from "../tokens/claims.js";
import { EntraError, missingProof } from "./entra-error.js";

/** What a user has agreed to in the browser. */
export interface Authorization {
  readonly objectId: string;
  readonly clientId: string;
  readonly redirectUri: string;
  /** SHA-256 of the verifier, base64url; without it the client has to prove itself otherwise. */
  readonly codeChallenge: string | undefined;
  readonly nonce: string | undefined;
}

interface Entry extends Authorization {
  readonly expiresAtMs: number;
  isRedeemed: boolean;
}

/** @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow (about 10 minutes) */
const LIFETIME_MS = 600_000;

/** Authorization codes: each for one client, one redirect URI and one use. */
export class AuthorizationCodes {
  readonly #clock: EmulatorClock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: EmulatorClock) {
    this.#clock = clock;
  }

  issue(authorization: Authorization): string {
    const code = `1.${randomBytes(48).toString("base64url")}`;
    const expiresAtMs = this.#clock.now() + LIFETIME_MS;
    this.#entries.set(code, { ...authorization, expiresAtMs, isRedeemed: false });
    return code;
  }

  find(code: string): Authorization | undefined {
    return this.#entries.get(code);
  }

  /**
   * @param proof what the client has proved itself with besides
   * @throws {EntraError} 70000, 54005, 70008, 50011, 7000218 or 501481 when the code is not this request's
   */
  redeem(form: URLSearchParams, proof: ClientProof): Authorization {
    const entry = this.#entries.get(form.get("code") ?? "");
    if (!entry || entry.clientId.toLowerCase() !== form.get("client_id")?.toLowerCase()) {
      throw new EntraError(
        70000,
        "invalid_grant",
        "The provided value for the 'code' parameter is not valid.",
      );
    }
    if (entry.isRedeemed) {
      throw new EntraError(
        54005,
        "invalid_grant",
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
      );
    }
    if (this.#clock.now() >= entry.expiresAtMs) {
      throw new EntraError(
        70008,
        "invalid_grant",
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
      );
    }
    if (entry.redirectUri !== form.get("redirect_uri")) {
      throw new EntraError(
        50011,
        "invalid_grant",
        `The redirect URI '${form.get("redirect_uri") ?? ""}' specified in the request does not match the redirect URI of the authorization request.`,
      );
    }
    // Otherwise whoever sees the code in the browser's history could redeem it.
    if (entry.codeChallenge === undefined && proof === "none") throw missingProof();
    checkVerifier(entry.codeChallenge, form.get("code_verifier"));
    entry.isRedeemed = true;
    return entry;
  }
}

/** @see https://www.rfc-editor.org/rfc/rfc7636#section-4.6 */
function checkVerifier(challenge: string | undefined, verifier: string | null): void {
  const given = verifier === null ? undefined : createHash("sha256").update(verifier).digest("base64url");
  if (given !== challenge) {
    throw new EntraError(
      501481,
      "invalid_grant",
      "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    );
  }
}
