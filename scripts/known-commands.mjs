#!/usr/bin/env node
// Writes the list of commands that the proxy goes by where a server does not allow COMMAND: what redis-server on this
// machine and the newer servers of fetch-servers.mjs say of themselves, in one table.
//
//   node scripts/known-commands.mjs

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { fetchServers } from "./fetch-servers.mjs";
import { run, tryRun } from "./lib/run.mjs";

const TARGET = fileURLToPath(
  new URL("../packages/redis-passwordless/src/proxy/shared/known-commands.ts", import.meta.url),
);

/** What of the flags matters to a proxy, and the letter it is written with. */
const LETTERS = new Map([
  ["readonly", "r"],
  ["write", "w"],
  ["blocking", "b"],
  ["pubsub", "p"],
  ["admin", "a"],
  ["movablekeys", "m"],
]);

/** @typedef {[name: string, arity: number, flags: string[], first: number, last: number, step: number, ...unknown[]]} Command */

/**
 * What one server says of its commands, those within commands included.
 *
 * @param {string} bin
 * @returns {Promise<{ version: string, commands: Command[] }>}
 */
async function ask(bin) {
  const folder = mkdtempSync(join(tmpdir(), "known-commands-"));
  const socket = join(folder, "s");
  const server = spawn(bin, ["--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder], {
    stdio: "ignore",
  });
  try {
    while (!existsSync(socket) && server.exitCode === null) await setTimeout(20);
    const info = run("redis-cli", ["-s", socket, "INFO", "server"]);
    /** @type {Command[]} */
    const commands = JSON.parse(run("redis-cli", ["-s", socket, "--json", "COMMAND"]));
    const inner = commands.flatMap((command) => /** @type {Command[]} */ (command[9] ?? []));
    return { version: versionIn(info), commands: [...commands, ...inner] };
  } finally {
    server.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} info */
function versionIn(info) {
  const valkey = /^valkey_version:(\S+)/m.exec(info)?.[1];
  return valkey === undefined ? `Redis ${/^redis_version:(\S+)/m.exec(info)?.[1]}` : `Valkey ${valkey}`;
}

/** @param {Command} command */
function line([name, arity, flags, first, last, step]) {
  const letters = flags.map((flag) => LETTERS.get(flag) ?? "").join("");
  const keys = first === 0 ? [] : [first, last, step];
  return [name, arity, letters === "" ? "-" : letters, ...keys].join(" ");
}

const servers = [tryRun("sh", ["-c", "command -v redis-server"]), ...fetchServers().map(({ path }) => path)];
const answers = [];
for (const bin of servers) if (bin) answers.push(await ask(bin));
/** @type {Map<string, string>} */
const lines = new Map();
// The oldest first: where they differ, the newest is right.
for (const { commands } of answers) for (const command of commands) lines.set(command[0], line(command));
const versions = answers.map(({ version }) => version).join(", ");
writeFileSync(
  TARGET,
  `// Written by scripts/known-commands.mjs: what ${versions} say of their commands.

/**
 * One command a line: name, arity, flags (\`r\`eadonly, \`w\`rite, \`b\`locking, \`p\`ubsub, \`a\`dmin, \`m\`ovable keys; \`-\` for
 * none), and for those with keys at fixed places the first, the last and the step between them.
 */
export const KNOWN_COMMANDS = \`
${[...lines.values()].sort().join("\n")}
\`;
`,
);
run("npx", ["biome", "check", "--write", TARGET]);
process.stdout.write(`${lines.size} commands of ${versions}\n`);
