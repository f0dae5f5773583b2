import { COMMANDS } from "./commands.js";
import { type Command, type Flag, variableOf } from "./flag.js";

const EXIT_CODES = `Exit codes: 0 done or healthy, 1 failed or something found, 2 wrong usage, 130 after Ctrl-C, 143 after SIGTERM.`;

/** Help for all. */
export function generalHelp(): string {
  const width = Math.max(...COMMANDS.map((command) => usage(command).length));
  return [
    "Log in to Azure Managed Redis and Azure Cache for Redis with Microsoft Entra ID.",
    "",
    ...COMMANDS.map((command) => `  redis-passwordless ${usage(command).padEnd(width)}  ${command.summary}`),
    "  redis-passwordless --version",
    "",
    "`redis-passwordless COMMAND --help` has the flags and examples to copy.",
    "Results go to stdout, logs to stderr; NO_COLOR and FORCE_COLOR are honoured.",
    EXIT_CODES,
    "",
  ].join("\n");
}

/** Help for one command. */
export function commandHelp(command: Command): string {
  return [
    `redis-passwordless ${usage(command)}: ${command.summary}`,
    "",
    ...command.examples.flatMap(({ why, lines }) => [`  # ${why}`, ...lines.map((line) => `  ${line}`)]),
    "",
    `Flags (each is also a variable: ${exampleOf(command)}):`,
    ...Object.entries(command.flags).flatMap(([name, flag]) => flagLines(name, flag)),
    "  --help, --version",
    "",
    "Secrets are no flags: AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PASSWORD.",
    EXIT_CODES,
    "",
  ].join("\n");
}

function usage({ name, argument, flags }: Command): string {
  const placeholder = argument === undefined ? undefined : flags[argument]?.value;
  return placeholder === undefined ? name : `${name} [${placeholder}]`;
}

function exampleOf({ flags }: Command): string {
  const [longest = ""] = Object.keys(flags).sort((one, other) => other.length - one.length);
  return `--${longest} is ${variableOf(longest)}`;
}

const INDENT = 28;
const WIDTH = 80;

function flagLines(name: string, { value, text, default: fallback }: Flag): string[] {
  const head = `  --${name}${value === undefined ? "" : ` ${value}`}`;
  const [first = "", ...more] = wrap(fallback === undefined ? text : `${text}; default: ${fallback}`);
  const isShort = head.length < INDENT;
  return [
    ...(isShort ? [`${head.padEnd(INDENT)}${first}`] : [head, `${" ".repeat(INDENT)}${first}`]),
    ...more.map((line) => `${" ".repeat(INDENT)}${line}`),
  ];
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH - INDENT)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
