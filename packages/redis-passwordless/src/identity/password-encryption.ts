import { createDecipheriv, createHash, pbkdf2Sync } from "node:crypto";
import { child, children, type DerNode, objectIdentifier, octets, smallInteger, TAG } from "./der.js";
import { decryptRc2Cbc } from "./rc2.js";

/** PKCS #12's own key derivation makes three kinds of bytes. @see https://www.rfc-editor.org/rfc/rfc7292#appendix-B.3 */
export const PURPOSE = { key: 1, iv: 2, mac: 3 } as const;

/** PBES1 as PKCS #12 defines it: what older software and `openssl pkcs12 -legacy` write. */
const PBES1: Readonly<Record<string, { readonly keyBytes: number; readonly rc2Bits?: number }>> = {
  "1.2.840.113549.1.12.1.3": { keyBytes: 24 },
  "1.2.840.113549.1.12.1.4": { keyBytes: 16 },
  "1.2.840.113549.1.12.1.5": { keyBytes: 16, rc2Bits: 128 },
  "1.2.840.113549.1.12.1.6": { keyBytes: 5, rc2Bits: 40 },
};
const PBES2 = "1.2.840.113549.1.5.13";
const PBKDF2 = "1.2.840.113549.1.5.12";
const PBKDF2_DIGESTS: Readonly<Record<string, string>> = {
  "1.2.840.113549.2.7": "sha1",
  "1.2.840.113549.2.9": "sha256",
  "1.2.840.113549.2.10": "sha384",
  "1.2.840.113549.2.11": "sha512",
};
const CIPHERS: Readonly<Record<string, { readonly name: string; readonly keyBytes: number }>> = {
  "1.2.840.113549.3.7": { name: "des-ede3-cbc", keyBytes: 24 },
  "2.16.840.1.101.3.4.1.2": { name: "aes-128-cbc", keyBytes: 16 },
  "2.16.840.1.101.3.4.1.22": { name: "aes-192-cbc", keyBytes: 24 },
  "2.16.840.1.101.3.4.1.42": { name: "aes-256-cbc", keyBytes: 32 },
};
/** More than any writer uses, and still seconds: a file must not keep us busy for ever. */
const MOST_ITERATIONS = 10_000_000;

/** Decrypts data by its `AlgorithmIdentifier`. @throws {Error} when the scheme is unknown or the password wrong */
export function decryptWithPassword(algorithm: DerNode, data: Buffer, password: string): Buffer {
  const scheme = objectIdentifier(child(algorithm, 0));
  const parameters = child(algorithm, 1);
  if (scheme === PBES2) return decryptPbes2(parameters, data, password);
  const legacy = PBES1[scheme];
  if (legacy === undefined) throw new Error(`it is encrypted with ${scheme}, which is not supported`);

  const salt = octets(child(parameters, 0));
  const iterations = checkedIterations(smallInteger(child(parameters, 1)));
  const derive = (purpose: number, bytes: number) =>
    derivePkcs12({ digest: "sha1", password: passwordBytes(password), salt, iterations, purpose, bytes });
  const key = derive(PURPOSE.key, legacy.keyBytes);
  const iv = derive(PURPOSE.iv, 8);
  if (legacy.rc2Bits !== undefined) return decryptRc2Cbc(key, iv, data, legacy.rc2Bits);
  // Two-key triple DES is three-key with the first key used again.
  const tripleKey = legacy.keyBytes === 16 ? Buffer.concat([key, key.subarray(0, 8)]) : key;
  return decipher("des-ede3-cbc", tripleKey, iv, data);
}

export interface Derivation {
  readonly digest: string;
  readonly password: Buffer;
  readonly salt: Buffer;
  readonly iterations: number;
  readonly purpose: number;
  /** How many bytes are wanted. */
  readonly bytes: number;
}

/** PKCS #12's key derivation. @see https://www.rfc-editor.org/rfc/rfc7292#appendix-B.2 */
export function derivePkcs12({ digest, password, salt, iterations, purpose, bytes }: Derivation): Buffer {
  const block = digest === "sha384" || digest === "sha512" ? 128 : 64;
  const diversifier = Buffer.alloc(block, purpose);
  const input = Buffer.concat([repeatToBlocks(salt, block), repeatToBlocks(password, block)]);
  const derived: Buffer[] = [];
  for (let length = 0; length < bytes; ) {
    let hash = createHash(digest).update(diversifier).update(input).digest();
    for (let i = 1; i < iterations; i++) hash = createHash(digest).update(hash).digest();
    derived.push(hash);
    length += hash.length;
    addToBlocks(input, repeatToBlocks(hash, block).subarray(0, block), block);
  }
  return Buffer.concat(derived).subarray(0, bytes);
}

/** A password as PKCS #12 hashes it: UTF-16 big-endian with two zero octets at the end. */
export function passwordBytes(password: string): Buffer {
  return Buffer.from(`${password}\0`, "utf16le").swap16();
}

/** @throws {Error} when the number is out of reason */
export function checkedIterations(iterations: number): number {
  if (iterations < 1 || iterations > MOST_ITERATIONS) throw new Error("it is not a readable PFX file");
  return iterations;
}

function decryptPbes2(parameters: DerNode, data: Buffer, password: string): Buffer {
  const [derivation, encryption] = [child(parameters, 0), child(parameters, 1)];
  if (objectIdentifier(child(derivation, 0)) !== PBKDF2) {
    throw new Error("its key derivation is not PBKDF2, which is the only one supported");
  }
  const [salt, iterations, ...rest] = children(child(derivation, 1));
  const cipherOid = objectIdentifier(child(encryption, 0));
  const cipher = CIPHERS[cipherOid];
  if (salt === undefined || iterations === undefined) throw new Error("it is not a readable PFX file");
  if (cipher === undefined) throw new Error(`it is encrypted with ${cipherOid}, which is not supported`);

  const prf = rest.find(({ tag }) => tag === TAG.sequence);
  const digest = prf === undefined ? "sha1" : PBKDF2_DIGESTS[objectIdentifier(child(prf, 0))];
  if (digest === undefined) throw new Error("its key derivation uses a digest that is not supported");
  const rounds = checkedIterations(smallInteger(iterations));
  const key = pbkdf2Sync(Buffer.from(password, "utf8"), octets(salt), rounds, cipher.keyBytes, digest);
  return decipher(cipher.name, key, octets(child(encryption, 1)), data);
}

function decipher(name: string, key: Buffer, iv: Buffer, data: Buffer): Buffer {
  const decipher = createDecipheriv(name, key, iv);
  try {
    return Buffer.concat([decipher.update(data), decipher.final()]);
  } catch {
    throw new Error("the password is wrong");
  }
}

function repeatToBlocks(bytes: Buffer, block: number): Buffer {
  return bytes.length === 0 ? bytes : Buffer.alloc(block * Math.ceil(bytes.length / block), bytes);
}

/** Adds `addend` + 1 to each block of `blocks`, as big-endian numbers. */
function addToBlocks(blocks: Buffer, addend: Buffer, block: number): void {
  for (let start = 0; start < blocks.length; start += block) {
    let carry = 1;
    for (let i = block - 1; i >= 0; i--) {
      carry += (blocks[start + i] ?? 0) + (addend[i] ?? 0);
      blocks[start + i] = carry & 0xff;
      carry >>= 8;
    }
  }
}
