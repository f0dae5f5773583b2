import {
  constants,
  createHash,
  createPrivateKey,
  type KeyObject,
  randomUUID,
  sign,
  X509Certificate,
} from "node:crypto";
import { readFile } from "node:fs/promises";
import type { PasswordlessError } from "../core/errors.js";
import { sanitiseCause } from "../core/sanitise.js";
import type { Facts } from "../explain/facts.js";
import { tokenError } from "./token-error.js";

/** Where a certificate with its private key comes from. */
export interface CertificateSource {
  /** The option or variable that names it, for messages. */
  readonly option: string;
  readonly path?: string | undefined;
  /** PEM text, PFX bytes, or PFX as base64 text. */
  readonly content?: string | Uint8Array | undefined;
  readonly password?: string | undefined;
}

/** A certificate that can sign. The key is a `KeyObject`, which `util.inspect` and JSON cannot look into. */
export interface LoadedCertificate {
  readonly privateKey: KeyObject;
  /** The certificate that belongs to the key, then the ones that issued it, as far as they were given. */
  readonly chain: readonly X509Certificate[];
}

export interface AssertionClaims {
  /** The token endpoint. */
  readonly audience: string;
  readonly clientId: string;
  /** Now, in epoch milliseconds, by the authority's clock as far as it is known. */
  readonly nowMs: number;
  /** Adds the certificates themselves (`x5c`). */
  readonly sendCertificateChain: boolean;
}

/** Entra ID accepts short-lived assertions; ten minutes is what Microsoft's libraries use. */
const ASSERTION_LIFETIME_S = 600;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const PEM_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[^]+?-----END (?:[A-Z]+ )*PRIVATE KEY-----/g;

/**
 * Reads a certificate and its RSA key from PEM or PFX.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_CERTIFICATE_UNUSABLE`, naming the option
 */
export async function loadCertificate(source: CertificateSource): Promise<LoadedCertificate> {
  const bytes = await readSource(source);
  try {
    return match(await parse(bytes, source.password));
  } catch (error) {
    throw unusable(source, error);
  }
}

/**
 * Signs the assertion that proves possession of the key, as Microsoft's libraries do (PS256, `x5t#S256`).
 * @see https://learn.microsoft.com/entra/identity-platform/certificate-credentials
 */
export function signAssertion({ privateKey, chain }: LoadedCertificate, claims: AssertionClaims): string {
  const [leaf] = chain;
  if (leaf === undefined) throw new TypeError("a loaded certificate has a chain");
  const nowS = Math.floor(claims.nowMs / 1000);
  const header = {
    alg: "PS256",
    typ: "JWT",
    "x5t#S256": createHash("sha256").update(leaf.raw).digest("base64url"),
    ...(claims.sendCertificateChain ? { x5c: chain.map(({ raw }) => raw.toString("base64")) } : {}),
  };
  const body = {
    aud: claims.audience,
    iss: claims.clientId,
    sub: claims.clientId,
    jti: randomUUID(),
    iat: nowS,
    nbf: nowS,
    exp: nowS + ASSERTION_LIFETIME_S,
  };
  const signed = `${encode(header)}.${encode(body)}`;
  const signature = sign("sha256", Buffer.from(signed), {
    key: privateKey,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  });
  return `${signed}.${signature.toString("base64url")}`;
}

async function readSource(source: CertificateSource): Promise<Buffer> {
  const { content, path } = source;
  if (content !== undefined) {
    if (typeof content !== "string") return Buffer.from(content);
    return content.includes("-----BEGIN") ? Buffer.from(content) : Buffer.from(content, "base64");
  }
  try {
    return await readFile(path ?? "");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw unusable(
      source,
      new Error(`it cannot be read (${code ?? "unknown error"})`, { cause: error }),
      "unreadable",
    );
  }
}

interface Parsed {
  readonly certificates: readonly X509Certificate[];
  readonly privateKeys: readonly KeyObject[];
}

/** Finds the key and the certificate that belong together. */
function match({ certificates, privateKeys }: Parsed): LoadedCertificate {
  if (certificates.length === 0) throw new Error("it has no certificate");
  if (privateKeys.length === 0) throw new Error("it has no private key");
  const usable = privateKeys.filter(({ asymmetricKeyType }) => asymmetricKeyType === "rsa");
  if (usable.length === 0) {
    throw new Error(
      `its key is of type ${privateKeys[0]?.asymmetricKeyType ?? "unknown"}; Entra ID accepts RSA`,
    );
  }
  for (const privateKey of usable) {
    const leaf = certificates.find((certificate) => certificate.checkPrivateKey(privateKey));
    if (leaf !== undefined) return { privateKey, chain: chainFrom(leaf, certificates) };
  }
  throw new Error("its private key belongs to none of its certificates");
}

async function parse(bytes: Buffer, password: string | undefined): Promise<Parsed> {
  const text = bytes.toString("latin1");
  if (text.includes("-----BEGIN")) return parsePem(text, password);
  const { readPkcs12 } = await import("./pkcs12.js");
  const { certificates, privateKeys } = readPkcs12(bytes, password ?? "");
  return {
    certificates: certificates.map((der) => new X509Certificate(der)),
    privateKeys: privateKeys.map((key) => createPrivateKey({ key, format: "der", type: "pkcs8" })),
  };
}

function parsePem(text: string, password: string | undefined): Parsed {
  const certificates = [...text.matchAll(PEM_CERTIFICATE)].map(([pem]) => new X509Certificate(pem));
  const privateKeys = [...text.matchAll(PEM_KEY)].map(([key]) => readKey(key, password));
  return { certificates, privateKeys };
}

/** One wrong password in 256 seems to fit, and what it decrypts to is no key: OpenSSL then complains about its format. */
function readKey(key: string, password: string | undefined): KeyObject {
  if (password === undefined) return createPrivateKey({ key });
  try {
    return createPrivateKey({ key, passphrase: password });
  } catch (error) {
    if (!key.includes("ENCRYPTED") || WRONG_PASSWORD.test(String(error))) throw error;
    throw new Error("its password is wrong, or its encryption is none that Node.js knows", { cause: error });
  }
}

function chainFrom(leaf: X509Certificate, all: readonly X509Certificate[]): readonly X509Certificate[] {
  const chain = [leaf];
  for (;;) {
    const last = chain.at(-1);
    const issuer = all.find(
      (candidate) => !chain.includes(candidate) && last?.checkIssued(candidate) === true,
    );
    if (issuer === undefined) return chain;
    chain.push(issuer);
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

const WRONG_PASSWORD = /password is wrong|bad decrypt|bad password read/i;

/** What the reasons of all who read certificates amount to; the last two are OpenSSL's. */
const PROBLEMS: readonly (readonly [RegExp, NonNullable<Facts["certificateProblem"]>])[] = [
  [/^it has no certificate/, "noCertificate"],
  [/^it has no private key/, "noKey"],
  [/^its key is of type/, "keyType"],
  [/belongs to none of its certificates/, "keyMismatch"],
  [/needs a password|passphrase required|interrupted or cancelled/i, "passwordMissing"],
  [WRONG_PASSWORD, "passwordWrong"],
];

function unusable(
  source: CertificateSource,
  error: unknown,
  problem?: Facts["certificateProblem"],
): PasswordlessError {
  const why = error instanceof Error ? error.message : "unknown error";
  const where = source.path === undefined ? "" : ` (${source.path})`;
  return tokenError("ERR_PASSWORDLESS_CERTIFICATE_UNUSABLE", {
    message: `The certificate of \`${source.option}\`${where} cannot be used: ${why}.`,
    facts: {
      certificateProblem: problem ?? PROBLEMS.find(([reason]) => reason.test(why))?.[1] ?? "unknown",
      option: source.option,
      file: source.path,
    },
    cause: sanitiseCause(error),
  });
}
