import { isAddress } from "../../topology/address-map.js";
import { ConfigError } from "./config-error.js";
import type { Given } from "./given.js";

interface Named {
  /** What somebody calls it. */
  readonly name: Given | undefined;
  readonly host: string;
  readonly port: number;
}

const NAME = /^[A-Za-z\d][\w.-]{0,62}$/;

/**
 * What each instance is called in logs, metrics and messages: as it is told, else as the first part of its host's
 * name, with a number where another one is called so already.
 *
 * @throws {ConfigError} for a name that is given twice, or that cannot be one
 */
export function instanceNames(instances: readonly Named[]): string[] {
  const taken = new Set<string>();
  for (const { name } of instances) {
    if (name === undefined) continue;
    if (!NAME.test(name.value)) {
      throw new ConfigError(
        `The name in ${name.source} is to be made of letters, digits, ".", "_" and "-", up to 63 of them.`,
      );
    }
    if (taken.has(name.value)) {
      throw new ConfigError(`Two instances are called ${name.value} (${name.source}): rename one.`);
    }
    taken.add(name.value);
  }
  return instances.map(({ name, host, port }) => {
    if (name !== undefined) return name.value;
    const base = isAddress(host) ? nameOfAddress(host, port) : (host.split(".", 1)[0] ?? host);
    const free = freeName(base, taken);
    taken.add(free);
    return free;
  });
}

function nameOfAddress(host: string, port: number): string {
  return `${host.replaceAll(/:+/g, "-").replace(/^-/, "")}-${port}`;
}

function freeName(base: string, taken: ReadonlySet<string>): string {
  let name = base;
  for (let number = 2; taken.has(name); number++) name = `${base}-${number}`;
  return name;
}
