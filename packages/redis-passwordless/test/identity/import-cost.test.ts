import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const entry = new URL("../../dist/identity/index.js", import.meta.url);

/** Built-in modules that running a script loads beyond those of an empty script. */
function loadedBy(script: string): string[] {
  const list = (source: string) =>
    JSON.parse(
      execFileSync(process.execPath, [
        "--input-type=module",
        "-e",
        `${source};console.log(JSON.stringify(process.moduleLoadList))`,
      ]).toString(),
    ) as string[];
  const base = new Set(list(""));
  return list(script).filter((name) => !base.has(name));
}

test("importing the identities loads neither HTTP, TLS nor cryptography", () => {
  expect(existsSync(fileURLToPath(entry)), "run `npm run build` first").toBe(true);
  const loaded = loadedBy(
    `const { createIdentityProvider } = await import(${JSON.stringify(entry.href)}); createIdentityProvider()`,
  );
  expect(loaded.filter((name) => /NativeModule (?:_?http|_?tls|crypto|net|dns)/.test(name))).toEqual([]);
});
