import { createHmac, timingSafeEqual } from "node:crypto";
import {
  child,
  children,
  type DerNode,
  objectIdentifier,
  octets,
  readNode,
  smallInteger,
  TAG,
} from "./der.js";
import {
  checkedIterations,
  decryptWithPassword,
  derivePkcs12,
  PURPOSE,
  passwordBytes,
} from "./password-encryption.js";

/** What a PFX file holds, decrypted, in DER. */
export interface Pkcs12 {
  readonly certificates: readonly Buffer[];
  /** PKCS #8 `PrivateKeyInfo`. */
  readonly privateKeys: readonly Buffer[];
}

const CONTENT = { data: "1.2.840.113549.1.7.1", encryptedData: "1.2.840.113549.1.7.6" } as const;
const BAG = {
  key: "1.2.840.113549.1.12.10.1.1",
  shroudedKey: "1.2.840.113549.1.12.10.1.2",
  certificate: "1.2.840.113549.1.12.10.1.3",
  nested: "1.2.840.113549.1.12.10.1.6",
} as const;
const X509_CERTIFICATE = "1.2.840.113549.1.9.22.1";
const DIGESTS: Readonly<Record<string, { readonly name: string; readonly bytes: number }>> = {
  "1.3.14.3.2.26": { name: "sha1", bytes: 20 },
  "2.16.840.1.101.3.4.2.1": { name: "sha256", bytes: 32 },
  "2.16.840.1.101.3.4.2.2": { name: "sha384", bytes: 48 },
  "2.16.840.1.101.3.4.2.3": { name: "sha512", bytes: 64 },
};

/**
 * Reads a PFX (PKCS #12) file that is protected by a password: what Azure Key Vault, Windows, OpenSSL and Java write.
 * Node.js can use such a file for TLS but does not give its key out, hence this reader. Its integrity is checked
 * before anything in it is used.
 * @see https://www.rfc-editor.org/rfc/rfc7292
 *
 * @throws {Error} when it is damaged, uses a scheme that is not supported, or the password is wrong
 */
export function readPkcs12(bytes: Buffer, password: string): Pkcs12 {
  const [version, safe, mac] = children(readNode(bytes));
  if (version?.tag !== TAG.integer || safe === undefined) throw new Error("it is neither PEM nor PFX");
  if (objectIdentifier(child(safe, 0)) !== CONTENT.data)
    throw new Error("it is signed with a key, not a password");
  const authenticatedSafe = contentOf(safe);
  if (mac !== undefined) checkMac(mac, authenticatedSafe, password);

  const found = { certificates: [] as Buffer[], privateKeys: [] as Buffer[] };
  for (const part of children(readNode(authenticatedSafe))) {
    collect(readNode(decryptPart(part, password)), password, found);
  }
  return found;
}

function checkMac(mac: DerNode, content: Buffer, password: string): void {
  const [digestInfo, salt, iterations] = children(mac);
  if (digestInfo === undefined || salt === undefined) throw new Error("it is not a readable PFX file");
  const oid = objectIdentifier(child(child(digestInfo, 0), 0));
  const digest = DIGESTS[oid];
  if (digest === undefined) throw new Error(`its integrity check (${oid}) is not supported`);
  const expected = octets(child(digestInfo, 1));
  // No password is written by some as the empty text, by others as nothing at all.
  const candidates = password === "" ? [passwordBytes(""), Buffer.alloc(0)] : [passwordBytes(password)];
  const isRight = candidates.some((candidate) => {
    const key = derivePkcs12({
      digest: digest.name,
      password: candidate,
      salt: octets(salt),
      iterations: iterations === undefined ? 1 : checkedIterations(smallInteger(iterations)),
      purpose: PURPOSE.mac,
      bytes: digest.bytes,
    });
    const actual = createHmac(digest.name, key).update(content).digest();
    return actual.length === expected.length && timingSafeEqual(actual, expected);
  });
  if (!isRight)
    throw new Error(password === "" ? "it needs a password" : "the password is wrong, or it is damaged");
}

/** The octets inside a `ContentInfo` of type data. */
function contentOf(contentInfo: DerNode): Buffer {
  return octets(child(child(contentInfo, 1), 0));
}

function decryptPart(part: DerNode, password: string): Buffer {
  const type = objectIdentifier(child(part, 0));
  if (type === CONTENT.data) return contentOf(part);
  if (type !== CONTENT.encryptedData) throw new Error("a part of it is encrypted with a key, not a password");
  const encryptedContentInfo = child(child(child(part, 1), 0), 1);
  const [, algorithm, content] = children(encryptedContentInfo);
  if (algorithm === undefined || content === undefined) throw new Error("it is not a readable PFX file");
  return decryptWithPassword(algorithm, octets(content), password);
}

function collect(
  safeContents: DerNode,
  password: string,
  found: { readonly certificates: Buffer[]; readonly privateKeys: Buffer[] },
): void {
  for (const bag of children(safeContents)) {
    const type = objectIdentifier(child(bag, 0));
    const value = child(child(bag, 1), 0);
    if (type === BAG.key) found.privateKeys.push(value.raw);
    else if (type === BAG.shroudedKey) {
      found.privateKeys.push(decryptWithPassword(child(value, 0), octets(child(value, 1)), password));
    } else if (type === BAG.certificate && objectIdentifier(child(value, 0)) === X509_CERTIFICATE) {
      found.certificates.push(octets(child(child(value, 1), 0)));
    } else if (type === BAG.nested) collect(value, password, found);
  }
}
