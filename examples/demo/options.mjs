import { parseArgs } from "node:util";

export const HELP = `Watch Redis clients survive token rotations, an identity outage and a Redis restart.

  npm run demo                                 about 45 seconds
  npm run demo -- --tokens 10 --rotations 12
  npm run demo -- --plain > demo.log

Flags (each is also a variable: --tokens is DEMO_TOKENS):
  --tokens SECONDS     life of a token, from 6 to 600; default 8
  --rotations N        how many rotations to watch, from 4 to 1000; default 6
  --plain              lines instead of the live view; the default without a terminal, and with NO_COLOR or CI
  --help

Exit codes: 0 nothing failed that should not have, 1 something did, 2 wrong usage, 130 after Ctrl-C, 143 after
SIGTERM.
`;

/**
 * @typedef {object} DemoOptions
 * @property {number} tokenLifetimeMs
 * @property {number} rotations
 * @property {boolean} plain
 */

/**
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {boolean} isTerminal
 * @returns {DemoOptions | "help"}
 * @throws {TypeError} naming the flag and what it accepts
 */
export function readOptions(args, env, isTerminal) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      tokens: { type: "string", default: env["DEMO_TOKENS"] || "8" },
      rotations: { type: "string", default: env["DEMO_ROTATIONS"] || "6" },
      plain: { type: "boolean", default: /^(?:1|true)$/i.test(env["DEMO_PLAIN"] ?? "") },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    tokenLifetimeMs: number("--tokens", values.tokens, 6, 600) * 1_000,
    rotations: number("--rotations", values.rotations, 4, 1_000),
    plain: values.plain || !isTerminal || Boolean(env["NO_COLOR"]) || Boolean(env["CI"]),
  };
}

/**
 * @param {string} flag
 * @param {string} text
 * @param {number} least
 * @param {number} most
 */
function number(flag, text, least, most) {
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new TypeError(`${flag} accepts a whole number from ${least} to ${most}. It got "${text}".`);
}
