#!/usr/bin/env node
// Adds the binaries of other platforms to package-lock.json. A registry that serves only the binaries of some
// platforms makes `npm install` write a lockfile without the others, which `npm ci` then refuses on every
// platform. What is added has no integrity: npm fills it in where the package can be had.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const LOCKFILE = fileURLToPath(new URL("../package-lock.json", import.meta.url));
const SYSTEMS = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const PROCESSORS = ["arm64", "arm", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "x64"];

/**
 * @typedef {object} Entry
 * @property {string} [version]
 * @property {Record<string, string>} [optionalDependencies]
 * @property {boolean} [dev]
 * @property {string} [license]
 * @property {Record<string, string>} [engines]
 * @property {boolean} [optional]
 * @property {string[]} [os]
 * @property {string[]} [cpu]
 * @property {string[] | undefined} [libc]
 */

/** @type {{ packages: Record<string, Entry> }} */
const lockfile = JSON.parse(readFileSync(LOCKFILE, "utf8"));
const added = Object.values(lockfile.packages).flatMap((parent) =>
  Object.entries(parent.optionalDependencies ?? {}).filter(([name, version]) => add(name, version, parent)),
);
lockfile.packages = Object.fromEntries(
  Object.entries(lockfile.packages).sort(([a], [b]) => a.localeCompare(b, "en")),
);
writeFileSync(LOCKFILE, `${JSON.stringify(lockfile, null, 2)}\n`);
console.log(`${added.length} added`);

/**
 * @param {string} name
 * @param {string} version
 * @param {Entry} parent
 */
function add(name, version, parent) {
  const platform = platformOf(name);
  const path = `node_modules/${name}`;
  if (!platform || lockfile.packages[path] || !/^\d/.test(version)) return false;
  lockfile.packages[path] = {
    version,
    cpu: platform.cpu,
    ...(parent.dev && { dev: true }),
    ...(platform.libc && { libc: platform.libc }),
    ...(parent.license && { license: parent.license }),
    optional: true,
    os: platform.os,
    ...(parent.engines && { engines: parent.engines }),
  };
  return true;
}

/**
 * What npm would read from the package itself, read from its name: `…/binding-linux-x64-musl`.
 *
 * @param {string} name
 */
function platformOf(name) {
  const words = name.split(/[-/]/);
  const os = SYSTEMS.find((system) => words.includes(system));
  const cpu = PROCESSORS.find((processor) => words.includes(processor));
  if (!os || !cpu) return undefined;
  const isMusl = words.some((word) => word.startsWith("musl"));
  const libc = os === "linux" ? [isMusl ? "musl" : "glibc"] : undefined;
  return { os: [os], cpu: [cpu], libc };
}
