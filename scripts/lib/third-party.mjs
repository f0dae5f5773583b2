import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The folder of an installed package, from the path of one of its modules. */
const PACKAGE_FOLDER = /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/;

/**
 * The licences of what a bundle contains of others: each asks to go where its code goes.
 *
 * @param {readonly string[]} modules paths of the modules in the bundle
 * @returns {string} name, version and licence of each package
 */
export function thirdPartyLicences(modules) {
  const folders = new Set(modules.flatMap((path) => PACKAGE_FOLDER.exec(path) ?? []));
  const licences = [...folders].map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} comes without the text of its licence.`);
    return `${name} ${version}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  });
  return `The command line contains these packages.\n\n${licences.sort().join(`\n${"-".repeat(80)}\n\n`)}`;
}
