import type { EmulatorClock } from "../clock.js";
import type { Directory } from "../directory/directory.js";
import type { IdentityRecord } from "../directory/identity-record.js";
import { accessTokenClaims, type ClientProof, newTokenId, type TokenVersion, tokenTimes } from "./claims.js";
import type { SigningKey } from "./signing-keys.js";

/** An access token, as the endpoints hand it out. */
export interface IssuedToken {
  readonly token: string;
  /** Its `uti`, the name of the token wherever the token itself must not appear. */
  readonly tokenId: string;
  /** Epoch seconds. */
  readonly issuedAt: number;
  /** Epoch seconds. */
  readonly expiresAt: number;
}

/** How a token deviates from a good one. */
export type TokenDefect = "expiredToken" | "badSignature" | "sameToken";

export interface TokenServiceOptions {
  readonly clock: EmulatorClock;
  readonly directory: Directory;
  readonly key: SigningKey;
  readonly version: TokenVersion;
  readonly authorityHost: () => string;
}

/** How long ago a token ended that is handed out expired. Above the tolerance that some clients allow. */
const EXPIRED_SINCE_MS = 600_000;

/** Makes tokens and remembers the last one of each identity. */
export class TokenService {
  readonly #options: TokenServiceOptions;
  readonly #last = new Map<string, IssuedToken>();

  constructor(options: TokenServiceOptions) {
    this.#options = options;
  }

  /**
   * A token for this identity, from the cache of the managed identity platform where it has one.
   *
   * @param clientId the client that a user has signed in to
   */
  async issue(
    record: IdentityRecord,
    proof: ClientProof,
    defect?: TokenDefect,
    clientId?: string,
  ): Promise<IssuedToken> {
    const { objectId } = record.identity;
    const last = this.#last.get(objectId);
    if (last && (defect === "sameToken" || (defect === undefined && this.#isCached(record, last)))) {
      return last;
    }
    const lifetimeMs = this.#options.directory.tokenLifetimeMs(record);
    const startMs =
      this.#options.clock.now() - (defect === "expiredToken" ? lifetimeMs + EXPIRED_SINCE_MS : 0);
    const times = tokenTimes(startMs, lifetimeMs);
    const tokenId = newTokenId();
    const token = await this.#options.key.sign(
      accessTokenClaims(record, { ...this.#context(proof), clientId, ...times, tokenId }),
    );
    const issued = {
      token: defect === "badSignature" ? withBrokenSignature(token) : token,
      tokenId,
      ...times,
    };
    // A broken token is no part of what the platform would have cached.
    if (defect === undefined || defect === "sameToken") {
      this.#last.set(objectId, issued);
    }
    return issued;
  }

  /** A token with claims of the caller's choice on top; `undefined` removes a claim. */
  async sign(record: IdentityRecord, claims: Readonly<Record<string, unknown>>): Promise<string> {
    const times = tokenTimes(this.#options.clock.now(), this.#options.directory.tokenLifetimeMs(record));
    const regular = accessTokenClaims(record, {
      ...this.#context(record.identity.kind === "developer" ? "none" : "secret"),
      ...times,
      tokenId: newTokenId(),
    });
    const wanted = Object.entries({ ...regular, ...claims }).filter(([, value]) => value !== undefined);
    return this.#options.key.sign(Object.fromEntries(wanted));
  }

  forget(objectId: string): void {
    this.#last.delete(objectId);
  }

  #isCached(record: IdentityRecord, last: IssuedToken): boolean {
    const { cacheUntilMsBeforeExpiry: marginMs } = record;
    return marginMs > 0 && this.#options.clock.now() < last.expiresAt * 1000 - marginMs;
  }

  #context(proof: ClientProof) {
    const { version, directory, authorityHost } = this.#options;
    return { version, proof, tenantId: directory.tenantId, authorityHost: authorityHost() };
  }
}

/** The same token with another signature of the same length. */
function withBrokenSignature(token: string): string {
  const start = token.lastIndexOf(".") + 1;
  const signature = Buffer.from(token.slice(start), "base64url");
  return token.slice(0, start) + Buffer.from(signature.map((byte) => byte ^ 0xff)).toString("base64url");
}
