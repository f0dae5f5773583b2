import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./run.mjs";

const PACKAGES = fileURLToPath(new URL("../../packages/", import.meta.url));

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {Record<string, string | { types: string, default: string }>} exports
 * @property {Record<string, string>} [bin]
 * @property {Record<string, string>} [dependencies]
 */
/** @typedef {{ folder: string, manifest: Manifest }} WorkspacePackage */
/** @typedef {{ name: string, types: string }} Subpath */
/** @typedef {{ name: string, path: string, files: string[] }} Tarball */

/** @returns {WorkspacePackage[]} */
export function workspacePackages() {
  return readdirSync(PACKAGES).map((name) => {
    const folder = join(PACKAGES, name);
    return { folder, manifest: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) };
  });
}

/**
 * The subpath exports that have declarations: `.`, `./node-redis`, …
 *
 * @param {WorkspacePackage} workspacePackage
 * @returns {Subpath[]}
 */
export function publicSubpaths({ folder, manifest }) {
  return Object.entries(manifest.exports).flatMap(([name, target]) =>
    typeof target === "string" ? [] : [{ name, types: join(folder, target.types) }],
  );
}

/**
 * Packs a package as `npm publish` would.
 *
 * @param {WorkspacePackage} workspacePackage
 * @param {string} destination an existing folder
 * @returns {Tarball}
 */
export function pack({ folder, manifest }, destination) {
  const output = npm(["pack", "--json", "--pack-destination", destination], folder);
  const [packed] = JSON.parse(output);
  const files = packed.files.map((/** @type {{ path: string }} */ { path }) => path);
  return { name: manifest.name, path: join(destination, packed.filename), files };
}

/**
 * @param {readonly string[]} args
 * @param {string} cwd
 */
export function npm(args, cwd) {
  return run("npm", args, { cwd, shell: process.platform === "win32" });
}
