import { inspect } from "node:util";

/** @param {string[]} lines */
export function say(...lines) {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

/** @param {unknown} error */
export function complain(error) {
  process.stderr.write(`${inspect(error)}\n`);
}
