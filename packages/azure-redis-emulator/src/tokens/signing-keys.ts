import { createHash, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { exportJWK, type JWK, SignJWT } from "jose";

/** An RS256 key with the key ID under which its public half is published. */
export interface SigningKey {
  readonly publicKey: KeyObject;
  /** The entry of a JSON Web Key Set. */
  readonly jwk: JWK;
  sign(claims: Readonly<Record<string, unknown>>): Promise<string>;
}

/** A signing key that is made, once, when it is first asked for: few use it, and making it takes a while. */
export function lazySigningKey(): () => Promise<SigningKey> {
  let key: Promise<SigningKey> | undefined;
  return () => {
    key ??= createSigningKey();
    return key;
  };
}

/**
 * The key of Entra ID. There is one Entra ID for all tenants, so the emulators of a process share it: what keeps the
 * tokens of another tenant out is their issuer. Whoever starts many emulators pays for one key.
 */
export const entraIdKey = lazySigningKey();

/** Entra ID signs access tokens with RS256 and 2048-bit keys; so does the federation issuer here. */
async function createSigningKey(): Promise<SigningKey> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const keyId = createHash("sha1").update(spki).digest("base64url");
  // Entra ID repeats the key ID as `x5t` in v1 tokens.
  const header = { typ: "JWT", alg: "RS256", kid: keyId, x5t: keyId };
  return {
    publicKey,
    jwk: { ...(await exportJWK(publicKey)), kid: keyId, x5t: keyId, use: "sig", alg: "RS256" },
    sign: (claims) => new SignJWT({ ...claims }).setProtectedHeader(header).sign(privateKey),
  };
}
