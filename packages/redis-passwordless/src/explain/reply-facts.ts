import type { Facts } from "./facts.js";

/** What replies of Redis 6 to 8 and Valkey name, each by the fact that it is. */
const NAMED: readonly (readonly [fact: "command" | "key" | "channel", pattern: RegExp])[] = [
  ["command", /permissions? to run the '([^']+)' command/i],
  ["key", /permissions? to access the '(.+)' key/i],
  ["channel", /permissions? to access the '(.+)' channel/i],
  ["command", /unknown command [`'"]?([\w.|-]+)/i],
];

/** Reads out of what Redis has answered what the answer is about. */
export function factsInReply(texts: readonly string[]): Facts {
  const facts: { command?: string; key?: string; channel?: string; topology?: string } = {};
  for (const text of texts) {
    for (const [fact, pattern] of NAMED) {
      const found = pattern.exec(text)?.[1];
      if (found !== undefined) facts[fact] ??= fact === "command" ? found.toLowerCase() : found;
    }
    const subcommand = unknownSubcommand(text);
    if (subcommand !== undefined) facts.command ??= subcommand;
    if (/\b(?:MOVED|ASK) \d+ \S/.test(text)) facts.topology ??= "cluster";
    if (/cluster support disabled/i.test(text)) facts.topology ??= "single";
  }
  return facts;
}

/** `unknown subcommand 'nosuch'. Try CLIENT HELP.` */
function unknownSubcommand(text: string): string | undefined {
  const [, subcommand, command] = /unknown subcommand [`'"]?([\w-]+).*?Try ([A-Z]+) HELP/i.exec(text) ?? [];
  return command === undefined ? undefined : `${command}|${subcommand}`.toLowerCase();
}
