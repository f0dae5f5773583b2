import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import tls from "node:tls";
import { expect, test } from "vitest";
import { writeCaFile } from "../../src/certificates/ca-file.js";
import { createCertificateAuthority } from "../../src/certificates/certificate-authority.js";

test("a server certificate covers DNS names only, no IP addresses", async () => {
  const authority = await createCertificateAuthority();
  const { cert } = await authority.issue(["localhost"]);
  const leaf = new X509Certificate(cert);
  expect(leaf.subjectAltName).toBe("DNS:localhost");
  expect(leaf.checkHost("localhost")).toBe("localhost");
  expect(leaf.checkIP("127.0.0.1")).toBeUndefined();
});

test("a server certificate is signed by the authority and is no authority itself", async () => {
  const authority = await createCertificateAuthority();
  const ca = new X509Certificate(authority.certificate);
  const { cert, key } = await authority.issue(["localhost"]);
  const leaf = new X509Certificate(cert);
  expect(ca.ca).toBe(true);
  expect(leaf.ca).toBe(false);
  expect(leaf.checkIssued(ca)).toBe(true);
  expect(leaf.verify(ca.publicKey)).toBe(true);
  expect(() => tls.createSecureContext({ cert, key })).not.toThrow();
});

test("certificates are valid for less than 398 days, the most that clients accept", async () => {
  const authority = await createCertificateAuthority();
  const { validFrom, validTo } = new X509Certificate((await authority.issue(["localhost"])).cert);
  const days = (Date.parse(validTo) - Date.parse(validFrom)) / 86_400_000;
  expect(days).toBeGreaterThan(300);
  expect(days).toBeLessThan(398);
  expect(Date.parse(validFrom)).toBeLessThan(Date.now());
});

test("the CA file is readable by its owner only, and gone with its folder once closed", async () => {
  const file = await writeCaFile("pem");
  expect(readFileSync(file.path, "utf8")).toBe("pem");
  expect(statSync(file.path).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(file.path)).mode & 0o777).toBe(0o700);
  await file.close();
  expect(existsSync(dirname(file.path))).toBe(false);
});
