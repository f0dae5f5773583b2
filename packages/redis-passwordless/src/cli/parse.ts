import { parseArgs } from "node:util";
import { nearestName } from "../core/unknown-options.js";
import type { Environment } from "../identity/managed-identity-source.js";
import { COMMON_SWITCHES, type Command, variableOf } from "./flag.js";
import { isOn, type Setting, Settings, shown } from "./settings.js";
import { REFUSED_FLAGS } from "./shared-flags.js";
import { UsageError } from "./usage-error.js";

/** What a command line asks of a command. */
export interface Parsed {
  readonly asksFor: "help" | "version" | "run";
  readonly settings: Settings;
}

const SWITCH_VALUES: Readonly<Record<string, boolean>> = { true: true, 1: true, false: false, 0: false };

/**
 * Reads what follows the command's name. A flag wins over its variable; an empty variable counts as unset.
 *
 * @throws {UsageError} naming the flag or variable, what it takes and, where it is no secret, what it got
 */
export function parseCommandLine(command: Command, args: readonly string[], env: Environment): Parsed {
  const { given, positionals, asksFor } = readFlags(command, args);
  if (asksFor !== "run") return { asksFor, settings: new Settings(new Map()) };
  readArgument(command, given, positionals);
  assertMeant(command.exclusive, given);
  const all = new Map([...readVariables(command, env, given), ...given]);
  assertMeant(command.exclusive, all);
  return { asksFor, settings: new Settings(all, command.exclusive) };
}

function readFlags({ flags, name: command }: Command, args: readonly string[]) {
  const options = Object.fromEntries([
    ...Object.entries(flags).map(([flag, { value }]) => [
      flag,
      { type: value === undefined ? "boolean" : "string" },
    ]),
    ["help", { type: "boolean", short: "h" }],
    ["version", { type: "boolean" }],
  ]) as Record<string, { type: "boolean" | "string" }>;
  // Not strict: Node.js's own complaints repeat values, and a value may be a secret.
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const given = new Map<string, Setting>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value, inlineValue } = token;
    if (!Object.hasOwn(options, name)) throw unknownFlag(command, name, rawName, Object.keys(options));
    if (name === "help" || name === "version") return { given, positionals, asksFor: name } as const;
    const placeholder = flags[name]?.value;
    const setting =
      placeholder === undefined
        ? switchSetting(rawName, value)
        : { source: rawName, value: valueOf(rawName, placeholder, value, inlineValue) };
    const before = given.get(name);
    if (before !== undefined && before.value !== setting.value)
      throw new UsageError(`${rawName} is given twice.`);
    given.set(name, setting);
  }
  return { given, positionals, asksFor: "run" } as const;
}

/** What a switch says. @throws {UsageError} */
export function switchSetting(source: string, value: string | undefined): Setting {
  const isOn = value === undefined ? true : SWITCH_VALUES[value.toLowerCase()];
  if (isOn === undefined) throw new UsageError(`${source} takes true or false; it got ${shown(value)}.`);
  return isOn ? { source, value: "true" } : { source, value: "false", isOff: true };
}

function valueOf(
  source: string,
  placeholder: string,
  value: string | undefined,
  isInline: boolean | undefined,
): string {
  if (value === undefined || value === "")
    throw new UsageError(`${source} needs a value: ${source} ${placeholder}.`);
  // `--ca --json`: the value is missing, more likely than a file called --json.
  if (isInline !== true && value.startsWith("-")) {
    const next = /^--?[a-z-]+/.exec(value)?.[0] ?? "-…";
    throw new UsageError(
      `${source} needs a value, and ${next} follows. Write ${source}=VALUE for one that begins with a dash.`,
    );
  }
  return value;
}

/** The name is shown, what follows it never: it may be a secret. */
function unknownFlag(command: string, name: string, rawName: string, known: readonly string[]): UsageError {
  const refused = Object.hasOwn(REFUSED_FLAGS, name) ? REFUSED_FLAGS[name] : undefined;
  if (refused !== undefined) return new UsageError(`There is no flag ${rawName}. ${refused}`);
  const nearest = nearestName(name, known);
  const all = known.filter((flag) => !(COMMON_SWITCHES as readonly string[]).includes(flag));
  return new UsageError(
    nearest === undefined
      ? `\`${command}\` has no flag ${rawName}. It has ${all.map((flag) => `--${flag}`).join(", ")}.`
      : `\`${command}\` has no flag ${rawName}. Did you mean --${nearest}?`,
  );
}

function readArgument(
  { name, argument, takesSeveral, flags }: Command,
  given: Map<string, Setting>,
  positionals: readonly string[],
): void {
  if (argument !== undefined && takesSeveral === true) {
    readArguments(argument, given, positionals);
    return;
  }
  const [value, ...more] = positionals;
  if (value === undefined) return;
  const placeholder = argument === undefined ? undefined : flags[argument]?.value;
  // How many, not which: one may be a secret whose flag was forgotten.
  if (argument === undefined || more.length > 0) {
    const takes = argument === undefined ? "no argument" : `one argument, ${placeholder}`;
    throw new UsageError(`\`${name}\` takes ${takes}; it got ${positionals.length}.`);
  }
  if (value === "") throw new UsageError(`The argument ${placeholder} is empty.`);
  const before = given.get(argument);
  if (before !== undefined && before.value !== value) {
    throw new UsageError(`The ${argument} is given twice, as argument and with --${argument}.`);
  }
  given.set(argument, { source: `argument ${placeholder}`, value });
}

/** Several arguments are one list, as in the variable. */
function readArguments(argument: string, given: Map<string, Setting>, positionals: readonly string[]): void {
  if (positionals.length === 0) return;
  const empty = positionals.findIndex((text) => text.trim() === "");
  if (empty >= 0) throw new UsageError(`The argument ${empty + 1} is empty.`);
  if (given.has(argument)) {
    throw new UsageError(`The ${argument} are given twice, as arguments and with --${argument}.`);
  }
  given.set(argument, { source: "arguments", value: positionals.join(" ") });
}

/** Variables of flags that were not given, and that no given flag excludes. */
function readVariables(
  { flags, exclusive }: Command,
  env: Environment,
  given: ReadonlyMap<string, Setting>,
): Map<string, Setting> {
  const found = new Map<string, Setting>();
  for (const [flag, { value: placeholder }] of Object.entries(flags)) {
    const source = variableOf(flag);
    const value = env[source];
    const isExcluded = exclusive.some(
      (group) => group.includes(flag) && group.some((other) => isOn(given.get(other))),
    );
    if (value === undefined || value === "" || given.has(flag) || isExcluded) continue;
    found.set(flag, placeholder === undefined ? switchSetting(source, value) : { source, value });
  }
  return found;
}

/** @throws {UsageError} for two settings of which only one can be meant */
export function assertMeant(
  exclusive: readonly (readonly string[])[],
  settings: ReadonlyMap<string, Setting>,
): void {
  for (const group of exclusive) {
    const [one, other] = group.flatMap((flag) => {
      const setting = settings.get(flag);
      return setting !== undefined && isOn(setting) ? [setting.source] : [];
    });
    if (other !== undefined)
      throw new UsageError(`${one} and ${other} exclude each other: keep the one that is meant.`);
  }
}
