// Runs the benchmarks, prints what they found and writes it to bench/results.
//
//   npm run bench                                 all of them, about twenty minutes
//   npm run bench -- cold-start                   one
//   npm run bench -- rotation throughput --check  exit code 1 when a goal is missed
//   npm run bench -- cold-start --repetitions 31 --dry   more repetitions, nothing written

import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { isMet, toMarkdown } from "./lib/report.mjs";

/** @typedef {import("./lib/report.mjs").Report} Report */
/** @typedef {{ repetitions: number | undefined }} BenchOptions */

/** @type {Record<string, () => Promise<(options: BenchOptions) => Promise<Report>>>} */
const BENCHMARKS = {
  "cold-start": async () => (await import("./cold-start/main.mjs")).coldStart,
  throughput: async () => (await import("./throughput/main.mjs")).throughput,
  rotation: async () => (await import("./rotation/main.mjs")).rotation,
  proxy: async () => (await import("./proxy/main.mjs")).proxy,
};

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    check: { type: "boolean", default: false },
    dry: { type: "boolean", default: false },
    repetitions: { type: "string" },
  },
});
const repetitions = flags.repetitions === undefined ? undefined : Number(flags.repetitions);
const names = positionals.length === 0 ? Object.keys(BENCHMARKS) : positionals;
const unknown = names.find((name) => !Object.hasOwn(BENCHMARKS, name));
if (
  unknown !== undefined ||
  (repetitions !== undefined && !(Number.isInteger(repetitions) && repetitions > 0))
) {
  console.error(
    unknown === undefined
      ? "`--repetitions` takes a whole number from 1."
      : `There is no benchmark \`${unknown}\`: they are ${Object.keys(BENCHMARKS).join(", ")}.`,
  );
  process.exit(2);
}

for (const name of names) {
  const bench = await /** @type {NonNullable<typeof BENCHMARKS[string]>} */ (BENCHMARKS[name])();
  const report = await bench({ repetitions });
  const markdown = toMarkdown(name, report);
  console.log(markdown);
  if (!flags.dry) {
    const folder = new URL("./results/", import.meta.url);
    mkdirSync(folder, { recursive: true });
    writeFileSync(new URL(`${name}.md`, folder), markdown);
  }
  if (flags.check && !report.goals.every(isMet)) process.exitCode = 1;
}
