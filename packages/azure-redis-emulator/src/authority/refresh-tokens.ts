import { randomBytes } from "node:crypto";
import type { EmulatorClock } from "../clock.js";
import { EntraError, entraTimestamp } from "./entra-error.js";

/** Which user stays signed in to which client. */
export interface RefreshGrant {
  readonly objectId: string;
  readonly clientId: string;
}

interface Entry extends RefreshGrant {
  readonly issuedAtMs: number;
  isRevoked: boolean;
}

/** @see https://learn.microsoft.com/entra/identity-platform/refresh-tokens#token-lifetime (90 days) */
const LIFETIME_MS = 90 * 24 * 3_600_000;

/** Refresh tokens. Each use yields a new one; the old one is not revoked by that, as Entra ID documents. */
export class RefreshTokens {
  readonly #clock: EmulatorClock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: EmulatorClock) {
    this.#clock = clock;
  }

  issue({ objectId, clientId }: RefreshGrant): string {
    const token = `1.${randomBytes(60).toString("base64url")}`;
    this.#entries.set(token, { objectId, clientId, issuedAtMs: this.#clock.now(), isRevoked: false });
    return token;
  }

  find(token: string): RefreshGrant | undefined {
    return this.#entries.get(token);
  }

  /** @throws {EntraError} 70000 for a stranger, 50173 after a revocation, 700082 after 90 days */
  redeem(form: URLSearchParams): RefreshGrant {
    const entry = this.#entries.get(form.get("refresh_token") ?? "");
    if (!entry || entry.clientId.toLowerCase() !== form.get("client_id")?.toLowerCase()) {
      throw new EntraError(70000, "invalid_grant", "Provided grant is invalid or malformed.");
    }
    const issued = entraTimestamp(entry.issuedAtMs).replace(" ", "T");
    if (entry.isRevoked) {
      throw new EntraError(
        50173,
        "invalid_grant",
        `The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password. The grant was issued on '${issued}'.`,
      );
    }
    if (this.#clock.now() >= entry.issuedAtMs + LIFETIME_MS) {
      throw new EntraError(
        700082,
        "invalid_grant",
        `The refresh token has expired due to inactivity. The token was issued on ${issued} and was inactive for 90.00:00:00.`,
      );
    }
    return entry;
  }

  /** Ends all sign-ins of a user. */
  revoke(objectId: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.objectId === objectId) {
        entry.isRevoked = true;
      }
    }
  }
}
