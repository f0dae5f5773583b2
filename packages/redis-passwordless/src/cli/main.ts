#!/usr/bin/env node
import { nearestName } from "../core/unknown-options.js";
import { libraryVersion } from "../diagnose/version.js";
import { COMMANDS } from "./commands.js";
import { crashLine } from "./crash.js";
import { EXIT_DONE, EXIT_FAILED, EXIT_USAGE } from "./exit-codes.js";
import type { Command } from "./flag.js";
import { Output } from "./output.js";
import { parseCommandLine } from "./parse.js";
import type { Run } from "./session.js";
import { Stop } from "./stop.js";
import { UsageError } from "./usage-error.js";

/** The code of each command; none is loaded before it runs. */
const CODE: Readonly<Record<string, () => Promise<{ run: Run }>>> = {
  doctor: () => import("./doctor.js"),
  token: () => import("./token.js"),
  proxy: () => import("./proxy.js"),
  wait: () => import("./wait.js"),
  shutdown: () => import("./shutdown.js"),
};

const { env } = process;
const output = new Output(process.stdout, process.stderr, env);
const stop = new Stop();

/** Runs the command line; resolves with the exit code. */
async function main([first, ...rest]: readonly string[]): Promise<number> {
  if (first === "--version") return print(libraryVersion());
  if (first === "--help" || first === "-h" || (first === "help" && rest.length === 0)) {
    const { generalHelp } = await import("./help.js");
    return print(generalHelp());
  }
  if (first === "help") return main([...rest.slice(0, 1), "--help"]);
  const command = COMMANDS.find(({ name }) => name === first);
  if (command === undefined) throw unknownCommand(first);
  try {
    return await runCommand(command, rest);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    await hideSecrets();
    return usage(error, ` ${command.name}`);
  }
}

async function runCommand(command: Command, args: readonly string[]): Promise<number> {
  const { asksFor, settings } = parseCommandLine(command, args, env);
  if (asksFor === "version") return print(libraryVersion());
  if (asksFor === "help") {
    const { commandHelp } = await import("./help.js");
    return print(commandHelp(command));
  }
  stop.listen();
  await hideSecrets(settings.text("prefix"));
  const code = CODE[command.name];
  if (code === undefined) throw new TypeError(`The command ${command.name} has no code.`);
  const { run } = await code();
  return run({ settings, env, output, stop });
}

async function hideSecrets(prefix?: string): Promise<void> {
  const { secretsIn } = await import("./secrets.js");
  output.hide(secretsIn(env, prefix));
}

function print(text: string): number {
  output.result(text.replace(/\n$/, ""));
  return EXIT_DONE;
}

function usage(error: UsageError, command = ""): number {
  output.log(`redis-passwordless${command}: ${error.message}`);
  output.log(`See redis-passwordless${command} --help.`);
  return EXIT_USAGE;
}

/** What is no name of a command may be anything, so it is not repeated. */
function unknownCommand(given: string | undefined): UsageError {
  const names = COMMANDS.map(({ name }) => name);
  const all = `The commands are ${names.join(", ")}.`;
  if (given === undefined) return new UsageError(`Which command? ${all}`);
  if (!/^-{0,2}[a-z-]{1,20}$/.test(given)) return new UsageError(`The first argument is no command. ${all}`);
  const nearest = nearestName(given, names);
  const what = given.startsWith("-")
    ? `The command comes before its flags, such as ${given}.`
    : `There is no command ${given}.`;
  return new UsageError(`${what} ${nearest === undefined ? all : `Did you mean ${nearest}?`}`);
}

/** Whatever nobody has caught: one line without a secret, and the end. */
async function crash(error: unknown): Promise<number> {
  // It may come before the command has said what is secret.
  if (!output.hidesSecrets) await hideSecrets();
  output.log(`redis-passwordless: ${crashLine(error)}`);
  return EXIT_FAILED;
}

async function crashAndExit(error: unknown): Promise<never> {
  try {
    await crash(error);
  } finally {
    process.exit(EXIT_FAILED);
  }
}

process.on("uncaughtException", (error) => void crashAndExit(error));
process.on("unhandledRejection", (error) => void crashAndExit(error));
output.onReaderGone(() => stop.readerGone());

const exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof UsageError) return usage(error);
  return crash(error);
});
await output.flush();
// A connection or a lookup that nobody waits for any more keeps no finished process open.
process.exit(exitCode);
