import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import * as exitCodes from "../../src/cli/exit-codes.js";
import { variableOf } from "../../src/cli/flag.js";
import { commandHelp } from "../../src/cli/help.js";
import { IDENTITY_KINDS } from "../../src/cli/identity.js";
import { REFUSED_FLAGS } from "../../src/cli/shared-flags.js";

const PAGE = readFileSync(new URL("../../../../docs/command-line.md", import.meta.url), "utf8");
const SHARED = "Where and who";

const sectionOf = (title: string): string => {
  const section = PAGE.split(/^## /m).find((text) => text.startsWith(`${title}\n`));
  expect(section, title).toBeDefined();
  return section!;
};

/** The rows of a section's table of flags. */
function rowsIn(title: string) {
  return [...sectionOf(title).matchAll(/^\| `--([a-z-]+)(?: ([^`]+))?` \| `(\w+)` \| .+ \| .*\|$/gm)].map(
    ([, flag = "", value, variable]) => ({ flag, value, variable }),
  );
}

describe("docs/command-line.md", () => {
  test.each(COMMANDS.map((command) => [command.name, command] as const))(
    "has every flag of %s with its value and its variable, and no other",
    (name, { flags }) => {
      const shared = "identity" in flags ? rowsIn(SHARED) : [];
      const documented = [...rowsIn(name), ...shared].sort((one, other) =>
        one.flag.localeCompare(other.flag),
      );
      const real = Object.entries(flags)
        .map(([flag, { value }]: [string, { value?: string }]) => ({
          flag,
          value,
          variable: variableOf(flag),
        }))
        .sort((one, other) => one.flag.localeCompare(other.flag));
      expect(documented).toEqual(real);
    },
  );

  test("has a section for every command, every exit code and every kind of identity", () => {
    for (const { name } of COMMANDS) sectionOf(name);
    const codes = [...sectionOf("Exit codes").matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    expect(codes).toEqual(Object.values(exitCodes).sort((one, other) => one - other));
    const kinds = [...sectionOf(SHARED).matchAll(/^\| ((?:`[a-z][a-z-]+`(?:, )?)+) \|/gm)].flatMap(
      ([, names = ""]) => [...names.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name!),
    );
    expect(kinds.sort()).toEqual([...IDENTITY_KINDS].sort());
  });
});

test.each(COMMANDS.map((command) => [command.name, command] as const))(
  "the flags in the help of %s, in its examples and in its exclusions exist",
  (_, command) => {
    const known = [...Object.keys(command.flags), "help", "version"];
    const shown = [...commandHelp(command).matchAll(/^ {2}--([a-z-]+)/gm)].map(([, flag]) => flag!);
    expect([...shown, "version"].sort()).toEqual([...known].sort());
    const lines: readonly string[] = command.examples.flatMap(({ lines }) => lines);
    const ours = lines.flatMap((line) => [
      ...line.matchAll(/redis-passwordless (?:doctor|token|proxy|wait|shutdown)([^)|>&;]*)/g),
    ]);
    const used = ours.flatMap(([, rest = ""]) => [...rest.matchAll(/--([a-z-]+)/g)].map(([, flag]) => flag!));
    expect(used.filter((flag) => !known.includes(flag))).toEqual([]);
    expect(command.exclusive.flat().filter((flag) => !known.includes(flag))).toEqual([]);
    expect(Object.keys(REFUSED_FLAGS).filter((flag) => flag !== "username" && known.includes(flag))).toEqual(
      [],
    );
  },
);
