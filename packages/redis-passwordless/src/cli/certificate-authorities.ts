import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import type { Settings } from "./settings.js";
import { UsageError } from "./usage-error.js";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificate authorities of `--ca`. */
export interface CertificateAuthorities {
  /** Those of the file, as one PEM text. */
  readonly own: string;
  /** The same beside those of Node.js. */
  readonly all: readonly string[];
}

/**
 * Reads the file of `--ca`. Of what is in it, certificates are taken and nothing else: a private key that stands beside
 * them is not ours.
 *
 * @throws {UsageError} when it cannot be read, or a certificate in it
 */
export function certificateAuthorities(settings: Settings): CertificateAuthorities | undefined {
  const path = settings.text("ca");
  if (path === undefined) return undefined;
  const source = settings.sourceOf("ca");
  const found = read(source, path).match(CERTIFICATE) ?? [];
  if (found.length === 0) {
    throw new UsageError(`${source} takes a file with certificates in PEM; there is none in ${path}.`);
  }
  for (const [index, pem] of found.entries()) {
    const error = complaintAbout(pem);
    if (error !== undefined) {
      throw new UsageError(
        `${source}: certificate ${index + 1} of ${found.length} in ${path} cannot be read.`,
        {
          cause: error,
        },
      );
    }
  }
  return { own: found.join("\n"), all: [...rootCertificates, ...found] };
}

function complaintAbout(pem: string): unknown {
  try {
    return void new X509Certificate(pem);
  } catch (error) {
    return error;
  }
}

function read(source: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new UsageError(`${source} names a file that cannot be read (${code}): ${path}.`, { cause: error });
  }
}
