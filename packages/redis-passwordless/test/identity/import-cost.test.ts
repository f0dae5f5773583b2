import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const identities = new URL("../../dist/identity/index.js", import.meta.url);
/** What users import: a few files for the whole library. */
const bundle = new URL("../../dist/bundle/", import.meta.url);

/** Prints every address that is imported, as modules are found. */
const TRACE = `data:text/javascript,${encodeURIComponent(`
  import { register } from "node:module";
  register("data:text/javascript," + encodeURIComponent(\`
    import { writeSync } from "node:fs";
    export async function resolve(specifier, context, next) {
      const found = await next(specifier, context);
      writeSync(1, found.url + "\\\\n");
      return found;
    }
  \`));
`)}`;

function run(script: string, ...flags: string[]): string {
  return execFileSync(process.execPath, [...flags, "--input-type=module", "-e", script]).toString();
}

/** Built-in modules that running a script loads beyond those of an empty script. */
function loadedBy(script: string): string[] {
  const list = (source: string) =>
    JSON.parse(run(`${source};console.log(JSON.stringify(process.moduleLoadList))`)) as string[];
  const base = new Set(list(""));
  return list(script).filter((name) => !base.has(name));
}

/** Addresses that importing a file imports. */
function importedBy(file: URL): string[] {
  const addresses = run(`await import(${JSON.stringify(file.href)})`, "--import", TRACE)
    .trim()
    .split("\n");
  return addresses.filter((address) => !address.startsWith("data:") && !address.endsWith("[eval1]"));
}

test("importing the identities loads neither HTTP, TLS nor cryptography", () => {
  expect(existsSync(fileURLToPath(identities)), "run `npm run build` first").toBe(true);
  const loaded = loadedBy(
    `const { createIdentityProvider } = await import(${JSON.stringify(identities.href)}); createIdentityProvider()`,
  );
  expect(loaded.filter((name) => /NativeModule (?:_?http|_?tls|crypto|net|dns)/.test(name))).toEqual([]);
});

describe.each(["index", "node-redis", "ioredis"])("importing %s", (name) => {
  const imported = importedBy(new URL(`${name}.js`, bundle));

  test("loads no client of Redis, and nothing of Azure's", () => {
    expect(imported).toContain(new URL(`${name}.js`, bundle).href);
    expect(
      imported.filter((address) => !address.startsWith(bundle.href) && !address.startsWith("node:")),
    ).toEqual([]);
  });

  test("leaves what requests a token for later", () => {
    const files = imported
      .filter((address) => address.startsWith(bundle.href))
      .map((address) => basename(address));
    expect(
      files.filter((file) => /token-request|certificate|credential|principal|pkcs12/.test(file)),
    ).toEqual([]);
  });
});
