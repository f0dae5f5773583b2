import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { npm, pack, publicSubpaths, workspacePackages } from "./packages.mjs";
import { run } from "./run.mjs";

const INSTALLED = fileURLToPath(new URL("../../node_modules/", import.meta.url));

/** @typedef {import("./packages.mjs").Tarball} Tarball */
/** @typedef {import("./packages.mjs").WorkspacePackage} WorkspacePackage */

/** An empty project that has installed packages of this workspace as a user would: packed, without development dependencies. */
export class Consumer {
  /** @type {string} */
  #folder;
  /** What was installed of this workspace, by package name. */
  tarballs = /** @type {Map<string, Tarball>} */ (new Map());

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), "consumer-"));
    writeFileSync(join(this.#folder, "package.json"), '{ "private": true }\n');
  }

  /**
   * @param {readonly string[]} names
   * @param {{ offline?: boolean }} [options] `offline` proves that nothing else is needed
   */
  install(names, { offline = false } = {}) {
    for (const name of names) this.tarballs.set(name, pack(find(name), this.#folder));
    const paths = names.map((name) => /** @type {Tarball} */ (this.tarballs.get(name)).path);
    const source = offline ? "--offline" : "--prefer-offline";
    npm(["install", source, "--omit=dev", "--no-audit", "--no-fund", ...paths], this.#folder);
  }

  /**
   * Makes packages that the workspace has installed available here too.
   *
   * @param {readonly string[]} names
   */
  link(names) {
    for (const name of names) {
      const path = join(this.#folder, "node_modules", name);
      mkdirSync(dirname(path), { recursive: true });
      symlinkSync(join(INSTALLED, name), path, "junction");
    }
  }

  /**
   * Compiles files as a user's strict project with `module: nodenext` does, every declaration included.
   *
   * @param {string} where a folder of this repository: the TypeScript is taken that is installed there
   * @param {Record<string, string>} files sources by name: `.mts` and `.cts`
   * @throws {Error} with what the compiler has found
   */
  compile(where, files) {
    for (const [name, source] of Object.entries(files)) writeFileSync(join(this.#folder, name), source);
    const project = {
      compilerOptions: {
        target: "es2022",
        module: "nodenext",
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        types: ["node"],
      },
      files: Object.keys(files),
    };
    writeFileSync(join(this.#folder, "tsconfig.json"), JSON.stringify(project));
    const manifest = createRequire(join(INSTALLED, "..", where, "package.json")).resolve(
      "typescript/package.json",
    );
    run(process.execPath, [join(dirname(manifest), "bin/tsc"), "-p", "."], { cwd: this.#folder });
  }

  /** The names of everything that is installed. */
  installed() {
    const tree = JSON.parse(npm(["ls", "--all", "--json"], this.#folder));
    return Object.keys(tree.dependencies ?? {});
  }

  /**
   * Runs an ES module in the project and returns what it prints; a warning on standard error counts as a failure.
   *
   * @param {string} source
   */
  run(source) {
    const file = join(this.#folder, "main.mjs");
    writeFileSync(file, source);
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], {
      cwd: this.#folder,
      encoding: "utf8",
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    if (status !== 0 || stderr !== "") throw new Error(`It ended with ${status} and printed: ${stderr}`);
    return stdout;
  }

  /**
   * Runs an installed command and returns what it prints on standard output.
   *
   * @param {string} name
   * @param {readonly string[]} args
   */
  runBin(name, args) {
    return npm(["exec", "--offline", "--", name, ...args], this.#folder);
  }

  /**
   * Loads a specifier both ways.
   *
   * @param {string} specifier
   * @returns {{ same: boolean, exports: string[] }} whether both ways gave the same module, and what it exports
   */
  importAndRequire(specifier) {
    const printed = this.run(`
      import { createRequire } from "node:module";
      const imported = await import("${specifier}");
      const required = createRequire(import.meta.url)("${specifier}");
      console.log(JSON.stringify({ same: required === imported, exports: Object.keys(imported) }));
    `);
    return JSON.parse(printed);
  }

  /**
   * Files in the tarball that users have no business with.
   *
   * @param {string} name
   */
  strayFiles(name) {
    const files = this.tarballs.get(name)?.files ?? [];
    return files.filter(
      (file) =>
        !/^(dist|src)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/.test(file) ||
        /(^|\/)test\/|\.test\.|tsbuildinfo/.test(file),
    );
  }

  [Symbol.dispose]() {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/**
 * What users can import from a package: `redis-passwordless`, `redis-passwordless/node-redis`, …
 *
 * @param {string} name
 */
export function specifiers(name) {
  return publicSubpaths(find(name)).map((subpath) => `${name}${subpath.name.slice(1)}`);
}

/**
 * @param {string} name
 * @returns {WorkspacePackage}
 */
function find(name) {
  const found = workspacePackages().find(({ manifest }) => manifest.name === name);
  if (!found) throw new Error(`There is no package ${name} in this workspace.`);
  return found;
}
