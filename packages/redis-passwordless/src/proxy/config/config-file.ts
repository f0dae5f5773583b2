import { nearestName } from "../../core/unknown-options.js";
import { ConfigError } from "./config-error.js";
import { type Document, isMap, parseDocument } from "./document.js";
import { type Given, type GivenSettings, SEPARATOR } from "./given.js";

/** What a configuration file says. */
export interface ConfigFile {
  /** For the proxy, and for all instances that do not say otherwise. */
  readonly common: GivenSettings;
  /** `undefined` where the file leaves it to others which caches are served. */
  readonly instances: readonly GivenSettings[] | undefined;
}

/** The names that a file may use. */
export interface ConfigNames {
  readonly common: readonly string[];
  readonly instance: readonly string[];
  /** Of these, a list may stand there. */
  readonly lists: readonly string[];
  /** What people try, and why it is not there. */
  readonly refused: Readonly<Record<string, string>>;
}

const INSTANCES = "instances";

/**
 * Reads a configuration file: a map with the names of the flags, and under `instances` a list of maps.
 *
 * @param name what the file is called in errors
 * @throws {ConfigError} with line and, for a misspelt name, the one that was probably meant
 */
export function parseConfigFile(text: string, name: string, names: ConfigNames): ConfigFile {
  const document = parseDocument(text, name);
  const { value } = document;
  // A file in which everything is a comment says nothing, and that is no mistake.
  if (value === undefined || value === null) return { common: new Map(), instances: undefined };
  if (!isMap(value))
    throw new ConfigError(
      `${name} is to hold a map, such as "listen: 127.0.0.1:6379"; it holds ${kindOf(value)}.`,
    );
  const reader = new Reader(document, name, names);
  const { [INSTANCES]: list, ...common } = value;
  const where = reader.where(value, INSTANCES);
  return {
    common: reader.settings(value, Object.keys(common), names.common),
    instances: list === undefined ? undefined : reader.instances(list, where),
  };
}

class Reader {
  readonly #document: Document;
  readonly #name: string;
  readonly #names: ConfigNames;

  constructor(document: Document, name: string, names: ConfigNames) {
    this.#document = document;
    this.#name = name;
    this.#names = names;
  }

  where(map: object, key: string): string {
    const line = this.#document.lineOf(map, key);
    return line === undefined ? this.#name : `${this.#name} line ${line}`;
  }

  instances(list: unknown, where: string): GivenSettings[] {
    if (!Array.isArray(list) || list.length === 0) {
      throw new ConfigError(
        `\`instances\` (${where}) takes a list such as "- endpoint: my-cache.westus3.redis.azure.net"; it got ${kindOf(list)}.`,
      );
    }
    return list.map((entry: unknown, index) => {
      if (isMap(entry)) return this.settings(entry, Object.keys(entry), this.#names.instance);
      throw new ConfigError(
        `Entry ${index + 1} of \`instances\` (${where}) is to be a map such as "endpoint: my-cache.westus3.redis.azure.net"; it is ${kindOf(entry)}.`,
      );
    });
  }

  settings(map: Readonly<Record<string, unknown>>, keys: readonly string[], known: readonly string[]) {
    return new Map(
      keys.map((key): [string, Given] => {
        const source = `\`${key}\` (${this.where(map, key)})`;
        if (!known.includes(key)) throw this.#unknown(key, map, known);
        return [key, { source, value: this.#text(key, map[key], source) }];
      }),
    );
  }

  #unknown(key: string, map: object, known: readonly string[]): ConfigError {
    const { common, refused } = this.#names;
    const where = this.where(map, key);
    if (Object.hasOwn(refused, key))
      return new ConfigError(`${where}: there is no \`${key}\`. ${refused[key]}`);
    if (known !== common && common.includes(key))
      return new ConfigError(`${where}: \`${key}\` is for the whole proxy; write it beside \`instances\`.`);
    if (known === common && this.#names.instance.includes(key))
      return new ConfigError(`${where}: \`${key}\` is for one instance; write it below \`instances\`.`);
    const nearest = nearestName(key, [...known, ...(known === common ? [INSTANCES] : [])]);
    // What is no name of ours may be anything, a secret as well.
    const shown = /^[\w-]{1,40}$/.test(key) ? `\`${key}\`` : "setting of that name";
    return new ConfigError(
      nearest === undefined
        ? `${where}: there is no ${shown}. There are ${known.join(", ")}.`
        : `${where}: there is no ${shown}. Did you mean \`${nearest}\`?`,
    );
  }

  #text(key: string, value: unknown, source: string): string {
    if (typeof value === "string" && value !== "") return value;
    const isList = Array.isArray(value) && value.length > 0;
    if (
      isList &&
      this.#names.lists.includes(key) &&
      value.every((one) => typeof one === "string" && one !== "")
    )
      return value.join(SEPARATOR);
    const takes = this.#names.lists.includes(key) ? "a text or a list of texts" : "one value";
    throw new ConfigError(`${source} takes ${takes}; it got ${kindOf(value)}.`);
  }
}

/** What stands there; never what it says. */
function kindOf(value: unknown): string {
  if (value === undefined || value === null || value === "") return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return typeof value === "object" ? "a map" : "a text";
}
