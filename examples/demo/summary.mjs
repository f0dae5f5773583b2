import { seconds } from "./script.mjs";
import { table } from "./view/table.mjs";

/** @typedef {import("./checks.mjs").Check} Check */

/** Width of the left column, in columns. */
const CLAIM = 42;

/**
 * What held and what did not.
 *
 * @param {import("./view/frame.mjs").Scene} scene
 * @param {readonly Check[]} checks
 * @param {import("./restart-window.mjs").RestartWindow} restart
 * @param {import("./view/style.mjs").Paint} paint
 * @returns {string[]}
 */
export function summary(scene, checks, restart, paint) {
  const { rotations, journal, tallies } = scene;
  const overall = (/** @type {import("./tally.mjs").Tally} */ tally) =>
    (tally.done * 1_000) / journal.elapsedMs;
  const reasons = tallies.flatMap((tally) => tally.reasons);
  const unmet = checks.filter(({ isMet }) => !isMet).length;
  return [
    "",
    paint.apply(
      "bold",
      `Summary after ${seconds(journal.elapsedMs)}: ${rotations.over} rotations, one outage, Redis away for ${seconds(restart.durationMs)}`,
    ),
    "",
    ...table(tallies, paint, overall),
    "",
    ...checks.map((check) => verdict(check, paint)),
    ...(reasons.length > 0 ? ["", ...reasons.map((reason) => paint.apply("red", reason))] : []),
    "",
    unmet === 0
      ? paint.apply("green", "Nothing failed that should not have.")
      : paint.apply("red", `${unmet} of ${checks.length} promises did not hold.`),
    "",
  ];
}

/**
 * @param {Check} check
 * @param {import("./view/style.mjs").Paint} paint
 */
function verdict({ isMet, claim, observed }, paint) {
  const mark = isMet ? paint.apply("green", "✓") : paint.apply("red", "✗");
  return `${mark} ${claim.padEnd(CLAIM)}${paint.apply(isMet ? "dim" : "red", observed)}`;
}
