import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";

/** `AMD EPYC, 2 cores, linux x64, Node.js v20.20.2` */
export function describeMachine() {
  const [first] = cpus();
  const model = first?.model.trim() ?? "unknown processor";
  return `${model}, ${cpus().length} cores, ${process.platform} ${process.arch}, Node.js ${process.version}`;
}

/** The load averages of 1, 5 and 15 minutes. */
export function load() {
  return loadavg()
    .map((value) => value.toFixed(2))
    .join(" ");
}

/**
 * `redis 6.3.1, @redis/entraid 6.1.0`
 *
 * @param {readonly string[]} names
 */
export function packageVersions(names) {
  return names
    .map((name) => {
      const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
      const { version } = /** @type {{ version: string }} */ (JSON.parse(readFileSync(file, "utf8")));
      return `${name} ${version}`;
    })
    .join(", ");
}
