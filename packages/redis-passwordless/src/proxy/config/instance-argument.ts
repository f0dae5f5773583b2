import { nearestName } from "../../core/unknown-options.js";
import { ConfigError } from "./config-error.js";
import { type Given, type GivenSettings, SEPARATOR } from "./given.js";

/** `[NAME=]HOST[:PORT][,KEY=VALUE...]` */
const NAME = /^([A-Za-z\d][\w.-]*)=(.*)$/s;

/**
 * Reads an instance as it stands on a command line: `[NAME=]HOST[:PORT][,KEY=VALUE...]`, the keys being names of
 * flags. Commas, because no shell takes them for anything, as it would `?` and `&`.
 *
 * @param source what the text is called in errors, such as `argument 2`
 * @param keys the names of flags that are for one instance
 * @param lists those that may be there more than once
 * @throws {ConfigError} naming the key, never a value: it may be a secret in the wrong place
 */
export function parseInstanceArgument(
  text: string,
  source: string,
  { keys, lists, switches }: InstanceKeys,
): GivenSettings {
  const [first = "", ...rest] = text.split(SEPARATOR);
  const [, name, endpoint = first] = NAME.exec(first) ?? [];
  if (name !== undefined && (keys.includes(name) || (rest.length === 0 && endpoint === ""))) {
    throw new ConfigError(`The ${source} is to begin with the cache, as HOST[:PORT] or NAME=HOST[:PORT].`);
  }
  if (/[?&]/.test(endpoint)) {
    throw new ConfigError(
      `The ${source} has settings behind a "?"; write them behind commas, such as HOST,listen=6380.`,
    );
  }
  if (endpoint === "") throw new ConfigError(`The ${source} names no cache: HOST[:PORT] is missing.`);
  const settings = new Map<string, Given>([["endpoint", { source, value: endpoint }]]);
  if (name !== undefined) settings.set("name", { source, value: name });
  for (const part of rest) {
    const [key, value] = pairOf(part, switches);
    const own = `\`${key}\` in ${source}`;
    if (!keys.includes(key) || key === "endpoint") throw unknownKey(key, source, keys);
    if (value === "") throw new ConfigError(`${own} needs a value: ${key}=VALUE.`);
    const before = settings.get(key);
    if (before !== undefined && !lists.includes(key)) throw new ConfigError(`${own} is given twice.`);
    settings.set(key, {
      source: own,
      value: before === undefined ? value : `${before.value}${SEPARATOR}${value}`,
    });
  }
  return settings;
}

export interface InstanceKeys {
  readonly keys: readonly string[];
  readonly lists: readonly string[];
  /** Those that need no value. */
  readonly switches: readonly string[];
}

function pairOf(part: string, switches: readonly string[]): readonly [key: string, value: string] {
  const at = part.indexOf("=");
  if (at >= 0) return [part.slice(0, at), part.slice(at + 1)];
  return [part, switches.includes(part) ? "true" : ""];
}

function unknownKey(key: string, source: string, keys: readonly string[]): ConfigError {
  const known = keys.filter((name) => name !== "endpoint" && name !== "name");
  const nearest = nearestName(key, known);
  const shown = /^[a-z-]{1,40}$/.test(key) ? `\`${key}\`` : "something that is no key";
  return new ConfigError(
    `The ${source} has ${shown} behind its commas. ${
      nearest === undefined ? `There are ${known.join(", ")}.` : `Did you mean \`${nearest}\`?`
    }`,
  );
}
