import { readFileSync } from "node:fs";
import { type ConfigFile, parseConfigFile } from "../proxy/config/config-file.js";
import type { GivenSettings } from "../proxy/config/given.js";
import { parseInstanceArgument } from "../proxy/config/instance-argument.js";
import { assertMeant, switchSetting } from "./parse.js";
import { IDENTITY_SETTINGS, INSTANCE_SETTINGS, LIST_SETTINGS, PROXY } from "./proxy-commands.js";
import { type Setting, Settings } from "./settings.js";
import { REFUSED_FLAGS } from "./shared-flags.js";
import { asUsage } from "./status-address.js";
import { UsageError } from "./usage-error.js";

/** What is to be served, and by what settings, each with where it stands. */
export interface ProxySources {
  /** For the proxy, and for instances that do not say otherwise. */
  readonly common: Settings;
  /** Each with what it says itself. */
  readonly instances: readonly Settings[];
}

const SWITCHES = Object.entries(PROXY.flags).flatMap(([name, flag]) => ("value" in flag ? [] : [name]));
const COMMON_SETTINGS = Object.keys(PROXY.flags).filter((name) => name !== "config" && name !== "instances");
/** An instance, or a flag, that names an identity takes nothing of another one. */
const GROUPS = [["identity", IDENTITY_SETTINGS]] as const;

/**
 * Puts flags, variables and the file of `--config` together: a flag wins over its variable, and that over the file.
 * Which caches are served is a setting like the others: arguments stand for the file's list, too.
 *
 * @throws {UsageError}
 */
export function proxySources(settings: Settings): ProxySources {
  return asUsage(() => {
    const file = configFile(settings);
    const common = settings.over(settingsOf(file?.common), GROUPS);
    const listed = file?.instances?.map((entry) => settingsOf(entry));
    if (settings.has("instances")) return { common, instances: fromArguments(settings) };
    if (settings.has("endpoint") || listed === undefined)
      return { common, instances: [fromEndpoint(common)] };
    if (common.has("endpoint")) {
      throw new UsageError(
        `${common.sourceOf("endpoint")} and \`instances\` both say what is served: keep the one that is meant.`,
      );
    }
    return { common, instances: listed };
  });
}

/** An instance's settings: its own, over those for all. */
export function withCommon(own: Settings, common: Settings): Settings {
  const others = common.only(INSTANCE_SETTINGS.filter((name) => name !== "endpoint"));
  return own.over(others, GROUPS);
}

/** Settings that mean something only beside certain others, and why they mean nothing without them. */
const CONDITIONS: readonly (readonly [name: string, isUsed: (all: Settings) => boolean, why: string])[] = [
  ["unix-socket-mode", (all) => all.has("unix-socket"), "there is no `unix-socket`; name one, or remove it"],
  [
    "node-ports",
    (all) => !all.has("pool") && !all.isOn("single-endpoint"),
    "with `pool` or `single-endpoint` clients see one server; remove either",
  ],
];

/**
 * Finds settings that change nothing: of an instance, and flags of which that is so in every instance. Of a variable or
 * a file, nobody has just written what stands for all.
 *
 * @throws {UsageError}
 */
export function assertUsed({ common, instances }: ProxySources): void {
  for (const [name, isUsed, why] of CONDITIONS) {
    const inVain = instances.filter((own) => !isUsed(withCommon(own, common)));
    const own = inVain.find((one) => one.has(name));
    const isFlagInVain = isFlag(common, name) && inVain.length === instances.length;
    if (own !== undefined || isFlagInVain) {
      const source = (own ?? common).sourceOf(name);
      throw new UsageError(`${source} changes nothing: ${why}.`);
    }
  }
  for (const name of INSTANCE_SETTINGS) {
    if (!isFlag(common, name) || name === "endpoint") continue;
    const isIgnored = (own: Settings): boolean =>
      own.has(name) || (name === "listen" && own.has("unix-socket"));
    if (instances.every(isIgnored))
      throw new UsageError(
        `--${name} changes nothing: every instance says otherwise. Remove it here or there.`,
      );
  }
}

function isFlag(settings: Settings, name: string): boolean {
  return settings.given(name)?.source === `--${name}`;
}

function configFile(settings: Settings): ConfigFile | undefined {
  const path = settings.text("config");
  if (path === undefined) return undefined;
  const text = readText(path, settings.sourceOf("config"));
  const names = {
    common: COMMON_SETTINGS,
    instance: INSTANCE_SETTINGS,
    lists: LIST_SETTINGS,
    refused: REFUSED_FLAGS,
  };
  return parseConfigFile(text, path, names);
}

/** @throws {UsageError} naming the flag and why */
export function readText(path: string, source: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new UsageError(`${source} names a file that cannot be read (${code}): ${path}.`, { cause: error });
  }
}

function fromArguments(settings: Settings): Settings[] {
  const texts = (settings.text("instances") ?? "").split(/\s+/).filter(Boolean);
  const source = settings.sourceOf("instances");
  const keys = { keys: INSTANCE_SETTINGS, lists: LIST_SETTINGS, switches: SWITCHES };
  if (texts.length === 0) throw settings.invalid("instances", "caches as [NAME=]HOST[:PORT][,FLAG=VALUE...]");
  return texts.map((text, index) => {
    const one = source === "arguments" ? `argument ${index + 1}` : `${source}, instance ${index + 1}`;
    return settingsOf(parseInstanceArgument(text, one, keys));
  });
}

/** The only instance: what `--endpoint` names, or the variables of Azure. */
function fromEndpoint(common: Settings): Settings {
  return common.only(["endpoint"]);
}

function settingsOf(given: GivenSettings = new Map()): Settings {
  const settings = new Map(
    [...given].map(([name, one]): [string, Setting] => [
      name,
      SWITCHES.includes(name) ? switchSetting(one.source, one.value) : one,
    ]),
  );
  assertMeant(PROXY.exclusive, settings);
  return new Settings(settings, PROXY.exclusive);
}
